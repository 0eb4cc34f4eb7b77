package provider_test

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

const sharedSecret = "a-client-secret-of-32-bytes-or-more"

// keyed is a client that signs with a key, shared one that signs with a secret.
func keyed(m oidckit.ClientMetadata, set []byte) oidckit.ClientMetadata {
	m.ClientID, m.ClientSecret, m.TokenEndpointAuthMethod, m.JWKS = "keyed", "", oidckit.AuthMethodPrivateKeyJWT, set
	return m
}

func shared(m oidckit.ClientMetadata) oidckit.ClientMetadata {
	m.ClientID, m.ClientSecret, m.TokenEndpointAuthMethod = "shared", sharedSecret, oidckit.AuthMethodClientSecretJWT
	return m
}

var ownForm = url.Values{"grant_type": {"client_credentials"}, "scope": {"orders:read"}}

// OpenID Connect Core 1.0 §9, RFC 7523 §2.2: wherever clients authenticate they
// may do it by what they sign.
func TestClientAssertionsAtEachEndpoint(t *testing.T) {
	key := newClientKey(t, "ES256", "1")
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{keyed(webClient, keySet(t, key)), shared(webClient)}, Configure: revoking})
	for id, sign := range map[string]func(map[string]any) string{
		"keyed":  func(c map[string]any) string { return key.sign(t, "", c) },
		"shared": func(c map[string]any) string { return signHS256(t, sharedSecret, c) },
	} {
		send := func(path string, form url.Values, audience string) answer {
			t.Helper()
			return f.send(f.client, f.newRequest(http.MethodPost, path, asserted(form, sign(assertion(id, audience)))))
		}
		res := f.do(f.newRequest(http.MethodPost, "/token", asserted(ownForm, sign(assertion(id, f.base+"/token")))))
		if res.status != http.StatusOK {
			t.Fatalf("%s: %s", id, res.body)
		}
		token := url.Values{"token": {res.Access}}
		for _, audience := range []string{f.base, f.base + "/token", f.base + "/introspect"} {
			if a := send("/introspect", token, audience); a.status != http.StatusOK || !strings.Contains(a.body, `"active":true`) {
				t.Errorf("%s: introspection with aud %s: %d %s", id, audience, a.status, a.body)
			}
		}
		if a := send("/introspect", token, "https://other.example/token"); a.status != http.StatusUnauthorized {
			t.Errorf("%s: introspection with a foreign aud: %d", id, a.status)
		}
		if a := send("/revoke", token, f.base+"/revoke"); a.status != http.StatusOK {
			t.Errorf("%s: revocation: %d %s", id, a.status, a.body)
		}
		if a := send("/introspect", token, f.base); a.body != `{"active":false}` {
			t.Errorf("%s: after revocation: %s", id, a.body)
		}
		// A second use of a code comes with a new assertion (conformance suite).
		code := f.code("client_id", id, "scope", "openid offline_access")
		first := f.token(asserted(codeForm(code, "client_id", id), sign(assertion(id, f.base))))
		f.token(asserted(codeForm(code, "client_id", id), sign(assertion(id, f.base)))).refusal(t, http.StatusBadRequest, "invalid_grant")
		if first.status != http.StatusOK || f.alive(first.Access) {
			t.Errorf("%s: %d, and after the second use it works on", id, first.status)
		}
	}
}

// RFC 6749 §5.2, ATK-226: what is refused is invalid_client and says nothing
// more; the code survives.
func TestATK226RefusedAssertions(t *testing.T) {
	key := newClientKey(t, "ES256", "1")
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{keyed(webClient, keySet(t, key)), shared(webClient)}})
	code := f.code("client_id", "keyed")
	used := key.sign(t, "", assertion("keyed", f.base))
	if res := f.token(asserted(change(ownForm, "client_id", "keyed"), used)); res.status != http.StatusOK {
		t.Fatalf("%s", res.body)
	}
	for name, bad := range map[string]string{
		"used before":      used,
		"another's key":    newClientKey(t, "ES256", "1").sign(t, "", assertion("keyed", f.base)),
		"another's secret": signHS256(t, "x"+sharedSecret, assertion("shared", f.base)),
		"unknown client":   key.sign(t, "", assertion("nobody", f.base)),
		"no signature":     unsigned(t, assertion("keyed", f.base)),
		"foreign aud":      key.sign(t, "", assertion("keyed", "https://other.example")),
		"expired":          key.sign(t, "", assertion("keyed", f.base, "exp", time.Now().Add(-2*time.Minute).Unix())),
		"too far away":     key.sign(t, "", assertion("keyed", f.base, "exp", time.Now().Add(time.Hour).Unix())),
		"without jti":      key.sign(t, "", assertion("keyed", f.base, "jti", nil)),
	} {
		form := asserted(codeForm(code), bad)
		res := f.do(f.newRequest(http.MethodPost, "/token", form))
		res.refusal(t, http.StatusUnauthorized, "invalid_client")
		if !strings.Contains(res.body, "client authentication failed") {
			t.Errorf("%s: %s", name, res.body)
		}
	}
	if res := f.token(asserted(codeForm(code, "client_id", "keyed"), key.sign(t, "", assertion("keyed", f.base)))); res.status != http.StatusOK {
		t.Errorf("the code did not survive: %s", res.body)
	}
	for _, form := range []url.Values{
		asserted(change(ownForm, "client_secret", sharedSecret, "client_id", "shared"), signHS256(t, sharedSecret, assertion("shared", f.base))),
	} {
		f.do(f.newRequest(http.MethodPost, "/token", form)).refusal(t, http.StatusBadRequest, "invalid_request")
	}
}

// ATK-226: one assertion, 50 requests at once, two replicas over one store:
// exactly one is served.
func TestATK226AssertionsRace(t *testing.T) {
	key := newClientKey(t, "ES256", "1")
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{keyed(webClient, keySet(t, key))}})
	replicas := []http.RoundTripper{f.op.Provider.LocalTransport(nil), newProvider(t, f.watch.config).LocalTransport(nil)}
	for range 20 {
		form, served := asserted(ownForm, key.sign(t, "", assertion("keyed", f.base))), atomic.Int32{}
		var wg sync.WaitGroup
		for i := range 50 {
			req := f.newRequest(http.MethodPost, "/token", form)
			wg.Go(func() {
				res, err := replicas[i%2].RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				res.Body.Close()
				switch res.StatusCode {
				case http.StatusOK:
					served.Add(1)
				case http.StatusUnauthorized:
				default:
					t.Errorf("status %d", res.StatusCode)
				}
			})
		}
		wg.Wait()
		if n := served.Load(); n != 1 {
			t.Fatalf("%d of 50 were served", n)
		}
	}
}

// OpenID Connect Core 1.0 §10.1.1: a client rotates its keys where it publishes
// them. ATK-227: addresses that lead elsewhere refuse their own client alone.
func TestATK227PublishedClientKeys(t *testing.T) {
	first, second, s := newClientKey(t, "ES256", "1"), newClientKey(t, "PS256", "2"), newSite(t)
	s.publish("/jwks", string(keySet(t, first)))
	s.publish("/moved", "->/jwks")
	published := func(id, path string) oidckit.ClientMetadata {
		m := keyed(webClient, nil)
		m.ClientID, m.JWKSURI = id, s.URL+path
		return m
	}
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{published("good", "/jwks"), published("moved", "/moved")}, Configure: func(c *provider.Config) {
		c.Outbound.AllowLoopback, c.Outbound.RootCAs = true, x509.NewCertPool()
		c.Outbound.RootCAs.AddCert(s.Certificate())
	}})
	try := func(id string, k clientKey) int {
		t.Helper()
		return f.do(f.newRequest(http.MethodPost, "/token", asserted(ownForm, k.sign(t, "", assertion(id, f.base))))).status
	}
	if got := try("good", first); got != http.StatusOK {
		t.Fatalf("%d", got)
	}
	s.publish("/jwks", string(keySet(t, second)))
	// Nobody waits for long: on a machine that is busy the key comes later.
	for end := time.Now().Add(time.Minute); try("good", second) != http.StatusOK; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new key was not found")
		}
	}
	if got := try("good", first); got != http.StatusUnauthorized {
		t.Errorf("the old key: %d", got)
	}
	if got := try("moved", second); got != http.StatusUnauthorized {
		t.Errorf("by a redirect: %d", got)
	}
	// Without Outbound.AllowLoopback nothing on this machine is called.
	hits := s.hits.Load()
	c := f.watch.config
	c.Outbound.AllowLoopback = false
	f.client.Transport = newProvider(t, c).LocalTransport(nil)
	if got := try("good", second); got != http.StatusUnauthorized || s.hits.Load() != hits {
		t.Errorf("guarded: %d, %d calls", got, s.hits.Load()-hits)
	}
}

// A store that is down is no refusal, and the assertion can be sent again.
func TestAssertionsWhenTheStoreIsDown(t *testing.T) {
	key, stores := newClientKey(t, "ES256", "1"), &faults{}
	f := newFixture(t, oidctest.Config{Stores: stores.open, Clients: []oidckit.ClientMetadata{keyed(webClient, keySet(t, key))}})
	form := asserted(ownForm, key.sign(t, "", assertion("keyed", f.base)))
	stores.tell("UseOnce", failsBefore)
	if res := f.do(f.newRequest(http.MethodPost, "/token", form)); res.status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", res.status, res.body)
	}
	stores.tell("UseOnce", works)
	if res := f.do(f.newRequest(http.MethodPost, "/token", form)); res.status != http.StatusOK {
		t.Errorf("%d %s", res.status, res.body)
	}
}
