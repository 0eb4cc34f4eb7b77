package jwks

import (
	"errors"
	"testing"

	"github.com/oidckit/oidckit/internal/jose"
)

// Keys by hand: a kid means the keys that have it, and where none has, those
// without one, in their order; each is tried once.
func TestByHand(t *testing.T) {
	a, b, c, d := publicKey(t, "ES256", "a"), publicKey(t, "ES256", "b"), publicKey(t, "ES256", "c"), publicKey(t, "ES384", "d")
	keys := ByHand([]jose.JWK{
		{KeyID: "1", Key: a}, {KeyID: "4", Key: a}, {Key: b}, {Key: c}, {Key: d}, {KeyID: "2", Issuer: "two", Key: b}, {KeyID: "3", Issuer: "three", Key: a},
	}, scoped)
	for _, row := range []struct {
		name string
		ref  Ref
		want []any
	}{
		{"a kid", Ref{KeyID: "1", Algorithm: "ES256", Issuer: "one"}, []any{a}},
		{"no kid", Ref{Algorithm: "ES256", Issuer: "one"}, []any{a, b, c}},
		{"a kid that no key has", Ref{KeyID: "9", Algorithm: "ES256", Issuer: "one"}, []any{b, c}},
		{"another algorithm", Ref{KeyID: "9", Algorithm: "ES384", Issuer: "one"}, []any{d}},
		{"no key of the algorithm", Ref{KeyID: "1", Algorithm: "RS256", Issuer: "one"}, nil},
		{"RFC 8725 §3.8 the issuer's own", Ref{KeyID: "2", Algorithm: "ES256", Issuer: "two"}, []any{b}},
		{"RFC 8725 §3.8 another issuer's", Ref{KeyID: "2", Algorithm: "ES384", Issuer: "one"}, []any{d}},
		{"RFC 8725 §3.8 nobody's", Ref{KeyID: "3", Algorithm: "ES384", Issuer: "three"}, []any{d}},
	} {
		var got []any
		key, err := keys.Find(t.Context(), row.ref)
		for err == nil && len(got) <= len(row.want) {
			got = append(got, key)
			key, err = keys.Renew(t.Context(), row.ref, key)
		}
		same := len(got) == len(row.want)
		for i := range row.want {
			same = same && jose.SameKey(got[i], row.want[i])
		}
		if !same || !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%s: %d keys, want %d; %v", row.name, len(got), len(row.want), err)
		}
		if held := keys.Held(row.ref); (held != nil) != (row.want != nil) {
			t.Errorf("%s: held %v", row.name, held)
		}
	}
}
