package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// update replaces the metadata of the client "shop".
func (o *operator) update(changes ...any) {
	o.t.Helper()
	a := o.ask(http.MethodPut, adminPath+"/shop", jsonText(o.t, appMetadata(append([]any{"client_id", "shop"}, changes...)...)), "If-Match", "*")
	if a.status != http.StatusOK {
		o.t.Fatalf("%d %v", a.status, a.doc)
	}
}

// waits returns the ways on from where a request waits that its person has once
// allowed: for the person to sign
// in, and for the consent.
func (o *operator) waits(with ...string) map[string]func() answer {
	login := o.sub(o.t)
	_, form := login.loginPage(with...)
	o.code(with...)
	_, consent := o.consentPage(with...)
	return map[string]func() answer{
		"login": func() answer {
			a := login.browse(http.MethodPost, "/login", change(form, "username", oidctest.Username, "password", oidctest.Password))
			if !strings.HasPrefix(a.location, "/consent") {
				return a
			}
			_, form, _ := oidctest.Form(login.follow(a).body)
			return login.browse(http.MethodPost, "/consent", change(form, "decision", "allow"))
		},
		"consent": func() answer { return o.browse(http.MethodPost, "/consent", consent) },
	}
}

// A request that has waited is judged by what its client may have now.
func TestTakenAwayWhileWaiting(t *testing.T) {
	all := "openid email offline_access orders:write"
	for name, row := range map[string]struct {
		changes []any
		with    []string
		code    string
		scope   string
	}{
		"nothing":       {[]any{"scope", all}, nil, "", all},
		"a scope":       {[]any{"scope", "openid email offline_access"}, nil, "", "openid email offline_access"},
		"all of it":     {[]any{"scope", "orders:read"}, nil, "invalid_scope", ""},
		"refresh":       {[]any{"scope", all, "grant_types", []string{"authorization_code"}}, nil, "", "openid email orders:write"},
		"code":          {[]any{"scope", all, "grant_types", []string{"implicit"}, "response_types", []string{"id_token"}}, nil, "unauthorized_client", ""},
		"its secret":    {[]any{"scope", all, "token_endpoint_auth_method", "none"}, []string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request", ""},
		"a claim's own": {[]any{"scope", "openid"}, []string{"scope", "openid", "claims", `{"id_token":{"email":null}}`}, "", "openid"},
	} {
		for _, where := range []string{"login", "consent"} {
			t.Run(name+", at the "+where, func(t *testing.T) {
				f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
					c.ClientAdmin = &provider.ClientAdmin{Guard: operatorOnly}
					c.Legacy = &provider.Legacy{Implicit: true}
					c.AllowConfidentialWithoutPKCE = true
				}})
				o := &operator{f, f.op.Provider.ClientAdminHandler()}
				client := o.create(appMetadata("client_id", "shop", "scope", all))
				wayOn := o.waits(append([]string{"client_id", "shop", "scope", all}, row.with...)...)[where]
				o.update(row.changes...)
				a := wayOn()
				u, err := url.Parse(a.location)
				if err != nil || a.status != http.StatusSeeOther || u.Query().Get("error") != row.code {
					t.Fatalf("%d %q", a.status, a.location)
				}
				if row.code != "" {
					return
				}
				res := o.redeemAs(client, codeForm(u.Query().Get("code")))
				if res.Scope != row.scope || claims(t, res.ID)["email"] != nil {
					t.Errorf("scope %q, claims %v", res.Scope, claims(t, res.ID))
				}
			})
		}
	}
}

// What is taken from a client is out of the next tokens of every grant that it
// has, however long that lasts.
func TestTakenAwayFromGrants(t *testing.T) {
	all := "openid email offline_access orders:write"
	for name, row := range map[string]struct {
		scope         string
		code, refresh string
	}{
		"a scope":        {"openid email offline_access", "openid email offline_access", "openid email offline_access"},
		"openid":         {"email offline_access", "email offline_access", "email offline_access"},
		"offline_access": {"openid email", "openid email", ""},
		"all of it":      {"orders:read", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOperator(t)
			client := o.create(appMetadata("client_id", "shop", "scope", all))
			with := []string{"client_id", "shop", "scope", all, "claims", `{"id_token":{"phone_number":null}}`}
			code := o.code(with...)
			res := o.redeemAs(client, codeForm(o.code(with...)))
			if res.Scope != all {
				t.Fatalf("%+v", res)
			}
			o.update("scope", row.scope)
			check := func(what, want string, got tokenResponse) {
				if got.Scope != want || (got.Error == "invalid_grant") != (want == "") || (got.ID != "") != strings.Contains(want, "openid") {
					t.Errorf("%s: %d %q, scope %q, ID token %v", what, got.status, got.Error, got.Scope, got.ID != "")
				}
			}
			check("code", row.code, o.redeemAs(client, codeForm(code)))
			next := o.redeemAs(client, refreshForm(res.Refresh))
			check("refresh", row.refresh, next)
			if row.refresh == "" {
				return
			}
			// RFC 9700 §4.14.2: a replay is one all the same
			o.update("scope", "orders:read")
			if a := o.redeemAs(client, refreshForm(res.Refresh)); a.Error != "invalid_grant" {
				t.Errorf("replay: %+v", a)
			}
			if _, ok := o.watch.last(oidckit.EventRefreshTokenReplayed); !ok {
				t.Error("a replay was not told")
			}
		})
	}
}
