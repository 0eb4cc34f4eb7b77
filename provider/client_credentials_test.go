package provider_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// RFC 6749 §4.4, RFC 9068 §2.2: a token for the client itself, with what it is
// registered for and nothing personal.
func TestClientCredentials(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	ask := func(client string, with ...string) tokenResponse {
		return f.token(f.as(client, change(url.Values{"grant_type": {"client_credentials"}}, with...)))
	}
	for _, row := range []struct {
		clause, client string
		with           []string
		scope          string
		aud            []any
	}{
		{"all it is registered for", "web", nil, "orders:read orders:write stock:read", []any{ordersAPI, stockAPI}},
		{"one scope", "web", []string{"scope", "stock:read"}, "stock:read", []any{stockAPI}},
		{"RFC 8707 §2.2 one resource", "web", []string{"resource", ordersAPI}, "orders:read orders:write", []any{ordersAPI}},
		{"one resource, one scope", "web", []string{"resource", ordersAPI, "scope", "orders:read"}, "orders:read", []any{ordersAPI}},
		{"a scope that the resource does not have", "web", []string{"resource", ordersAPI, "scope", "stock:read"}, "", []any{ordersAPI}},
		{"a resource without scopes", "web", []string{"resource", openAPI}, "", []any{openAPI}},
		{"never openid", "machine", nil, "orders:read", []any{ordersAPI}},
	} {
		t.Run(row.clause, func(t *testing.T) {
			res := ask(row.client, row.with...)
			if res.status != http.StatusOK || res.Scope != row.scope || res.Refresh != "" || res.ID != "" || res.Type != "Bearer" || res.Expires != 3600 {
				t.Fatalf("%s", res.body)
			}
			c := claims(t, res.Access)
			if c["sub"] != row.client || c["client_id"] != row.client || !slices.Equal(c["aud"].([]any), row.aud) {
				t.Errorf("%v", c)
			}
			for _, name := range []string{"sid", "auth_time", "amr", "acr"} {
				if _, has := c[name]; has {
					t.Errorf("a client has %s", name)
				}
			}
		})
	}
	for _, row := range []struct {
		clause, client string
		with           []string
		code           string
	}{
		{"RFC 6749 §3.3 a scope it is not registered for", "machine", []string{"scope", "orders:write"}, "invalid_scope"},
		{"a personal scope", "machine", []string{"scope", "openid"}, "invalid_scope"},
		{"an unknown scope", "machine", []string{"scope", "nonsense"}, "invalid_scope"},
		{"RFC 8707 §2 a resource that none of its scopes reaches", "machine", []string{"resource", stockAPI}, "invalid_target"},
		{"an unknown resource", "machine", []string{"resource", "https://unknown.example"}, "invalid_target"},
		{"a resource with a fragment", "machine", []string{"resource", ordersAPI + "#x"}, "invalid_target"},
		{"not registered for the grant", "other", nil, "unauthorized_client"},
		{"RFC 6749 §4.4 a public client", "spa", nil, "unauthorized_client"},
	} {
		t.Run(row.clause, func(t *testing.T) { ask(row.client, row.with...).refusal(t, 400, row.code) })
	}
	t.Run("50 resources", func(t *testing.T) {
		form := f.as("machine", url.Values{"grant_type": {"client_credentials"}})
		for range 50 {
			form.Add("resource", ordersAPI)
		}
		f.token(form).refusal(t, 400, "invalid_target")
	})
}

// RFC 8707 §2: what the person consented to is the most a code or a refresh
// brings.
func TestResourceIndicators(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		c.Resources[0].SigningAlg = "RS256"
	}})
	audience := func(res tokenResponse) []any {
		t.Helper()
		if res.status != http.StatusOK {
			t.Fatalf("%s", res.body)
		}
		return claims(t, res.Access)["aud"].([]any)
	}
	orders := []string{"resource", ordersAPI, "scope", "openid offline_access orders:read"}
	res := f.token(codeForm(f.code(orders...)))
	if aud := audience(res); !slices.Equal(aud, []any{ordersAPI, f.base}) {
		t.Errorf("aud %v", aud)
	}
	if alg := part(t, res.Access, 0)["alg"]; alg != "RS256" {
		t.Errorf("the resource's algorithm: %v", alg)
	}
	f.token(refreshForm(res.Refresh, "resource", stockAPI)).refusal(t, 400, "invalid_target")
	f.token(codeForm(f.code(orders...), "resource", stockAPI)).refusal(t, 400, "invalid_target")
	f.token(codeForm(f.code(orders...), "resource", openAPI)).refusal(t, 400, "invalid_target")
	if aud := audience(f.token(codeForm(f.code("scope", "openid")))); !slices.Equal(aud, []any{f.base}) {
		t.Errorf("without resources: %v", aud)
	}
	f.token(codeForm(f.code("scope", "openid"), "resource", openAPI)).refusal(t, 400, "invalid_target")
	both := request("scope", "openid orders:read stock:read")
	both["resource"] = []string{ordersAPI, stockAPI}
	callback, err := f.browser.Authorize(f.base + "/authorize?" + both.Encode())
	if err != nil {
		t.Fatal(err)
	}
	code := callback.Query().Get("code")
	one := f.token(codeForm(code, "resource", stockAPI))
	if aud := audience(one); !slices.Equal(aud, []any{stockAPI, f.base}) || one.Scope != "openid stock:read" {
		t.Errorf("one of two: %v %s", aud, one.Scope)
	}
	// A token for an API alone opens nothing here.
	alone := f.token(codeForm(f.code("scope", "orders:read")))
	if aud := audience(alone); !slices.Equal(aud, []any{ordersAPI}) {
		t.Errorf("aud %v", aud)
	}
	if a := f.userinfo(alone.Access); a.status != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", a.status)
	}
}
