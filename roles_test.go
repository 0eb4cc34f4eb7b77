package oidckit_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// world is all three roles in one process, behind one listener.
type world struct {
	t    *testing.T
	base string
	http *http.Client
	// paths of the redirects that the last request followed.
	trail []string
}

type router interface {
	oidckit.Mux
	http.Handler
}

// worldConfig says what differs from a world in memory that nobody watches.
type worldConfig struct {
	mux    router
	prefix string
	// stores opens the databases of issuer and app.
	stores func(issuer, app string) (opstore.Set, rpstore.Set)
	// backChannel wraps the way from the app and the API to the issuer.
	backChannel func(http.RoundTripper) http.RoundTripper
	logger      zerolog.Logger
	events      oidckit.EventSink
	scopes      oidckit.Scope
}

const appSecret = "the secret of the app"

// newWorld mounts issuer, relying party and API below the prefix.
func newWorld(t *testing.T, cfg worldConfig) *world {
	t.Helper()
	server := httptest.NewServer(cfg.mux)
	t.Cleanup(server.Close)
	w := &world{t: t, base: server.URL + cfg.prefix}
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	if cfg.stores == nil {
		cfg.stores = func(issuer, app string) (opstore.Set, rpstore.Set) {
			return opstore.NewMemory().Open(issuer), rpstore.NewMemory().Open(app)
		}
	}
	if cfg.backChannel == nil {
		cfg.backChannel = func(next http.RoundTripper) http.RoundTripper { return next }
	}
	if cfg.scopes == nil {
		cfg.scopes = oidckit.Scope{"openid", "profile", "email"}
	}
	opStores, rpStores := cfg.stores(w.base+"/op", w.base)
	op := w.newIssuer(cfg, secrets, opStores)
	backChannel := &http.Client{Transport: cfg.backChannel(op.LocalTransport(nil))}
	sessions, err := handlers.NewSessions(handlers.SessionConfig{Secrets: secrets, Store: rpStores, BaseURL: w.base, Logger: cfg.logger})
	if err != nil {
		t.Fatal(err)
	}
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: op.Issuer(), ClientID: "app", ClientSecret: appSecret, BaseURL: w.base, Sessions: sessions,
		Scopes: cfg.scopes, HTTPClient: backChannel, Logger: cfg.logger, Events: cfg.events,
	})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := middleware.NewJWTVerifier(middleware.JWTConfig{
		Issuer: op.Issuer(), Audience: w.base + "/api", HTTPClient: backChannel, Logger: cfg.logger, Events: cfg.events,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { op.Close(); rp.Close(); verifier.Close() })

	op.Mount(cfg.mux)
	rp.Mount(prefixed{cfg.mux, sessions.LoadAndSave})
	me := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := oidckit.IdentityFromContext(r.Context())
		io.WriteString(w, id.Claims.Text("name")+" "+id.Claims.Text("email")+" "+r.URL.RawQuery)
	})
	cfg.mux.Handle(cfg.prefix+"/me", sessions.LoadAndSave(middleware.RequireAuth(rp)(me)))
	cfg.mux.Handle(cfg.prefix+"/api/orders", middleware.RequireBearer(verifier)(middleware.RequireScope("orders:read")(me)))
	w.newBrowser()
	return w
}

func (w *world) newIssuer(cfg worldConfig, secrets oidckit.Secrets, stores opstore.Set) *provider.Provider {
	w.t.Helper()
	op, err := provider.New(provider.Config{
		Issuer: w.base + "/op", Secrets: secrets, Stores: stores, Logger: cfg.logger, Events: cfg.events,
		Clients: []oidckit.ClientMetadata{{
			ClientID: "app", ClientSecret: appSecret, ClientName: "App", Scope: "openid profile email offline_access orders:read",
			GrantTypes:   []string{oidckit.GrantTypeAuthorizationCode, oidckit.GrantTypeRefreshToken, oidckit.GrantTypeClientCredentials},
			RedirectURIs: []string{w.base + "/auth/callback"}, PostLogoutRedirectURIs: []string{w.base + "/auth/logged-out"},
		}},
		Resources: []provider.Resource{{Resource: w.base + "/api", Scopes: []string{"orders:read"}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = provider.NewAccounts(stores.Users).Create(w.t.Context(), provider.Account{
		Username: oidctest.Username, Password: oidctest.Password,
		Claims: map[string]any{"name": "Alice Example", "email": "alice@example.com", "email_verified": true},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return op
}

func (w *world) newBrowser() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.http = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		w.trail = append(w.trail, r.URL.Path)
		return nil
	}}
}

// prefixed wraps what is mounted, as an app's own router does.
type prefixed struct {
	oidckit.Mux
	wrap func(http.Handler) http.Handler
}

func (p prefixed) Handle(pattern string, h http.Handler) { p.Mux.Handle(pattern, p.wrap(h)) }

// open navigates as a browser does, and fills in the forms it meets.
func (w *world) open(target string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Dest", "document")
	res, err := w.http.Do(req)
	for range 10 {
		if err != nil {
			w.t.Fatal(err)
		}
		body, readErr := io.ReadAll(res.Body)
		res.Body.Close()
		if readErr != nil {
			w.t.Fatal(readErr)
		}
		action, form, isForm := oidctest.Form(string(body))
		if !isForm {
			return res, string(body)
		}
		form.Set("username", oidctest.Username)
		form.Set("password", oidctest.Password)
		form.Set("decision", "allow")
		form.Set("logout", "yes")
		next, err2 := res.Request.URL.Parse(action)
		if err2 != nil {
			w.t.Fatal(err2)
		}
		res, err = w.http.PostForm(next.String(), form)
	}
	w.t.Fatal("too many forms")
	return nil, ""
}

// A person walks through all three roles, wherever they are mounted.
func TestThreeRolesInOneProcess(t *testing.T) {
	for name, tc := range map[string]struct {
		mux    router
		prefix string
	}{
		"ServeMux at the root":    {http.NewServeMux(), ""},
		"ServeMux under a prefix": {http.NewServeMux(), "/tools/shop"},
		"chi at the root":         {chi.NewRouter(), ""},
		"chi under a prefix":      {chi.NewRouter(), "/tools/shop"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldConfig{mux: tc.mux, prefix: tc.prefix})
			res, body := w.open(w.base + "/me?page=2&q=a%26b")
			if res.StatusCode != 200 || body != "Alice Example alice@example.com page=2&q=a%26b" {
				t.Fatalf("after login: %d %q", res.StatusCode, body)
			}
			if got := strings.Join(w.trail, " "); !strings.Contains(got, tc.prefix+"/op/login") || !strings.Contains(got, tc.prefix+"/op/consent") {
				t.Fatalf("the way led through %s", got)
			}
			w.trail = nil
			if res, _ := w.open(w.base + "/me"); res.StatusCode != 200 || w.trail != nil {
				t.Fatalf("with a session: %d by way of %v", res.StatusCode, w.trail)
			}
			res, _ = w.open(w.base + "/auth/logout")
			if res.StatusCode >= 500 || !strings.Contains(strings.Join(w.trail, " "), "/op/end_session") {
				t.Fatalf("logout: %d by way of %v", res.StatusCode, w.trail)
			}
			w.checkLoggedOut()
			w.checkBearer()
		})
	}
}

// checkLoggedOut shows that neither the app nor the issuer knows the person.
func (w *world) checkLoggedOut() {
	w.t.Helper()
	req, _ := http.NewRequest(http.MethodGet, w.base+"/me", nil)
	req.Header.Set("Accept", "application/json")
	res, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		w.t.Fatalf("a fetch after logout: %d", res.StatusCode)
	}
	w.trail = nil
	w.open(w.base + "/me")
	if !strings.Contains(strings.Join(w.trail, " "), "/op/login") {
		w.t.Fatalf("the issuer did not ask for a login again: %v", w.trail)
	}
}

// checkBearer gets a token for the API and uses it, and shows that a token for
// the issuer itself does not do.
func (w *world) checkBearer() {
	w.t.Helper()
	for scope, want := range map[string]int{"openid orders:read": 200, "openid": 401} {
		req, err := http.NewRequest(http.MethodGet, w.base+"/api/orders", nil)
		if err != nil {
			w.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+w.userTokens(scope)["access_token"])
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			w.t.Errorf("scope %q: status %d, want %d", scope, res.StatusCode, want)
		}
	}
}

const (
	pkceVerifier  = "0123456789-0123456789-0123456789-0123456789-x"
	pkceChallenge = "U8x__WyApIYbNoNFuMAd7Iw7IabskgXimpn9aJKngcM"
)

// userTokens walks a code flow by hand for the person's browser, and returns
// the answer's texts with the code.
func (w *world) userTokens(scope string) map[string]string {
	w.t.Helper()
	callback := w.base + "/auth/callback"
	q := url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {callback}, "scope": {scope},
		"code_challenge": {pkceChallenge}, "code_challenge_method": {"S256"},
	}
	code, browser := "", *w.http
	browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Query().Has("code") {
			code = r.URL.Query().Get("code")
			return http.ErrUseLastResponse
		}
		return nil
	}
	saved := w.http
	w.http = &browser
	w.open(w.base + "/op/authorize?" + q.Encode())
	w.http = saved
	req, err := http.NewRequest(http.MethodPost, w.base+"/op/token", strings.NewReader(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {pkceVerifier},
	}.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("app", url.QueryEscape(appSecret))
	res, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer["access_token"] == nil {
		w.t.Fatalf("token: status %d, %v", res.StatusCode, err)
	}
	tokens := map[string]string{"code": code}
	for name, value := range answer {
		tokens[name], _ = value.(string)
	}
	return tokens
}
