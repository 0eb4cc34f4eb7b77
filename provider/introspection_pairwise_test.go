package provider_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// RFC 7662 §2.2, ATK-257: an ID token with a pairwise subject and no session
// names nobody who could be looked up, so it is not active; one with a session
// ends with it.
func TestIntrospectionOfPairwiseIDTokens(t *testing.T) {
	f := newPairwise(t, func(c *provider.Config) {
		c.Clients = slices.Clone(c.Clients)
		c.Clients[0].GrantTypes = append([]string{"password"}, c.Clients[0].GrantTypes...)
		c.Legacy = &provider.Legacy{Password: &provider.PasswordGrant{}}
	})
	active := func(token string) bool {
		req := f.newRequest(http.MethodPost, "/introspect", url.Values{"token": {token}})
		req.SetBasicAuth("web", "web-secret")
		return strings.Contains(f.send(f.client, req).body, `"active":true`)
	}
	withSession := f.token(codeForm(f.code("scope", "openid"))).ID
	res := f.token(url.Values{"grant_type": {"password"}, "username": {oidctest.Username}, "password": {oidctest.Password}, "scope": {"openid"}})
	if res.ID == "" || claims(t, res.ID)["sid"] != nil {
		t.Fatalf("%+v", res)
	}
	if !active(withSession) || !active(res.Access) || active(res.ID) {
		t.Errorf("with a session %t, access token %t, without a session %t", active(withSession), active(res.Access), active(res.ID))
	}
	if err := f.op.Provider.DisableUser(t.Context(), oidctest.Subject); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"with a session": withSession, "access token": res.Access, "without a session": res.ID} {
		if active(token) {
			t.Errorf("%s: active although the user is disabled", name)
		}
	}
}
