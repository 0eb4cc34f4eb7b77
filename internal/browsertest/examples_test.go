package browsertest_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/browsertest"
)

const module = "github.com/oidckit/oidckit"

// freePort returns a port on loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// startPair starts the issuer on localhost and the web app on 127.0.0.1, as
// processes of their own: different origins, and different sites.
func startPair(t *testing.T) (issuer, app string) {
	t.Helper()
	dir, issuerPort, appPort := t.TempDir(), freePort(t), freePort(t)
	issuer, app = "http://localhost:"+issuerPort, "http://127.0.0.1:"+appPort
	config, err := json.Marshal(map[string]any{
		"clients": []map[string]any{{
			"client_id": "webapp", "client_name": "The web app", "client_secret": "a secret of more than thirty-two characters",
			"redirect_uris": []string{app + "/auth/callback"}, "post_logout_redirect_uris": []string{app + "/auth/logged-out"},
		}},
		"users": []map[string]any{{"username": "bob", "password": "bob's password", "claims": map[string]any{"name": "Bob Example", "email": "bob@example.com"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "issuer.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	browsertest.Start(t, dir, browsertest.Build(t, module+"/examples/issuer"),
		"-addr", "127.0.0.1:"+issuerPort, "-issuer", issuer, "-config", file).Listens("127.0.0.1:" + issuerPort)
	browsertest.Start(t, dir, browsertest.Build(t, module+"/examples/webapp"),
		"-addr", "127.0.0.1:"+appPort, "-base-url", app, "-issuer", issuer, "-client-id", "webapp",
		"-client-secret", "a secret of more than thirty-two characters").Listens("127.0.0.1:" + appPort)
	return issuer, app
}

// The example programs as a person meets them: two processes, two origins.
func TestExampleIssuerAndWebapp(t *testing.T) {
	b := browsertest.New(t)
	issuer, app := startPair(t)

	b.Open(app + "/me?from=browser")
	if !strings.HasPrefix(b.URL(), issuer+"/") {
		t.Fatalf("the browser is at %s, not at the issuer", b.URL())
	}
	b.Fill("input[name=username]", "bob")
	b.Fill("input[name=password]", "wrong")
	b.Click("button[type=submit]")
	if b.Text("[role=alert]") == "" {
		t.Error("a wrong password is not told")
	}
	b.Fill("input[name=password]", "bob's password")
	b.Click("button[type=submit]")
	b.Click("button[name=decision][value=allow]")
	if got := b.URL(); got != app+"/me?from=browser" {
		t.Fatalf("the browser is at %s, not where it wanted to go", got)
	}
	if status, me := b.JSON(app + "/me"); status != http.StatusOK || me["name"] != "Bob Example" || me["iss"] != issuer {
		t.Errorf("/me answers %d %v", status, me)
	}

	// A step-up asks for the password again, although the issuer knows the
	// browser.
	b.Open(app + "/step-up")
	if !b.Has("input[name=password]") {
		t.Fatalf("the step-up asked for nothing: %s", b.URL())
	}
	b.Fill("input[name=username]", "bob")
	b.Fill("input[name=password]", "bob's password")
	b.Click("button[type=submit]")
	if got := b.URL(); !strings.HasPrefix(got, app+"/step-up") {
		t.Errorf("after the step-up the browser is at %s", got)
	}

	b.Open(app + "/me")
	b.Click("#log-out")
	if b.Has("button[name=logout]") {
		b.Click("button[name=logout]")
	}
	if !strings.HasPrefix(b.URL(), app+"/") {
		t.Errorf("after the logout the browser is at %s", b.URL())
	}
	if status, _ := b.JSON(app + "/me"); status != http.StatusUnauthorized {
		t.Errorf("after the logout /me answers %d", status)
	}
	b.Open(app + "/me")
	if !b.Has("input[name=password]") {
		t.Errorf("after the logout the issuer still knows the browser: %s", b.URL())
	}
}
