package jwks

import (
	"context"
	"crypto"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// nameless means the key of a token without a kid.
var nameless = Ref{Algorithm: "ES256"}

// without is the key of a name, without a kid.
func without(t testing.TB, name string) jose.JWK {
	t.Helper()
	return jose.JWK{Key: publicKey(t, "ES256", name)}
}

func TestSingleKeyWithoutKeyID(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		i.publish(t, without(t, "a"))
		key, err := c.Find(t.Context(), nameless)
		if err != nil || !jose.SameKey(key, publicKey(t, "ES256", "a")) {
			t.Fatalf("%v, %v", key, err)
		}
		wantErr(t, c, "a", ErrUnknownKey)
	})
}

// OpenID Connect Core 1.0 §10.1: the one key that tokens without a kid mean is
// replaced. Requests in flight share one fetch, and get the new one.
func TestReplacedKeyWithoutKeyID(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		i.publish(t, without(t, "a"))
		old, err := c.Find(t.Context(), nameless)
		if err != nil {
			t.Fatal(err)
		}
		generation := c.Generation(time.Now())
		i.publish(t, without(t, "b"))
		i.slow(50 * time.Millisecond)
		before := i.fetched()
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				key, err := c.Renew(context.Background(), nameless, old)
				if err != nil || !jose.SameKey(key, publicKey(t, "ES256", "b")) {
					t.Errorf("%v, %v", key, err)
				}
			})
		}
		all.Wait()
		i.wantFetched(t, before+1)
		if c.Generation(time.Now()) == generation {
			t.Error("the generation did not change")
		}
		// who still has the old one at hand is told at once
		if key, err := c.Renew(t.Context(), nameless, old); err != nil || jose.SameKey(key, old) {
			t.Errorf("%v, %v", key, err)
		}
		i.wantFetched(t, before+1)

		// one of another type
		i.publish(t, jose.JWK{Key: publicKey(t, "ES384", "")})
		time.Sleep(time.Second)
		if _, err := c.Find(t.Context(), Ref{Algorithm: "ES384"}); err != nil {
			t.Error(err)
		}
		i.wantFetched(t, before+2)
	})
}

func TestFixedKeysAreNotReplaced(t *testing.T) {
	s := Static([]jose.JWK{without(t, "a")}, nil)
	if key, err := s.Renew(t.Context(), nameless, publicKey(t, "ES256", "b")); key != nil || !errors.Is(err, ErrUnknownKey) {
		t.Errorf("%v, %v", key, err)
	}
}

// Forged tokens without a kid cost what forged kids do.
func TestFloodWithoutKeyID(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		i.publish(t, without(t, "a"))
		held, err := c.Find(t.Context(), nameless)
		if err != nil {
			t.Fatal(err)
		}
		begin, before := time.Now(), i.fetched()
		for range 1000 {
			if key, err := c.Renew(t.Context(), nameless, held); !errors.Is(err, ErrUnknownKey) {
				t.Fatalf("%v, %v", key, err)
			}
			wantErr(t, c, "bogus", ErrUnknownKey)
			time.Sleep(10 * time.Millisecond)
		}
		if n, most := i.fetched()-before, int(time.Since(begin)/time.Second)+1; n > most {
			t.Errorf("%d fetches, %d allowed", n, most)
		}
		// with a kid there is nothing to look for
		i.publish(t, es256(t, "a"), es256(t, "b"))
		time.Sleep(2 * time.Second)
		before = i.fetched()
		for range 10 {
			for _, tried := range []crypto.PublicKey{held, publicKey(t, "ES256", "b")} {
				if key, err := c.Renew(t.Context(), Ref{KeyID: "a", Algorithm: "ES256"}, tried); !errors.Is(err, ErrUnknownKey) {
					t.Fatalf("%v, %v", key, err)
				}
			}
		}
		i.wantFetched(t, before)
	})
}

// Nobody waits for a key in the place of another on a source that is slow and
// had nothing to tell, or that fails.
func TestReplacedKeyOnABadSource(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		i.publish(t, without(t, "a"))
		held, err := c.Find(t.Context(), nameless)
		if err != nil {
			t.Fatal(err)
		}
		renew := func(want error, most time.Duration) {
			t.Helper()
			asked := time.Now()
			key, err := c.Renew(t.Context(), nameless, held)
			if d := time.Since(asked); !errors.Is(err, want) || d > most {
				t.Errorf("%v, %v after %v", key, err, d)
			}
		}
		const answers = 900 * time.Millisecond
		i.slow(answers)
		renew(ErrUnknownKey, answers)
		time.Sleep(time.Second)
		go c.Renew(context.Background(), nameless, held)
		synctest.Wait()
		for range 10 {
			renew(ErrUnavailable, 0)
		}
		time.Sleep(time.Second)
		i.slow(0)
		i.fail(errDown)
		renew(ErrUnavailable, 0)
		time.Sleep(2 * maxBackoff)
		for range 10 {
			renew(ErrUnavailable, 0)
		}
	})
}
