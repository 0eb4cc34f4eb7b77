package dpop_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/dpop"
	"github.com/oidckit/oidckit/internal/dpop/dpoptest"
)

func ring(t *testing.T, seeds ...byte) oidckit.Secrets {
	t.Helper()
	var keys [][]byte
	for _, s := range seeds {
		keys = append(keys, bytes.Repeat([]byte{s}, 32))
	}
	r, err := oidckit.NewSecrets(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// RFC 9449 §8, §9: without the server's nonce a proof is refused with the code
// that makes the client use it, and is not used up.
func TestNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := dpoptest.NewKey(t)
		with := func(seeds ...byte) *dpop.Checker {
			return checker(func(c *dpop.Config) { c.Nonces = dpop.NewNonces(ring(t, seeds...), "api", time.Minute) })
		}
		replica, another, rotated, stranger := with(1), with(1), with(2, 1), with(3)
		check := func(c *dpop.Checker, nonce any) error {
			_, err := c.Check(t.Context(), []string{good(key, edit{"nonce": nonce})}, request(key))
			return err
		}
		nonce := replica.NewNonce("")
		if nonce == "" || len(nonce) < 22 {
			t.Fatalf("nonce %q", nonce)
		}
		for _, bad := range []any{nil, "", "guess", nonce + "A", stranger.NewNonce("")} {
			wantCode(t, check(replica, bad), oidckit.UseDPoPNonce)
		}
		proof := []string{good(key)}
		_, err := replica.Check(t.Context(), proof, request(key))
		wantCode(t, err, oidckit.UseDPoPNonce)
		for _, c := range []*dpop.Checker{replica, another, rotated} {
			wantCode(t, check(c, nonce), "")
		}
		if got := another.NewNonce(nonce); got != "" {
			t.Errorf("a fresh nonce is replaced by %q", got)
		}
		if rotated.NewNonce(nonce) == "" {
			t.Error("a nonce of the key that goes is kept")
		}
		// it holds for a minute at least, and for two at most
		time.Sleep(time.Minute)
		wantCode(t, check(replica, nonce), "")
		if got := replica.NewNonce(nonce); got == "" || got == nonce {
			t.Errorf("an old nonce is replaced by %q", got)
		}
		time.Sleep(time.Minute)
		wantCode(t, check(replica, nonce), oidckit.UseDPoPNonce)
		if none := checker(nil); none.NewNonce("") != "" {
			t.Error("a server without nonces hands one out")
		}
	})
}

// A nonce of another purpose is none.
func TestNoncePurpose(t *testing.T) {
	r, now := ring(t, 1), time.Now()
	if ok, _ := dpop.NewNonces(r, "api", time.Minute).Check(dpop.NewNonces(r, "issuer", time.Minute).Current(now), now); ok {
		t.Error("the issuer's nonce is taken at the API")
	}
	n := dpop.NewNonces(r, "api", 0)
	if ok, current := n.Check(n.Current(now.Add(time.Second)), now); !ok || !current {
		t.Error("the nonce of a replica whose clock is ahead is refused")
	}
}
