package provider_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// opaqueOrders makes one resource of the tests take opaque access tokens.
func opaqueOrders(c *provider.Config) {
	c.Resources[0].AccessTokenFormat = provider.AccessTokenOpaque
	c.Resources[0].ClientIDs = []string{"machine"}
}

// Access tokens are opaque for the resources that want them so, and for no
// others; userinfo reads both kinds.
func TestOpaqueAccessTokens(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: opaqueOrders})
	for _, row := range []struct {
		scope  string
		opaque bool
	}{
		{"openid orders:read", true},
		{"openid email", false},
		{"openid stock:read", false},
		// One that takes JWTs could not read it.
		{"openid orders:read stock:read", false},
	} {
		res := f.token(codeForm(f.code("scope", row.scope)))
		if res.status != http.StatusOK || strings.Contains(res.Access, ".") == row.opaque {
			t.Fatalf("%s: %d %q", row.scope, res.status, res.Access)
		}
		if res.Scope != row.scope || res.Expires != 3600 {
			t.Errorf("%s: scope %q, expires in %d", row.scope, res.Scope, res.Expires)
		}
		if !f.alive(res.Access) {
			t.Errorf("%s: userinfo does not take it", row.scope)
		}
		if f.alive(res.Access + "x") {
			t.Errorf("%s: userinfo takes another", row.scope)
		}
	}
}

// What revokes JWTs revokes opaque tokens: here the second use of a code (RFC
// 6749 §4.1.2).
func TestOpaqueAccessTokenIsRevokedWithItsGrant(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: opaqueOrders})
	code := f.code("scope", "openid orders:read")
	res := f.token(codeForm(code))
	if !f.alive(res.Access) {
		t.Fatal("the token does not work")
	}
	f.token(codeForm(code)).refusal(t, http.StatusBadRequest, "invalid_grant")
	if f.alive(res.Access) {
		t.Error("the token works on")
	}
}

func TestOpaqueAccessTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, opaqueOrders)
		res := f.token(codeForm(f.code("scope", "openid orders:read")))
		time.Sleep(time.Hour - time.Second)
		if !f.alive(res.Access) {
			t.Error("ended early")
		}
		time.Sleep(time.Second)
		if f.alive(res.Access) {
			t.Error("did not end")
		}
	})
}

// A store that is down is no refusal, and what cannot be kept is not issued.
func TestOpaqueAccessTokenStore(t *testing.T) {
	down := &switchedTokens{}
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		opaqueOrders(c)
		down.AccessTokens = c.Stores.AccessTokens
		c.Stores.AccessTokens = down
	}})
	res := f.token(codeForm(f.code("scope", "openid orders:read")))
	down.gone.Store(true)
	if status, _, _ := f.get("/userinfo", res.Access); status != http.StatusServiceUnavailable {
		t.Errorf("userinfo: %d", status)
	}
	if res := f.token(codeForm(f.code("scope", "openid orders:read"))); res.status != http.StatusServiceUnavailable || res.Access != "" {
		t.Errorf("token: %+v", res)
	}
}

func TestAccessTokenFormatIsChecked(t *testing.T) {
	c := goodConfig(t)
	c.Resources = []provider.Resource{
		{Resource: ordersAPI, AccessTokenFormat: "reference"}, {Resource: stockAPI, AccessTokenFormat: "opaque"},
	}
	c.Stores.AccessTokens = nil
	_, err := provider.New(c)
	for _, want := range []string{`Resources[0]: AccessTokenFormat "reference"`, "Resources[1]: AccessTokenFormat is opaque"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

// switchedTokens is a store of opaque tokens that can be down.
type switchedTokens struct {
	opstore.AccessTokens
	gone atomic.Bool
}

func (s *switchedTokens) CreateAccessToken(ctx context.Context, t *opstore.AccessToken) error {
	if s.gone.Load() {
		return errDown
	}
	return s.AccessTokens.CreateAccessToken(ctx, t)
}

func (s *switchedTokens) AccessToken(ctx context.Context, hash oidckit.TokenHash) (*opstore.AccessToken, error) {
	if s.gone.Load() {
		return nil, errDown
	}
	return s.AccessTokens.AccessToken(ctx, hash)
}
