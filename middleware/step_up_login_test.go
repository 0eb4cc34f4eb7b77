package middleware_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// newSteppedApp serves /pay, which wants a login of the last five minutes, beside
// a relying party.
func newSteppedApp(t *testing.T) (base string, op *oidctest.Server) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	base = "http://" + server.Listener.Addr().String()
	op = oidctest.New(t, oidctest.Config{
		Clients: []oidckit.ClientMetadata{{
			ClientID: "app", ClientSecret: "a-secret-of-thirty-two-characters", Scope: "openid",
			RedirectURIs: []string{base + "/auth/callback"},
		}},
		Configure: func(c *provider.Config) { c.TrustedClients = []string{"app"} },
	})
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := handlers.NewSessions(handlers.SessionConfig{Secrets: secrets, Store: rpstore.NewMemory().Open(base), BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: op.Issuer, ClientID: "app", ClientSecret: "a-secret-of-thirty-two-characters", BaseURL: base, Sessions: sessions,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rp.Close() })
	mux := http.NewServeMux()
	rp.Mount(mux)
	pay := middleware.RequireAuthAge(5 * time.Minute)(http.HandlerFunc(who))
	mux.Handle("GET /pay", middleware.RequireAuth(rp)(pay))
	server.Config.Handler = sessions.LoadAndSave(mux)
	server.Start()
	t.Cleanup(server.Close)

	return base, op
}

// follow opens an address as a browser and a person do, through login and issuer,
// until there is a page.
func follow(t *testing.T, op *oidctest.Server, at string) (status int) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	person := op.NewBrowser(t)
	for range 20 {
		res, err := browser.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode/100 != 3 {
			return res.StatusCode
		}
		to, err := res.Location()
		if err == nil && strings.HasPrefix(to.String(), op.Issuer) {
			to, err = person.Authorize(to.String())
		}
		if err != nil {
			t.Fatal(err)
		}
		at = to.String()
	}
	t.Error("there is no end to the redirects")
	return 0
}

// An issuer that does not honour max_age cannot send a person round in circles:
// what the guard would refuse when they come back, the relying party refuses
// first, on a page (OpenID Connect Core 1.0 §3.1.2.1, §3.1.3.7 (13)).
func TestStepUpDoesNotLoop(t *testing.T) {
	base, op := newSteppedApp(t)
	for _, row := range []struct {
		name   string
		age    time.Duration
		status int
	}{
		{"recent", 4 * time.Minute, 200},
		{"too old, by less than clocks may differ", 5*time.Minute + 20*time.Second, 400},
		{"too old", time.Hour, 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			op.EditIDTokens(t, oidctest.Token{Claims: map[string]any{"auth_time": time.Now().Add(-row.age).Unix()}})
			if got := follow(t, op, base+"/pay?x=1"); got != row.status {
				t.Errorf("status %d, want %d", got, row.status)
			}
		})
	}
}
