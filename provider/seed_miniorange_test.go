package provider_test

import (
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/provider"
)

// basicOf is the pages' Authorization header: base64_encode(client_id + ':' +
// client_secret), nothing encoded before.
func basicOf(id string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+vendorSecret))
}

func newMiniOrange(t *testing.T) *vendor {
	return newVendor(t, "/moas", provider.PresetMiniOrange)
}

// tokens is what the pages' code flow brings, with the body of 001.
func (v *vendor) tokens(scope string) map[string]any {
	v.t.Helper()
	back := v.authorize(v.NewBrowser(v.t), v.Issuer+"/idp/openidsso?"+pairs(
		"client_id", "web", "redirect_uri", vendorCallback, "scope", scope, "response_type", "code", "state", "s", "nonce", "n"))
	status, doc, _ := v.send(http.MethodPost, v.Issuer+"/rest/oauth/token", pairs(
		"grant_type", "authorization_code", "client_id", "web", "client_secret", vendorSecret,
		"redirect_url", vendorCallback, "code", back.Get("code"), "scope", scope), "Authorization", basicOf("web"))
	if status != http.StatusOK {
		v.t.Fatalf("%d %v", status, doc)
	}
	return doc
}

// A1: both generations of paths, scopes as the pages spell them, state byte
// for byte, no PKCE.
func TestSeedA1Authorize(t *testing.T) {
	v := newMiniOrange(t)
	const state = "yAwL-57K10sIIpGeVO7nR7ZAnzdsj01uGothExyVpmo|https://app.example/page?a=b c&d=%2F"
	for name, base := range map[string]string{"000, 001": v.Issuer, "002": v.origin()} {
		for scope, idToken := range map[string]bool{"email/profile": false, "email+profile": false, "openid": true, "openid%2F+email%2F+profile": true} {
			back := v.authorize(v.NewBrowser(t), base+"/idp/openidsso?response_type=code&client_id=web&redirect_uri="+url.QueryEscape(vendorCallback)+
				"&scope="+scope+"&state="+url.QueryEscape(state)+"&nonce=n")
			if back.Get("state") != state || back.Get("code") == "" || back.Get("iss") != v.Issuer {
				t.Errorf("%s, %s: %v", name, scope, back)
			}
			status, doc, _ := v.send(http.MethodPost, base+"/rest/oauth/token", pairs(
				"grant_type", "authorization_code", "client_id", "posts", "client_secret", vendorSecret, "redirect_url", vendorCallback, "code", back.Get("code")))
			if status != http.StatusBadRequest || text(doc, "error") != "invalid_grant" {
				t.Errorf("the code of another client: %d %v", status, doc)
			}
			status, doc, _ = v.send(http.MethodPost, base+"/rest/oauth/token", pairs(
				"grant_type", "authorization_code", "client_id", "web", "client_secret", vendorSecret, "redirect_url", vendorCallback, "code", back.Get("code")))
			if status != http.StatusOK || (text(doc, "id_token") != "") != idToken {
				t.Errorf("%s, %s: %d %v", name, scope, status, doc)
			}
		}
	}
}

// A2: redirect_url, both credentials when they are equal, a scope within what
// was granted, tokens for an hour.
func TestSeedA2Token(t *testing.T) {
	v := newMiniOrange(t)
	doc := v.tokens("openid/email/profile")
	if doc["token_type"] != "Bearer" || doc["expires_in"] != 3600.0 || text(doc, "refresh_token") == "" || text(doc, "access_token") == "" {
		t.Errorf("%v", doc)
	}
	got := claims(t, text(doc, "id_token"))
	for _, name := range []string{"iss", "sub", "aud", "nonce", "exp", "iat", "auth_time", "at_hash"} {
		if got[name] == nil {
			t.Errorf("000: the ID token has no %s: %v", name, got)
		}
	}
	plain := v.tokens("email")
	for _, name := range []string{"access_token", "token_type", "expires_in", "scope"} {
		if plain[name] == nil {
			t.Errorf("001: a plain OAuth answer has no %s: %v", name, plain)
		}
	}
	if plain["id_token"] != nil || plain["scope"] != "email" {
		t.Errorf("001: a plain OAuth answer: %v", plain)
	}
	for _, row := range []struct {
		name, want string
		body       []string
		header     string
	}{
		{"another secret in the body", "invalid_client", []string{"client_id", "web", "client_secret", "x", "redirect_url", vendorCallback}, basicOf("web")},
		{"another secret in the header", "invalid_client", []string{"client_id", "web", "client_secret", vendorSecret, "redirect_url", vendorCallback}, "Basic d2ViOng="},
		{"wrong in both", "invalid_client", []string{"client_id", "web", "client_secret", "x", "redirect_url", vendorCallback}, "Basic d2ViOng="},
		{"more scope than granted", "invalid_scope", []string{"client_id", "web", "redirect_url", vendorCallback, "scope", "openid phone"}, basicOf("web")},
		{"another redirect_url", "invalid_grant", []string{"client_id", "web", "redirect_url", vendorCallback + "/x"}, basicOf("web")},
		{"two addresses", "invalid_request", []string{"client_id", "web", "redirect_url", vendorCallback, "redirect_uri", vendorCallback + "/x"}, basicOf("web")},
	} {
		back := v.authorize(v.NewBrowser(t), v.Issuer+"/idp/openidsso?"+pairs("client_id", "web", "redirect_uri", vendorCallback, "scope", "openid", "response_type", "code"))
		body := pairs(append(row.body, "grant_type", "authorization_code", "code", back.Get("code"))...)
		status, doc, _ := v.send(http.MethodPost, v.Issuer+"/rest/oauth/token", body, "Authorization", row.header)
		if text(doc, "error") != row.want {
			t.Errorf("%s: %d %v, want %s", row.name, status, doc, row.want)
		}
	}
	// 000 has the credentials in the body alone, the header's table has them there.
	for name, body := range map[string][]string{"body": {"client_id", "posts", "client_secret", vendorSecret}, "header": {}} {
		back := v.authorize(v.NewBrowser(t), v.Issuer+"/idp/openidsso?"+pairs("client_id", "posts", "redirect_uri", vendorCallback, "scope", "openid", "response_type", "code"))
		header := []string{}
		if len(body) == 0 {
			header = []string{"Authorization", basicOf("posts")}
		}
		body = append(body, "grant_type", "authorization_code", "redirect_url", vendorCallback, "code", back.Get("code"))
		if status, doc, _ := v.send(http.MethodPost, v.Issuer+"/rest/oauth/token", pairs(body...), header...); status != http.StatusOK {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
}

// A3: the password grant, for clients that are registered for it; wrong
// passwords are throttled.
func TestSeedA3Password(t *testing.T) {
	v := newMiniOrange(t)
	ask := func(password string) (int, map[string]any) {
		status, doc, _ := v.send(http.MethodPost, v.Issuer+"/rest/oauth/token", pairs(
			"grant_type", "password", "client_id", "web", "client_secret", vendorSecret,
			"username", "alice", "password", password, "scope", "openid/ email/ profile"), "Authorization", basicOf("web"))
		return status, doc
	}
	status, doc := ask("correct horse battery staple")
	if status != http.StatusOK || text(doc, "access_token") == "" || text(doc, "refresh_token") == "" || claims(t, text(doc, "id_token"))["sub"] == nil {
		t.Fatalf("%d %v", status, doc)
	}
	throttled := false
	for range 30 {
		if status, doc = ask("wrong"); text(doc, "error") != "invalid_grant" {
			throttled = true
			break
		}
	}
	if !throttled || status != http.StatusTooManyRequests {
		t.Errorf("after 30 wrong passwords: %d %v", status, doc)
	}
}

// A4: no refresh token, and a client that ignores its absence works.
func TestSeedA4ClientCredentials(t *testing.T) {
	v := newMiniOrange(t)
	status, doc, _ := v.send(http.MethodPost, v.Issuer+"/rest/oauth/token", pairs(
		"grant_type", "client_credentials", "client_id", "web", "client_secret", vendorSecret), "Authorization", basicOf("web"))
	// RFC 6749 §4.4.3: a refresh token SHOULD NOT be included
	if status != http.StatusOK || text(doc, "access_token") == "" || doc["refresh_token"] != nil {
		t.Errorf("%d %v", status, doc)
	}
	if status, doc, _ = v.send(http.MethodPost, v.Issuer+"/rest/oauth/introspect", pairs("token", text(doc, "access_token")), "Authorization", basicOf("web")); status != http.StatusOK || doc["active"] != true {
		t.Errorf("it does not work: %d %v", status, doc)
	}
}

// A5: new tokens, and the old one is spent.
func TestSeedA5Refresh(t *testing.T) {
	v := newMiniOrange(t)
	first := text(v.tokens("openid"), "refresh_token")
	refresh := func(token string) (int, map[string]any) {
		status, doc, _ := v.send(http.MethodPost, v.Issuer+"/rest/oauth/token", pairs("grant_type", "refresh_token", "refresh_token", token), "Authorization", basicOf("web"))
		return status, doc
	}
	status, doc := refresh(first)
	second := text(doc, "refresh_token")
	if status != http.StatusOK || second == "" || second == first || text(doc, "access_token") == "" {
		t.Fatalf("%d %v", status, doc)
	}
	if status, doc := refresh(first); status != http.StatusBadRequest || text(doc, "error") != "invalid_grant" {
		t.Errorf("a spent one: %d %v", status, doc)
	}
	if status, _ := refresh(second); status != http.StatusBadRequest {
		t.Errorf("reuse left its successor alive: %d", status)
	}
}

// A6, A12: the claims, under the pages' names too.
func TestSeedA6Userinfo(t *testing.T) {
	v := newMiniOrange(t)
	access := text(v.tokens("openid/email/Profile"), "access_token")
	for _, address := range []string{
		v.Issuer + "/rest/oauth/getuserinfo", v.Issuer + "/api/oauth/getuserinfo", v.origin() + "/api/oauth/getuserinfo", v.origin() + "/rest/oauth/getuserinfo",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			status, doc, _ := v.send(method, address, "", "Authorization", "Bearer "+access)
			if status != http.StatusOK || doc["email"] != "alice@example.com" || doc["family_name"] != "Example" || doc["sub"] == nil {
				t.Errorf("%s %s: %d %v", method, address, status, doc)
			}
		}
	}
	if status, _, header := v.send(http.MethodGet, v.Issuer+"/rest/oauth/getuserinfo", "", "Authorization", "Bearer x"); status != http.StatusUnauthorized || header.Get("WWW-Authenticate") == "" {
		t.Errorf("a bad token: %d", status)
	}
}

// A7: an access token or an ID token, with both credentials.
func TestSeedA7Introspect(t *testing.T) {
	v := newMiniOrange(t)
	doc := v.tokens("openid")
	for _, kind := range []string{"access_token", "id_token"} {
		for _, hint := range []string{"", kind, "refresh_token"} {
			status, got, _ := v.send(http.MethodPost, v.Issuer+"/rest/oauth/introspect", pairs(
				"token", text(doc, kind), "client_id", "web", "client_secret", vendorSecret, "token_type_hint", hint), "Authorization", basicOf("web"))
			if status != http.StatusOK || got["active"] != true || got["exp"] == nil || got["client_id"] != "web" || got["username"] != "alice" {
				t.Errorf("%s: %d %v", kind, status, got)
			}
			status, got, _ = v.send(http.MethodPost, v.Issuer+"/rest/oauth/introspect", pairs("token", text(doc, kind)), "Authorization", basicOf("posts"))
			if status != http.StatusOK || got["active"] != false || len(got) != 1 {
				t.Errorf("%s, another client: %d %v", kind, status, got)
			}
		}
	}
}

// A8: the documented GET and its two bodies, on both generations of paths.
func TestSeedA8Revoke(t *testing.T) {
	v := newMiniOrange(t)
	for _, base := range []string{v.Issuer, v.origin()} {
		doc := v.tokens("openid")
		access := text(doc, "access_token")
		status, got, _ := v.send(http.MethodGet, base+"/rest/oauth/revoke", "", "Authorization", "Bearer "+access)
		if status != http.StatusOK || len(got) != 2 || got["message"] != "Token has been revoked successfully." || got["status"] != "SUCCESS" {
			t.Errorf("%d %v", status, got)
		}
		for name, token := range map[string]string{"revoked": access, "garbage": "x", "a refresh token": text(doc, "refresh_token"), "an ID token": text(doc, "id_token")} {
			status, got, _ = v.send(http.MethodGet, base+"/rest/oauth/revoke", "", "Authorization", "Bearer "+token)
			if status != http.StatusUnauthorized || len(got) != 2 || got["message"] != "Access token is either invalid or expired." || got["status"] != "FAILED" {
				t.Errorf("%s: %d %v", name, status, got)
			}
		}
		if status, _, _ := v.send(http.MethodGet, v.Issuer+"/rest/oauth/getuserinfo", "", "Authorization", "Bearer "+access); status != http.StatusUnauthorized {
			t.Errorf("it still works: %d", status)
		}
	}
	// RFC 7009 is served beside it.
	refresh := text(v.tokens("openid"), "refresh_token")
	res, err := v.HTTPClient().PostForm(v.Issuer+"/rest/oauth/revoke", url.Values{"token": {refresh}, "client_id": {"posts"}, "client_secret": {vendorSecret}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if status, _, _ := v.send(http.MethodPost, v.Issuer+"/rest/oauth/token", pairs("grant_type", "refresh_token", "refresh_token", refresh), "Authorization", basicOf("web")); status != http.StatusOK {
		t.Errorf("another client has revoked it: %d", status)
	}
}

// A9: the browser redirect without a hint: the person confirms, and goes where
// a client of the session has registered; strict stays.
func TestSeedA9Logout(t *testing.T) {
	v := newMiniOrange(t)
	for _, base := range []string{v.Issuer, v.origin()} {
		b := v.NewBrowser(t)
		v.authorize(b, v.Issuer+"/idp/openidsso?"+pairs("client_id", "web", "redirect_uri", vendorCallback, "scope", "openid", "response_type", "code"))
		back, err := b.Authorize(base + "/idp/oidc/logout?" + pairs("post_logout_redirect_uri", afterLogout))
		if err != nil || back.String() != afterLogout {
			t.Errorf("%s: %v %v", base, back, err)
		}
		if !strings.Contains(strings.Join(b.Seen, " "), "logout") {
			t.Errorf("nobody was asked: %v", b.Seen)
		}
		if back, err := v.NewBrowser(t).Authorize(base + "/idp/oidc/logout?" + pairs("post_logout_redirect_uri", afterLogout)); err == nil {
			t.Errorf("a person without a session was sent to %v", back)
		}
		other := v.NewBrowser(t)
		v.authorize(other, v.Issuer+"/idp/openidsso?"+pairs("client_id", "web", "redirect_uri", vendorCallback, "scope", "openid", "response_type", "code"))
		if back, err := other.Authorize(base + "/idp/oidc/logout?" + pairs("post_logout_redirect_uri", "https://evil.example/")); err == nil {
			t.Errorf("an address that nobody has registered: %v", back)
		}
	}
}

// A10: discovery, the JWK set, and the certificate to check signatures with.
func TestSeedA10Discovery(t *testing.T) {
	v := newMiniOrange(t)
	status, doc, _ := v.send(http.MethodGet, v.origin()+"/moas/.well-known/openid-configuration", "")
	if status != http.StatusOK || doc["issuer"] != v.Issuer {
		t.Fatalf("%d %v", status, doc)
	}
	for name, path := range map[string]string{
		"authorization_endpoint": "/idp/openidsso", "token_endpoint": "/rest/oauth/token", "userinfo_endpoint": "/rest/oauth/getuserinfo",
		"introspection_endpoint": "/rest/oauth/introspect", "revocation_endpoint": "/rest/oauth/revoke", "end_session_endpoint": "/idp/oidc/logout",
	} {
		if doc[name] != v.Issuer+path {
			t.Errorf("%s is %v", name, doc[name])
		}
	}
	_, set, _ := v.send(http.MethodGet, text(doc, "jwks_uri"), "")
	keys, _ := set["keys"].([]any)
	if len(keys) == 0 {
		t.Fatalf("%v", set)
	}
	for _, k := range keys {
		key := k.(map[string]any)
		if chain, _ := key["x5c"].([]any); len(chain) == 0 || key["x5t#S256"] == nil {
			t.Errorf("a key without its certificate: %v", key)
		}
	}
	res, err := v.HTTPClient().Get(v.Issuer + "/certificate")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(body); res.StatusCode != http.StatusOK || block == nil || block.Type != "CERTIFICATE" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// A12: user information with the ID token, under the standard's names and the
// pages'.
func TestSeedA12Claims(t *testing.T) {
	v := newMiniOrange(t)
	doc := v.tokens("openid/email/Profile")
	_, info, _ := v.send(http.MethodGet, v.Issuer+"/rest/oauth/getuserinfo", "", "Authorization", "Bearer "+text(doc, "access_token"))
	for where, got := range map[string]map[string]any{"ID token": claims(t, text(doc, "id_token")), "userinfo": info} {
		for name, want := range map[string]string{
			"given_name": "Alice", "firstname": "Alice", "family_name": "Example", "lastname": "Example",
			"preferred_username": "alice", "username": "alice", "email": "alice@example.com", "Email": "alice@example.com", "Name": "Alice Example",
		} {
			if got[name] != want {
				t.Errorf("%s: %s is %v", where, name, got[name])
			}
		}
	}
	if got := claims(t, text(v.tokens("openid"), "id_token")); got["email"] != nil || got["Email"] != nil {
		t.Errorf("claims that no scope brings: %v", got)
	}
}
