package handlers_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

var appKeys = sync.OnceValue(func() map[string]crypto.Signer {
	out := map[string]crypto.Signer{}
	for _, alg := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"} {
		key, err := jose.GenerateKey(alg)
		if err != nil {
			panic(err)
		}
		out[alg] = key
	}
	return out
})

func appKey(alg string) handlers.ClientKey { return handlers.ClientKey{Key: appKeys()[alg]} }

// byJWKSURI registers the address under which the app publishes its keys.
func byJWKSURI(a *app, m *oidckit.ClientMetadata) {
	m.ClientSecret, m.TokenEndpointAuthMethod, m.JWKSURI = "", oidckit.AuthMethodPrivateKeyJWT, a.URL+"/auth/jwks.json"
}

// reachesApps lets an issuer call the app under test.
func reachesApps(a *app, c *provider.Config) {
	c.Outbound.AllowLoopback = true
	c.Outbound.RootCAs = x509.NewCertPool()
	c.Outbound.RootCAs.AddCert(a.Certificate())
}

func bySecretJWT(_ *app, m *oidckit.ClientMetadata) {
	m.TokenEndpointAuthMethod = oidckit.AuthMethodClientSecretJWT
}

// jwtPart decodes the header or the claims of a token.
func jwtPart(t *testing.T, token string, i int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[i])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// OpenID Connect Core 1.0 §9, RFC 7523 §2.2: a whole issuer takes what the app
// signs, with the keys that it finds at the app.
func TestAssertions(t *testing.T) {
	rows := []struct {
		name   string
		client func(*app, *oidckit.ClientMetadata)
		app    func(*handlers.Config)
		alg    string
	}{
		{"RS256 key, the default without a secret", byJWKSURI, func(c *handlers.Config) { c.ClientSecret, c.ClientKeys = "", []handlers.ClientKey{appKey("RS256")} }, "RS256"},
		{"ES256 key", byJWKSURI, func(c *handlers.Config) { c.ClientSecret, c.ClientKeys = "", []handlers.ClientKey{appKey("ES256")} }, "ES256"},
		{"EdDSA key", byJWKSURI, func(c *handlers.Config) { c.ClientSecret, c.ClientKeys = "", []handlers.ClientKey{appKey("EdDSA")} }, "EdDSA"},
		{"PS256 key beside an older one", byJWKSURI, func(c *handlers.Config) {
			first := appKey("RS256")
			first.Algorithm, first.KeyID = "PS256", "new"
			c.ClientSecret, c.ClientKeys = "", []handlers.ClientKey{first, appKey("ES256")}
		}, "PS256"},
		{"key named, with a secret", byJWKSURI, func(c *handlers.Config) {
			c.TokenEndpointAuthMethod, c.ClientKeys = oidckit.AuthMethodPrivateKeyJWT, []handlers.ClientKey{appKey("ES384")}
		}, "ES384"},
		{"the token endpoint as audience", byJWKSURI, func(c *handlers.Config) {
			c.ClientSecret, c.ClientKeys, c.AllowTokenEndpointAudience = "", []handlers.ClientKey{appKey("ES256")}, true
		}, "ES256"},
		{"secret", bySecretJWT, func(c *handlers.Config) { c.TokenEndpointAuthMethod = oidckit.AuthMethodClientSecretJWT }, "HS256"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			op, a := newAppAtProvider(t, registration{client: row.client, issuer: reachesApps, app: row.app})
			wantLogin(t, a, op)
			wantLogin(t, a, op)
			sent := op.Requests(oidctest.EndpointToken)
			if len(sent) != 2 {
				t.Fatalf("%d requests", len(sent))
			}
			form := sent[0].Form
			if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || form.Has("client_secret") || sent[0].Header.Get("Authorization") != "" {
				t.Errorf("sent %v", sent[0])
			}
			header, claims := jwtPart(t, form.Get("client_assertion"), 0), jwtPart(t, form.Get("client_assertion"), 1)
			if header["alg"] != row.alg || (header["kid"] == nil) != strings.HasPrefix(row.alg, "HS") {
				t.Errorf("header %v", header)
			}
			audience := op.Issuer
			if strings.HasPrefix(row.name, "the token endpoint") {
				audience += "/token"
			}
			iat, exp := claims["iat"].(float64), claims["exp"].(float64)
			if claims["iss"] != clientID || claims["sub"] != clientID || claims["aud"] != audience || exp-iat != 60 || time.Since(time.Unix(int64(iat), 0)) > time.Minute {
				t.Errorf("claims %v", claims)
			}
			id, _ := base64.RawURLEncoding.DecodeString(claims["jti"].(string))
			if len(id) != 16 || claims["jti"] == jwtPart(t, sent[1].Form.Get("client_assertion"), 1)["jti"] {
				t.Errorf("jti %v", claims["jti"])
			}
		})
	}
}

// ATK-077: a hostile issuer that names the endpoints of an honest one gets
// assertions for nobody but itself.
func TestATK077AudienceOfAssertions(t *testing.T) {
	honest, hostile := newIDP(t), newIDP(t)
	hostile.play(script{metadata: func(m map[string]any) { m["token_endpoint"] = honest.URL + "/token" }})
	a := newApp(t, hostile, options{config: func(c *handlers.Config) { c.ClientSecret, c.ClientKeys = "", []handlers.ClientKey{appKey("ES256")} }})
	b := a.browser()
	b.open(b.begin(a, "/me"))
	if honest.count("/token") != 1 {
		t.Fatal("the attack did not take place")
	}
	claims := jwtPart(t, honest.form.Get("client_assertion"), 1)
	if claims["aud"] != hostile.URL {
		t.Errorf("aud %v", claims["aud"])
	}
}

// RFC 7517 §5: the public keys of the app, all of them and nothing else.
func TestClientKeySet(t *testing.T) {
	a := newApp(t, newIDP(t), options{config: func(c *handlers.Config) {
		for _, alg := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"} {
			c.ClientKeys = append(c.ClientKeys, appKey(alg))
		}
	}})
	b := a.browser()
	got := b.step(a.URL + "/auth/jwks.json")
	keys, skipped, err := jose.ParseJWKS([]byte(got.body))
	if err != nil || skipped != 0 || len(keys) != 5 {
		t.Fatalf("%d keys, %d skipped, %v", len(keys), skipped, err)
	}
	for _, k := range keys {
		if want, _ := jose.Thumbprint(k.Key); !jose.SameKey(k.Key, appKeys()[k.Algorithm].Public()) || k.KeyID != want {
			t.Errorf("key %s %s", k.Algorithm, k.KeyID)
		}
	}
	if got.Header.Get("Content-Type") != "application/jwk-set+json" || got.Header.Get("Cache-Control") != "public, max-age=300" || len(got.Cookies()) != 0 {
		t.Errorf("headers %v", got.Header)
	}
	if res := b.do(http.MethodPost, a.URL+"/auth/jwks.json", url.Values{}, nil); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") == "" {
		t.Errorf("POST: %d", res.StatusCode)
	}
	without := newApp(t, newIDP(t), options{})
	if res := without.browser().step(without.URL + "/auth/jwks.json"); strings.Contains(res.body, "keys") {
		t.Errorf("without keys: %s", res.body)
	}
}

func TestClientAuthenticationConfig(t *testing.T) {
	weak := handlers.ClientKey{Key: appKeys()["ES256"], Algorithm: "RS256"}
	for name, row := range map[string]struct {
		change func(c *handlers.Config)
		field  string
	}{
		"OIDC Core §9 client_secret_jwt without a secret": {func(c *handlers.Config) { c.TokenEndpointAuthMethod = "client_secret_jwt" }, "TokenEndpointAuthMethod"},
		"RFC 7518 §3.2 short secret": {func(c *handlers.Config) {
			c.TokenEndpointAuthMethod, c.ClientSecret = "client_secret_jwt", strings.Repeat("s", 31)
		}, "TokenEndpointAuthSigningAlg"},
		"RFC 7518 §3.2 long secret": {func(c *handlers.Config) {
			c.TokenEndpointAuthMethod, c.ClientSecret = "client_secret_jwt", strings.Repeat("s", 32)
		}, ""},
		"HS512 with a secret for HS256": {func(c *handlers.Config) {
			c.TokenEndpointAuthMethod, c.ClientSecret, c.TokenEndpointAuthSigningAlg = "client_secret_jwt", strings.Repeat("s", 32), "HS512"
		}, "TokenEndpointAuthSigningAlg"},
		"ES256 with a secret": {func(c *handlers.Config) {
			c.TokenEndpointAuthMethod, c.ClientSecret, c.TokenEndpointAuthSigningAlg = "client_secret_jwt", strings.Repeat("s", 32), "ES256"
		}, "TokenEndpointAuthSigningAlg"},
		"an algorithm for no assertion":     {func(c *handlers.Config) { c.TokenEndpointAuthSigningAlg = "HS256" }, "TokenEndpointAuthSigningAlg"},
		"private_key_jwt without keys":      {func(c *handlers.Config) { c.TokenEndpointAuthMethod = "private_key_jwt" }, "TokenEndpointAuthMethod"},
		"key of another algorithm":          {func(c *handlers.Config) { c.ClientKeys = []handlers.ClientKey{appKey("RS256"), weak} }, "ClientKeys[1]"},
		"no key":                            {func(c *handlers.Config) { c.ClientKeys = []handlers.ClientKey{{}} }, "ClientKeys[0]"},
		"two keys of one kid":               {func(c *handlers.Config) { c.ClientKeys = []handlers.ClientKey{appKey("RS256"), appKey("RS256")} }, "ClientKeys[1]"},
		"RFC 8705 §2 without a certificate": {func(c *handlers.Config) { c.TokenEndpointAuthMethod = "tls_client_auth" }, "TokenEndpointAuthMethod"},
		"RFC 8705 §2 client without one": {func(c *handlers.Config) {
			c.TokenEndpointAuthMethod, c.HTTPClient = "self_signed_tls_client_auth", &http.Client{}
		}, "TokenEndpointAuthMethod"},
		"RFC 8705 §2 transport without one": {func(c *handlers.Config) {
			c.TokenEndpointAuthMethod, c.HTTPClient = "tls_client_auth", &http.Client{Transport: &http.Transport{}}
		}, "TokenEndpointAuthMethod"},
		"RFC 8705 §2 transport of the app's": {func(c *handlers.Config) {
			c.TokenEndpointAuthMethod, c.HTTPClient = "tls_client_auth", withCertificate(nil, tls.Certificate{})
		}, ""},
	} {
		c := handlers.Config{Issuer: "https://id.example", ClientID: "c", BaseURL: "https://app.example", Sessions: newSessions(t, nil)}
		row.change(&c)
		rp, err := handlers.NewRelyingParty(c)
		if row.field == "" && err != nil || row.field != "" && (err == nil || !strings.Contains(err.Error(), "Config."+row.field+" ")) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "ssss") {
			t.Errorf("%s: the error repeats the secret", name)
		}
		if rp != nil {
			rp.Close()
		}
	}
}

func withCertificate(roots *x509.CertPool, own tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}}}
}

func ownCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// mtlsEndpoints serves the endpoints of an issuer to whoever shows a
// certificate, and counts those who have shown want.
func mtlsEndpoints(t *testing.T, p *idp, want tls.Certificate) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	seen := new(atomic.Int32)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if string(r.TLS.PeerCertificates[0].Raw) != string(want.Certificate[0]) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		seen.Add(1)
		p.serveHTTP(w, r)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, seen
}

// RFC 8705 §2, §5: the certificate is shown at the aliases, with client_id and
// no other credential; the usual endpoints are left alone.
func TestMTLSClientAuthentication(t *testing.T) {
	for _, method := range []string{oidckit.AuthMethodTLSClientAuth, oidckit.AuthMethodSelfSignedTLSClientAuth} {
		p, own := newIDP(t), ownCertificate(t)
		s, seen := mtlsEndpoints(t, p, own)
		p.play(script{
			metadata: func(m map[string]any) {
				m["mtls_endpoint_aliases"] = map[string]any{"token_endpoint": s.URL + "/token", "userinfo_endpoint": s.URL + "/userinfo", "x": 1}
			},
			serve: func(w http.ResponseWriter, r *http.Request) bool {
				if r.TLS == nil && (r.URL.Path == "/token" || r.URL.Path == "/userinfo") {
					t.Errorf("%s: %s without a certificate", method, r.URL.Path)
				}
				return false
			},
		})
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		a := newApp(t, p, options{config: func(c *handlers.Config) {
			c.ClientSecret, c.TokenEndpointAuthMethod, c.HTTPClient = "", method, withCertificate(roots, own)
		}})
		b := a.browser()
		if got := b.open(a.URL + "/me"); b.loggedIn(a) != "alice" || seen.Load() != 2 {
			t.Errorf("%s: %d %s, %d calls", method, got.StatusCode, a.logs.String(), seen.Load())
		}
		if p.form.Get("client_id") != clientID || p.form.Has("client_secret") || p.form.Has("client_assertion") || p.exchange.Get("Authorization") != "" {
			t.Errorf("%s: sent %v", method, p.form)
		}
		// Another's certificate is no login, and a page.
		a.build(p, options{config: func(c *handlers.Config) {
			c.ClientSecret, c.TokenEndpointAuthMethod, c.HTTPClient = "", method, withCertificate(roots, ownCertificate(t))
		}})
		if got := a.browser().open(a.URL + "/me"); got.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: another's certificate: %d", method, got.StatusCode)
		}
	}
}

// RFC 8705 §5: aliases are for who authenticates by certificate, and are
// addresses that are checked as all are.
func TestMTLSAliasesOfOthers(t *testing.T) {
	p := newIDP(t)
	p.play(script{metadata: func(m map[string]any) {
		m["mtls_endpoint_aliases"] = map[string]any{"token_endpoint": "https://127.0.0.1:1/token"}
	}})
	a := newApp(t, p, options{})
	b := a.browser()
	if b.open(a.URL + "/me"); b.loggedIn(a) != "alice" {
		t.Error("a client with a secret went to the alias")
	}
	p.play(script{metadata: func(m map[string]any) {
		m["mtls_endpoint_aliases"] = map[string]any{"token_endpoint": "http://id.example/token"}
	}})
	a.build(p, options{})
	if got := a.browser().open(a.URL + "/me"); got.StatusCode != http.StatusBadGateway {
		t.Errorf("an alias on http: %d", got.StatusCode)
	}
}

// The key set costs next to nothing: whoever asks for it is a stranger.
func TestClientKeySetAllocations(t *testing.T) {
	a := newApp(t, newIDP(t), options{config: func(c *handlers.Config) { c.ClientKeys = []handlers.ClientKey{appKey("ES256")} }})
	r := httptest.NewRequest(http.MethodGet, "/auth/jwks.json", nil)
	w := &discard{header: http.Header{}}
	if n := testing.AllocsPerRun(100, func() { a.rp.ServeHTTP(w, r) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { return io.Discard.Write(b) }
