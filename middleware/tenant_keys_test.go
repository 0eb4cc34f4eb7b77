package middleware

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/internal/jwks"
)

// A tenant of which no good token was seen loses its place after seconds, one
// in use after a quiet minute, and no other.
func TestTenantsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := &trustedIssuer{perTenant: newTenantKeys(2, keyOpener{source: KeySource{JWKSFile: "none"}})}
		keys := issuer.perTenant
		open := func(tenant string) *keyring {
			t.Helper()
			ring, err := keys.ring("https://"+tenant, tenant)
			if err != nil {
				t.Fatalf("%s: %v", tenant, err)
			}
			return ring
		}
		full := func(when string) {
			t.Helper()
			if _, err := keys.ring("https://x", "x"); !errors.Is(err, errTenants) {
				t.Errorf("%s: %v", when, err)
			}
		}
		good, forged := open("good"), open("forged")
		issuer.used(good)
		full("at once")
		time.Sleep(newTenant * time.Second)
		second := open("second")
		if !forged.retired.Load() || good.retired.Load() || open("good") != good {
			t.Error("the wrong one has made room")
		}
		issuer.used(good)
		issuer.used(second)
		full("both in use")
		time.Sleep((quietTenant - 5) * time.Second)
		full("both in use a minute ago")
		issuer.used(good)
		time.Sleep(10 * time.Second)
		open("third")
		if !second.retired.Load() || good.retired.Load() {
			t.Error("the one in use has made room")
		}
		if err := errors.Join(keys.Close(), keys.Close()); err != nil {
			t.Error(err)
		}
		if _, err := keys.ring("https://good", "good"); !errors.Is(err, jwks.ErrUnavailable) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// However many names are tried, the number of keyrings stays.
func TestTenantKeysStayBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := newTenantKeys(0, keyOpener{source: KeySource{JWKSFile: "none"}})
		defer keys.Close()
		for i := range 20 * defaultMaxTenants {
			_, _ = keys.ring("https://x", fmt.Sprint(i))
			time.Sleep(time.Second / 10)
			if n := len(keys.rings); n > defaultMaxTenants {
				t.Fatalf("%d keyrings", n)
			}
		}
	})
}
