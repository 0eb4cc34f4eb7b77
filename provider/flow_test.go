package provider_test

import (
	"net/url"
	"testing"

	"github.com/oidckit/oidckit/provider/oidctest"
)

// The whole path: discovery, code with PKCE, tokens, userinfo, refresh, logout.
func TestCodeFlowEndToEnd(t *testing.T) {
	for name, path := range map[string]string{"at the root": "", "under a path": "/tenant/op"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, oidctest.Config{Path: path, TLS: true})
			_, meta, _ := f.get("/.well-known/openid-configuration", "")
			if meta["issuer"] != f.base || meta["token_endpoint"] != f.base+"/token" {
				t.Fatalf("metadata: %v", meta)
			}
			q := f.authorize("scope", "openid profile email offline_access", "state", "with space&=%00")
			// RFC 6749 §4.1.2, RFC 9207 §2
			if q.Get("state") != "with space&=%00" || q.Get("iss") != f.base || len(q) != 3 {
				t.Fatalf("response: %v", q)
			}
			got := f.token(codeForm(q.Get("code")))
			if got.status != 200 || got.Type != "Bearer" || got.Expires != 3600 || got.Refresh == "" || got.ID == "" ||
				got.Scope != "openid profile email offline_access" {
				t.Fatalf("token response: %+v", got)
			}
			id := claims(t, got.ID)
			for claim, want := range map[string]any{
				"iss": f.base, "aud": "web", "sub": oidctest.Subject, "nonce": "the nonce",
			} {
				if id[claim] != want {
					t.Errorf("ID token %s = %v, want %v", claim, id[claim], want)
				}
			}
			status, info, _ := f.get("/userinfo", got.Access)
			if status != 200 || info["sub"] != oidctest.Subject || info["email"] != "alice@example.com" || info["name"] != "Alice Example" {
				t.Fatalf("userinfo: %d %v", status, info)
			}
			again := f.token(refreshForm(got.Refresh))
			if again.status != 200 || again.Refresh == got.Refresh || claims(t, again.ID)["sub"] != oidctest.Subject {
				t.Fatalf("refresh: %+v", again)
			}
			if _, has := claims(t, again.ID)["nonce"]; has {
				t.Error("a refreshed ID token carries a nonce")
			}
			back, err := f.browser.Authorize(f.base + "/end_session?" + url.Values{
				"id_token_hint": {again.ID}, "post_logout_redirect_uri": {"https://app.example/bye"}, "state": {"s"},
			}.Encode())
			if err != nil || back.String() != "https://app.example/bye?state=s" {
				t.Fatalf("logout: %v %v", back, err)
			}
			if q := f.authorize("prompt", "none"); q.Get("error") != "login_required" {
				t.Fatalf("after logout: %v", q)
			}
		})
	}
}
