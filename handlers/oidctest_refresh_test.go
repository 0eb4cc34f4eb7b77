package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// newGrantApp is an app whose people log in at a provider that gives refresh
// tokens, spends each once and ends the grant of one that comes twice.
func newGrantApp(t *testing.T) (*oidctest.Server, *refreshing, *oidctest.Browser) {
	t.Helper()
	a := &app{t: t}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*a.handler.Load()).ServeHTTP(w, r) }))
	t.Cleanup(a.Close)
	op := oidctest.New(t, oidctest.Config{
		Clients: []oidckit.ClientMetadata{{
			ClientID: clientID, ClientSecret: clientSecret, IDTokenSignedResponseAlg: "ES256", Scope: "openid profile email offline_access",
			RedirectURIs: []string{a.URL + "/auth/callback"},
			GrantTypes:   []string{oidckit.GrantTypeAuthorizationCode, oidckit.GrantTypeRefreshToken},
		}},
		Configure: func(c *provider.Config) {
			c.SigningAlgs, c.TrustedClients = []string{"ES256"}, []string{clientID}
		},
	})
	s := newStores()
	a.build(&idp{Server: &httptest.Server{URL: op.Issuer}}, options{
		session: func(c *handlers.SessionConfig) { c.Store = s.set() },
		config: func(c *handlers.Config) {
			c.IDTokenSignedResponseAlg, c.Scopes = "ES256", oidckit.Scope{"openid", "profile", "offline_access"}
		},
	})
	f, person := &refreshing{app: a, browser: a.browser(), stores: s}, op.NewBrowser(t)
	f.through(t, person, a.URL+"/auth/login?return_to=%2Fme")
	f.key = *s.sessions.created.Load()
	return op, f, person
}

// through walks from the app to the issuer and back, and returns where that
// ends.
func (f *refreshing) through(t *testing.T, person *oidctest.Browser, login string) string {
	t.Helper()
	start := f.step(login)
	back, err := person.Authorize(start.Header.Get("Location"))
	if err != nil {
		t.Fatalf("%d %s: %v", start.StatusCode, start.Header.Get("Location"), err)
	}
	return f.step(back.String()).Header.Get("Location")
}

// Suite module refresh-token, and a lost answer, with a whole issuer: what is
// refreshed works at userinfo, the token of a lost answer never comes again, and
// the person is back on their page with a grant of its own.
func TestRefreshAtAProvider(t *testing.T) {
	op, f, person := newGrantApp(t)
	_, before := handlers.TokensOf(t, f.rp, f.key)
	if before.RefreshToken == "" {
		t.Fatal("the provider gave no refresh token")
	}
	f.due(t, true)
	if status := f.status(t); status != http.StatusOK {
		t.Fatalf("%d %s", status, f.logs.String())
	}
	_, after := handlers.TokensOf(t, f.rp, f.key)
	if after.RefreshToken == before.RefreshToken || after.AccessToken == before.AccessToken {
		t.Error("the tokens are those from before")
	}
	token, err := tokenOf(f.app, f.browser)
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequest(http.MethodGet, op.Issuer+"/userinfo", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := op.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("userinfo: %d", res.StatusCode)
	}

	// The issuer spends the token, and its answer goes nowhere.
	restore := op.Break(t, oidctest.EndpointToken, func(issuer http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			issuer.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		})
	})
	f.due(t, true)
	page := f.step(f.app.URL + "/me?tab=2")
	restore()
	if page.StatusCode != http.StatusFound || !strings.Contains(page.Header.Get("Location"), "renew=1") {
		t.Fatalf("%d to %s", page.StatusCode, page.Header.Get("Location"))
	}
	f.reaches(t, rpstore.RefreshLost)
	if res := f.post(f.app.URL+"/me", nil, f.app.URL); res.StatusCode != http.StatusOK {
		t.Errorf("a form meanwhile: %d", res.StatusCode)
	}
	refreshes := len(op.Requests(oidctest.EndpointToken))
	pages := len(person.Seen)
	if at := f.through(t, person, page.Header.Get("Location")); at != "/me?tab=2" || len(person.Seen) != pages {
		t.Errorf("back at %q, pages shown: %v", at, person.Seen[pages:])
	}
	if f.status(t) != http.StatusOK || len(op.Requests(oidctest.EndpointToken)) != refreshes+1 {
		t.Errorf("requests of tokens: %d", len(op.Requests(oidctest.EndpointToken))-refreshes)
	}
	f.key = *f.stores.sessions.created.Load()
	if s, tokens := handlers.TokensOf(t, f.rp, f.key); tokens.RefreshToken == "" || s.RefreshAt.IsZero() {
		t.Error("the session has no refresh token any more")
	}
}

// ATK-128, suite modules refresh-token-invalid-issuer and
// refresh-token-invalid-sub, with a whole issuer.
func TestRefreshedIDTokensOfAProvider(t *testing.T) {
	for _, claim := range []string{"", "iss", "sub", "aud"} {
		op, f, _ := newGrantApp(t)
		if claim != "" {
			op.EditIDTokens(t, oidctest.Token{Claims: map[string]any{claim: "https://other.example"}})
		}
		f.due(t, true)
		if status := f.status(t); (status == http.StatusOK) != (claim == "") || f.alive(t) != (claim == "") {
			t.Errorf("%q: %d %s", claim, status, f.logs.String())
		}
	}
}
