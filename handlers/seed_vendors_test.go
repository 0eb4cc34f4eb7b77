package handlers_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// vendorApp is an app at an issuer that behaves as a vendor's pages say.
type vendorApp struct {
	*app
	op *oidctest.Server
	// person is at the issuer with one browser all the time.
	person  *oidctest.Browser
	browser *browser
}

func newVendorApp(t *testing.T, preset provider.Preset, path string, edit func(*handlers.Config, *oidctest.Server)) *vendorApp {
	t.Helper()
	v := &vendorApp{app: &app{t: t}}
	v.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*v.handler.Load()).ServeHTTP(w, r) }))
	t.Cleanup(v.Close)
	v.op = oidctest.New(t, oidctest.Config{
		Path: path,
		Clients: []oidckit.ClientMetadata{{
			ClientID: clientID, ClientSecret: clientSecret, IDTokenSignedResponseAlg: "ES256", Scope: "openid profile email",
			GrantTypes: []string{"authorization_code", "refresh_token"}, TokenEndpointAuthMethod: oidckit.AuthMethodClientSecretPost,
			RedirectURIs: []string{v.URL + "/auth/callback"}, PostLogoutRedirectURIs: []string{v.URL + "/auth/logged-out"},
		}},
		Configure: func(c *provider.Config) {
			c.SigningAlgs, c.TrustedClients = []string{"ES256"}, []string{clientID}
			c.Legacy = &provider.Legacy{Preset: preset}
		},
	})
	v.build(&idp{Server: &httptest.Server{URL: v.op.Issuer}}, options{config: func(c *handlers.Config) {
		c.IDTokenSignedResponseAlg = "ES256"
		edit(c, v.op)
	}})
	v.person, v.browser = v.op.NewBrowser(t), v.app.browser()
	return v
}

// login signs the person in and returns what the app shows of them.
func (v *vendorApp) login() string {
	v.t.Helper()
	login := v.browser.step(v.URL + "/auth/login?return_to=%2Fme")
	back, err := v.person.Authorize(login.Header.Get("Location"))
	if err != nil {
		v.t.Fatal(err)
	}
	return v.browser.open(back.String()).body
}

// fetch reads a document that an operator downloads beforehand.
func fetch(t *testing.T, address string) []byte {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", address, res.StatusCode, err)
	}
	return body
}

// miniOrange is what the vendor's pages say of the endpoints, below the issuer
// or, in older ones, at the root.
func miniOrange(issuer, base string) *oidckit.ProviderMetadata {
	return &oidckit.ProviderMetadata{
		Issuer: issuer, AuthorizationEndpoint: base + "/idp/openidsso", TokenEndpoint: base + "/rest/oauth/token",
		UserinfoEndpoint: base + "/rest/oauth/getuserinfo", RevocationEndpoint: base + "/rest/oauth/revoke", EndSessionEndpoint: base + "/idp/oidc/logout",
	}
}

// A11: one mounted handler does what the pages describe as two calls, at a
// server that behaves as rows A1 to A10 say.
func TestSeedA11(t *testing.T) {
	for name, row := range map[string]struct {
		edit    func(c *handlers.Config, op *oidctest.Server)
		fetches int
		nonce   bool
	}{
		"key set at its address": {edit: func(c *handlers.Config, op *oidctest.Server) {
			var doc oidckit.ProviderMetadata
			if err := json.Unmarshal(fetch(t, op.Issuer+wellKnown), &doc); err != nil {
				t.Fatal(err)
			}
			c.Metadata.JWKSURI = doc.JWKSURI
		}, fetches: 1, nonce: true},
		"downloaded key set": {edit: func(c *handlers.Config, op *oidctest.Server) {
			var doc oidckit.ProviderMetadata
			if err := json.Unmarshal(fetch(t, op.Issuer+wellKnown), &doc); err != nil {
				t.Fatal(err)
			}
			c.KeySet = fetch(t, doc.JWKSURI)
		}, nonce: true},
		"downloaded certificate": {edit: func(c *handlers.Config, op *oidctest.Server) { c.Certificates = fetch(t, op.Issuer+"/certificate") }, nonce: true},
		"older paths": {edit: func(c *handlers.Config, op *oidctest.Server) {
			c.Certificates = fetch(t, op.Issuer+"/certificate")
			c.Metadata = miniOrange(op.Issuer, strings.TrimSuffix(op.Issuer, "/moas"))
		}, nonce: true},
		"plain OAuth 2.0": {edit: func(c *handlers.Config, _ *oidctest.Server) {
			c.OAuth2, c.Scopes = &handlers.OAuth2{}, oidckit.Scope{"profile", "email"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var before int
			v := newVendorApp(t, provider.PresetMiniOrange, "/moas", func(c *handlers.Config, op *oidctest.Server) {
				c.Metadata = miniOrange(op.Issuer, op.Issuer)
				c.Legacy = &handlers.Legacy{
					RedirectURLParameter: true, ClientSecretBoth: true, ScopeInTokenRequest: true,
					RevokeByGet: true, LogoutByGet: true, InsecureNoPKCE: true,
				}
				row.edit(c, op)
				before = len(op.Requests(oidctest.EndpointJWKS))
			})
			discovered := len(v.op.Requests(oidctest.EndpointDiscovery))
			if page := v.login(); !strings.HasPrefix(page, "sub="+oidctest.Subject+" ") || !strings.Contains(page, "name=Alice Example") {
				t.Fatalf("%s %s", page, v.logs.String())
			}
			checkVendorRequests(t, v, row.nonce)
			if n := len(v.op.Requests(oidctest.EndpointJWKS)) - before; n != row.fetches {
				t.Errorf("%d fetches of the keys", n)
			}
			if n := len(v.op.Requests(oidctest.EndpointDiscovery)) - discovered; n != 0 {
				t.Errorf("%d fetches of the metadata", n)
			}
			v.logout()
		})
	}
}

// checkVendorRequests looks at what the server was asked, on whatever
// generation of paths.
func checkVendorRequests(t *testing.T, v *vendorApp, nonce bool) {
	t.Helper()
	for _, r := range v.op.Requests(oidctest.EndpointAny) {
		switch {
		case strings.HasSuffix(r.Path, "/idp/openidsso"):
			if r.Query.Has("code_challenge") || r.Query.Has("code_challenge_method") || r.Query.Has("nonce") != nonce || r.Query.Get("state") == "" {
				t.Errorf("authorization request %v", r)
			}
		case strings.HasSuffix(r.Path, "/rest/oauth/token"):
			callback := v.URL + "/auth/callback"
			_, password, ok := (&http.Request{Header: r.Header}).BasicAuth()
			if !ok || password != url.QueryEscape(clientSecret) || r.Form.Get("client_secret") != clientSecret || r.Form.Get("client_id") != clientID ||
				r.Form.Get("redirect_url") != callback || r.Form.Get("redirect_uri") != callback || r.Form.Has("code_verifier") || r.Form.Get("scope") == "" {
				t.Errorf("token request %v", r)
			}
		}
	}
}

// logout is row A9: the person is signed out everywhere and comes back.
func (v *vendorApp) logout() {
	v.t.Helper()
	out := v.browser.post(v.URL+"/auth/logout", nil, v.URL)
	u, err := out.Location()
	if err != nil || !strings.HasSuffix(u.Path, "/idp/oidc/logout") || u.RawQuery != (url.Values{"post_logout_redirect_uri": {v.URL + "/auth/logged-out"}}).Encode() {
		v.t.Fatalf("logout: %v %v", u, err)
	}
	v.checkRevoked()
	back, err := v.person.Authorize(u.String())
	if err != nil || back.String() != v.URL+"/auth/logged-out" {
		v.t.Fatalf("back from the logout: %v %v", back, err)
	}
	if res := v.browser.step(back.String()); res.StatusCode != http.StatusOK || v.browser.loggedIn(v.app) != "" {
		v.t.Errorf("signed out: %d %s", res.StatusCode, res.body)
	}
	if names := v.browser.cookies(v.app); len(names) != 0 {
		v.t.Errorf("cookies left: %v", names)
	}
	// At the issuer nobody is signed in any more: the next login asks.
	seen := len(v.person.Seen)
	if v.login(); len(v.person.Seen) == seen {
		v.t.Error("the issuer has let the person in without a password")
	}
}

// checkRevoked is row A8: the logout has ended the access token by a GET.
func (v *vendorApp) checkRevoked() {
	v.t.Helper()
	var gets int
	for _, r := range v.op.Requests(oidctest.EndpointAny) {
		if !strings.HasSuffix(r.Path, "/rest/oauth/revoke") {
			continue
		}
		gets++
		if r.Method != http.MethodGet || len(r.Query) != 0 {
			v.t.Errorf("revocation: %v", r)
		}
		req, err := http.NewRequest(http.MethodGet, v.op.Issuer+"/rest/oauth/getuserinfo", nil)
		if err != nil {
			v.t.Fatal(err)
		}
		req.Header.Set("Authorization", r.Header.Get("Authorization"))
		res, err := v.op.HTTPClient().Do(req)
		if err != nil {
			v.t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			v.t.Errorf("the token that was shown is answered with %d", res.StatusCode)
		}
	}
	if gets != 1 {
		v.t.Errorf("%d revocations", gets)
	}
}

// A8: that the token cannot be ended keeps nobody signed in.
func TestSeedA8RevocationFails(t *testing.T) {
	for name, fault := range map[string]oidctest.Fault{"500": oidctest.Answer(500, "text/html", "<p>"), "drops": oidctest.Drop(), "endless": oidctest.Endless("{")} {
		t.Run(name, func(t *testing.T) {
			v := newVendorApp(t, provider.PresetMiniOrange, "/moas", func(c *handlers.Config, _ *oidctest.Server) {
				c.Legacy = &handlers.Legacy{RevokeByGet: true}
			})
			v.login()
			v.op.Break(t, "/moas/rest/oauth/revoke", fault)
			if out := v.browser.post(v.URL+"/auth/logout", nil, v.URL); out.StatusCode != http.StatusSeeOther || v.browser.loggedIn(v.app) != "" {
				t.Errorf("%d", out.StatusCode)
			}
			if !strings.Contains(v.logs.String(), "an access token was not revoked") {
				t.Error("nobody is told")
			}
		})
	}
}

// B2: an upstream means milliseconds. What it says is rounded down, and a token
// whose time is over is not handed out.
func TestSeedB2Milliseconds(t *testing.T) {
	v := newVendorApp(t, provider.PresetSignicat, "", func(c *handlers.Config, _ *oidctest.Server) {
		c.Legacy = &handlers.Legacy{ExpiresInMilliseconds: true}
	})
	for lifetime, want := range map[int]error{3600_000: nil, 999: oidckit.ErrUnauthenticated} {
		restore := v.op.Break(t, oidctest.EndpointToken, oidctest.EditJSON(func(answer map[string]any) {
			answer["expires_in"] = lifetime
			delete(answer, "refresh_token")
		}))
		if page := v.login(); !strings.HasPrefix(page, "sub="+oidctest.Subject+" ") {
			t.Fatalf("%s %s", page, v.logs.String())
		}
		restore()
		var got error
		var h http.Handler = v.sessions.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, got = v.rp.AccessToken(r) }))
		before := v.handler.Swap(&h)
		v.browser.step(v.URL + "/")
		v.handler.Store(before)
		if !errors.Is(got, want) {
			t.Errorf("a token for %d ms: %v, want %v", lifetime, got, want)
		}
	}
}

func TestLegacyProblems(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	for name, row := range map[string]struct {
		secret, method string
		ok             bool
	}{
		"a secret": {"s", "", true}, "basic": {"s", "client_secret_basic", true}, "post": {"s", "client_secret_post", false}, "no secret": {"", "", false},
	} {
		rp, err := handlers.NewRelyingParty(handlers.Config{
			Issuer: p.URL, ClientID: "x", ClientSecret: row.secret, TokenEndpointAuthMethod: row.method, BaseURL: a.URL, Sessions: a.sessions,
			Legacy: &handlers.Legacy{ClientSecretBoth: true},
		})
		if (err == nil) != row.ok || err != nil && !strings.Contains(err.Error(), "Config.Legacy ") {
			t.Errorf("%s: %v", name, err)
		}
		if rp != nil {
			rp.Close()
		}
	}
}
