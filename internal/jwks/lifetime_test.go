package jwks

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

const (
	soft = defaultSoftLifetime
	hard = defaultHardLifetime
)

// inBubble runs a test on synctest's clock, with a cache over an issuer that
// publishes the key "a".
func inBubble(t *testing.T, test func(t *testing.T, i *issuer, c *Cache)) {
	publicKey(t, "ES256", "a")
	publicKey(t, "ES256", "b")
	publicKey(t, "ES256", "c")
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.publish(t, es256(t, "a"))
		c, err := New(Config{Fetch: i.fetch})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		test(t, i, c)
	})
}

func TestSourceDownAtStart(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		// FLT-01
		i.fail(errDown)
		wantErr(t, c, "a", ErrUnavailable)
		if _, err := c.Key(t.Context(), "a", "ES256"); !errors.Is(err, errDown) {
			t.Errorf("the cause is missing: %v", err)
		}
		for range 100 {
			wantErr(t, c, "a", ErrUnavailable)
		}
		i.wantFetched(t, 1)
		for range 100 {
			time.Sleep(time.Second)
			wantErr(t, c, "a", ErrUnavailable)
		}
		if n := i.fetched(); n > 12 {
			t.Errorf("%d fetches in 100 seconds of failure", n)
		}
		i.fail(nil)
		for s := 0; ; s++ {
			if _, err := c.Key(t.Context(), "a", "ES256"); err == nil {
				break
			}
			if s > 30 {
				t.Fatal("not recovered within 30 seconds")
			}
			time.Sleep(time.Second)
		}
		wantKey(t, c, "a")
	})
}

func TestSourceHangsAtStart(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		i.slow(time.Hour)
		begin := time.Now()
		wantErr(t, c, "a", ErrUnavailable)
		if d := time.Since(begin); d > coldWait {
			t.Errorf("waited %v", d)
		}
		time.Sleep(fetchTimeout)
		// from now on one request waits for each attempt, and no other
		go c.Key(context.Background(), "a", "ES256")
		synctest.Wait()
		i.wantFetched(t, 2)
		begin = time.Now()
		wantErr(t, c, "a", ErrUnavailable)
		if d := time.Since(begin); d > 0 {
			t.Errorf("a second request waited %v on a source that fails", d)
		}
		time.Sleep(fetchTimeout)
		i.slow(0)
		time.Sleep(maxBackoff)
		wantKey(t, c, "a")
	})
}

func TestKeysServeUntilTheHardLifetime(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		// FLT-02
		wantKey(t, c, "a")
		begin := time.Now()
		i.fail(errDown)
		for time.Since(begin) < hard-time.Minute {
			at := time.Now()
			wantKey(t, c, "a")
			if time.Since(at) > 0 {
				t.Fatalf("waited %v for a key in hand", time.Since(at))
			}
			time.Sleep(30 * time.Second)
		}
		wantErr(t, c, "b", ErrUnavailable)
		// not even a back-off that is longer than what is left stretches it
		time.Sleep(time.Until(begin.Add(hard - time.Second)))
		wantKey(t, c, "a")
		synctest.Wait()
		time.Sleep(time.Second)
		wantErr(t, c, "a", ErrUnavailable)
		i.fail(nil)
		time.Sleep(maxBackoff)
		wantKey(t, c, "a")
	})
}

func TestRefreshRunsBehindRequests(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		i.slow(900 * time.Millisecond)
		for range 20 * 60 {
			at := time.Now()
			wantKey(t, c, "a")
			if d := time.Since(at); d > 0 {
				t.Fatalf("a request waited %v", d)
			}
			time.Sleep(time.Second)
		}
		if n := i.fetched(); n < 4 || n > 7 {
			t.Errorf("%d fetches in 20 minutes", n)
		}
	})
}

func TestWithdrawnKeyIsRefused(t *testing.T) {
	for name, pause := range map[string]time.Duration{
		"ATK-075 under load":             time.Second,
		"ATK-075 nobody asked meanwhile": soft,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
				i.publish(t, es256(t, "a"), es256(t, "b"))
				wantKey(t, c, "a")
				before := c.Generation(time.Now())
				i.publish(t, es256(t, "b"))
				for begin := time.Now(); time.Since(begin) < soft; time.Sleep(pause) {
					c.Key(t.Context(), "a", "ES256")
				}
				wantErr(t, c, "a", ErrUnknownKey)
				wantKey(t, c, "b")
				if c.Generation(time.Now()) == before {
					t.Error("the generation did not change")
				}
			})
		})
	}
}

func TestWithdrawalOfAllKeys(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		i.answer(`{"keys":[]}`)
		time.Sleep(soft)
		wantErr(t, c, "a", ErrUnknownKey)
	})
}

func TestGarbageKeepsOldKeys(t *testing.T) {
	for name, body := range map[string]string{
		"FLT-07 empty":          "",
		"FLT-07 HTML":           "<html>login</html>",
		"FLT-07 cut":            `{"keys":[{"kty":"RSA"`,
		"FLT-07 no set":         `{}`,
		"ATK-037 repeated name": `{"keys":[],"keys":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
				key := wantKey(t, c, "a")
				generation := c.Generation(time.Now())
				i.answer(body)
				time.Sleep(2 * soft)
				if wantKey(t, c, "a") != key || c.Generation(time.Now()) != generation {
					t.Error("the key lost its identity")
				}
				wantErr(t, c, "b", ErrUnavailable)
				i.publish(t, es256(t, "b"))
				time.Sleep(maxBackoff)
				wantErr(t, c, "b", ErrUnavailable)
				synctest.Wait()
				wantKey(t, c, "b")
			})
		})
	}
}

func TestUnchangedKeysKeepTheirIdentity(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		if c.Generation(time.Now()) != 0 {
			t.Error("a generation before the first keys")
		}
		key := wantKey(t, c, "a")
		first := c.Generation(time.Now())
		time.Sleep(2 * soft)
		if wantKey(t, c, "a") != key || c.Generation(time.Now()) != first {
			t.Error("a refresh with the same keys changed something")
		}
		i.publish(t, es256(t, "b"), es256(t, "a"))
		time.Sleep(soft)
		if wantKey(t, c, "a") != key {
			t.Error("a refresh with one more key changed the old one")
		}
		if c.Generation(time.Now()) == first {
			t.Error("a new key did not change the generation")
		}
		// keys that are due for a refresh have to be asked for
		time.Sleep(c.refreshAge())
		if n := c.Generation(time.Now()); n != 0 {
			t.Errorf("generation %d of keys that are due", n)
		}
		i.wantFetched(t, 3)
	})
}

func TestKeysInHandAreServedWithoutALock(t *testing.T) {
	lockless := func(t *testing.T, c *Cache) {
		t.Helper()
		wantKey(t, c, "a")
		c.mu.Lock()
		defer c.mu.Unlock()
		wantKey(t, c, "a")
	}
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		lockless(t, c)
		i.fail(errDown)
		wantErr(t, c, "b", ErrUnavailable)
		time.Sleep(time.Minute)
		lockless(t, c) // after a fetch for an unknown kid has failed
		i.fail(nil)
		wantErr(t, c, "b", ErrUnavailable)
		synctest.Wait()
		i.slow(3 * time.Second)
		time.Sleep(c.refreshAge())
		lockless(t, c) // while the refresh runs
		i.fail(errDown)
		time.Sleep(2 * soft)
		wantKey(t, c, "a")
		time.Sleep(10 * time.Second)
		lockless(t, c) // while an attempt after a failure runs, or is not due
		c.Close()
		time.Sleep(2 * soft)
		lockless(t, c) // after Close
	})
}

func TestWarm(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		// FLT-01: whoever asks, and however often, a source that fails has time
		i.fail(errDown)
		begin := time.Now()
		for range 120 {
			for range 50 {
				if err := c.Warm(t.Context()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errDown) {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		if n := i.fetched(); n < 6 || n > 12 {
			t.Errorf("%d fetches in %v of failure", n, time.Since(begin))
		}
		time.Sleep(maxBackoff)
		i.fail(nil)
		i.slow(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Warm(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("on a slow source: %v", err)
		}
		time.Sleep(fetchTimeout + maxBackoff)
		i.slow(0)
		if err := c.Warm(t.Context()); err != nil {
			t.Error(err)
		}
		before := i.fetched()
		if err := c.Warm(t.Context()); err != nil {
			t.Error(err)
		}
		i.wantFetched(t, before)
	})
}

func TestClose(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		i.slow(time.Hour)
		unknown := make(chan error)
		go func() {
			_, err := c.Key(context.Background(), "b", "ES256")
			unknown <- err
		}()
		synctest.Wait()
		begin := time.Now()
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if time.Since(begin) != 0 {
			t.Error("Close waited for the source")
		}
		if err := <-unknown; !errors.Is(err, ErrUnavailable) {
			t.Errorf("who waited got %v", err)
		}
		i.slow(0)
		before := i.fetched()
		time.Sleep(2 * soft)
		wantKey(t, c, "a")
		wantErr(t, c, "b", ErrUnavailable)
		time.Sleep(hard)
		wantErr(t, c, "a", ErrUnavailable)
		if err := c.Warm(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Warm after Close: %v", err)
		}
		i.wantFetched(t, before)
	})
}
