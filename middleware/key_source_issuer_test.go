package middleware_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/middleware"
)

// share publishes a set for all tenants, each key under a kid with the issuer
// that stands beside it; a kid may come up more than once.
func (p *tenantProvider) share(tb testing.TB, keys ...[2]string) (sign func(kid, issuer, tenant string) string) {
	tb.Helper()
	signers := map[[2]string]*jose.Signer{}
	p.common = nil
	for _, k := range keys {
		key, err := jose.GenerateKey("ES256")
		if err != nil {
			tb.Fatal(err)
		}
		if signers[k], err = jose.NewSigner("ES256", k[0], key); err != nil {
			tb.Fatal(err)
		}
		p.common = append(p.common, jose.JWK{KeyID: k[0], Issuer: k[1], Algorithm: "ES256", Key: key.Public()})
	}
	return func(kid, issuer, tenant string) string {
		p.signers["signing"] = signers[[2]string{kid, issuer}]
		return "Bearer " + p.token(tb, tenant, "signing")
	}
}

// RFC 8725 §3.8: of a set that tenants share, a key that names one of them, or
// another provider, verifies nobody else's tokens.
func TestSharedKeysThatNameAnIssuer(t *testing.T) {
	p := newTenantProvider(t)
	one, two := p.issuer("t-1"), p.issuer("t-2")
	rows := []struct {
		kid, issuer string
		serves      map[string]bool
	}{
		{"unnamed", "", map[string]bool{"t-1": true, "t-2": true}},
		{"all", p.commonIssuer, map[string]bool{"t-1": true, "t-2": true}},
		{"one", one, map[string]bool{"t-1": true}},
		{"same", one, map[string]bool{"t-1": true}},
		{"same", two, map[string]bool{"t-2": true}},
		{"version", p.URL + "/{tenantid}/v1.0", nil},
		{"host", "https://evil.example/{tenantid}/v2.0", nil},
		{"stranger", "https://evil.example/t-1/v2.0", nil},
		{"none", p.URL + "/../v2.0", nil},
	}
	var keys [][2]string
	for _, row := range rows {
		keys = append(keys, [2]string{row.kid, row.issuer})
	}
	sign := p.share(t, keys...)
	set := marshal(t, p.common...)
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	tenants := middleware.Tenants{Allow: allowed}
	documented := tenants
	documented.MetadataURI = p.URL + "/common/v2.0/.well-known/openid-configuration"
	template := p.URL + "/{tenant}/v2.0"
	for name, cfg := range map[string]middleware.JWTConfig{
		"metadata":        {Issuer: template, Tenants: documented},
		"URL":             {Issuer: template, Tenants: tenants, Keys: middleware.KeySource{JWKSURI: p.URL + "/common/keys"}},
		"file":            {Issuer: template, Tenants: tenants, Keys: middleware.KeySource{JWKSFile: file}},
		"fixed":           {Issuer: template, Tenants: tenants, Keys: middleware.KeySource{JWKS: set}},
		"one tenant":      {Issuer: one, Keys: middleware.KeySource{JWKSURI: p.URL + "/common/keys"}},
		"one, fixed":      {Issuer: one, Keys: middleware.KeySource{JWKS: set}},
		"each by its own": {Issuer: template, Tenants: tenants, Keys: middleware.KeySource{JWKSURI: p.URL + "/{tenant}/shared"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg.Audience, cfg.HTTPClient = audience, p.local()
				g, v := newAPIOf(t, cfg)
				for _, row := range rows {
					for _, tenant := range []string{"t-1", "t-2"} {
						token := sign(row.kid, row.issuer, tenant)
						served := row.serves[tenant] && (cfg.Issuer != one || tenant == "t-1")
						for range 2 {
							resp := g.get(token)
							if served {
								g.wantServed(t, resp)
								continue
							}
							g.wantRefused(t, resp, 401, "invalid_token")
						}
					}
				}
				// those that serve nobody are not kept
				if s := v.KeyStates(); len(s) == 1 && (s[0].Keys != 5 && cfg.Issuer != one || s[0].Keys != 4 && cfg.Issuer == one) {
					t.Errorf("%d keys", s[0].Keys)
				}
			})
		})
	}
}
