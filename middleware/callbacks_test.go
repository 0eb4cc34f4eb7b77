package middleware_test

import (
	"context"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// FLT-55: whatever of the app's panics, no request gets through by it, nothing
// stays locked, and the next request is served.
func TestPanicsOfTheApp(t *testing.T) {
	var panics atomic.Bool
	may := func() {
		if panics.Load() {
			panic("canary")
		}
	}
	for name, edit := range map[string]func(*middleware.JWTConfig){
		"transport": func(c *middleware.JWTConfig) {
			c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				may()
				return http.DefaultTransport.RoundTrip(r)
			})}
		},
		"tenants": func(c *middleware.JWTConfig) {
			c.Tenants.Allow = func(context.Context, string) (bool, error) { may(); return true, nil }
		},
		"events": func(c *middleware.JWTConfig) { c.Events = func(context.Context, oidckit.Event) { may() } },
		"logger": func(c *middleware.JWTConfig) {
			c.Logger = zerolog.New(writer(func(p []byte) (int, error) { may(); return len(p), nil }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTenantProvider(t)
			cfg := p.config(middleware.Tenants{Allowed: []string{"t-1"}})
			if name == "tenants" {
				cfg = p.config(middleware.Tenants{})
			}
			edit(&cfg)
			v, err := middleware.NewJWTVerifier(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			var served atomic.Int64
			server := httptest.NewUnstartedServer(middleware.RequireBearer(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) })))
			server.Config.ErrorLog = log.New(writer(func(p []byte) (int, error) { return len(p), nil }), "", 0)
			server.Start()
			defer server.Close()
			get := func(token string) (status int, text string) {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+token)
				resp, err := server.Client().Do(r)
				if err != nil {
					return 0, ""
				}
				defer resp.Body.Close()
				return resp.StatusCode, body(t, resp)
			}
			good, bad := p.token(t, "t-1", "t-1"), p.token(t, "t-1", "t-2")

			panics.Store(true)
			for _, token := range []string{bad, bad, "x.y.z"} {
				if status, text := get(token); status == 0 || status == http.StatusOK || strings.Contains(text, "canary") {
					t.Errorf("status %d, %s", status, text)
				}
			}
			if n := served.Load(); n != 0 {
				t.Errorf("%d requests got through", n)
			}
			panics.Store(false)
			eventually(t, 60*time.Second, func() bool {
				status, _ := get(good)
				return status == http.StatusOK
			})
			if status, _ := get(bad); status != http.StatusUnauthorized {
				t.Errorf("status %d", status)
			}
		})
	}
}

type writer func([]byte) (int, error)

func (f writer) Write(p []byte) (int, error) { return f(p) }

// FLT-58: Close ends what runs, in the middle of it, as often as it is called
// and from wherever, and leaves no goroutine behind.
func TestCloseInTheMiddle(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 10 {
		p := newTenantProvider(t)
		asked := make(chan struct{}, 64)
		cfg := p.config(middleware.Tenants{Allow: allowed})
		cfg.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			asked <- struct{}{}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		cfg.Issuers = []middleware.JWTIssuer{{Issuer: p.issuer("own")}}
		g, v := newAPIOf(t, cfg)
		var requests, closing sync.WaitGroup
		for _, tenant := range []string{"t-1", "t-2", "own"} {
			token := "Bearer " + p.token(t, tenant, tenant)
			requests.Go(func() {
				if resp := g.get(token); resp.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("status %d", resp.StatusCode)
				}
			})
		}
		for range 3 {
			<-asked
		}
		begin := time.Now()
		for range 4 {
			closing.Go(func() {
				if err := v.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		closing.Wait()
		requests.Wait()
		if d := time.Since(begin); d > 20*time.Second {
			t.Errorf("Close took %s", d)
		}
		p.Close()
	}
	eventually(t, 60*time.Second, func() bool { return runtime.NumGoroutine() <= before+2 })
}

// FLT-56: an app that takes for ever to answer about one tenant keeps nobody
// else waiting, and its own request no longer than the client stays.
func TestBlockedCallback(t *testing.T) {
	p := newTenantProvider(t)
	g, v := newAPIOf(t, p.config(middleware.Tenants{Allowed: []string{"t-1"}, Allow: func(ctx context.Context, _ string) (bool, error) {
		<-ctx.Done()
		return false, ctx.Err()
	}}))
	ctx, leave := context.WithCancel(t.Context())
	blocked := make(chan error, 1)
	token := p.token(t, "t-2", "t-2")
	go func() {
		_, err := v.Verify(ctx, token)
		blocked <- err
	}()
	for range 3 {
		g.wantServed(t, g.get("Bearer "+p.token(t, "t-1", "t-1")))
	}
	leave()
	if err := <-blocked; err == nil {
		t.Error("it was let in")
	}
}
