package provider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// where says with which response types a module runs: with all where it is
// empty.
type where string

const (
	// withCode is where the client comes to the token endpoint.
	withCode where = "code"
	// withAccess is where there is an access token.
	withAccess where = "access"
	// behindCode is where no ID token passes the browser.
	behindCode where = "behind"
)

func (w where) has(responseType string) bool {
	parts := strings.Fields(responseType)
	switch w {
	case withCode:
		return slices.Contains(parts, "code")
	case withAccess:
		return responseType != "id_token"
	case behindCode:
		return !slices.Contains(parts, "id_token")
	}
	return true
}

// dynamicModule is one of the plan. Either it registers the metadata and runs,
// or it is refused the changes to it, or it has a clock of its own.
type dynamicModule struct {
	name     string
	where    where
	metadata func(*dynamic) map[string]any
	run      func(*dynamic)
	refused  func(*dynamic) (code string, changes []any)
	timed    func(*dynamic)
}

func (m dynamicModule) start(t *testing.T, d *dynamic, responseType string) {
	switch {
	case m.timed != nil:
		t.Run("oidcc-"+m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { m.timed(newTimedDynamic(t, responseType)) })
		})
	case m.refused != nil:
		code, changes := m.refused(d)
		d.refusedModule(t, m.name, code, changes...)
	default:
		d.module(t, m.name, responseType, m.metadata, m.run)
	}
}

// registers is the metadata of the suite with changes.
func registers(changes ...any) func(*dynamic) map[string]any {
	return func(d *dynamic) map[string]any { return d.metadata(changes...) }
}

func refuses(code string, changes ...any) func(*dynamic) (string, []any) {
	return func(*dynamic) (string, []any) { return code, changes }
}

func registersObject(alg string) func(*dynamic) map[string]any {
	return func(d *dynamic) map[string]any {
		return d.metadata("request_uris", []string{d.site.URL + "/request.jwt#hash"}, "request_object_signing_alg", alg)
	}
}

// The sign-in page is what the suite's operator sees first.
func showsOnSignIn(text string) func(*dynamic) {
	return func(d *dynamic) {
		if a := d.follow(d.browse(http.MethodGet, "/authorize?"+d.query().Encode(), nil)); !strings.Contains(a.body, text) {
			d.t.Errorf("%s is not on the login page: %s", text, a.body)
		}
	}
}

var dynamicModules = []dynamicModule{
	{name: "idtoken-unsigned", where: behindCode, refused: refuses("invalid_client_metadata", "id_token_signed_response_alg", "none")},
	{name: "server", run: func(d *dynamic) {
		if h := d.happy(); h.access != "" {
			d.info(h)
		}
	}},
	{name: "ensure-request-object-with-redirect-uri", metadata: registersObject("none"), run: objectWithRedirectURI},
	{name: "refresh-token", where: withCode, timed: func(d *dynamic) {
		other := d.another()
		d.refreshes(other.happy(offline...).tokens.Refresh)
	}},
	{name: "idtoken-rs256", metadata: registers("id_token_signed_response_alg", "RS256"), run: func(d *dynamic) { d.happy() }},
	{name: "userinfo-rs256", where: withAccess, metadata: registers("userinfo_signed_response_alg", "RS256"), run: signedUserinfo},
	{name: "ensure-redirect-uri-in-authorization-request",
		metadata: registers("redirect_uris", []string{suiteCallback, "https://example.org/redirect"}),
		run:      func(d *dynamic) { d.page("redirect_uri", "") }},
	{name: "redirect-uri-query-OK", metadata: registers("redirect_uris", []string{suiteCallback + "?foo=bar"}), run: redirectURIWithQuery},
	{name: "redirect-uri-query-mismatch", metadata: registers("redirect_uris", []string{suiteCallback + "?foo=bar"}),
		run: func(d *dynamic) { d.page("redirect_uri", suiteCallback+"?foo=baz") }},
	{name: "redirect-uri-query-added", run: func(d *dynamic) { d.page("redirect_uri", suiteCallback+"?foo=bar") }},
	{name: "redirect-uri-regfrag", refused: refuses("invalid_redirect_uri", "redirect_uris", []string{suiteCallback + "#foobar"})},
	{name: "discovery-endpoint-verification", run: dynamicDiscovery},
	{name: "registration-logo-uri", metadata: registers("logo_uri", "https://suite.example/logo"), run: showsOnSignIn(` src="https://suite.example/logo"`)},
	{name: "registration-policy-uri", metadata: registers("policy_uri", "https://suite.example/policy"), run: showsOnSignIn(` href="https://suite.example/policy"`)},
	{name: "registration-tos-uri", metadata: registers("tos_uri", "https://suite.example/tos"), run: showsOnSignIn(` href="https://suite.example/tos"`)},
	{name: "registration-jwks-uri", metadata: byJWKSURI, run: func(d *dynamic) { d.happy() }},
	{name: "registration-sector-uri", metadata: inSector, run: func(d *dynamic) {
		if sub, _ := d.happy().id["sub"].(string); sub == everything["sub"] || len(sub) != 43 {
			d.t.Errorf("sub %q", sub)
		}
	}},
	{name: "registration-sector-bad", refused: func(d *dynamic) (string, []any) {
		return "invalid_client_metadata", []any{"redirect_uris", []string{"https://unlisted.example/cb"}, "subject_type", "pairwise",
			"sector_identifier_uri", d.site.URL + "/sector.json"}
	}},
	{name: "server-rotate-keys", timed: serverRotatesKeys},
	{name: "refresh-token-rp-key-rotation", where: withCode, metadata: byJWKSURI, run: keyRotation},
	{name: "request-uri-unsigned", metadata: registersObject("none"), run: requestByReference},
	{name: "request-uri-signed-rs256", metadata: registersObject("RS256"), run: requestByReference},
	{name: "ensure-client-assertion-with-iss-aud-succeeds", where: withCode, run: func(d *dynamic) {
		d.post = func(form url.Values) tokenResponse { return d.token(form, d.base) }
		d.happy()
	}},
}

func inSector(d *dynamic) map[string]any {
	d.site.mu.Lock()
	d.site.sector = []string{suiteCallback, "https://example.org/redirect"}
	d.site.mu.Unlock()
	return d.metadata("subject_type", "pairwise", "sector_identifier_uri", d.site.URL+"/sector.json")
}

// another is another client at the same issuer.
func (d *dynamic) another() *dynamic {
	other := &dynamic{suite: d.run(d.t, d.responseType, "")}
	other.browser.Username = d.browser.Username
	other.enrol(other.metadata())
	return other
}

// The query that was registered stays, and the answer comes behind it.
func redirectURIWithQuery(d *dynamic) {
	callback, err := d.browser.Authorize(d.base + "/authorize?" + d.query("redirect_uri", suiteCallback+"?foo=bar").Encode())
	if err != nil {
		d.t.Fatal(err)
	}
	separator := "#"
	if d.responseType == "code" {
		separator = "&"
	}
	raw, ok := strings.CutPrefix(callback.String(), suiteCallback+"?foo=bar"+separator)
	got, err := url.ParseQuery(raw)
	if !ok || err != nil || got.Get("state") != "the-state" || got.Get("code")+got.Get("id_token") == "" {
		d.t.Errorf("%v %v", callback, err)
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
	h := d.happy(offline...)
	if h.tokens.Refresh == "" {
		d.t.Fatalf("no refresh token: %+v", h.tokens)
	}
	d.site.publish(d.useKey("client-2"))
	if again := d.post(refreshForm(h.tokens.Refresh)); again.status != http.StatusOK || again.Refresh == "" {
		d.t.Errorf("%+v", again)
	}
}

// object is a request as an object, signed as the client has registered.
func (d *dynamic) object(q url.Values) string {
	d.t.Helper()
	object := map[string]any{"iss": d.clientID, "aud": d.base}
	for name := range q {
		object[name] = q.Get(name)
	}
	payload := jsonText(d.t, object)
	if d.c.text("request_object_signing_alg") != "RS256" {
		return encode(`{"alg":"none"}`) + "." + encode(payload) + "."
	}
	signer, err := jose.NewSigner("RS256", d.kid, d.key)
	if err != nil {
		d.t.Fatal(err)
	}
	token, err := signer.Sign("", []byte(payload))
	if err != nil {
		d.t.Fatal(err)
	}
	return token
}

// requestByReference sends a request whose state and nonce are in the object
// alone.
func requestByReference(d *dynamic) {
	inner := d.query("state", "inner-state", "nonce", "inner-nonce")
	token := d.object(inner)
	d.site.mu.Lock()
	d.site.object = token
	d.site.mu.Unlock()
	d.check(d.open(d.query("state", "", "nonce", "", "request_uri", d.site.URL+"/request.jwt#hash").Encode()), inner)
}

// The address outside is not registered; the one inside counts.
func objectWithRedirectURI(d *dynamic) {
	inner := d.query("state", "inner-state", "nonce", "inner-nonce")
	outer := d.query("redirect_uri", "https://suite.example/other", "state", "", "nonce", "", "request", d.object(inner))
	d.check(d.open(outer.Encode()), inner)
}

func signedUserinfo(d *dynamic) {
	h := d.happy("scope", "openid profile")
	a := d.userinfo(h.access)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/jwt" {
		d.t.Fatalf("%d %v", a.status, a.header)
	}
	d.verify(a.body, "RS256")
	c := claims(d.t, a.body)
	if _, nonce := c["nonce"]; nonce || c["iss"] != d.base || c["aud"] != d.clientID || c["sub"] != h.id["sub"] || c["name"] == nil {
		d.t.Errorf("%v", c)
	}
}

// The rotation is another replica's, of a command for operators say: the
// issuer has been idle since, and the first who asks for its keys sees the new
// one, long before it signs.
func serverRotatesKeys(d *dynamic) {
	old := d.signedBy()
	if err := d.replica(d.t, nil).op.Provider.RotateKeys(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	time.Sleep(time.Minute)
	before := len(d.public)
	d.readKeys()
	if len(d.public) != before+1 {
		d.t.Fatalf("%d keys, then %d", before, len(d.public))
	}
	if d.signedBy() != old {
		d.t.Error("the new key signs before it can be known")
	}
	time.Sleep(time.Hour)
	d.readKeys()
	if d.signedBy() == old || !slices.ContainsFunc(d.public, func(k jose.JWK) bool { return k.KeyID == old }) {
		d.t.Error("the new key does not sign, or the old one is not published")
	}
}

// signedBy is the kid of a new ID token.
func (d *dynamic) signedBy() string {
	d.t.Helper()
	h := d.happy()
	if h.tokens.ID == "" {
		return d.kidOf(h.front.Get("id_token"))
	}
	return d.kidOf(h.tokens.ID)
}

func (d *dynamic) kidOf(token string) string { return part(d.t, token, 0)["kid"].(string) }

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
