package handlers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/redis/go-redis/v9"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/middleware"
)

// emptyCodec is the least that scs can be made to do.
type emptyCodec struct{}

func (emptyCodec) Encode(time.Time, map[string]any) ([]byte, error) { return []byte("x"), nil }

func (emptyCodec) Decode([]byte) (time.Time, map[string]any, error) {
	return time.Now().Add(time.Hour), nil, nil
}

// silent is a response nobody reads.
type silent struct{ h http.Header }

func (s *silent) Header() http.Header         { return s.h }
func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
func (s *silent) WriteHeader(int)             {}

// guarded is a route behind RequireAuth, and a request with a session.
func guarded(tb testing.TB, store scs.Store) (http.Handler, *http.Request) {
	tb.Helper()
	sessions := newSessions(tb, func(c *handlers.SessionConfig) { c.SCSStore = store })
	rp := offlineParty(tb, sessions)
	tb.Cleanup(func() { rp.Close() })
	r := httptest.NewRequest(http.MethodGet, "/me", nil)
	cookie := handlers.PlantSession(tb, rp, sessions, "alice")
	r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	h := sessions.LoadAndSave(middleware.RequireAuth(rp)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, ok := oidckit.IdentityFromContext(r.Context()); !ok || id.Subject != "alice" {
			tb.Error("the handler has run for nobody")
		}
	})))
	return h, r
}

// floor is scs alone, with a codec that does nothing: what any guard over it
// costs at least.
func floor(tb testing.TB, store scs.Store) (http.Handler, *http.Request) {
	tb.Helper()
	m := scs.New()
	m.Codec, m.HashTokenInStore = emptyCodec{}, true
	if store != nil {
		m.Store = store
	}
	put := httptest.NewRecorder()
	m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.Put(r.Context(), "n", 1) })).
		ServeHTTP(put, httptest.NewRequest(http.MethodGet, "/", nil))
	r := httptest.NewRequest(http.MethodGet, "/me", nil)
	cookie := put.Result().Cookies()[0]
	r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	return m.LoadAndSave(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), r
}

func serveOnce(h http.Handler, w *silent, r *http.Request) {
	clear(w.h)
	h.ServeHTTP(w, r)
}

func redisStore(tb testing.TB) (*redis.Client, scs.Store) {
	tb.Helper()
	address := os.Getenv("OIDCKIT_TEST_REDIS")
	if address == "" {
		tb.Skip("OIDCKIT_TEST_REDIS is not set: Redis not tested")
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		tb.Fatal(err)
	}
	client := redis.NewClient(options)
	prefix := "oidckit-test:" + tb.Name() + ":"
	tb.Cleanup(func() {
		// Redis outlives the run: what is left would be found by the next one.
		ctx := context.Background()
		if keys, err := client.Keys(ctx, prefix+"*").Result(); err == nil && len(keys) > 0 {
			client.Del(ctx, keys...)
		}
		client.Close()
	})
	return client, goredisstore.NewWithPrefix(client, prefix)
}

// BenchmarkRequireAuth measures a guarded route on a live session. The limit
// rows beside it are what scs alone costs, and one bare GET.
func BenchmarkRequireAuth(b *testing.B) {
	run := func(make func(testing.TB, scs.Store) (http.Handler, *http.Request), store scs.Store) func(*testing.B) {
		return func(b *testing.B) {
			h, r := make(b, store)
			w := &silent{h: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				serveOnce(h, w, r)
			}
		}
	}
	b.Run("memory/limit-scs-alone", run(floor, nil))
	b.Run("memory/require-auth", run(guarded, nil))
	b.Run("redis", func(b *testing.B) {
		client, store := redisStore(b)
		b.Run("limit-bare-get", func(b *testing.B) {
			ctx := context.Background()
			client.Set(ctx, "oidckit-test:bare", "0123456789012345678901234567890123456789012345678901234567890123", time.Minute)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Get(ctx, "oidckit-test:bare").Bytes(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("require-auth", run(guarded, store))
	})
}

// What a guarded request may allocate, exactly: a change that costs more is
// seen, and one that saves lowers the number.
func TestRequireAuthAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	h, r := guarded(t, nil)
	w := &silent{h: http.Header{}}
	for range 10 {
		serveOnce(h, w, r)
	}
	// The session is looked up again once a second; the least of a few runs is
	// one without.
	least := 1e9
	for range 10 {
		least = min(least, testing.AllocsPerRun(100, func() { serveOnce(h, w, r) }))
	}
	const want = 20
	if least != want {
		t.Errorf("%v allocations, want %d", least, want)
	}
}

// Over Redis it is one GET a request.
func TestOneGetPerRequest(t *testing.T) {
	client, store := redisStore(t)
	counted := &countingHook{}
	client.AddHook(counted)
	h, r := guarded(t, store)
	w := &silent{h: http.Header{}}
	serveOnce(h, w, r)
	counted.names = nil
	for range 5 {
		serveOnce(h, w, r)
	}
	if len(counted.names) != 5 || counted.names[0] != "get" {
		t.Errorf("commands of five requests: %v", counted.names)
	}
	if raceEnabled {
		return
	}
	_, plain := redisStore(t)
	h, r = guarded(t, plain)
	if n := testing.AllocsPerRun(200, func() { serveOnce(h, w, r) }); n > 30 {
		t.Errorf("%v allocations over Redis, want 30 at most", n)
	}
}

// countingHook records the commands that are sent.
type countingHook struct{ names []string }

func (c *countingHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *countingHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.names = append(c.names, cmd.Name())
		return next(ctx, cmd)
	}
}

func (c *countingHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
