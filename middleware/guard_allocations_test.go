package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/dpop"
	"github.com/oidckit/oidckit/internal/dpop/dpoptest"
	"github.com/oidckit/oidckit/middleware"
)

// The guard's own cost on the way of a plain bearer token is the request's new
// context: two allocations. Whatever else a Bearer can do, and the guards
// behind it, add none.
func TestGuardAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	id := &oidckit.Identity{Scope: oidckit.Scope{"openid", "orders:read"}, ACR: "gold"}
	v := verifierFunc(func(string) (*oidckit.Identity, error) { return id, nil })
	d, err := middleware.NewDPoP(middleware.DPoPConfig{Origin: audience})
	if err != nil {
		t.Fatal(err)
	}
	m, err := middleware.NewMTLS(middleware.MTLSConfig{})
	if err != nil {
		t.Fatal(err)
	}
	next := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	inner := middleware.RequireScope("orders:read")(middleware.RequireAnyScope("x", "openid")(middleware.RequireACR("gold")(next)))
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/orders?page=2", nil)
	r.Header.Set("Authorization", "Bearer t")
	for name, h := range map[string]http.Handler{
		"bearer":                    middleware.RequireBearer(v)(next),
		"bearer and guards":         middleware.RequireBearer(v)(inner),
		"every way to send a token": middleware.Bearer{Verifier: v, AllowFormToken: true, AllowQueryToken: true}.Require(inner),
		"bound tokens too":          middleware.Bearer{Verifier: v, DPoP: d, MTLS: m, ResourceMetadata: "https://api.example/x"}.Require(inner),
		"session or bearer":         middleware.RequireSessionOrBearer(cookieSessions{}, middleware.Bearer{Verifier: v})(inner),
	} {
		if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n != 2 {
			t.Errorf("%s: %v allocations, want 2", name, n)
		}
	}
	if w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
}

// BenchmarkDPoP is a request with a fresh proof each, against what it cannot do
// without: one signature check of the proof.
func BenchmarkDPoP(b *testing.B) {
	api := newDPoPBench(b)
	b.Run("limit=bare-signature", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			api.bare()
		}
	})
	b.Run("middleware", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			api.whole()
		}
	})
}

// dpopBench sends one proof again and again to a store that forgets.
type dpopBench struct {
	bare    func()
	handler http.Handler
	request *http.Request
	writer  *httptest.ResponseRecorder
}

func newDPoPBench(tb testing.TB) *dpopBench {
	tb.Helper()
	key := dpoptest.NewKey(tb)
	d, err := middleware.NewDPoP(middleware.DPoPConfig{Origin: audience, Replay: forgetful{}})
	if err != nil {
		tb.Fatal(err)
	}
	id := &oidckit.Identity{Confirmation: &oidckit.Confirmation{JWKThumbprint: key.Thumbprint()}}
	v := verifierFunc(func(string) (*oidckit.Identity, error) { return id, nil })
	token := newIssuer(tb).token(tb)
	b := &dpopBench{bare: bareCheck(tb, "ES256", token), writer: httptest.NewRecorder(), request: httptest.NewRequest(http.MethodGet, "/orders", nil)}
	b.handler = middleware.Bearer{Verifier: v, DPoP: d}.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	b.request.Header.Set("Authorization", "DPoP "+token)
	b.request.Header.Set("DPoP", key.Proof("GET", audience+"/orders", map[string]any{"ath": dpop.TokenHash(token)}))
	b.whole()
	if b.writer.Code != http.StatusOK {
		tb.Fatalf("status %d: %s", b.writer.Code, b.writer.Body)
	}
	return b
}

func (b *dpopBench) whole() { b.handler.ServeHTTP(b.writer, b.request) }

type forgetful struct{}

func (forgetful) UseOnce(context.Context, string, time.Time) error { return nil }
