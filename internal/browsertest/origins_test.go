package browsertest_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// newApp serves a relying party on localhost, while its issuer is on
// 127.0.0.1: another origin, and another site too.
func newApp(t *testing.T, edits ...func(*handlers.Config)) (base string, op *oidctest.Server) {
	t.Helper()
	mux := http.NewServeMux()
	srv := httptest.NewUnstartedServer(mux)
	base = "http://" + strings.Replace(srv.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	op = oidctest.New(t, oidctest.Config{Clients: []oidckit.ClientMetadata{{
		ClientID: "app", ClientName: "The App", ClientSecret: "a secret of more than thirty-two characters",
		RedirectURIs:           []string{base + "/auth/callback"},
		PostLogoutRedirectURIs: []string{base + "/auth/logged-out"},
	}}})
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := handlers.NewSessions(handlers.SessionConfig{Secrets: secrets, Store: rpstore.NewMemory().Open(base), BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	cfg := handlers.Config{
		Issuer: op.Issuer, ClientID: "app", ClientSecret: "a secret of more than thirty-two characters",
		BaseURL: base, Scopes: oidckit.Scope{"openid", "profile"}, Sessions: sessions,
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	rp, err := handlers.NewRelyingParty(cfg)
	if err != nil {
		t.Fatal(err)
	}
	rp.Mount(mux)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<p id="home">public</p>`)
	})
	mux.HandleFunc("/colour", func(w http.ResponseWriter, r *http.Request) {
		if colour := r.URL.Query().Get("set"); colour != "" {
			sessions.Put(r.Context(), "colour", colour)
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<p id="colour">%s</p>`, html.EscapeString(sessions.GetString(r.Context(), "colour")))
	})
	mux.Handle("/me", middleware.RequireAuth(rp)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := oidckit.IdentityFromContext(r.Context())
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<p id="who">%s</p><p id="query">%s</p><form method="post" action="/auth/logout"><button id="out">Out</button></form>`,
			html.EscapeString(id.Claims.Text("name")), html.EscapeString(r.URL.RawQuery))
	})))
	srv.Config.Handler = sessions.LoadAndSave(mux)
	srv.Start()
	t.Cleanup(func() {
		srv.Close()
		rp.Close()
	})
	return base, op
}

// Cookies, Origin, Referrer-Policy and the pages' own policy all differ where
// the issuer is another site: the whole walk must work there too.
func TestIssuerAndAppOnDifferentOrigins(t *testing.T) {
	b := browsertest.New(t)
	base, op := newApp(t)

	b.Open(base + "/me?colour=blue&n=1")
	if !strings.HasPrefix(b.URL(), op.Issuer+"/") {
		t.Fatalf("the browser is at %s, not at the issuer", b.URL())
	}
	if got := b.Text("main"); !strings.Contains(got, "The App") {
		t.Errorf("the login page does not name the client:\n%s", got)
	}
	b.Fill("input[name=username]", oidctest.Username)
	b.Fill("input[name=password]", "wrong")
	b.Click("button[type=submit]")
	if b.Text("[role=alert]") == "" {
		t.Error("a wrong password is not told")
	}
	b.Fill("input[name=password]", oidctest.Password)
	b.Click("button[type=submit]")
	b.Click("button[name=decision][value=allow]")
	if got, want := b.URL(), base+"/me?colour=blue&n=1"; got != want {
		t.Fatalf("the browser is at %s, want %s", got, want)
	}
	if got := b.Text("#who"); got != "Alice Example" {
		t.Errorf("/me knows %q", got)
	}

	// The issuer knows the browser: a second login asks for nothing.
	b.Open(base + "/auth/login?return_to=%2Fme%3Fagain%3D1")
	if got := b.URL(); got != base+"/me?again=1" {
		t.Errorf("a second login ended at %s", got)
	}

	b.Click("#out")
	if b.Has("button[name=logout]") {
		b.Click("button[name=logout]")
	}
	if !strings.HasPrefix(b.URL(), base+"/") {
		t.Errorf("after the logout the browser is at %s", b.URL())
	}
	b.Open(base + "/me")
	if !b.Has("input[name=password]") {
		t.Errorf("after the logout everywhere no password is asked for: %s", b.URL())
	}
}
