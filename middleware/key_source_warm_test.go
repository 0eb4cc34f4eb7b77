package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// Check fetches for the tenants that are listed, in parallel and once each,
// and for no name that somebody has made up.
func TestCheckOfTenants(t *testing.T) {
	p := newTenantProvider(t)
	synctest.Test(t, func(t *testing.T) {
		cfg := p.config(middleware.Tenants{Allowed: []string{"t-1", "t-2"}, Allow: allowed})
		cfg.HTTPClient = p.local()
		g, v := newAPIOf(t, cfg)
		p.lose("t-forged")
		g.wantRefused(t, g.get("Bearer "+p.token(t, "t-forged", "t-1")), 503, "temporarily_unavailable")
		time.Sleep(time.Minute)
		p.called()
		for range 2 {
			if err := v.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		calls := p.called()
		slices.Sort(calls)
		if want := []string{"/t-1/keys", "/t-1/v2.0/.well-known/openid-configuration", "/t-2/keys", "/t-2/v2.0/.well-known/openid-configuration"}; !slices.Equal(calls, want) {
			t.Errorf("calls %q", calls)
		}
		g.wantServed(t, g.get("Bearer "+p.token(t, "t-1", "t-1")))
		g.wantServed(t, g.get("Bearer "+p.token(t, "t-2", "t-2")))
		if calls := p.called(); calls != nil {
			t.Errorf("calls %q with keys in hand", calls)
		}
		time.Sleep(25 * time.Hour)
		p.lose("t-1", "t-2")
		if err := v.Check(t.Context()); err == nil || strings.Count(err.Error(), "keys of "+p.issuer("t-1")) != 1 {
			t.Errorf("Check = %v", err)
		}
	})
}

// A tenant that is listed and has no keys is a reason to fail early. Check
// takes no place from tenants, nor more than there are.
func TestCheckOfListedTenants(t *testing.T) {
	p := newTenantProvider(t)
	p.lose("t-2")
	_, v := newAPIOf(t, p.config(middleware.Tenants{Allowed: []string{"t-1", "t-2", "t-3"}}))
	if err := v.Check(t.Context()); err == nil || !strings.Contains(err.Error(), p.issuer("t-2")) || strings.Contains(err.Error(), p.issuer("t-1")) {
		t.Errorf("Check = %v", err)
	}
	p.lose()
	eventually(t, 10*time.Second, func() bool { return v.Check(t.Context()) == nil })
	if states := v.KeyStates(); len(states) != 3 {
		t.Errorf("%v", states)
	}
	many := make([]string, 50)
	for i := range many {
		many[i] = "t-" + strconv.Itoa(i)
	}
	p.called()
	_, v = newAPIOf(t, p.config(middleware.Tenants{Allowed: many, Max: 20}))
	if err := v.Check(t.Context()); err != nil || len(p.called()) != 40 || len(v.KeyStates()) != 20 {
		t.Errorf("Check = %v, %d tenants", err, len(v.KeyStates()))
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if err := v.Check(t.Context()); err == nil {
		t.Error("Check passes after Close")
	}
	_, v = newAPIOf(t, p.config(middleware.Tenants{Allowed: many}))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Check(gone); !errors.Is(err, oidckit.TemporarilyUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Check without waiting = %v", err)
	}
}

// FLT-01: the error of an issuer that is down says that it may pass, and that
// whoever checks asks too often costs the issuer nothing.
func TestCheckOfAnIssuerThatIsDown(t *testing.T) {
	for name, keys := range map[string]func(string) middleware.KeySource{
		"metadata": func(string) middleware.KeySource { return middleware.KeySource{} },
		"URL":      func(issuer string) middleware.KeySource { return middleware.KeySource{JWKSURI: issuer + "/keys"} },
	} {
		t.Run(name, func(t *testing.T) {
			iss := newIssuer(t)
			iss.set(true)
			synctest.Test(t, func(t *testing.T) {
				_, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience, Keys: keys(iss.URL), HTTPClient: &http.Client{Transport: inMemory{iss}}})
				for range 60 {
					for range 50 {
						if err := v.Check(t.Context()); !errors.Is(err, oidckit.TemporarilyUnavailable) || !strings.Contains(err.Error(), iss.URL) {
							t.Fatal(err)
						}
					}
					time.Sleep(time.Second)
				}
				if n := iss.calls.Load(); n < 4 || n > 8 {
					t.Errorf("%d calls in a minute", n)
				}
				iss.set(false)
				time.Sleep(16 * time.Second)
				if err := v.Check(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A tenant in use keeps its place, however quiet it has been.
func TestCheckTakesNoPlace(t *testing.T) {
	p := newTenantProvider(t)
	synctest.Test(t, func(t *testing.T) {
		cfg := p.config(middleware.Tenants{Allowed: []string{"t-1", "t-2"}, Max: 1})
		cfg.HTTPClient = p.local()
		g, v := newAPIOf(t, cfg)
		g.wantServed(t, g.get("Bearer "+p.token(t, "t-2", "t-2")))
		time.Sleep(time.Hour)
		if err := v.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if s := v.KeyStates(); len(s) != 1 || s[0].Issuer != p.issuer("t-2") {
			t.Errorf("%+v", s)
		}
	})
}

// A tenant that was seen is fetched for again. That it has left the provider
// makes the API unready only where no tenant has keys.
func TestCheckOfSeenTenants(t *testing.T) {
	p := newTenantProvider(t)
	synctest.Test(t, func(t *testing.T) {
		cfg := p.config(middleware.Tenants{Allow: allowed})
		cfg.HTTPClient = p.local()
		g, v := newAPIOf(t, cfg)
		if err := v.Check(t.Context()); err != nil || p.called() != nil {
			t.Errorf("Check of no tenant = %v", err)
		}
		for _, tenant := range []string{"t-1", "t-2"} {
			g.wantServed(t, g.get("Bearer "+p.token(t, tenant, tenant)))
		}
		time.Sleep(25 * time.Hour)
		p.lose("t-1")
		p.called()
		if err := v.Check(t.Context()); err != nil {
			t.Errorf("without one of two: %v", err)
		}
		if calls := p.called(); !slices.Contains(calls, "/t-2/keys") {
			t.Errorf("calls %q", calls)
		}
		p.lose("t-1", "t-2")
		time.Sleep(25 * time.Hour)
		err := v.Check(t.Context())
		if err == nil || !strings.Contains(err.Error(), p.issuer("t-1")) || !strings.Contains(err.Error(), p.issuer("t-2")) {
			t.Errorf("without any: %v", err)
		}
	})
}
