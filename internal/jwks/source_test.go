package jwks

import (
	"context"
	"crypto"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

var errDown = errors.New("connection refused")

// issuer is a key source that a test turns this way and that.
type issuer struct {
	mu    sync.Mutex
	body  []byte
	err   error
	delay time.Duration
	calls int
}

func (i *issuer) publish(t testing.TB, keys ...jose.JWK) {
	t.Helper()
	body, err := jose.MarshalJWKS(keys)
	if err != nil {
		t.Fatal(err)
	}
	i.answer(string(body))
}

func (i *issuer) answer(body string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.body, i.err, i.delay = []byte(body), nil, 0
}

func (i *issuer) fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.err = err
}

func (i *issuer) slow(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.delay = d
}

func (i *issuer) fetched() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.calls
}

// fetch answers with what was published when it was asked.
func (i *issuer) fetch(ctx context.Context) ([]byte, error) {
	i.mu.Lock()
	i.calls++
	body, err, delay := i.body, i.err, i.delay
	i.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return body, err
}

// serve puts the issuer behind HTTP and returns a Fetch that goes there.
func (i *issuer) serve(t testing.TB) func(context.Context) ([]byte, error) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := i.fetch(r.Context())
		if err != nil {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		w.Write(body)
	}))
	t.Cleanup(srv.Close)
	return func(ctx context.Context) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
		if err != nil {
			return nil, err
		}
		resp, err := srv.Client().Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, errDown
		}
		return io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	}
}

var made sync.Map

func publicKey(t testing.TB, alg, name string) crypto.PublicKey {
	t.Helper()
	if k, ok := made.Load(alg + name); ok {
		return k
	}
	signer, err := jose.GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	k, _ := made.LoadOrStore(alg+name, signer.Public())
	return k
}

func es256(t testing.TB, kid string) jose.JWK {
	t.Helper()
	return jose.JWK{KeyID: kid, Algorithm: "ES256", Key: publicKey(t, "ES256", kid)}
}

func newCache(t testing.TB, config Config) *Cache {
	t.Helper()
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// wantKey fails unless the cache has the key for kid.
func wantKey(t testing.TB, s Source, kid string) crypto.PublicKey {
	t.Helper()
	key, err := s.Key(context.Background(), kid, "ES256")
	if err != nil {
		t.Fatalf("kid %q: %v", kid, err)
	}
	if want := publicKey(t, "ES256", kid); !jose.SameKey(key, want) {
		t.Fatalf("kid %q: another key", kid)
	}
	return key
}

func wantErr(t testing.TB, s Source, kid string, want error) {
	t.Helper()
	key, err := s.Key(context.Background(), kid, "ES256")
	if key != nil || !errors.Is(err, want) {
		t.Fatalf("kid %q: %v, %v; want %v", kid, key, err, want)
	}
}

func (i *issuer) wantFetched(t testing.TB, want int) {
	t.Helper()
	if got := i.fetched(); got != want {
		t.Fatalf("%d fetches, want %d", got, want)
	}
}
