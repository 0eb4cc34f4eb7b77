package jwks

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// scoped is for the issuers "one" and "two": keys of "all" serve both.
func scoped(issuer string) (string, bool) {
	switch issuer {
	case "all":
		return "", true
	case "one", "two":
		return issuer, true
	}
	return "", false
}

// RFC 8725 §3.8: a key that names an issuer verifies tokens of that issuer.
func TestKeysThatNameAnIssuer(t *testing.T) {
	a, b, c := publicKey(t, "ES256", "a"), publicKey(t, "ES256", "b"), publicKey(t, "ES256", "c")
	key := func(kid, issuer string, key any) jose.JWK { return jose.JWK{KeyID: kid, Issuer: issuer, Key: key} }
	for _, row := range []struct {
		name     string
		keys     []jose.JWK
		kid      string
		one, two any
	}{
		{"for one", []jose.JWK{key("1", "one", a)}, "1", a, nil},
		{"for none of them", []jose.JWK{key("1", "three", a)}, "1", nil, nil},
		{"for all that share the set", []jose.JWK{key("1", "all", a)}, "1", a, a},
		{"without a name", []jose.JWK{key("1", "", a), key("2", "one", b)}, "1", a, a},
		{"the same kid", []jose.JWK{key("1", "one", a), key("1", "two", b)}, "1", a, b},
		{"the same kid, another's", []jose.JWK{key("1", "three", a), key("1", "two", b)}, "1", nil, b},
		{"one key for two", []jose.JWK{key("1", "one", a), key("1", "two", a)}, "1", a, a},
		{"ATK-013 all's kid", []jose.JWK{key("1", "all", a), key("1", "one", b)}, "1", nil, a},
		{"ATK-012 no kid, one each", []jose.JWK{key("1", "one", a), key("2", "two", b)}, "", a, b},
		{"ATK-012 no kid, all's and one's", []jose.JWK{key("1", "all", a), key("2", "one", b)}, "", nil, a},
		{"ATK-012 no kid, two of one's", []jose.JWK{key("1", "one", a), key("2", "one", b), key("3", "two", c)}, "", nil, c},
		{"no kid, another's", []jose.JWK{key("", "three", a), key("", "two", b)}, "", nil, b},
	} {
		set, err := jose.MarshalJWKS(row.keys)
		if err != nil {
			t.Fatal(err)
		}
		i := &issuer{}
		i.answer(string(set))
		parsed, _, err := jose.ParseJWKS(set)
		if err != nil {
			t.Fatal(err)
		}
		for kind, s := range map[string]Source{"Cache": newCache(t, Config{Fetch: i.fetch, Scope: scoped}), "Static": Static(parsed, scoped)} {
			for issuer, want := range map[string]any{"one": row.one, "two": row.two} {
				r := Ref{KeyID: row.kid, Algorithm: "ES256", Issuer: issuer}
				got, err := s.Find(context.Background(), r)
				held := s.Held(r)
				if want == nil && (got != nil || held != nil || !errors.Is(err, ErrUnknownKey)) ||
					want != nil && (!jose.SameKey(got, want) || !jose.SameKey(held, want)) {
					t.Errorf("%s, %s, tokens of %s: %v, %v, %v", kind, row.name, issuer, got, held, err)
				}
			}
		}
	}
}

// A kid that only another issuer has is unknown: the issuer may just have
// begun to use it. One that it has is not.
func TestKeyIDOfAnotherIssuer(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, _ *Cache) {
		named := func(kid, issuer string) jose.JWK {
			return jose.JWK{KeyID: kid, Issuer: issuer, Key: publicKey(t, "ES256", kid+issuer)}
		}
		i.publish(t, named("1", "one"), named("2", "two"))
		c := newCache(t, Config{Fetch: i.fetch, Scope: scoped})
		find := func(kid, alg, issuer string) error {
			_, err := c.Find(t.Context(), Ref{KeyID: kid, Algorithm: alg, Issuer: issuer})
			return err
		}
		if err := find("1", "ES256", "one"); err != nil {
			t.Fatal(err)
		}
		generation := c.Generation(time.Now())
		if err := find("1", "RS256", "one"); !errors.Is(err, ErrUnknownKey) {
			t.Error(err)
		}
		i.wantFetched(t, 1)
		i.publish(t, named("1", "one"), named("2", "two"), named("1", "two"))
		if err := find("1", "ES256", "two"); err != nil {
			t.Error(err)
		}
		i.wantFetched(t, 2)
		if c.Generation(time.Now()) == generation {
			t.Error("the generation did not change")
		}
	})
}

// A key that is an issuer's own from now on, so that a kid could mean either
// of two, is a change though every other answer is the same.
func TestOwnKeyThatOnlyTakesAway(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, _ *Cache) {
		all := jose.JWK{KeyID: "1", Issuer: "all", Key: publicKey(t, "ES256", "a")}
		own := jose.JWK{KeyID: "1", Issuer: "one", Key: publicKey(t, "ES256", "b")}
		i.publish(t, all)
		c := newCache(t, Config{Fetch: i.fetch, Scope: scoped})
		ref := Ref{KeyID: "1", Algorithm: "ES256", Issuer: "one"}
		if _, err := c.Find(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		generation := c.Generation(time.Now())
		i.publish(t, all, own)
		time.Sleep(soft)
		if key, err := c.Find(t.Context(), ref); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%v, %v", key, err)
		}
		if n := c.Generation(time.Now()); n == generation {
			t.Error("the generation did not change")
		}
	})
}

func TestKeysThatNameAnIssuerAreFree(t *testing.T) {
	keys := []jose.JWK{{KeyID: "1", Issuer: "one", Key: publicKey(t, "ES256", "a")}, {KeyID: "2", Issuer: "all", Key: publicKey(t, "ES256", "b")}}
	i := &issuer{}
	i.publish(t, keys...)
	c := newCache(t, Config{Fetch: i.fetch, Scope: scoped})
	if n := testing.AllocsPerRun(100, func() {
		for _, kid := range []string{"1", "2"} {
			if _, err := c.Find(context.Background(), Ref{KeyID: kid, Algorithm: "ES256", Issuer: "one"}); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
