package middleware_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
	if err := v.Check(gone); err == nil {
		t.Error("Check passes without waiting")
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
