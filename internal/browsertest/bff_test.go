package browsertest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/browsertest"
)

// startSinglePage starts issuer, API and the backend of a single-page app, as
// processes of their own.
func startSinglePage(t *testing.T) (issuer, app string) {
	t.Helper()
	dir, issuerPort, apiPort, appPort := t.TempDir(), freePort(t), freePort(t), freePort(t)
	issuer, app = "http://localhost:"+issuerPort, "http://127.0.0.1:"+appPort
	api := "http://localhost:" + apiPort
	config, err := json.Marshal(map[string]any{
		"clients": []map[string]any{{
			"client_id": "bff", "client_name": "The page", "token_endpoint_auth_method": "none",
			"redirect_uris": []string{app + "/auth/callback"}, "post_logout_redirect_uris": []string{app + "/auth/logged-out"},
		}},
		"users":     []map[string]any{{"username": "bob", "password": "bob's password", "claims": map[string]any{"name": "Bob Example"}}},
		"scopes":    map[string]string{"orders:read": "Read your orders", "orders:write": "Place orders"},
		"resources": []map[string]any{{"resource": api, "scopes": []string{"orders:read", "orders:write"}}},
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
	browsertest.Start(t, dir, browsertest.Build(t, module+"/examples/api"),
		"-addr", "127.0.0.1:"+apiPort, "-resource", api, "-issuer", issuer).Listens("127.0.0.1:" + apiPort)
	browsertest.Start(t, dir, browsertest.Build(t, module+"/examples/bff"),
		"-addr", "127.0.0.1:"+appPort, "-base-url", app, "-issuer", issuer, "-api", api).Listens("127.0.0.1:" + appPort)
	return issuer, app
}

// waitText waits until an element reads as wanted: a script writes it.
func waitText(t *testing.T, b *browsertest.Browser, selector, want string) {
	t.Helper()
	for deadline := time.Now().Add(45 * time.Second); !strings.Contains(b.Text(selector), want); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s reads %q, not %q", selector, b.Text(selector), want)
		}
	}
}

// OWASP ASVS 5.0 10.1.1: the page's script sees who is signed in and what the
// API answers, and nothing that is a token.
func TestSinglePageAppInABrowser(t *testing.T) {
	b := browsertest.New(t)
	issuer, app := startSinglePage(t)

	b.Open(app + "/")
	waitText(t, b, "#log-in", "Log in")
	b.Click("#log-in")
	if !strings.HasPrefix(b.URL(), issuer+"/") {
		t.Fatalf("the browser is at %s, not at the issuer", b.URL())
	}
	b.Fill("input[name=username]", "bob")
	b.Fill("input[name=password]", "bob's password")
	b.Click("button[type=submit]")
	b.Click("button[name=decision][value=allow]")
	b.WaitURL(app + "/")
	waitText(t, b, "#name", "Bob Example")

	press := func(id, want string) {
		t.Helper()
		browsertest.Eval[bool](b, `document.getElementById("`+id+`").click(), true`)
		waitText(t, b, "#answer", want)
	}
	press("list", "200")
	press("place", "201")
	reach := browsertest.Eval[string](b, `document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.documentElement.outerHTML`)
	if strings.Contains(reach, "eyJ") || strings.Contains(reach, "session-") {
		t.Errorf("a token or the session is within the script's reach: %s", reach)
	}

	b.Click("#log-out")
	if b.Has("button[name=logout]") {
		b.Click("button[name=logout]")
	}
	b.Open(app + "/")
	waitText(t, b, "#log-in", "Log in")
}
