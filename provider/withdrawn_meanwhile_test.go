package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// pausingGrants runs something once, before a grant is stored.
type pausingGrants struct {
	opstore.Grants
	before func()
}

func (p *pausingGrants) CreateGrant(ctx context.Context, g *opstore.Grant, first *opstore.RefreshToken) error {
	if run := p.before; run != nil {
		p.before = nil
		run()
	}
	return p.Grants.CreateGrant(ctx, g, first)
}

// newPausing returns an issuer with all that can be withdrawn, whose grants can
// be made to wait.
func newPausing(t *testing.T, configure func(*provider.Config)) (*operator, *pausingGrants) {
	grants := &pausingGrants{}
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		grants.Grants = c.Stores.Grants
		c.Stores.Grants = grants
		c.AccountPage = &provider.AccountPage{}
		c.ClientAdmin = &provider.ClientAdmin{Guard: operatorOnly}
		if configure != nil {
			configure(c)
		}
	}})
	return &operator{f, f.op.Provider.ClientAdminHandler()}, grants
}

// What is withdrawn after a code was looked at and before its grant is stored
// leaves nothing behind: the grant was not there yet to be revoked.
func TestWithdrawnWhileRedeeming(t *testing.T) {
	signicat := func(c *provider.Config) {
		c.Paths = provider.Paths{Authorization: "/authorize", Token: "/token", Userinfo: "/userinfo"}
		c.Legacy = &provider.Legacy{Preset: provider.PresetSignicat}
	}
	for name, row := range map[string]struct {
		configure func(*provider.Config)
		scope     string
		withdraw  func(t *testing.T, o *operator)
	}{
		"nothing": {nil, "openid offline_access", func(*testing.T, *operator) {}},
		"the consent": {nil, "openid offline_access", func(t *testing.T, o *operator) {
			_, buttons, _ := o.accountPage()
			o.browse(http.MethodPost, "/account", url.Values{"withdraw": {buttons[0]}})
		}},
		"the session": {signicat, "openid", func(t *testing.T, o *operator) {
			if n, err := o.op.Provider.EndSessions(t.Context(), opstore.SessionSelector{Subject: oidctest.Subject}); n != 1 || err != nil {
				t.Error(n, err)
			}
		}},
		"the user": {nil, "openid offline_access", func(t *testing.T, o *operator) {
			if err := o.op.Provider.DisableUser(t.Context(), oidctest.Subject); err != nil {
				t.Error(err)
			}
		}},
		"the client": {nil, "openid offline_access", func(t *testing.T, o *operator) {
			if a := o.ask(http.MethodDelete, adminPath+"/shop", "", "If-Match", "*"); a.status != http.StatusNoContent {
				t.Error(a.status)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o, grants := newPausing(t, row.configure)
			client := o.create(appMetadata("client_id", "shop"))
			code := o.code("client_id", "shop", "scope", row.scope)
			grants.before = func() { row.withdraw(t, o) }
			res := o.redeemAs(client, codeForm(code))
			list, err := o.op.Provider.ListGrants(t.Context(), opstore.GrantSelector{ClientID: "shop"}, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			if name == "nothing" {
				if res.Refresh == "" || len(list) != 1 {
					t.Errorf("%+v, %d grants", res, len(list))
				}
				return
			}
			if res.Error != "invalid_grant" || res.Refresh+res.Access != "" || len(list) != 0 {
				t.Errorf("%d %q, %d grants", res.status, res.Error, len(list))
			}
		})
	}
}
