package browsertest_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/browsertest"
)

// visit is an issuer and one or more web apps as processes, each app another
// client.
type visit struct {
	t      *testing.T
	dir    string
	issuer string
	apps   []*visitedApp
}

type visitedApp struct {
	base, addr string
	args       []string
	program    *browsertest.Program
}

// startVisit starts them on a SQLite file each. The issuer's access tokens last
// as long as said.
func startVisit(t *testing.T, accessToken string, clients ...string) *visit {
	t.Helper()
	v := &visit{t: t, dir: t.TempDir()}
	issuerPort := freePort(t)
	v.issuer = "http://localhost:" + issuerPort
	var registered []map[string]any
	for _, name := range clients {
		port := freePort(t)
		base := "http://127.0.0.1:" + port
		registered = append(registered, map[string]any{
			"client_id": name, "client_name": "The app " + name, "client_secret": "a secret of more than thirty-two characters",
			"grant_types": []string{"authorization_code", "refresh_token"}, "redirect_uris": []string{base + "/auth/callback"},
			"post_logout_redirect_uris": []string{base + "/auth/logged-out"}, "backchannel_logout_uri": base + "/auth/backchannel-logout",
		})
		v.apps = append(v.apps, &visitedApp{base: base, addr: "127.0.0.1:" + port, args: []string{
			"-addr", "127.0.0.1:" + port, "-base-url", base, "-issuer", v.issuer, "-client-id", name,
			"-client-secret", "a secret of more than thirty-two characters", "-db", "sqlite:" + name + ".db",
			"-scopes", "openid profile offline_access",
		}})
	}
	config, err := json.Marshal(map[string]any{
		"clients":   registered,
		"users":     []map[string]any{{"username": "bob", "password": "bob's password", "claims": map[string]any{"name": "Bob Example"}}},
		"lifetimes": map[string]string{"access_token": accessToken},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(v.dir, "issuer.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	browsertest.Start(t, v.dir, browsertest.Build(t, module+"/examples/issuer"),
		"-addr", "127.0.0.1:"+issuerPort, "-issuer", v.issuer, "-config", file, "-db", "sqlite:issuer.db").Listens("127.0.0.1:" + issuerPort)
	for _, app := range v.apps {
		v.start(app)
	}
	return v
}

func (v *visit) start(app *visitedApp) {
	v.t.Helper()
	app.program = browsertest.Start(v.t, v.dir, browsertest.Build(v.t, module+"/examples/webapp"), app.args...)
	app.program.Listens(app.addr)
}

// enter opens a page of an app and does what the issuer asks for.
func enter(b *browsertest.Browser, address string) {
	b.Open(address)
	if b.Has("input[name=password]") {
		b.Fill("input[name=username]", "bob")
		b.Fill("input[name=password]", "bob's password")
		b.Click("button[type=submit]")
	}
	if b.Has("button[name=decision]") {
		b.Click("button[name=decision][value=allow]")
	}
}

// within waits until a page of an app answers a program so.
func within(t *testing.T, b *browsertest.Browser, address string, status int) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		got, _ := b.JSON(address)
		if got == status {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s answers %d, want %d", address, got, status)
		}
	}
}

// A logout in one app reaches the other over the back channel, and a session
// lives through a restart of its app.
func TestLogoutFromAnotherApp(t *testing.T) {
	b := browsertest.New(t)
	v := startVisit(t, "5m", "one", "two")
	one, two := v.apps[0], v.apps[1]
	for _, app := range v.apps {
		enter(b, app.base+"/me")
		if b.URL() != app.base+"/me" {
			t.Fatalf("the browser is at %s", b.URL())
		}
	}
	two.program.Stop()
	v.start(two)
	if status, _ := b.JSON(two.base + "/me"); status != http.StatusOK {
		t.Errorf("after the restart: %d", status)
	}

	b.Open(one.base + "/me")
	b.Click("#log-out")
	if b.Has("button[name=logout]") {
		b.Click("button[name=logout]")
	}
	within(t, b, two.base+"/me", http.StatusUnauthorized)
	b.Open(two.base + "/me?again=1")
	if !b.Has("input[name=password]") {
		t.Errorf("the second app still knows somebody: %s", b.URL())
	}
	enter(b, two.base+"/me?again=1")
	if got := b.URL(); got != two.base+"/me?again=1" {
		t.Errorf("the browser is at %s", got)
	}
}

// The session's grant ends in the middle of a visit, because the person takes
// back what they have allowed: the next refresh of its tokens, half a minute
// after the login at the earliest, ends the session, and a new login leads back
// to the page that was wanted.
func TestExpiryInMidVisit(t *testing.T) {
	b := browsertest.New(t)
	v := startVisit(t, "3s", "one")
	app := v.apps[0]
	enter(b, app.base+"/me")
	if b.URL() != app.base+"/me" {
		t.Fatalf("the browser is at %s", b.URL())
	}
	// The person takes back what the app may do.
	b.Open(v.issuer + "/account")
	if !b.Has("form") {
		t.Fatalf("no account page: %s", b.URL())
	}
	b.Click("button[name=withdraw]")
	within(t, b, app.base+"/me", http.StatusUnauthorized)
	enter(b, app.base+"/me?page=3")
	if got := b.URL(); !strings.HasPrefix(got, app.base+"/me?page=3") {
		t.Errorf("the browser is at %s", got)
	}
}
