package provider_test

import (
	"crypto"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// dynamic is the client of a run of the dynamic plan: it registers itself and
// authenticates by private_key_jwt.
type dynamic struct {
	*suite
	site *clientSite
	c    registered
	kid  string
	key  crypto.Signer
}

// clientSite is what the client publishes: its keys, and whom it shares its
// sector with.
type clientSite struct {
	*httptest.Server
	mu     sync.Mutex
	keys   []byte
	sector []string
	// object is the request object at /request.jwt.
	object string
}

func (s *clientSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	body := s.keys
	if r.URL.Path == "/request.jwt" {
		w.Header().Set("Content-Type", "application/jwt")
		body = []byte(s.object)
	}
	if r.URL.Path == "/sector.json" {
		var err error
		if body, err = json.Marshal(s.sector); err != nil {
			panic(err)
		}
	}
	_, _ = w.Write(body)
}

func (s *clientSite) publish(keys []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

func newDynamicSuite(t *testing.T) *dynamic {
	t.Helper()
	site := &clientSite{}
	site.Server = httptest.NewTLSServer(site)
	t.Cleanup(site.Close)
	f := newFixture(t, oidctest.Config{
		TLS: true, Users: []provider.Account{{Username: "zoe", PasswordHash: aliceHash, Claims: everything}},
		Configure: func(c *provider.Config) {
			suiteIssuer(c)
			c.Registration = &provider.Registration{AllowAnonymous: true}
			c.Pairwise = &provider.Pairwise{Salt: []byte(strings.Repeat("salt", 8))}
			c.RequestObjects = &provider.RequestObjects{AllowUnsigned: true, AllowParametersOutside: true}
			c.Outbound = provider.Outbound{AllowLoopback: true, RootCAs: pool(site.Server)}
		},
	})
	return &dynamic{suite: &suite{fixture: f}, site: site}
}

func (d *dynamic) newKey(kid string) json.RawMessage {
	d.t.Helper()
	var err error
	if d.key, err = jose.GenerateKey("RS256"); err != nil {
		d.t.Fatal(err)
	}
	d.kid = kid
	set, err := jose.MarshalJWKS([]jose.JWK{{KeyID: kid, Algorithm: "RS256", Key: d.key.Public()}})
	if err != nil {
		d.t.Fatal(err)
	}
	return set
}

// metadata is what the suite registers, with changes.
func (d *dynamic) metadata(changes ...any) map[string]any {
	m := appMetadata("redirect_uris", []string{suiteCallback}, "response_types", allResponseTypes,
		"grant_types", []string{"authorization_code", "implicit", "refresh_token"}, "contacts", []string{"certification@oidf.org"},
		"token_endpoint_auth_method", "private_key_jwt", "jwks", d.newKey("client-1"))
	for i := 0; i+1 < len(changes); i += 2 {
		if m[changes[i].(string)] = changes[i+1]; changes[i+1] == nil {
			delete(m, changes[i].(string))
		}
	}
	return m
}

// module runs one module as a new person, with a client of its own that is
// deleted in the end.
func (d *dynamic) module(t *testing.T, name, responseType string, metadata func(*dynamic) map[string]any, run func(*dynamic)) {
	t.Run("oidcc-"+name, func(t *testing.T) {
		m := &dynamic{suite: d.run(t, responseType, ""), site: d.site}
		if metadata == nil {
			metadata = func(d *dynamic) map[string]any { return d.metadata() }
		}
		m.c = m.register(metadata(m))
		run(m)
		if r := m.manage(http.MethodDelete, m.c.text("registration_client_uri"), m.c.text("registration_access_token"), ""); r.status != http.StatusNoContent {
			t.Errorf("clean-up: %d %v", r.status, r.doc)
		}
	})
}

func (d *dynamic) assertion(audience string) string {
	d.t.Helper()
	signer, err := jose.NewSigner("RS256", d.kid, d.key)
	if err != nil {
		d.t.Fatal(err)
	}
	now, id := time.Now().Unix(), d.c.text("client_id")
	token, err := signer.Sign("JWT", []byte(jsonText(d.t, map[string]any{
		"iss": id, "sub": id, "aud": audience, "jti": challengeOf(d.kid + time.Now().String()), "iat": now, "exp": now + 60,
	})))
	if err != nil {
		d.t.Fatal(err)
	}
	return token
}

func (d *dynamic) request(changes ...string) url.Values {
	return d.query(append([]string{"client_id", d.c.text("client_id")}, changes...)...)
}

func (d *dynamic) token(form url.Values, audience string) tokenResponse {
	d.t.Helper()
	return d.do(d.newRequest(http.MethodPost, "/token", change(form,
		"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", d.assertion(audience))))
}

// happy signs in and redeems what there is to redeem.
func (d *dynamic) happy(changes ...string) tokenResponse {
	d.t.Helper()
	q := d.request(changes...)
	front := d.open(q.Encode())
	res := tokenResponse{ID: front.Get("id_token"), Access: front.Get("access_token")}
	if d.has("code") {
		res = d.token(url.Values{"grant_type": {"authorization_code"}, "code": {front.Get("code")}, "redirect_uri": {q.Get("redirect_uri")}}, d.base+"/token")
		if res.status != http.StatusOK || res.ID == "" {
			d.t.Fatalf("%+v", res)
		}
	}
	if front.Get("state") != q.Get("state") || front.Get("iss") != d.base {
		d.t.Errorf("%v", front)
	}
	if c := d.idToken(res.ID, q, "", res.Access); c["sub"] == "" {
		d.t.Errorf("%v", c)
	}
	return res
}

// page asks for what must end on a page of the issuer.
func (d *dynamic) page(changes ...string) answer {
	d.t.Helper()
	a := d.browse(http.MethodGet, "/authorize?"+d.request(changes...).Encode(), nil)
	if a.location != "" || a.status != http.StatusBadRequest || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		d.t.Errorf("%d %q", a.status, a.location)
	}
	return a
}

// oidcc-dynamic-certification-test-plan: what registration makes possible.
func TestConformanceDynamicPlan(t *testing.T) {
	d := newDynamicSuite(t)
	for _, responseType := range allResponseTypes {
		d.module(t, "server "+responseType, responseType, nil, func(d *dynamic) { d.plain() })
	}
	d.module(t, "idtoken-rs256", "code", func(d *dynamic) map[string]any { return d.metadata("id_token_signed_response_alg", "RS256") }, func(d *dynamic) {
		if part(d.t, d.happy().ID, 0)["alg"] != "RS256" {
			d.t.Error("alg")
		}
	})
	d.module(t, "userinfo-rs256", "code", func(d *dynamic) map[string]any { return d.metadata("userinfo_signed_response_alg", "RS256") }, signedUserinfo)
	two := func(d *dynamic) map[string]any {
		return d.metadata("redirect_uris", []string{suiteCallback, "https://example.org/redirect"})
	}
	d.module(t, "ensure-redirect-uri-in-authorization-request", "code", two, func(d *dynamic) { d.page("redirect_uri", "") })
	withQuery := func(d *dynamic) map[string]any {
		return d.metadata("redirect_uris", []string{suiteCallback + "?foo=bar"})
	}
	d.module(t, "redirect-uri-query-OK", "code", withQuery, func(d *dynamic) {
		callback, err := d.browser.Authorize(d.base + "/authorize?" + d.request("redirect_uri", suiteCallback+"?foo=bar").Encode())
		if err != nil || !strings.HasPrefix(callback.String(), suiteCallback+"?foo=bar&") || callback.Query().Get("code") == "" {
			d.t.Errorf("%v %v", callback, err)
		}
	})
	d.module(t, "redirect-uri-query-mismatch", "code", withQuery, func(d *dynamic) { d.page("redirect_uri", suiteCallback+"?foo=baz") })
	d.module(t, "redirect-uri-query-added", "code", nil, func(d *dynamic) { d.page("redirect_uri", suiteCallback+"?foo=bar") })
	d.refusedModule(t, "redirect-uri-regfrag", "invalid_redirect_uri", "redirect_uris", []string{suiteCallback + "#foobar"})
	d.module(t, "discovery-endpoint-verification", "code", nil, dynamicDiscovery)
	d.module(t, "registration-jwks-uri", "code", byJWKSURI, func(d *dynamic) { d.happy() })
	d.module(t, "refresh-token-rp-key-rotation", "code", byJWKSURI, keyRotation)
	d.module(t, "server-rotate-keys", "code", nil, serverRotatesKeys)
	d.module(t, "ensure-client-assertion-with-iss-aud-succeeds", "code", nil, func(d *dynamic) {
		front := d.open(d.request().Encode())
		res := d.token(url.Values{"grant_type": {"authorization_code"}, "code": {front.Get("code")}, "redirect_uri": {suiteCallback}}, d.base)
		if res.status != http.StatusOK {
			d.t.Errorf("%+v", res)
		}
	})
	sector := func(d *dynamic) map[string]any {
		d.site.sector = []string{suiteCallback, "https://example.org/redirect"}
		return d.metadata("subject_type", "pairwise", "sector_identifier_uri", d.site.URL+"/sector.json")
	}
	d.module(t, "registration-sector-uri", "code", sector, func(d *dynamic) {
		if sub := claims(d.t, d.happy().ID)["sub"]; sub == everything["sub"] || len(sub.(string)) != 43 {
			d.t.Errorf("sub %v", sub)
		}
	})
	d.refusedModule(t, "registration-sector-bad", "invalid_client_metadata",
		"redirect_uris", []string{"https://unlisted.example/cb"}, "subject_type", "pairwise", "sector_identifier_uri", d.site.URL+"/sector.json")
	byReference := func(alg string) func(*dynamic) map[string]any {
		return func(d *dynamic) map[string]any {
			return d.metadata("request_uris", []string{d.site.URL + "/request.jwt#hash"}, "request_object_signing_alg", alg)
		}
	}
	d.module(t, "request-uri-signed-rs256", "code", byReference("RS256"), requestByReference)
	d.module(t, "request-uri-unsigned", "code", byReference("none"), requestByReference)
	for _, name := range []string{"logo", "policy", "tos"} {
		address := "https://suite.example/" + name
		d.module(t, "registration-"+name+"-uri", "code", func(d *dynamic) map[string]any { return d.metadata(name+"_uri", address) }, func(d *dynamic) {
			// The login page is what the suite's operator sees first.
			a := d.follow(d.browse(http.MethodGet, "/authorize?"+d.request().Encode(), nil))
			if !strings.Contains(a.body, `"`+address+`"`) {
				d.t.Errorf("%s_uri is not on the login page: %s", name, a.body)
			}
		})
	}
}

// oidcc-3rdparty-init-login-certification-test-plan.
func TestConformanceThirdPartyInitPlan(t *testing.T) {
	d := newDynamicSuite(t)
	const start = "https://suite.example/start"
	basic := func(d *dynamic) map[string]any {
		return d.metadata("token_endpoint_auth_method", nil, "jwks", nil, "initiate_login_uri", start)
	}
	d.module(t, "3rd_party-init-login", "code", basic, func(d *dynamic) {
		read := d.manage(http.MethodGet, d.c.text("registration_client_uri"), d.c.text("registration_access_token"), "")
		if d.c.text("initiate_login_uri") != start || read.status != http.StatusOK || read.text("initiate_login_uri") != start ||
			read.header.Get("Content-Type") != "application/json" {
			d.t.Errorf("%v, %v", d.c.doc, read.doc)
		}
	})
	d.refusedModule(t, "3rd_party-init-login-nohttps", "invalid_client_metadata", "initiate_login_uri", "http://suite.example/start")
}

// refusedModule registers what must be refused.
func (d *dynamic) refusedModule(t *testing.T, name, code string, changes ...any) {
	t.Run("oidcc-"+name, func(t *testing.T) {
		m := &dynamic{suite: &suite{fixture: d.sub(t)}, site: d.site}
		r := m.manage(http.MethodPost, "", "", jsonText(t, m.metadata(changes...)))
		if r.status != http.StatusBadRequest || r.Error != code || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%d %v", r.status, r.doc)
		}
	})
}

// plain is a sign-in with each response type: those with an ID token have one.
func (d *dynamic) plain() {
	d.t.Helper()
	q := d.request()
	front := d.open(q.Encode())
	for what, parameter := range map[string]string{"code": "code", "id_token": "id_token", "token": "access_token"} {
		if d.has(what) != (front.Get(parameter) != "") {
			d.t.Errorf("%s: %v", parameter, front)
		}
	}
	if d.has("id_token") {
		d.idToken(front.Get("id_token"), q, front.Get("code"), front.Get("access_token"))
	}
}

func byJWKSURI(d *dynamic) map[string]any {
	m := d.metadata()
	d.site.publish(m["jwks"].(json.RawMessage))
	delete(m, "jwks")
	m["jwks_uri"] = d.site.URL + "/jwks"
	return m
}

func keyRotation(d *dynamic) {
	res := d.happy("scope", "openid offline_access", "prompt", "consent")
	if res.Refresh == "" {
		d.t.Fatalf("no refresh token: %+v", res)
	}
	d.site.publish(d.newKey("client-2"))
	if again := d.token(refreshForm(res.Refresh), d.base+"/token"); again.status != http.StatusOK || again.Refresh == "" {
		d.t.Errorf("%+v", again)
	}
}

// requestByReference sends a request whose state and nonce are in the object
// alone.
func requestByReference(d *dynamic) {
	inner := d.request("state", "inner-state", "nonce", "inner-nonce")
	object := map[string]any{"iss": d.c.text("client_id"), "aud": d.base}
	for name := range inner {
		object[name] = inner.Get(name)
	}
	payload := jsonText(d.t, object)
	token := encode(`{"alg":"none"}`) + "." + encode(payload) + "."
	if d.c.text("request_object_signing_alg") == "RS256" {
		signer, err := jose.NewSigner("RS256", d.kid, d.key)
		if err != nil {
			d.t.Fatal(err)
		}
		if token, err = signer.Sign("", []byte(payload)); err != nil {
			d.t.Fatal(err)
		}
	}
	d.site.mu.Lock()
	d.site.object = token
	d.site.mu.Unlock()
	front := d.open(d.request("state", "", "nonce", "", "request_uri", d.site.URL+"/request.jwt#hash").Encode())
	res := d.token(url.Values{"grant_type": {"authorization_code"}, "code": {front.Get("code")}, "redirect_uri": {suiteCallback}}, d.base+"/token")
	if front.Get("state") != "inner-state" || res.status != http.StatusOK || claims(d.t, res.ID)["nonce"] != "inner-nonce" {
		d.t.Errorf("%v, %+v", front, res)
	}
}

func signedUserinfo(d *dynamic) {
	res := d.happy("scope", "openid profile")
	a := d.userinfo(res.Access)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/jwt" {
		d.t.Fatalf("%d %v", a.status, a.header)
	}
	d.verify(a.body, "RS256")
	c := claims(d.t, a.body)
	if _, nonce := c["nonce"]; nonce || c["iss"] != d.base || c["aud"] != d.c.text("client_id") || c["sub"] != claims(d.t, res.ID)["sub"] || c["name"] == nil {
		d.t.Errorf("%v", c)
	}
}

func serverRotatesKeys(d *dynamic) {
	kids := func() []string {
		var out []string
		keys, _, err := jose.ParseJWKS([]byte(d.send(d.client, d.newRequest(http.MethodGet, "/jwks", nil)).body))
		if err != nil {
			d.t.Fatal(err)
		}
		for _, k := range keys {
			if k.Algorithm == "RS256" {
				out = append(out, k.KeyID)
			}
		}
		return out
	}
	before := kids()
	if err := d.op.Provider.RotateKeys(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	after := kids()
	if len(after) != len(before)+1 || !slices.Contains(after, before[0]) {
		d.t.Errorf("%v, then %v", before, after)
	}
	d.happy()
}

func dynamicDiscovery(d *dynamic) {
	_, doc, _ := d.get("/.well-known/openid-configuration", "")
	has := func(name string, want ...string) {
		for _, value := range want {
			if list, _ := doc[name].([]any); !slices.Contains(list, any(value)) {
				d.t.Errorf("%s lacks %s: %v", name, value, doc[name])
			}
		}
	}
	has("response_types_supported", "code", "id_token", "id_token token")
	has("grant_types_supported", "authorization_code", "implicit", "refresh_token")
	has("userinfo_signing_alg_values_supported", "RS256")
	has("id_token_signing_alg_values_supported", "RS256")
	has("token_endpoint_auth_methods_supported", "private_key_jwt")
	has("subject_types_supported", "public", "pairwise")
	has("request_object_signing_alg_values_supported", "RS256")
	if doc["request_uri_parameter_supported"] != true {
		d.t.Error("request_uri is not offered")
	}
	if address, _ := doc["registration_endpoint"].(string); address != d.base+"/register" {
		d.t.Errorf("registration_endpoint %q", address)
	}
}
