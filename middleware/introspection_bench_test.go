package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// remembered is a token whose answer is in the cache, on its way through the
// whole middleware; and the least that any middleware does with it: look the
// token up and hand on a request with an identity.
type remembered struct {
	bare    func()
	whole   func()
	handler http.Handler
	tr      *transport
}

var tokenLengths = []struct {
	name   string
	length int
}{{"opaque", 43}, {"long", 700}}

func newRemembered(tb testing.TB, length int) *remembered {
	tb.Helper()
	tr := &transport{fn: func(*http.Request) (*http.Response, error) {
		return reply(200, fmt.Sprintf(`{"exp":%d,"iat":%d,"scope":"openid orders:read","client_id":"webapp",%s`, time.Now().Unix()+3600, time.Now().Unix(), timelessAnswer[1:]))
	}}
	v, err := middleware.NewIntrospectionVerifier(middleware.IntrospectionConfig{Issuer: "https://issuer.example", Endpoint: "https://issuer.example/introspect",
		Audience: audience, ClientID: "a", ClientSecret: "b", HTTPClient: &http.Client{Transport: tr}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { v.Close() })
	token := strings.Repeat("x", length)
	id, err := v.Verify(tb.Context(), token)
	if err != nil {
		tb.Fatal(err)
	}
	var next http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	held := map[string]*oidckit.Identity{token: id}
	f := &remembered{handler: middleware.RequireBearer(v)(next), tr: tr}
	f.bare = func() {
		found := held[r.Header["Authorization"][0][len("Bearer "):]]
		next.ServeHTTP(w, r.WithContext(oidckit.ContextWithIdentity(r.Context(), found)))
	}
	f.whole = func() { f.handler.ServeHTTP(w, r) }
	return f
}

// BenchmarkIntrospectionHit has the limit row and the middleware one after the
// other, and a row in which they take turns.
func BenchmarkIntrospectionHit(b *testing.B) {
	for _, token := range tokenLengths {
		f := newRemembered(b, token.length)
		b.Run(token.name+"/limit=look-up-and-hand-on", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.bare()
			}
		})
		b.Run(token.name+"/middleware", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.whole()
			}
		})
		b.Run(token.name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r := httptest.NewRequest(http.MethodGet, "/orders", nil)
				r.Header.Set("Authorization", "Bearer "+strings.Repeat("x", token.length))
				w := httptest.NewRecorder()
				for pb.Next() {
					f.handler.ServeHTTP(w, r)
				}
			})
		})
		b.Run(token.name+"/ratio", func(b *testing.B) {
			const batch = 64
			var bare, whole time.Duration
			for b.Loop() {
				bare += timed(batch, f.bare)
				whole += timed(batch, f.whole)
			}
			b.ReportMetric(float64(whole)/float64(bare), "x-bare")
		})
	}
}

// A remembered token costs two allocations, the context and the request that
// carries it, and no call.
func TestIntrospectionHitAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, token := range tokenLengths {
		f := newRemembered(t, token.length)
		if n := testing.AllocsPerRun(1000, f.whole); n != 2 {
			t.Errorf("%s: %v allocations, want 2", token.name, n)
		}
		if n := f.tr.calls.Load(); n != 1 {
			t.Errorf("%s: %d calls", token.name, n)
		}
	}
}
