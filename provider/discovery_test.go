package provider_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

var update = flag.Bool("update", false, "write the golden documents anew")

// OpenID Connect Discovery 1.0 §3, RFC 8414 §2: the document, byte for byte.
// It changes only together with what the issuer does.
func TestDiscoveryGolden(t *testing.T) {
	checkGolden(t, "testdata/openid-configuration.json", published(t, func(*provider.Config) {}))
}

// What each feature adds to the document, or says in another way.
func TestDiscoveryGoldenFeatures(t *testing.T) {
	members := func(doc []byte) map[string]json.RawMessage {
		m := map[string]json.RawMessage{}
		if err := json.Unmarshal(doc, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	plain := members(published(t, func(*provider.Config) {}))
	for feature, configure := range map[string]func(*provider.Config){
		"hybrid":               func(c *provider.Config) { c.Hybrid = &provider.Hybrid{} },
		"hybrid-access-tokens": func(c *provider.Config) { c.Hybrid = &provider.Hybrid{AllowAccessTokens: true} },
		"implicit":             func(c *provider.Config) { c.Legacy = &provider.Legacy{Implicit: true} },
		"registration":         func(c *provider.Config) { c.Registration = &provider.Registration{AllowAnonymous: true} },
		"pairwise":             func(c *provider.Config) { c.Pairwise = &provider.Pairwise{Salt: bytes.Repeat([]byte("salt"), 8)} },
		"backchannel-logout":   func(c *provider.Config) { c.BackchannelLogout = &provider.BackchannelLogout{} },
		"frontchannel-logout":  func(c *provider.Config) { c.FrontchannelLogout = &provider.FrontchannelLogout{} },
		"session-management":   func(c *provider.Config) { c.SessionManagement = &provider.SessionManagement{} },
		"claims": func(c *provider.Config) {
			c.ACRValues, c.Claims = []string{"silver", "gold"}, map[string][]string{"orders:read": {"customer"}}
		},
	} {
		t.Run(feature, func(t *testing.T) {
			changed := members(published(t, configure))
			for name, value := range plain {
				if bytes.Equal(changed[name], value) {
					delete(changed, name)
				}
			}
			doc, err := json.Marshal(changed)
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, "testdata/openid-configuration-"+feature+".json", doc)
		})
	}
}

// published returns the document of an issuer with a config.
func published(t *testing.T, configure func(*provider.Config)) []byte {
	t.Helper()
	f := newLocalFixture(t, func(c *provider.Config) {
		c.SigningAlgs = nil
		for i := range c.Clients {
			c.Clients[i].IDTokenSignedResponseAlg = ""
		}
		configure(c)
	})
	return []byte(f.send(f.client, f.newRequest(http.MethodGet, "/.well-known/openid-configuration", nil)).body)
}

func checkGolden(t *testing.T, golden string, doc []byte) {
	t.Helper()
	var got bytes.Buffer
	if err := json.Indent(&got, doc, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the document has changed:\n%s", got.Bytes())
	}
}

// Conformance, discovery: what is written is what is there.
func TestDiscoveryTellsTheTruth(t *testing.T) {
	f := newFixture(t, oidctest.Config{TLS: true, Path: "/tenant"})
	_, doc, _ := f.get("/.well-known/openid-configuration", "")
	if doc["issuer"] != f.base {
		t.Errorf("issuer %v", doc["issuer"])
	}
	for name, v := range doc {
		if !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
			continue
		}
		path, ok := strings.CutPrefix(v.(string), f.base)
		if !ok || !strings.HasPrefix(v.(string), "https://") {
			t.Errorf("%s = %v", name, v)
		}
		if a := f.browse(http.MethodGet, path, nil); a.status == http.StatusNotFound {
			t.Errorf("%s is not there", name)
		}
	}
	list := func(name string) []any { l, _ := doc[name].([]any); return l }
	for name, want := range map[string][]any{
		"response_types_supported":              {"code"},
		"subject_types_supported":               {"public"},
		"code_challenge_methods_supported":      {"S256"},
		"grant_types_supported":                 {"authorization_code", "refresh_token", "client_credentials"},
		"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"},
	} {
		if !slices.Equal(list(name), want) {
			t.Errorf("%s = %v", name, doc[name])
		}
	}
	if !slices.Contains(list("id_token_signing_alg_values_supported"), any("RS256")) || slices.Contains(list("id_token_signing_alg_values_supported"), any("none")) {
		t.Errorf("id_token_signing_alg_values_supported = %v", doc["id_token_signing_alg_values_supported"])
	}
	for _, scope := range []any{"openid", "profile", "email", "address", "phone", "offline_access", "orders:read", "stock:read"} {
		if !slices.Contains(list("scopes_supported"), scope) {
			t.Errorf("scopes_supported lacks %v", scope)
		}
	}
	for name, want := range map[string]any{
		"authorization_response_iss_parameter_supported": true, "claims_parameter_supported": true,
		"request_parameter_supported": false, "request_uri_parameter_supported": false,
	} {
		if doc[name] != want {
			t.Errorf("%s = %v", name, doc[name])
		}
	}
	for _, name := range []string{"registration_endpoint", "introspection_endpoint", "revocation_endpoint", "check_session_iframe"} {
		if _, has := doc[name]; has {
			t.Errorf("%s is not there, but told of", name)
		}
	}
}

// ATK-267: the Host header, and what proxies add to it, change nothing.
func TestATK267DiscoveryHost(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	want := f.send(f.client, f.newRequest(http.MethodGet, "/.well-known/openid-configuration", nil)).body
	req := f.newRequest(http.MethodGet, "/.well-known/openid-configuration", nil)
	req.Host = "evil.example"
	for _, h := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-URL", "X-HTTP-Method-Override"} {
		req.Header.Set(h, "evil.example")
	}
	if got := f.send(f.client, req).body; got != want || strings.Contains(got, "evil") {
		t.Errorf("%s", got)
	}
	a := f.browse(http.MethodGet, "/authorize?"+request("prompt", "none").Encode(), nil, "X-Forwarded-Host", "evil.example")
	if strings.Contains(a.location, "evil") {
		t.Errorf("%q", a.location)
	}
}

// RFC 8414 §3.1 and Discovery §4: where the document of an issuer with a path
// is found.
func TestDiscoveryLocations(t *testing.T) {
	f := newFixture(t, oidctest.Config{Path: "/tenant/op"})
	root := strings.TrimSuffix(f.base, "/tenant/op")
	want := f.send(f.client, f.newRequest(http.MethodGet, "/.well-known/openid-configuration", nil)).body
	for _, location := range []string{
		root + "/.well-known/oauth-authorization-server/tenant/op",
		root + "/.well-known/openid-configuration/tenant/op",
		f.base + "/.well-known/oauth-authorization-server",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, location, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a := f.send(f.client, req); a.status != http.StatusOK || a.body != want {
			t.Errorf("%s: %d", location, a.status)
		}
	}
}

// RFC 9110 §9.3.2, §13.1.2 and the Fetch Standard: the public documents can be
// cached, asked for by HEAD, and read by any page.
func TestPublicDocuments(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks"} {
		ask := func(method string, headers ...string) answer {
			req := f.newRequest(method, path, nil)
			for i := 0; i < len(headers); i += 2 {
				req.Header.Set(headers[i], headers[i+1])
			}
			return f.send(f.client, req)
		}
		get := ask(http.MethodGet, "Origin", "https://anywhere.example")
		etag := get.header.Get("ETag")
		if get.status != http.StatusOK || get.header.Get("Content-Type") != "application/json" || len(etag) < 10 ||
			!strings.Contains(get.header.Get("Cache-Control"), "max-age=") || get.header.Get("Access-Control-Allow-Origin") != "*" ||
			get.header.Get("X-Content-Type-Options") != "nosniff" || get.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", path, get.status, get.header)
		}
		head := ask(http.MethodHead)
		if head.status != http.StatusOK || head.body != "" || head.header.Get("ETag") != etag {
			t.Errorf("%s HEAD: %d %v", path, head.status, head.header)
		}
		for _, inm := range []string{etag, "W/" + etag, `"other", ` + etag} {
			if a := ask(http.MethodGet, "If-None-Match", inm); a.status != http.StatusNotModified || a.body != "" || a.header.Get("ETag") != etag {
				t.Errorf("%s If-None-Match %s: %d", path, inm, a.status)
			}
		}
		if a := ask(http.MethodGet, "If-None-Match", `"other"`); a.status != http.StatusOK {
			t.Errorf("%s: another ETag: %d", path, a.status)
		}
		preflight := ask(http.MethodOptions, "Origin", "https://anywhere.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "mcp-protocol-version")
		if preflight.status != http.StatusNoContent || preflight.header.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(preflight.header.Get("Access-Control-Allow-Headers"), "MCP-Protocol-Version") || preflight.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s OPTIONS: %d %v", path, preflight.status, preflight.header)
		}
		if a := ask(http.MethodPost); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s POST: %d", path, a.status)
		}
	}
	if a := f.browse(http.MethodGet, "/unheard-of", nil); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
}

// RFC 7517 §4 and conformance ValidateJwks: public members only, one kid each.
func TestJWKS(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		c.SigningAlgs = []string{"ES256", "RS256", "PS256", "EdDSA", "ES384"}
	}})
	a := f.send(f.client, f.newRequest(http.MethodGet, "/jwks", nil))
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(a.body), &set); err != nil {
		t.Fatal(err)
	}
	kids := map[string]bool{}
	for _, k := range set.Keys {
		for name := range k {
			if !slices.Contains([]string{"kty", "kid", "alg", "use", "n", "e", "crv", "x", "y"}, name) {
				t.Errorf("member %s", name)
			}
		}
		if k["kid"] == "" || kids[k["kid"]] || k["use"] != "sig" || k["alg"] == "" {
			t.Errorf("%v", k)
		}
		kids[k["kid"]] = true
		if k["kty"] == "RSA" && (len(k["n"]) != 342 || k["e"] != "AQAB") {
			t.Errorf("RSA key of %d characters", len(k["n"]))
		}
	}
	if len(set.Keys) != 5 {
		t.Errorf("%d keys", len(set.Keys))
	}
	res := f.tokens()
	for _, token := range []string{res.Access, res.ID} {
		if !kids[part(t, token, 0)["kid"].(string)] {
			t.Error("a token's key is not published")
		}
	}
}

// Fetch Standard: scripts of the clients' origins may call what clients call,
// others not, and no cookie goes along.
func TestCORS(t *testing.T) {
	odd := webClient
	odd.ClientID, odd.RedirectURIs = "odd", []string{"https://ODD.example:443/cb", "http://127.0.0.1/cb", "com.example.app:/cb"}
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{webClient, odd}})
	for _, path := range []string{"/token", "/userinfo"} {
		for _, row := range []struct {
			origin string
			ok     bool
		}{
			{"https://app.example", true},
			{"https://odd.example", true},
			{"http://127.0.0.1", true},
			{"https://evil.example", false},
			{"https://app.example.evil.example", false},
			{"http://app.example", false},
			{"https://app.example:8443", false},
			{"null", false},
			{"com.example.app", false},
			{"", false},
		} {
			for _, method := range []string{http.MethodOptions, http.MethodPost} {
				req := f.newRequest(method, path, nil)
				if row.origin != "" {
					req.Header.Set("Origin", row.origin)
				}
				req.Header.Set("Access-Control-Request-Method", "POST")
				a := f.send(f.client, req)
				want := ""
				if row.ok {
					want = row.origin
				}
				if a.header.Get("Access-Control-Allow-Origin") != want || a.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s %s from %q: %v", method, path, row.origin, a.header)
				}
				if !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
					t.Errorf("%s %s: Vary %v", method, path, a.header.Values("Vary"))
				}
				if method == http.MethodOptions && (a.status != http.StatusNoContent || (a.header.Get("Access-Control-Allow-Headers") != "") != row.ok) {
					t.Errorf("preflight from %q: %d %v", row.origin, a.status, a.header)
				}
				if method == http.MethodPost && row.ok && !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") {
					t.Errorf("%s: %v", path, a.header)
				}
			}
		}
	}
}
