package keys_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// fusedKeys panics while it is armed.
type fusedKeys struct {
	keyStore
	armed atomic.Bool
}

// keyStore has a name of its own beside its method Keys.
type keyStore = interface{ opstore.Keys }

func (s *fusedKeys) Keys(ctx context.Context) ([]opstore.SigningKey, error) {
	if s.armed.Load() {
		panic("a driver's secret detail")
	}
	return s.keyStore.Keys(ctx)
}

// FLT-55: what panics behind a request, a store or a logger, ends neither the
// process nor the keys that are known.
func TestKeysSurviveAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fusedKeys{keyStore: memory()}
		store.armed.Store(true)
		m := manager(t, store, func(c *keys.Config) {
			c.Logger = zerolog.New(io.Discard).Hook(zerolog.HookFunc(func(*zerolog.Event, zerolog.Level, string) {
				if store.armed.Load() {
					panic("a logger")
				}
			}))
		})
		if _, err := m.Signer(t.Context(), "ES256"); !errors.Is(err, oidckit.ServerError) {
			t.Errorf("the first load: %v", err)
		}
		store.armed.Store(false)
		kid := signing(t, m)
		store.armed.Store(true)
		time.Sleep(2 * seen)
		if got := signing(t, m); got != kid {
			t.Errorf("%s signs, not %s", got, kid)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
