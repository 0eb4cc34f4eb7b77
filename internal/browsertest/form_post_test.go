package browsertest_test

import (
	"strings"
	"testing"

	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// OAuth 2.0 Form Post Response Mode: the issuer's page posts from another site,
// and a browser's rules on cookies are none of a test client's. The login works,
// and what the app had put into the session before is still there.
func TestFormPostBetweenSites(t *testing.T) {
	b := browsertest.New(t)
	base, op := newApp(t, func(c *handlers.Config) { c.ResponseMode = "form_post" })
	b.Open(base + "/colour?set=blue")
	b.Open(base + "/me?n=1")
	if !strings.HasPrefix(b.URL(), op.Issuer+"/") {
		t.Fatalf("the browser is at %s, not at the issuer", b.URL())
	}
	b.Fill("input[name=username]", oidctest.Username)
	b.Fill("input[name=password]", oidctest.Password)
	b.Click("button[type=submit]")
	b.Click("button[name=decision][value=allow]")
	b.WaitURL(base + "/me?n=1")
	if got := b.Text("#who"); got != "Alice Example" {
		t.Errorf("/me knows %q", got)
	}
	b.Open(base + "/colour")
	if got := b.Text("#colour"); got != "blue" {
		t.Errorf("the app's own value is %q", got)
	}
}
