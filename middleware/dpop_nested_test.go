package middleware_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// RFC 9449 §11.1: a proof is good for one request, and guards of one request
// that share a DPoP see one proof. A guard with another DPoP judges on its own,
// and so does one for a request that a handler has made of this one.
func TestNestedGuardsShareAProof(t *testing.T) {
	api := newDPoPAPI(t, nil)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: api.iss.URL, Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	replay := &countingReplay{}
	build := func() *middleware.DPoP {
		d, err := middleware.NewDPoP(middleware.DPoPConfig{Origin: audience, Replay: replay})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	shared, foreign := build(), build()
	changed := func(edit func(*http.Request)) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r = r.Clone(r.Context())
				edit(r)
				next.ServeHTTP(w, r)
			})
		}
	}
	same := changed(func(*http.Request) {})
	for _, row := range []struct {
		name    string
		inner   *middleware.DPoP
		between func(http.Handler) http.Handler
		status  int
		spent   int
	}{
		{"one DPoP", shared, same, 200, 1},
		{"another DPoP", foreign, same, 401, 2},
		{"another path", shared, changed(func(r *http.Request) { r.RequestURI, r.URL.Path = "/other", "/other" }), 401, 1},
		{"another method", shared, changed(func(r *http.Request) { r.Method = http.MethodDelete }), 401, 1},
		{"a second proof", shared, changed(func(r *http.Request) { r.Header.Add("DPoP", "x") }), 401, 1},
		{"another proof", shared, changed(func(r *http.Request) { r.Header.Set("DPoP", api.proof()) }), 200, 2},
		{"no proof", shared, changed(func(r *http.Request) { r.Header.Del("DPoP") }), 401, 1},
		{"another token", shared, changed(func(r *http.Request) {
			again := api.iss.token(t, map[string]any{"jti": "t-2", "cnf": map[string]string{"jkt": api.key.Thumbprint()}})
			r.Header.Set("Authorization", "DPoP "+again)
		}), 401, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			outer := middleware.Bearer{Verifier: v, DPoP: shared, Optional: true}
			inner := middleware.Bearer{Verifier: v, DPoP: row.inner}
			h := outer.Require(row.between(inner.Require(inner.Require(http.HandlerFunc(api.serve)))))
			replay.calls.Store(0)
			resp := serve(h, dpopRequest("DPoP "+api.bound, api.proof()))
			if n := replay.calls.Load(); resp.StatusCode != row.status || n != int64(row.spent) {
				t.Errorf("status %d, %d proofs spent: %s", resp.StatusCode, n, body(t, resp))
			}
		})
	}
}

// countingReplay counts the proofs it is shown, and knows which it has seen.
type countingReplay struct {
	calls atomic.Int64
	seen  sync.Map
}

func (c *countingReplay) UseOnce(_ context.Context, key string, _ time.Time) error {
	c.calls.Add(1)
	if _, before := c.seen.LoadOrStore(key, true); before {
		return oidckit.ErrConsumed
	}
	return nil
}
