package jwks

import (
	"context"
	"testing"

	"github.com/oidckit/oidckit/internal/jose"
)

// Whatever a set holds, keys can be made of it without a panic, which would
// not be in a request's goroutine, and a key is found only under an algorithm
// and a kid that are its own.
func FuzzKeySet(f *testing.F) {
	of := func(keys ...jose.JWK) []byte {
		set, err := jose.MarshalJWKS(keys)
		if err != nil {
			f.Fatal(err)
		}
		return set
	}
	key := func(kid, issuer, alg string) jose.JWK {
		return jose.JWK{KeyID: kid, Issuer: issuer, Algorithm: alg, Key: publicKey(f, alg, "")}
	}
	f.Add(of(key("1", "", "ES256"), key("2", "one", "RS256"), key("1", "two", "EdDSA")))
	f.Add(of(key("", "", "ES384"), key("", "all", "ES512"), key("3", "three", "ES256")))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQ"},{"kty":"EC","crv":"P-256","x":"","y":""},{"kty":"OKP","kty":"OKP"},null]}`))
	f.Add([]byte(`{"keys":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, _, err := jose.ParseJWKS(data)
		if err != nil {
			return
		}
		for _, scope := range []Scope{nil, scoped} {
			s := Static(keys, scope)
			for _, k := range append(keys, jose.JWK{}) {
				for _, alg := range append(jose.Algorithms(), k.Algorithm) {
					for _, issuer := range []string{"one", "two", k.Issuer} {
						check(t, keys, s, Ref{KeyID: k.KeyID, Algorithm: alg, Issuer: issuer})
					}
				}
			}
		}
	})
}

func check(t *testing.T, keys []jose.JWK, s Source, r Ref) {
	found, err := s.Find(context.Background(), r)
	if (err == nil) != (found != nil) || err == nil && !jose.SameKey(s.Held(r), found) {
		t.Fatalf("%+v: %v, %v", r, found, err)
	}
	if found == nil {
		return
	}
	for i := range keys {
		k := &keys[i]
		if jose.SameKey(k.Key, found) && k.Fits(r.Algorithm) && (r.KeyID == "" || r.KeyID == k.KeyID) && k.Use != "enc" {
			return
		}
	}
	t.Fatalf("%+v: no key of the set is %v", r, found)
}
