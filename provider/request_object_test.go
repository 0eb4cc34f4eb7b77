package provider_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// objects is an issuer that takes request objects, and a client with a key.
type objects struct {
	*fixture
	key  clientKey
	site *site
}

func newObjects(t *testing.T, feature provider.RequestObjects, change func(*oidckit.ClientMetadata)) *objects {
	t.Helper()
	o := &objects{key: newClientKey(t, "ES256", "1"), site: newSite(t)}
	client := webClient
	client.JWKS = keySet(t, o.key)
	client.RequestURIs = []string{o.site.URL + "/good#hash-of-another-time", o.site.URL + "/moved"}
	if change != nil {
		change(&client)
	}
	o.fixture = newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{client, publicClient}, Configure: func(c *provider.Config) {
		c.RequestObjects = &feature
		c.Outbound.AllowLoopback = true
		c.Outbound.RootCAs = x509.NewCertPool()
		c.Outbound.RootCAs.AddCert(o.site.Certificate())
	}})
	return o
}

// claims are a whole request, as an object has it.
func (o *objects) claims(changes ...any) map[string]any {
	c := map[string]any{"iss": "web", "aud": o.base, "exp": time.Now().Add(time.Minute).Unix()}
	for name, values := range request() {
		c[name] = values[0]
	}
	return with(c, changes...)
}

// send asks with an object and the parameters that stand beside it.
func (o *objects) send(object string, beside ...string) answer {
	o.t.Helper()
	q := change(url.Values{"client_id": {"web"}, "response_type": {"code"}, "scope": {"openid"}, "request": {object}}, beside...)
	return o.browse(http.MethodGet, "/authorize?"+q.Encode(), nil)
}

// accepted walks a request to its end.
func (o *objects) accepted(name, query string) url.Values {
	o.t.Helper()
	callback, err := o.browser.Authorize(o.base + "/authorize?" + query)
	if err != nil {
		o.t.Errorf("%s: %v", name, err)
		return nil
	}
	if callback.Query().Get("code") == "" {
		o.t.Errorf("%s: %s", name, callback)
	}
	return callback.Query()
}

// RFC 9101 §6.3, OpenID Connect Core 1.0 §6.1: the object is the request.
func TestRequestObjectIsTheRequest(t *testing.T) {
	o := newObjects(t, provider.RequestObjects{}, nil)
	object := o.key.sign(t, "oauth-authz-req+jwt", o.claims("state", "inside", "nonce", "nonce inside", "scope", "openid email", "max_age", 10000))
	q := o.accepted("everything outside too", change(request(), "request", object, "state", "outside", "nonce", "outside",
		"scope", "openid profile offline_access", "redirect_uri", "https://evil.example/cb", "prompt", "none").Encode())
	if q.Get("state") != "inside" {
		t.Errorf("state %q", q.Get("state"))
	}
	res := o.token(codeForm(q.Get("code")))
	if id := claims(t, res.ID); id["nonce"] != "nonce inside" || res.Scope != "openid email" || res.Refresh != "" {
		t.Errorf("%v %q", id, res.Scope)
	}
	q = o.accepted("client_id alone outside", url.Values{"client_id": {"web"}, "request": {o.key.sign(t, "", o.claims("state", nil))}, "state": {"outside"}}.Encode())
	if q.Has("state") {
		t.Errorf("a state that nobody has signed came back: %q", q.Get("state"))
	}
	// OpenID Connect Core 1.0 §6.1: response_type is outside in any case
	o.accepted("response_type outside alone", url.Values{
		"client_id": {"web"}, "response_type": {"code"}, "request": {o.key.sign(t, "JWT", o.claims("response_type", nil))},
	}.Encode())
	o.accepted("aud is a list", url.Values{"client_id": {"web"}, "request": {o.key.sign(t, "", o.claims("aud", []string{"https://other.example", o.base}))}}.Encode())
	o.accepted("without iss, aud and exp", url.Values{"client_id": {"web"}, "request": {o.key.sign(t, "", o.claims("iss", nil, "aud", nil, "exp", nil))}}.Encode())
	o.accepted("a claims parameter", url.Values{"client_id": {"web"}, "request": {o.key.sign(t, "", o.claims(
		"claims", map[string]any{"userinfo": map[string]any{"name": nil}}))}}.Encode())
	// A POST is the same request.
	a := o.browse(http.MethodPost, "/authorize", url.Values{"client_id": {"web"}, "request": {o.key.sign(t, "", o.claims("state", "posted"))}})
	if !strings.Contains(a.location, "state=posted") {
		t.Errorf("POST: %d %q", a.status, a.location)
	}
}

// ATK-199, RFC 9101 §6, §10: what is no request object, and where that is told.
func TestATK199BadRequestObjects(t *testing.T) {
	o := newObjects(t, provider.RequestObjects{}, nil)
	stranger := newClientKey(t, "ES256", "1")
	sign := func(changes ...any) string { return o.key.sign(t, "", o.claims(changes...)) }
	for name, object := range map[string]string{
		"no signature":                 unsigned(t, o.claims()),
		"another's key":                stranger.sign(t, "", o.claims()),
		"an unknown kid":               clientKey{"ES256", "2", o.key.key}.sign(t, "", o.claims()),
		"HMAC under the client secret": signHS256(t, "web-secret", o.claims()),
		"client_id of another":         sign("client_id", "spa"),
		"response_type differs":        sign("response_type", "id_token"),
		"a nested request":             sign("request", sign()),
		"a nested request_uri":         sign("request_uri", o.site.URL+"/good"),
		"iss of another":               sign("iss", "spa"),
		"aud of another":               sign("aud", "https://other.example"),
		"expired":                      sign("exp", time.Now().Add(-2*time.Minute).Unix()),
		"from the future":              sign("nbf", time.Now().Add(2*time.Minute).Unix()),
		"a client assertion":           o.key.sign(t, "JWT", assertion("web", o.base)),
		"of another kind":              o.key.sign(t, "at+jwt", o.claims()),
		"a parameter twice":            sign("scope", []string{"openid", "email"}),
		"null":                         sign("state", []any{nil}),
		"no JWT":                       "x",
		"four parts":                   sign() + ".x",
		"only dots":                    "..",
	} {
		a := o.send(object, "redirect_uri", redirectURI, "state", "outside")
		u, err := url.Parse(a.location)
		if err != nil || a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, redirectURI+"?") {
			t.Errorf("%s: %d %q", name, a.status, a.location)
			continue
		}
		if q := u.Query(); q.Get("error") != "invalid_request_object" || q.Get("state") != "outside" || q.Get("iss") != o.base {
			t.Errorf("%s: %v", name, q)
		}
		// RFC 6749 §4.1.2.1: without a proven address there is a page
		for _, beside := range [][]string{nil, {"redirect_uri", "https://evil.example/cb"}} {
			if a := o.send(object, beside...); a.status != http.StatusBadRequest || a.location != "" {
				t.Errorf("%s: %v: %d %q", name, beside, a.status, a.location)
			}
		}
	}
	for name, object := range map[string]string{
		"no redirect_uri":      sign("redirect_uri", nil),
		"a bad redirect_uri":   sign("redirect_uri", "https://evil.example/cb"),
		"a nearby one":         sign("redirect_uri", redirectURI+"/"),
		"a state of 5000 byte": sign("state", strings.Repeat("x", 5000)),
	} {
		if a := o.send(object, "redirect_uri", redirectURI); a.status != http.StatusBadRequest || a.location != "" {
			t.Errorf("%s: %d %q", name, a.status, a.location)
		}
	}
	for name, q := range map[string]url.Values{
		"twice": {"request": {sign(), sign()}}, "both kinds": {"request": {sign()}, "request_uri": {o.site.URL + "/good"}},
	} {
		q["client_id"], q["redirect_uri"] = []string{"web"}, []string{redirectURI}
		if a := o.browse(http.MethodGet, "/authorize?"+q.Encode(), nil); !strings.Contains(a.location, "error=invalid_request&") {
			t.Errorf("%s: %d %q", name, a.status, a.location)
		}
	}
}

// OpenID Connect Core 1.0 §6.1: the algorithm is the registered one.
func TestRequestObjectAlgorithm(t *testing.T) {
	pinned := newObjects(t, provider.RequestObjects{AllowUnsigned: true}, func(m *oidckit.ClientMetadata) { m.RequestObjectSigningAlg = "PS256" })
	if a := pinned.send(pinned.key.sign(t, "", pinned.claims()), "redirect_uri", redirectURI); !strings.Contains(a.location, "invalid_request_object") {
		t.Errorf("another algorithm: %q", a.location)
	}
	if a := pinned.send(unsigned(t, pinned.claims()), "redirect_uri", redirectURI); !strings.Contains(a.location, "invalid_request_object") {
		t.Errorf("no signature: %q", a.location)
	}
	const long = "a-client-secret-of-32-bytes-or-more"
	shared := newObjects(t, provider.RequestObjects{}, func(m *oidckit.ClientMetadata) {
		m.ClientSecret, m.RequestObjectSigningAlg = long, "HS256"
	})
	shared.accepted("HS256", url.Values{"client_id": {"web"}, "request": {signHS256(t, long, shared.claims())}}.Encode())
	if a := shared.send(signHS256(t, long+"x", shared.claims()), "redirect_uri", redirectURI); !strings.Contains(a.location, "invalid_request_object") {
		t.Errorf("another secret: %q", a.location)
	}
	open := newObjects(t, provider.RequestObjects{AllowUnsigned: true}, func(m *oidckit.ClientMetadata) { m.RequestObjectSigningAlg = "none" })
	open.accepted("none", url.Values{"client_id": {"web"}, "request": {unsigned(t, open.claims("iss", nil, "aud", nil))}}.Encode())
	if a := open.send(open.key.sign(t, "", open.claims()), "redirect_uri", redirectURI); !strings.Contains(a.location, "invalid_request_object") {
		t.Errorf("signed, where none is registered: %q", a.location)
	}
	c := goodConfig(t)
	c.RequestObjects = &provider.RequestObjects{}
	c.Clients[0].RequestObjectSigningAlg = "none"
	if _, err := provider.New(c); err == nil || !strings.Contains(err.Error(), "request_object_signing_alg") {
		t.Errorf("none without AllowUnsigned: %v", err)
	}
}

// ATK-198, RFC 9101 §5.2, §10.4: by reference, from registered addresses only.
func TestATK198RequestURI(t *testing.T) {
	o := newObjects(t, provider.RequestObjects{}, nil)
	refused := func(uri, code string) {
		t.Helper()
		a := o.send("", "request", "", "request_uri", uri, "redirect_uri", redirectURI)
		if !strings.HasPrefix(a.location, redirectURI+"?") || !strings.Contains(a.location, "error="+code+"&") {
			t.Errorf("%s: %d %q", uri, a.status, a.location)
		}
	}
	for _, uri := range []string{
		"http://169.254.169.254/", "https://internal/", "file:///etc/passwd", "urn:ietf:params:oauth:request_uri:x", "x",
		o.site.URL + "/other", o.site.URL + "/good/", o.site.URL + "/good?x=1", strings.Replace(o.site.URL, "127.0.0.1", "localhost", 1) + "/good",
	} {
		refused(uri, "invalid_request_uri")
	}
	if n := o.site.hits.Load(); n != 0 {
		t.Errorf("%d addresses were called that are not registered", n)
	}
	refused(o.site.URL+"/good", "invalid_request_uri")
	o.site.publish("/elsewhere", o.key.sign(t, "", o.claims()))
	o.site.publish("/moved", "->/elsewhere")
	refused(o.site.URL+"/moved", "invalid_request_uri")
	o.site.publish("/good", strings.Repeat("x", 64<<10))
	refused(o.site.URL+"/good", "invalid_request_uri")
	o.site.publish("/good", "x")
	refused(o.site.URL+"/good", "invalid_request_object")
	for i, fragment := range []string{"", "#hash-of-another-time", "#hash-of-this-time"} {
		o.site.publish("/good", o.key.sign(t, "", o.claims("state", fmt.Sprint(i))))
		q := o.accepted(fragment, url.Values{"client_id": {"web"}, "response_type": {"code"}, "scope": {"openid"}, "request_uri": {o.site.URL + "/good" + fragment}}.Encode())
		if q.Get("state") != fmt.Sprint(i) {
			t.Errorf("state %q: an older object was used", q.Get("state"))
		}
	}
}

// What is registered leads no further than Outbound allows.
func TestRequestURIIsGuarded(t *testing.T) {
	o := newObjects(t, provider.RequestObjects{}, nil)
	c := o.watch.config
	c.Outbound.AllowLoopback = false
	o.client.Transport = newProvider(t, c).LocalTransport(nil)
	g := o.sub(t)
	q := url.Values{"client_id": {"web"}, "redirect_uri": {redirectURI}, "request_uri": {o.site.URL + "/good"}}
	if a := g.browse(http.MethodGet, "/authorize?"+q.Encode(), nil); !strings.Contains(a.location, "error=invalid_request_uri&") {
		t.Errorf("%d %q", a.status, a.location)
	}
	if n := o.site.hits.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// OpenID Connect Core 1.0 §6.1 merges; RFC 9101 §6.3 does not, and is what
// counts unless the issuer says otherwise.
func TestParametersOutsideOfARequestObject(t *testing.T) {
	merging := newObjects(t, provider.RequestObjects{AllowParametersOutside: true}, nil)
	bare := map[string]any{"iss": "web", "aud": merging.base, "client_id": "web", "nonce": "inside", "scope": "openid email"}
	q := merging.accepted("merged", change(request(), "request", merging.key.sign(t, "", bare), "nonce", "outside").Encode())
	if res := merging.token(codeForm(q.Get("code"))); claims(t, res.ID)["nonce"] != "inside" || res.Scope != "openid email" {
		t.Errorf("%+v", res)
	}
	if q.Get("state") != "the state" {
		t.Errorf("state %q", q.Get("state"))
	}
	strict := newObjects(t, provider.RequestObjects{}, nil)
	if a := strict.send(strict.key.sign(t, "", with(bare, "aud", strict.base)), "redirect_uri", redirectURI); a.status != http.StatusBadRequest {
		t.Errorf("strict: %d %q", a.status, a.location)
	}
}

// Without the feature: the proper errors, no metadata, no call.
func TestRequestObjectsAreOffByDefault(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	for name, code := range map[string]string{"request": "request_not_supported", "request_uri": "request_uri_not_supported"} {
		if q := f.authorize(name, "https://app.example/x"); q.Get("error") != code {
			t.Errorf("%s: %v", name, q)
		}
	}
}

func TestRequestObjectMetadata(t *testing.T) {
	o := newObjects(t, provider.RequestObjects{}, nil)
	_, doc, _ := o.get("/.well-known/openid-configuration", "")
	if doc["request_parameter_supported"] != true || doc["request_uri_parameter_supported"] != true || doc["require_request_uri_registration"] != true {
		t.Errorf("%v", doc)
	}
	algs := fmt.Sprint(doc["request_object_signing_alg_values_supported"])
	if !strings.Contains(algs, "RS256") || strings.Contains(algs, "none") {
		t.Errorf("%s", algs)
	}
}
