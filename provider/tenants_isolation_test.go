package provider_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

const tenantsOrigin = "https://op.example"

// newTenants returns issuers of one process at one origin, which share the
// database, the key ring, client_ids and secrets, the user's name and subject,
// and the browser. Their addresses begin with each other's.
func newTenants(t *testing.T, d database, configure func(path string, c *provider.Config)) map[string]*fixture {
	t.Helper()
	key := newSecrets(t)
	mux, all := http.NewServeMux(), map[string]*fixture{}
	client := &http.Client{Transport: handlerTransport{mux}}
	browser := oidctest.NewBrowser(t, tenantsOrigin, client)
	for _, path := range []string{"", "/a", "/a/b", "/ab"} {
		c := replicated(t, func(c *provider.Config) {
			c.Issuer, c.Secrets = tenantsOrigin+path, key
			c.Introspection, c.Revocation = &provider.Introspection{}, &provider.Revocation{}
			c.Registration = &provider.Registration{AllowAnonymous: true}
			c.AccountPage = &provider.AccountPage{}
			c.Resources[1].AccessTokenFormat = provider.AccessTokenOpaque
			if configure != nil {
				configure(path, c)
			}
		})
		f := newReplica(t, c, d.open(t, c.Issuer))
		createAlice(t, f.op.Stores)
		f.op.Provider.Mount(mux)
		f.client, f.browser = client, browser
		all[path] = f
	}
	return all
}

// handlerTransport serves requests in the process.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr, in.Host = r.URL.RequestURI(), "192.0.2.1:1234", r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, in)
	res := rec.Result()
	res.Request = r
	return res, nil
}

// tenantPairs runs a test with what one issuer made at another one, both ways.
func tenantPairs(t *testing.T, test func(t *testing.T, home, abroad *fixture)) {
	shelves(t, func(t *testing.T, d database) {
		all := newTenants(t, d, nil)
		for _, pair := range [][2]string{{"/a", "/a/b"}, {"/a/b", "/a"}, {"", "/a"}, {"/a", ""}, {"/a", "/ab"}} {
			t.Run(pair[0]+" at "+pair[1], func(t *testing.T) {
				home, abroad := all[pair[0]].sub(t), all[pair[1]].sub(t)
				// One browser, one jar.
				abroad.browser = home.browser
				test(t, home, abroad)
			})
		}
	})
}

// TestTenantsShareNothing takes what one issuer gave out to every endpoint of
// another one: there it is unknown, and at home it is as good as before.
func TestTenantsShareNothing(t *testing.T) {
	rows := map[string]func(t *testing.T, home, abroad *fixture){
		"session":        foreignSession,
		"code":           foreignCode,
		"refresh token":  foreignRefreshToken,
		"access tokens":  foreignAccessTokens,
		"ID token":       foreignIDToken,
		"login page":     foreignLoginRequest,
		"logout page":    foreignLogoutRequest,
		"consent":        foreignConsent,
		"registration":   foreignRegistration,
		"operator":       foreignOperator,
		"keys, metadata": foreignKeys,
	}
	tenantPairs(t, func(t *testing.T, home, abroad *fixture) {
		for name, run := range rows {
			t.Run(name, func(t *testing.T) {
				h, a := home.sub(t), *abroad
				a.t, a.browser = t, h.browser
				run(t, h, &a)
			})
		}
	})
}

func foreignSession(t *testing.T, home, abroad *fixture) {
	home.authorize()
	if !home.signedIn() || abroad.signedIn() {
		t.Fatal("a session of one issuer is one of the other")
	}
	if q := abroad.authorize("prompt", "none"); q.Get("error") != "login_required" {
		t.Errorf("%v", q)
	}
	// Not even under the name that the other one's cookie has.
	mine := home.jar()
	abroad.authorize()
	for name, value := range mine {
		for other := range home.jar() {
			if other == name {
				continue
			}
			req := abroad.newRequest(http.MethodGet, "/authorize?"+request("prompt", "none").Encode(), nil)
			req.AddCookie(&http.Cookie{Name: other, Value: value})
			abroad.send(&http.Client{Transport: abroad.client.Transport, CheckRedirect: abroad.browser.Client.CheckRedirect}, req).
				refusal(t, "login_required", abroad.base, "the state")
		}
	}
	// A logout of one is none of the other.
	hint := abroad.token(codeForm(abroad.code())).ID
	abroad.endSession(http.MethodGet, url.Values{"id_token_hint": {hint}})
	if abroad.signedIn() || !home.signedIn() {
		t.Error("the logout of one issuer is that of the other")
	}
}

func (f *fixture) jar() map[string]string {
	u, _ := url.Parse(tenantsOrigin + "/")
	all := map[string]string{}
	for _, c := range f.browser.Client.Jar.Cookies(u) {
		all[c.Name] = c.Value
	}
	return all
}

func foreignCode(t *testing.T, home, abroad *fixture) {
	code := home.code()
	abroad.token(codeForm(code)).refusal(t, http.StatusBadRequest, "invalid_grant")
	res := home.token(codeForm(code))
	if res.status != http.StatusOK {
		t.Fatalf("spent by another issuer: %s", res.body)
	}
	abroad.token(codeForm(code)).refusal(t, http.StatusBadRequest, "invalid_grant")
	if !home.alive(res.Access) {
		t.Error("another issuer's replay has revoked the tokens")
	}
}

func foreignRefreshToken(t *testing.T, home, abroad *fixture) {
	first := home.tokens()
	second := home.token(refreshForm(first.Refresh))
	for _, token := range []string{first.Refresh, second.Refresh} {
		abroad.token(refreshForm(token)).refusal(t, http.StatusBadRequest, "invalid_grant")
		abroad.send(abroad.client, abroad.clientRequest("/revoke", url.Values{"token": {token}}))
		if abroad.introspected(token) {
			t.Error("introspected by another issuer")
		}
	}
	if res := home.token(refreshForm(second.Refresh)); res.status != http.StatusOK {
		t.Errorf("ended by another issuer: %s", res.body)
	}
}

func foreignAccessTokens(t *testing.T, home, abroad *fixture) {
	for name, with := range map[string][]string{
		"JWT": nil, "opaque": {"scope", "openid offline_access stock:read", "resource", stockAPI},
	} {
		res := home.tokens(with...)
		if abroad.introspected(res.Access) || abroad.alive(res.Access) {
			t.Errorf("%s: good at another issuer", name)
		}
		if a := abroad.send(abroad.client, abroad.clientRequest("/revoke", url.Values{"token": {res.Access}})); a.status != http.StatusOK {
			t.Errorf("%s: RFC 7009 §2.2: %d", name, a.status)
		}
		if !home.introspected(res.Access) {
			t.Errorf("%s: revoked by another issuer", name)
		}
	}
}

func foreignIDToken(t *testing.T, home, abroad *fixture) {
	hint := home.token(codeForm(home.code())).ID
	abroad.authorize()
	abroad.browse(http.MethodGet, "/authorize?"+request("prompt", "none", "id_token_hint", hint).Encode(), nil).
		refusal(t, oidckit.InvalidRequest, abroad.base, "the state")
	abroad.endSession(http.MethodGet, url.Values{"id_token_hint": {hint}})
	if !abroad.signedIn() || !home.signedIn() {
		t.Error("a hint of one issuer has ended a session")
	}
}

// form follows a request to the page it leads to, whose path is the issuer's
// own.
func (f *fixture) form(with ...string) url.Values {
	f.t.Helper()
	page := f.follow(f.browse(http.MethodGet, "/authorize?"+request(with...).Encode(), nil))
	action, form, ok := oidctest.Form(page.body)
	if !ok || !strings.HasPrefix(tenantsOrigin+action, f.base+"/") {
		f.t.Fatalf("no form of the issuer's: %d %s", page.status, page.body)
	}
	return form
}

func foreignLoginRequest(t *testing.T, home, abroad *fixture) {
	form := change(home.form(), "username", oidctest.Username, "password", oidctest.Password)
	abroad.browse(http.MethodPost, "/login", form).page(t, http.StatusBadRequest)
	if abroad.signedIn() {
		t.Error("signed in at another issuer")
	}
	if a := home.browse(http.MethodPost, "/login", form); a.status != http.StatusSeeOther {
		t.Errorf("spent by another issuer: %d", a.status)
	}
}

func foreignLogoutRequest(t *testing.T, home, abroad *fixture) {
	home.authorize()
	abroad.authorize()
	_, form, ok := oidctest.Form(home.browse(http.MethodGet, "/end_session", nil).body)
	if !ok {
		t.Fatal("nobody is asked")
	}
	form.Set("logout", "yes")
	abroad.browse(http.MethodPost, "/end_session/confirm", form).page(t, http.StatusBadRequest)
	if !home.signedIn() || !abroad.signedIn() {
		t.Error("signed out at another issuer")
	}
	if home.browse(http.MethodPost, "/end_session/confirm", form); home.signedIn() || !abroad.signedIn() {
		t.Error("signed out at both issuers, or at none")
	}
}

// The form of a consent page, and what was allowed.
func foreignConsent(t *testing.T, home, abroad *fixture) {
	home.authorize("scope", "openid")
	abroad.authorize("scope", "openid")
	for _, f := range []*fixture{home, abroad} {
		if err := f.op.Stores.Consents.DeleteConsent(t.Context(), oidctest.Subject, "web"); err != nil {
			t.Fatal(err)
		}
	}
	form := change(home.form("scope", "openid email"), "decision", "allow")
	abroad.browse(http.MethodPost, "/consent", form).page(t, http.StatusBadRequest)
	if a := home.browse(http.MethodPost, "/consent", form); !a.hasCode() {
		t.Fatalf("spent by another issuer: %d", a.status)
	}
	if q := abroad.authorize("prompt", "none", "scope", "openid email"); q.Get("error") != "consent_required" {
		t.Errorf("allowed at another issuer: %v", q)
	}
	// What people see and withdraw is of one issuer.
	page := abroad.browse(http.MethodGet, "/account", nil)
	if page.status != http.StatusOK || strings.Contains(page.body, "Web shop") {
		t.Errorf("the account page of another issuer: %d %s", page.status, page.body)
	}
	if page := home.browse(http.MethodGet, "/account", nil); !strings.Contains(page.body, "Web shop") {
		t.Errorf("the account page: %d", page.status)
	}
	if q := home.authorize("prompt", "none", "scope", "openid email"); q.Get("code") == "" {
		t.Errorf("%v", q)
	}
}

func foreignRegistration(t *testing.T, home, abroad *fixture) {
	c := home.register(appMetadata("id_token_signed_response_alg", "ES256"))
	id := c.text("client_id")
	abroad.browse(http.MethodGet, "/authorize?"+request("client_id", id).Encode(), nil).page(t, http.StatusBadRequest)
	req := abroad.newRequest(http.MethodPost, "/token", refreshForm("x"))
	req.SetBasicAuth(id, c.text("client_secret"))
	abroad.do(req).refusal(t, http.StatusUnauthorized, "invalid_client")
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if r := abroad.manage(method, abroad.base+"/register?client_id="+id, c.text("registration_access_token"), ""); r.status != http.StatusUnauthorized {
			t.Errorf("%s at another issuer: %d", method, r.status)
		}
	}
	if r := home.manage(http.MethodGet, c.text("registration_client_uri"), c.text("registration_access_token"), ""); r.status != http.StatusOK {
		t.Errorf("at home: %d", r.status)
	}
}

func foreignOperator(t *testing.T, home, abroad *fixture) {
	res := home.tokens()
	p := abroad.op.Provider
	if n, err := p.EndSessions(t.Context(), opstore.SessionSelector{ID: claims(t, res.ID)["sid"].(string)}); n != 0 || err != nil {
		t.Errorf("EndSessions: %d %v", n, err)
	}
	if _, err := p.RevokeGrants(t.Context(), opstore.GrantSelector{Subject: oidctest.Subject}); err != nil {
		t.Error(err)
	}
	if err := p.RevokeKey(t.Context(), home.kid(res.Access)); err != oidckit.ErrNotFound {
		t.Errorf("RevokeKey: %v", err)
	}
	if err := p.DisableUser(t.Context(), oidctest.Subject); err != nil {
		t.Fatal(err)
	}
	if !home.signedIn() || !home.alive(res.Access) || home.token(refreshForm(res.Refresh)).status != http.StatusOK {
		t.Error("an operator of another issuer has ended it")
	}
	if err := p.EnableUser(t.Context(), oidctest.Subject); err != nil {
		t.Fatal(err)
	}
}

func foreignKeys(t *testing.T, home, abroad *fixture) {
	for _, kid := range home.kids() {
		if slices.Contains(abroad.kids(), kid) {
			t.Errorf("%s is published by both", kid)
		}
	}
	// OpenID Connect Discovery 1.0 §4.1, RFC 8414 §3.1: each has its own places.
	for _, f := range []*fixture{home, abroad} {
		path := strings.TrimPrefix(f.base, tenantsOrigin)
		for _, place := range []string{path + "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server" + path} {
			at := *f
			at.base = tenantsOrigin
			if _, doc, _ := at.get(place, ""); doc["issuer"] != f.base || doc["token_endpoint"] != f.base+"/token" {
				t.Errorf("%s tells of %v", place, doc["issuer"])
			}
		}
	}
}
