package provider_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

// fuzzedKeys is an issuer with a client that signs with the returned key.
func fuzzedKeys(f *testing.F) (*provider.Provider, clientKey) {
	f.Helper()
	const issuer = "https://op.example"
	key := newClientKey(f, "ES256", "1")
	client := keyed(webClient, keySet(f, key))
	client.IDTokenSignedResponseAlg = "ES256"
	return newProvider(f, provider.Config{
		Issuer: issuer, Secrets: newSecrets(f), Stores: opstore.NewMemory().Open(issuer), SigningAlgs: []string{"ES256"},
		Clients: []oidckit.ClientMetadata{client}, RequestObjects: &provider.RequestObjects{},
		Resources: []provider.Resource{{Resource: ordersAPI, Scopes: []string{"orders:read"}}, {Resource: stockAPI, Scopes: []string{"stock:read", "orders:write"}}},
	}), key
}

// fromKey reports whether the key has signed a token that says so of itself.
func (k clientKey) fromKey(token string) (claims map[string]any, ok bool) {
	j, err := jose.Parse(token)
	if err != nil || j.Verify(k.alg, k.key.Public()) != nil {
		return nil, false
	}
	return claims, json.Unmarshal(j.Payload, &claims) == nil
}

// Whatever stands for an assertion, only the client's own signature brings
// tokens, for this issuer and once (RFC 7523 §3).
func FuzzClientAssertion(f *testing.F) {
	const issuer = "https://op.example"
	p, key := fuzzedKeys(f)
	good := key.sign(f, "JWT", assertion("keyed", issuer))
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(good + ".")
	f.Add(unsigned(f, assertion("keyed", issuer)))
	f.Add(signHS256(f, "secret", assertion("keyed", issuer)))
	f.Add(key.sign(f, "", assertion("keyed", "https://other.example")))
	f.Add(key.sign(f, "", assertion("keyed", issuer, "exp", 1)))
	f.Add(key.sign(f, "at+jwt", assertion("keyed", issuer, "jti", nil)))
	f.Fuzz(func(t *testing.T, token string) {
		form := asserted(ownForm, token)
		for i := range 2 {
			r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			rec := httptest.NewRecorder()
			p.ServeHTTP(rec, r)
			switch rec.Code {
			case http.StatusOK:
				c, ok := key.fromKey(token)
				if !ok || i > 0 || c["iss"] != "keyed" || c["sub"] != "keyed" || c["jti"] == nil || c["exp"] == nil {
					t.Fatalf("%q: tokens, in turn %d", token, i+1)
				}
			case http.StatusUnauthorized, http.StatusBadRequest:
			default:
				t.Fatalf("%q: %d %s", token, rec.Code, rec.Body)
			}
		}
	})
}

// Whatever stands for a request object, only what the client has signed gets
// as far as the login page, and nothing leaves for an address that is not
// registered.
func FuzzRequestObject(f *testing.F) {
	const issuer = "https://op.example"
	p, key := fuzzedKeys(f)
	object := map[string]any{"iss": "keyed", "aud": issuer, "exp": time.Now().Add(time.Hour).Unix()}
	for name, values := range request("client_id", "keyed") {
		object[name] = values[0]
	}
	good := key.sign(f, "oauth-authz-req+jwt", object)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(unsigned(f, object))
	f.Add(signHS256(f, "web-secret", object))
	f.Add(key.sign(f, "", with(object, "redirect_uri", "https://evil.example/cb")))
	f.Add(key.sign(f, "", with(object, "request", good)))
	f.Add(key.sign(f, "", with(object, "claims", map[string]any{"userinfo": map[string]any{}}, "max_age", 1.5)))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		q := url.Values{"client_id": {"keyed"}, "redirect_uri": {redirectURI}, "request": {token}}
		rec := httptest.NewRecorder()
		p.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, issuer+"/authorize?"+q.Encode(), nil))
		location := rec.Header().Get("Location")
		switch {
		case rec.Code == http.StatusSeeOther && strings.HasPrefix(location, "/login?request="):
			if _, ok := key.fromKey(token); !ok {
				t.Fatalf("%q: taken", token)
			}
		case rec.Code == http.StatusSeeOther && registeredTarget(location) && strings.Contains(location, "error="):
		case (rec.Code == http.StatusBadRequest || rec.Code == http.StatusRequestURITooLong) && location == "":
		default:
			t.Fatalf("%q: %d %q", token, rec.Code, location)
		}
	})
}
