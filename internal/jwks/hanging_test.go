package jwks

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// FLT-56: a source that ends neither with its context nor with Close takes
// nobody along, and is not called a second time meanwhile.
func TestSourceThatNeverEnds(t *testing.T) {
	publicKey(t, "ES256", "a")
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.publish(t, es256(t, "a"))
		stuck := make(chan struct{})
		var hang atomic.Bool
		var calls atomic.Int64
		c := newCache(t, Config{Fetch: func(ctx context.Context) ([]byte, error) {
			calls.Add(1)
			if hang.Load() {
				<-stuck
			}
			return i.fetch(ctx)
		}})
		wantKey(t, c, "a")
		hang.Store(true)
		begin := time.Now()
		time.Sleep(10 * time.Minute)
		// until its time is over, it may still bring that the key is withdrawn
		wantErr(t, c, "a", ErrUnavailable)
		if d := time.Since(begin); d > 10*time.Minute+coldWait {
			t.Fatalf("waited %v", d)
		}
		time.Sleep(fetchTimeout)
		for time.Since(begin) < hard-20*time.Minute {
			asked := time.Now()
			wantKey(t, c, "a")
			if d := time.Since(asked); d != 0 {
				t.Fatalf("waited %v", d)
			}
			time.Sleep(10 * time.Minute)
		}
		if n := calls.Load(); n != 2 {
			t.Errorf("%d calls", n)
		}
		if s := c.State(); s.Failures == 0 || s.Keys != 1 || !strings.Contains(s.Err.Error(), errHangs.Error()) {
			t.Errorf("%+v", s)
		}
		// it recovers by itself once the call does end
		hang.Store(false)
		close(stuck)
		synctest.Wait()
		time.Sleep(maxBackoff)
		c.Key(t.Context(), "a", "ES256")
		synctest.Wait()
		if s := c.State(); s.Failures != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// FLT-58: nor does Close wait for it.
func TestCloseWhileTheSourceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		c := newCache(t, Config{Fetch: func(context.Context) ([]byte, error) {
			<-stuck
			return nil, errDown
		}})
		wantErr(t, c, "a", ErrUnavailable)
		begin := time.Now()
		c.Close()
		if d := time.Since(begin); d > time.Second {
			t.Errorf("Close took %v", d)
		}
		close(stuck)
	})
}

// FLT-55
func TestSourceThatPanics(t *testing.T) {
	set, err := jose.MarshalJWKS([]jose.JWK{{KeyID: "a", Issuer: "one", Key: publicKey(t, "ES256", "a")}})
	if err != nil {
		t.Fatal(err)
	}
	fetch := func(context.Context) ([]byte, error) { return set, nil }
	var calls atomic.Int64
	once := func() {
		if calls.Add(1) == 1 {
			panic("canary")
		}
	}
	for name, config := range map[string]Config{
		"Fetch": {Fetch: func(ctx context.Context) ([]byte, error) { once(); return fetch(ctx) }},
		"Scope": {Fetch: fetch, Scope: func(string) (string, bool) { once(); return "", true }},
	} {
		t.Run(name, func(t *testing.T) {
			calls.Store(0)
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, config)
				_, err := c.Key(t.Context(), "a", "ES256")
				if !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "canary") {
					t.Errorf("%v", err)
				}
				time.Sleep(time.Second)
				if err := c.Warm(t.Context()); err != nil {
					t.Error(err)
				}
				wantKey(t, c, "a")
			})
		})
	}
}
