package browsertest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/browsertest"
)

// Twenty tabs begin a login before any of them has ended: each comes back to
// the page that it wanted.
func TestTwentyTabs(t *testing.T) {
	b := browsertest.New(t)
	issuer, app := startPair(t)
	var tabs []*browsertest.Browser
	for i := range 20 {
		tab := b.Tab()
		tab.Open(fmt.Sprintf("%s/me?tab=%d", app, i))
		if !strings.HasPrefix(tab.URL(), issuer+"/") {
			t.Fatalf("tab %d is at %s, not at the issuer", i, tab.URL())
		}
		tabs = append(tabs, tab)
	}
	for i, tab := range tabs {
		// Who has signed in in one tab has done so in all of them.
		if i > 0 {
			tab.Open(tab.URL())
		}
		if tab.Has("input[name=password]") {
			tab.Fill("input[name=username]", "bob")
			tab.Fill("input[name=password]", "bob's password")
			tab.Click("button[type=submit]")
		}
		if tab.Has("button[name=decision]") {
			tab.Click("button[name=decision][value=allow]")
		}
		if got, want := tab.URL(), fmt.Sprintf("%s/me?tab=%d", app, i); got != want {
			t.Errorf("tab %d ended at %s, want %s", i, got, want)
		}
	}
	size := 0
	for name, value := range b.Cookies() {
		size += len(name) + len("=; ") + len(value)
	}
	if size > 4096 {
		t.Errorf("the cookies of both have %d bytes", size)
	}
}
