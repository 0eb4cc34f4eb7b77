package middleware_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

// RFC 8414 §3: an issuer that moves its endpoint is followed as soon as the old
// address fails, and its metadata are not asked for with every failure.
func TestIntrospectionEndpointMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moved atomic.Bool
		var documents atomic.Int64
		path := func() string {
			if moved.Load() {
				return "/new"
			}
			return "/old"
		}
		v, _ := newTimedVerifier(t, func(c *middleware.IntrospectionConfig) { c.Endpoint = "" }, func(r *http.Request) (*http.Response, error) {
			switch {
			case strings.HasPrefix(r.URL.Path, "/.well-known/"):
				documents.Add(1)
				return reply(200, fmt.Sprintf(`{"issuer":"https://issuer.example","introspection_endpoint":"https://issuer.example%s"}`, path()))
			case r.URL.Path == path():
				return reply(200, timelessAnswer)
			}
			return reply(404, `{}`)
		})
		if got := verdict(v, "before"); got != "served" {
			t.Fatal(got)
		}
		moved.Store(true)
		if got := verdict(v, "first"); got != "unchecked" {
			t.Errorf("at the old address: %s", got)
		}
		synctest.Wait()
		if got := verdict(v, "second"); got != "served" || documents.Load() != 2 {
			t.Errorf("%s after %d documents", got, documents.Load())
		}
		time.Sleep(time.Minute)
		if got := verdict(v, "third"); got != "served" || documents.Load() != 2 {
			t.Errorf("%s after %d documents", got, documents.Load())
		}
	})
}
