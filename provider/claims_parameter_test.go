package provider_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// newClaimsFixture has a user with claims in several languages and one that the
// app has made up, whose scope the client "web" may have.
func newClaimsFixture(t *testing.T, trusted ...string) *fixture {
	narrow := publicTwin("narrow", func(m *oidckit.ClientMetadata) { m.Scope = "openid email" })
	f := newFixture(t, oidctest.Config{
		Clients: []oidckit.ClientMetadata{everyType(webClient), narrow},
		Users: []provider.Account{{Username: "anna", PasswordHash: aliceHash, Claims: map[string]any{
			"sub": "anna-subject", "name": "Anna", "name#de": "Änne", "name#ja-Hani-JP": "安奈", "email": "anna@example.com", "email_verified": true,
			"phone_number": "+49 30 123", "customer": 7, "secret": "s", "acr": "made up", "nonce": "made up",
		}}},
		Configure: func(c *provider.Config) {
			c.Hybrid, c.Legacy, c.TrustedClients = &provider.Hybrid{AllowAccessTokens: true}, &provider.Legacy{Implicit: true}, trusted
			c.Claims = map[string][]string{"orders:read": {"customer"}}
		},
	})
	f.browser.Username = "anna"
	return f
}

// personal returns the names of the claims about the person in a document.
func personal(doc map[string]any) string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(doc)), func(name string) bool {
		return slices.Contains([]string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "at_hash", "sid"}, name)
	})
	return strings.Join(names, " ")
}

// OpenID Connect Core 1.0 §5.5: what is asked for by name is told where it was
// asked for, as far as the client may have it, and after a refresh too.
func TestClaimsParameter(t *testing.T) {
	f := newClaimsFixture(t, "web", "narrow")
	for _, row := range []struct {
		clause, client, scope, claims string
		info, id                      string
	}{
		{"scope alone", "web", "openid email", "", "email email_verified", ""},
		{"§5.5 userinfo", "web", "openid", `{"userinfo":{"name":{"essential":true},"phone_number":null}}`, "name phone_number", ""},
		{"§5.5 ID token", "web", "openid", `{"id_token":{"email":{"essential":true}}}`, "", "email"},
		{"§5.5 both, and a scope", "web", "openid email", `{"userinfo":{"name":null},"id_token":{"name":null,"email":null}}`, "email email_verified name", "email name"},
		{"§5.5.1 a value is a wish", "web", "openid", `{"userinfo":{"email":{"value":"other@example.com"},"name":{"values":["a","b"]}}}`, "email name", ""},
		{"§5.2 in a language", "web", "openid", `{"userinfo":{"name#de":null,"name#fr":null}}`, "name#de", ""},
		{"what nobody publishes", "web", "openid", `{"userinfo":{"secret":{"essential":true},"salary":null}}`, "", ""},
		{"what the protocol owns", "web", "openid", `{"id_token":{"acr":null,"nonce":{"value":"x"},"iss":null,"azp":null},"userinfo":{"acr":null}}`, "", ""},
		{"the app's own, by its scope", "web", "openid orders:read", "", "customer", ""},
		{"the app's own, by name", "web", "openid", `{"id_token":{"customer":null}}`, "", "customer"},
		{"of a scope that the client may not have", "narrow", "openid", `{"userinfo":{"name":null,"email":null,"customer":null},"id_token":{"name":null}}`, "email", ""},
		{"no openid, no person", "web", "email", `{"userinfo":{"name":null}}`, "", ""},
	} {
		t.Run(row.clause, func(t *testing.T) {
			g := *f
			g.t = t
			res := g.token(g.as(row.client, codeForm(g.code("client_id", row.client, "scope", row.scope, "claims", row.claims))))
			if !strings.Contains(row.scope, "openid") {
				if _, has := claims(t, res.Access)["userinfo_claims"]; has || res.ID != "" {
					t.Errorf("%v", claims(t, res.Access))
				}
				return
			}
			_, info, _ := g.get("/userinfo", res.Access)
			if id := claims(t, res.ID); personal(info) != row.info || personal(id) != row.id || id["nonce"] != "the nonce" {
				t.Errorf("userinfo %v, ID token %v", info, id)
			}
		})
	}
	t.Run("after a refresh", func(t *testing.T) {
		res := f.tokens("scope", "openid offline_access", "claims", `{"userinfo":{"name":null},"id_token":{"email":null}}`, "claims_locales", "de")
		again := f.token(refreshForm(res.Refresh))
		_, info, _ := f.get("/userinfo", again.Access)
		if info["name"] != "Änne" || personal(claims(t, again.ID)) != "email" {
			t.Errorf("%v %v", info, claims(t, again.ID))
		}
		narrowed := f.token(refreshForm(again.Refresh, "scope", "offline_access"))
		if _, has := claims(t, narrowed.Access)["userinfo_claims"]; has || narrowed.Access == "" {
			t.Errorf("%+v", narrowed)
		}
	})
	t.Run("§5.5 userinfo needs an access token", func(t *testing.T) {
		a := f.browse(http.MethodGet, "/authorize?"+request("response_type", "id_token", "scope", "openid", "claims", `{"userinfo":{"name":null},"id_token":{"email":null}}`).Encode(), nil)
		q, _ := a.sent(t)
		if got := personal(claims(t, q.Get("id_token"))); got != "email" {
			t.Errorf("%s", got)
		}
	})
	t.Run("§5.4 the scope's claims stand in an ID token that comes alone", func(t *testing.T) {
		a := f.browse(http.MethodGet, "/authorize?"+request("response_type", "id_token", "scope", "openid email offline_access orders:read").Encode(), nil)
		q, _ := a.sent(t)
		if got := personal(claims(t, q.Get("id_token"))); got != "customer email email_verified" {
			t.Errorf("%s", got)
		}
	})
	for clause, raw := range map[string]string{
		"no JSON": "name", "twice": `{"userinfo":{},"userinfo":{}}`, "no object": `{"userinfo":["name"]}`, "essential": `{"userinfo":{"name":{"essential":1}}}`,
		"too large": `{"userinfo":{"name":{"value":"` + strings.Repeat("x", 8<<10) + `"}}}`,
	} {
		t.Run(clause, func(t *testing.T) {
			f.browse(http.MethodGet, "/authorize?"+request("claims", raw).Encode(), nil).refusal(t, oidckit.InvalidRequest, f.base, "the state")
		})
	}
}

// OpenID Connect Core 1.0 §5.2, §3.1.2.1 claims_locales: the best language that
// there is, without its tag; none is no error.
func TestClaimsLocales(t *testing.T) {
	f := newClaimsFixture(t, "web")
	for locales, want := range map[string]string{
		"": "Anna", "de": "Änne", "de-CH fr": "Änne", "se": "Anna", "se ja-hani-jp": "安奈", "DE": "Änne", "x_y \x01 de": "Änne", strings.Repeat("se ", 9) + "de": "Anna",
	} {
		res := f.token(codeForm(f.code("claims_locales", locales, "claims", `{"id_token":{"name":null}}`)))
		_, info, _ := f.get("/userinfo", res.Access)
		if id := claims(t, res.ID); info["name"] != want || id["name"] != want || strings.Contains(personal(info), "#") {
			t.Errorf("%q: userinfo %v, ID token %v", locales, info["name"], id["name"])
		}
	}
}

// The consent page names claims that tell more than the scope; what was
// allowed is remembered, and nothing more.
func TestConsentToClaims(t *testing.T) {
	f := newClaimsFixture(t)
	f.authorize("scope", "openid")
	none := func(with ...string) string {
		q, _ := f.browse(http.MethodGet, "/authorize?"+request(append([]string{"prompt", "none"}, with...)...).Encode(), nil).sent(t)
		return q.Get("error")
	}
	const name, both = `{"userinfo":{"name":null,"name#de":null}}`, `{"userinfo":{"name":null},"id_token":{"email":null}}`
	if got := none("scope", "openid", "claims", name); got != "consent_required" {
		t.Fatalf("not asked: %q", got)
	}
	page, form := f.consentPage("scope", "openid email", "claims", both)
	if !strings.Contains(page.body, "name") || strings.Count(page.body, "<li>") != 3 {
		t.Errorf("%s", page.body)
	}
	f.browse(http.MethodPost, "/consent", form)
	for _, row := range []struct{ scope, claims, want string }{
		{"openid", name, ""},
		{"openid email", both, ""},
		{"openid", both, ""},
		{"openid", `{"id_token":{"phone_number":null}}`, "consent_required"},
		{"openid profile", "", "consent_required"},
		{"openid", `{"id_token":{"secret":null}}`, ""},
		{"email", `{"userinfo":{"phone_number":null}}`, ""},
	} {
		if got := none("scope", row.scope, "claims", row.claims); got != row.want {
			t.Errorf("%s, %s: %q", row.scope, row.claims, got)
		}
	}
	f.authorize("scope", "openid phone")
	if got := none("scope", "openid", "claims", both); got != "" {
		t.Errorf("forgotten with another scope: %q", got)
	}
}

// OpenID Connect Core 1.0 §3.1.2.2, §5.5.1: a sub that is asked for is the only
// person the answer may be about.
func TestClaimsSubject(t *testing.T) {
	f := newClaimsFixture(t)
	f.authorize()
	hint := f.token(codeForm(f.code())).ID
	for _, place := range []string{"id_token", "userinfo"} {
		of := func(sub string) string { return `{"` + place + `":{"sub":{"value":"` + sub + `"}}}` }
		if q := f.authorize("prompt", "none", "claims", of("anna-subject")); q.Get("code") == "" {
			t.Errorf("%v", q)
		}
		if q := f.authorize("prompt", "none", "claims", of("anna-subject"), "id_token_hint", hint); q.Get("code") == "" {
			t.Errorf("%v", q)
		}
		f.browse(http.MethodGet, "/authorize?"+request("prompt", "none", "claims", of("bob")).Encode(), nil).refusal(t, oidckit.LoginRequired, f.base, "the state")
		f.browse(http.MethodGet, "/authorize?"+request("claims", of("bob"), "id_token_hint", hint).Encode(), nil).refusal(t, oidckit.InvalidRequest, f.base, "the state")
		g := f.sub(t)
		g.browser.Username = "anna"
		if q := g.authorize("claims", of(oidctest.Subject)); q.Get("error") != "login_required" || q.Has("code") {
			t.Errorf("another one has signed in: %v", q)
		}
	}
}

// signIn answers a sealed request as the app's own page does, and gives the
// browser the session.
func (o ownPage) signIn(sealed, acr string) answer {
	o.t.Helper()
	rec := httptest.NewRecorder()
	r := o.newRequest(http.MethodPost, "/app/signin", url.Values{})
	for _, c := range o.browser.Client.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	if err := o.op.Provider.CompleteLogin(rec, r, sealed, oidckit.Authentication{Subject: oidctest.Subject, ACR: acr}); err != nil {
		o.t.Fatal(err)
	}
	o.browser.Client.Jar.SetCookies(r.URL, rec.Result().Cookies())
	return answer{status: rec.Code, header: rec.Header(), location: rec.Header().Get("Location"), body: rec.Body.String()}
}

// OpenID Connect Core 1.0 §5.5.1.1 and §3.1.2.1 acr_values: an acr that is
// essential is had or the login has failed; a wish never fails one.
func TestACR(t *testing.T) {
	const essential = `{"id_token":{"acr":{"essential":true,"values":["gold","platinum"]}}}`
	login := publicTwin("default", func(m *oidckit.ClientMetadata) { m.DefaultACRValues = []string{"gold"} })
	for _, row := range []struct {
		clause    string
		supported []string
		// session is the acr of the session before, with what a request asks, and
		// signed in the acr of the login that it leads to.
		session string
		with    []string
		login   bool
		signed  string
		want    string
		acr     string
	}{
		{"nothing is asked", nil, "", nil, false, "", "", ""},
		{"a wish that is met", []string{"gold"}, "gold", []string{"acr_values", "silver gold"}, false, "", "", "gold"},
		{"a wish that nobody knows how to meet", nil, "", []string{"acr_values", "gold"}, false, "", "", ""},
		{"a wish that can be met", []string{"gold"}, "", []string{"acr_values", "gold"}, true, "gold", "", "gold"},
		{"a wish that could be met", []string{"gold"}, "", []string{"acr_values", "gold"}, true, "silver", "", "silver"},
		{"a wish that cannot be met", []string{"silver"}, "", []string{"acr_values", "gold"}, false, "", "", ""},
		{"a wish without a page", []string{"gold"}, "", []string{"acr_values", "gold", "prompt", "none"}, false, "", "", ""},
		{"a wish in claims", []string{"gold"}, "", []string{"claims", `{"id_token":{"acr":{"values":["gold"]}}}`}, true, "gold", "", "gold"},
		{"default_acr_values", []string{"gold"}, "", []string{"client_id", "default"}, true, "gold", "", "gold"},
		{"default_acr_values and another wish", []string{"gold"}, "silver", []string{"client_id", "default", "acr_values", "silver"}, false, "", "", "silver"},
		{"essential and met", nil, "gold", []string{"claims", essential}, false, "", "", "gold"},
		{"essential, met by signing in", nil, "silver", []string{"claims", essential}, true, "platinum", "", "platinum"},
		{"essential, not met by signing in", nil, "silver", []string{"claims", essential}, true, "silver", "unmet_authentication_requirements", ""},
		{"essential, without a page", nil, "silver", []string{"claims", essential, "prompt", "none"}, false, "", "login_required", ""},
		{"essential, not to be had", []string{"silver"}, "silver", []string{"claims", essential}, false, "", "unmet_authentication_requirements", ""},
		{"essential, any", nil, "", []string{"claims", `{"id_token":{"acr":{"essential":true}}}`}, false, "", "", ""},
	} {
		t.Run(row.clause, func(t *testing.T) {
			o := newOwnPage(t, func(c *provider.Config) {
				c.ACRValues, c.Clients, c.TrustedClients = row.supported, append(c.Clients, login), []string{"web", "default"}
			})
			o.signIn(o.sealed(), row.session)
			a := o.browse(http.MethodGet, "/authorize?"+request(row.with...).Encode(), nil)
			raw, toLogin := strings.CutPrefix(a.location, "/app/signin?theme=dark&request=")
			if toLogin != row.login {
				t.Fatalf("%d %q", a.status, a.location)
			}
			if row.login {
				sealed, err := url.QueryUnescape(raw)
				if err != nil {
					t.Fatal(err)
				}
				lr, err := o.op.Provider.LoginRequest(o.newRequest(http.MethodGet, "/app/signin?request="+raw, nil))
				if err != nil || !slices.Contains(lr.ACRValues, "gold") || lr.EssentialACR != strings.Contains(row.clause, "essential") {
					t.Errorf("%+v %v", lr, err)
				}
				a = o.signIn(sealed, row.signed)
			}
			q, _ := a.sent(t)
			if q.Get("error") != row.want {
				t.Fatalf("%v", q)
			}
			if row.want != "" {
				return
			}
			res := o.token(o.as(request(row.with...).Get("client_id"), codeForm(q.Get("code"))))
			if acr, _ := claims(t, res.ID)["acr"].(string); acr != row.acr {
				t.Errorf("acr %q", acr)
			}
		})
	}
}

// publicTwin is webClient without a secret, with changes.
func publicTwin(id string, change func(*oidckit.ClientMetadata)) oidckit.ClientMetadata {
	m := webClient
	m.ClientID, m.ClientSecret, m.TokenEndpointAuthMethod = id, "", "none"
	m.GrantTypes = []string{"authorization_code", "refresh_token"}
	change(&m)
	return m
}
