package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

// Keys of a tenant that has lost its place are refreshed no more: a token that
// they verified is verified anew, by the keys that the tenant has now.
func TestSeenTokenOfARetiredTenant(t *testing.T) {
	p := newTenantProvider(t)
	synctest.Test(t, func(t *testing.T) {
		cfg := p.config(middleware.Tenants{Allowed: []string{"t-1", "t-2"}, Max: 1})
		cfg.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			p.serve(w, r)
			return w.Result(), nil
		})}
		g, _ := newAPIOf(t, cfg)
		old, other := "Bearer "+p.token(t, "t-1", "t-1"), "Bearer "+p.token(t, "t-2", "t-2")
		g.wantServed(t, g.get(old))
		time.Sleep(61 * time.Second)
		g.wantServed(t, g.get(other))
		p.mu.Lock()
		delete(p.signers, "t-1")
		p.mu.Unlock()
		// Its place is taken, and so nothing is known of its keys.
		g.wantRefused(t, g.get(old), 503, "temporarily_unavailable")
		time.Sleep(61 * time.Second)
		g.wantRefused(t, g.get(old), 401, "invalid_token")
		g.wantServed(t, g.get("Bearer "+p.token(t, "t-1", "t-1")))
	})
}
