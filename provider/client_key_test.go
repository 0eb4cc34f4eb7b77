package provider_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
)

// clientKey is a key of a client of these tests.
type clientKey struct {
	alg, kid string
	key      crypto.Signer
}

func newClientKey(t testing.TB, alg, kid string) clientKey {
	t.Helper()
	key, err := jose.GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return clientKey{alg, kid, key}
}

func (k clientKey) sign(t testing.TB, typ string, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(k.alg, k.kid, k.key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign(typ, jsonBytes(t, claims))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// keySet is a JWK set of the public keys.
func keySet(t testing.TB, keys ...clientKey) []byte {
	t.Helper()
	var list []jose.JWK
	for _, k := range keys {
		list = append(list, jose.JWK{KeyID: k.kid, Algorithm: k.alg, Key: k.key.Public()})
	}
	set, err := jose.MarshalJWKS(list)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func jsonBytes(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// signHS256 signs with a shared secret, by hand.
func signHS256(t testing.TB, secret string, claims map[string]any) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256"}`)) + "." + encode(jsonBytes(t, claims))
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return text + "." + encode(m.Sum(nil))
}

func unsigned(t testing.TB, claims map[string]any) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(jsonBytes(t, claims)) + "."
}

// with is a set of claims with changes; nil removes one.
func with(c map[string]any, changes ...any) map[string]any {
	c = maps.Clone(c)
	for i := 0; i+1 < len(changes); i += 2 {
		c[changes[i].(string)] = changes[i+1]
	}
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// assertion are the claims of a good client assertion.
func assertion(clientID, audience string, changes ...any) map[string]any {
	return with(map[string]any{
		"iss": clientID, "sub": clientID, "aud": audience, "jti": secret.ID(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}, changes...)
}

// asserted is a form with an assertion in it.
func asserted(form url.Values, assertion string) url.Values {
	return change(form, "client_assertion", assertion, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
}

// site serves what a client publishes: documents that can change, by path.
type site struct {
	*httptest.Server
	documents atomic.Pointer[map[string]string]
	hits      atomic.Int32
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{}
	s.documents.Store(&map[string]string{})
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		switch doc, ok := (*s.documents.Load())[r.URL.Path]; {
		case !ok:
			http.NotFound(w, r)
		case strings.HasPrefix(doc, "->"):
			http.Redirect(w, r, doc[2:], http.StatusFound)
		default:
			w.Header().Set("Content-Type", "application/jwt")
			w.Write([]byte(doc))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// publish replaces a document.
func (s *site) publish(path, doc string) {
	next := maps.Clone(*s.documents.Load())
	next[path] = doc
	s.documents.Store(&next)
}
