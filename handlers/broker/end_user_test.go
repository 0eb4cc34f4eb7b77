package broker_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/middleware"
)

// newEndUserWorld is an app without an issuer: its own people come through the
// broker, and RequireAuth guards it.
func newEndUserWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, accounts: &accounts{}}
	mux := http.NewServeMux()
	w.Server = httptest.NewUnstartedServer(mux)
	w.Server.StartTLS()
	t.Cleanup(w.Close)
	secrets, err := oidckit.NewSecrets(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	w.store = rpstore.NewMemory().Open(w.URL)
	sessions, err := handlers.NewSessions(handlers.SessionConfig{Secrets: secrets, Store: w.store, BaseURL: w.URL})
	if err != nil {
		t.Fatal(err)
	}
	local, err := handlers.NewLocalLogin(handlers.LocalLoginConfig{Sessions: sessions, BaseURL: w.URL, LoginPath: "/broker/login"})
	if err != nil {
		t.Fatal(err)
	}
	w.registry, err = broker.NewRegistry(broker.RegistryConfig{
		Store: w.store.IdentityProviders, Secrets: secrets, CallbackURL: w.URL + "/broker/callback", Outbound: broker.Outbound{AllowLoopback: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.broker, err = broker.New(broker.Config{
		Registry: w.registry, Downstream: local, Store: w.store, Secrets: secrets, BaseURL: w.URL, EndUserLogin: true,
		Events: func(_ context.Context, e oidckit.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.broker.Close() })
	w.broker.Mount(mux)
	local.Mount(mux)
	me := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		id, _ := oidckit.IdentityFromContext(r.Context())
		fmt.Fprintf(rw, "sub=%s iss=%s name=%s", id.Subject, id.Issuer, id.Claims.Text("name"))
	})
	guard := middleware.RequireAuth(local)
	mux.Handle("/me", guard(me))
	mux.Handle("/fresh", guard(middleware.RequireAuthAge(5*time.Minute)(me)))
	w.Config.Handler = sessions.LoadAndSave(mux)
	return w
}

// endUserLogin: a record with it logs people in to the app itself, and one
// without it does not.
func TestEndUserLogin(t *testing.T) {
	w := newEndUserWorld(t)
	_, _ = w.upstream(t, "Clients", nil)
	op, record := w.upstream(t, "People", func(p *broker.IdentityProvider) { p.EndUserLogin = true })
	v := w.newVisitor()
	a, _ := w.signIn(v, op, v.get(w.URL+"/me?x=1"))
	if a.StatusCode != http.StatusOK || a.Request.URL.RequestURI() != "/me?x=1" || !strings.Contains(a.body, "name=Alice Example") || !strings.Contains(a.body, "iss="+w.URL) {
		t.Fatalf("%d at %s: %s", a.StatusCode, a.Request.URL, a.body)
	}
	first := a.body
	// The same person in another browser is the same.
	other := w.newVisitor()
	if a, _ := w.signIn(other, op, other.get(w.URL+"/me")); a.body != first {
		t.Errorf("%q, then %q", first, a.body)
	}
	// A guard that wants a fresh sign-in has it asked for upstream.
	if a := v.get(w.URL + "/fresh"); a.StatusCode != http.StatusOK {
		t.Errorf("/fresh just after the login: %d", a.StatusCode)
	}
	if a := v.do(http.MethodPost, w.URL+"/auth/logout", map[string][]string{}); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" {
		t.Errorf("logout: %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a := v.get(w.URL + "/me"); a.StatusCode != http.StatusFound {
		t.Errorf("after the logout: %d", a.StatusCode)
	}
	// Without the field there is nowhere to go.
	record.EndUserLogin = false
	if _, err := w.registry.Replace(t.Context(), *record, 0); err != nil {
		t.Fatal(err)
	}
	if a, to := w.follow(v, v.get(w.URL+"/me")); to != nil || !strings.Contains(a.body, "nowhere to sign in") {
		t.Errorf("%v %s", to, a.body)
	}
}
