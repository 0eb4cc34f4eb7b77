package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/browsertest"
)

const vendorConfig = `{"features": {"implicit": {}, "password": {}},
	"users": [{"username": "alice", "password": "wonderland", "claims": {"sub": "1", "given_name": "Alice", "family_name": "Adams", "email": "a@example.com"}}],
	"clients": [{"client_id": "web", "client_secret": "the-secret-of-web", "redirect_uris": ["https://web.example/cb"],
		"grant_types": ["authorization_code", "refresh_token", "password", "client_credentials"], "response_types": ["code"],
		"post_logout_redirect_uris": ["https://web.example/bye"]},
	{"client_id": "spa", "redirect_uris": ["https://spa.example/cb"], "response_types": ["id_token token"], "grant_types": ["implicit"]}]}`

// plain sends credentials as the vendors' pages do: encoded once, not twice.
func plain(req *http.Request) { req.SetBasicAuth("web", "the-secret-of-web") }

// Without -issuer the preset says where the issuer is.
func TestMiniOrangeDefaults(t *testing.T) {
	binary := browsertest.Build(t, ".")
	for _, row := range []struct {
		env  []string
		args []string
		want string
	}{
		{nil, nil, "http://localhost:9000"},
		{nil, []string{"-preset", "standard"}, "http://localhost:9000"},
		{nil, []string{"-preset", "signicat"}, "http://localhost:9000"},
		{nil, []string{"-preset", "miniorange"}, "http://localhost:9000/moas"},
		{[]string{"OIDCKIT_PRESET=miniorange"}, nil, "http://localhost:9000/moas"},
		{[]string{"OIDCKIT_ISSUER=http://localhost:9001/moas"}, []string{"-preset", "miniorange"}, "http://localhost:9001/moas"},
	} {
		p := browsertest.StartWith(t, t.TempDir(), row.env, binary, append(row.args, "-addr", "127.0.0.1:0")...)
		if got := p.Line("issuer"); got != row.want {
			t.Errorf("%v %v: %s, want %s", row.env, row.args, got, row.want)
		}
		p.Stop()
	}
}

// A client that was written to miniOrange's pages runs unchanged (rows A1 to
// A9 of the source systems).
func TestMiniOrangeClient(t *testing.T) {
	addr, issuer := freeIssuer(t, "/moas")
	r := launch(t, t.TempDir(), addr, issuer, "-preset", "miniorange", "-config", write(t, "config.json", vendorConfig))
	origin := strings.TrimSuffix(issuer, "/moas")
	person := r.person("alice", "wonderland")
	callback, err := person.Authorize(origin + "/idp/openidsso?client_id=web&redirect_uri=https://web.example/cb&scope=openid/email/profile&response_type=code&state=s&nonce=n")
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {"web"}, "client_secret": {"the-secret-of-web"},
		"code": {callback.Query().Get("code")}, "redirect_url": {"https://web.example/cb"}}
	status, tokens := r.call(http.MethodPost, issuer+"/rest/oauth/token", form, plain)
	if status != 200 || tokens["refresh_token"] == nil {
		t.Fatalf("token: %d %v", status, tokens)
	}
	if _, claims := claimsOf(t, tokens["id_token"]); claims["firstname"] != "Alice" || claims["email"] != "a@example.com" {
		t.Errorf("ID token: %v", claims)
	}
	if status, claims := r.call(http.MethodGet, issuer+"/rest/oauth/getuserinfo", nil, bearer(tokens["access_token"])); status != 200 || claims["sub"] != "1" {
		t.Errorf("userinfo: %d %v", status, claims)
	}
	if status, told := r.call(http.MethodPost, issuer+"/rest/oauth/introspect", url.Values{"token": {tokens["id_token"].(string)}}, plain); status != 200 || told["active"] != true {
		t.Errorf("introspection: %d %v", status, told)
	}
	for want, message := range map[int]string{200: "SUCCESS", 401: "FAILED"} {
		token := tokens["access_token"]
		if want == 401 {
			token = "none"
		}
		if status, told := r.call(http.MethodGet, origin+"/rest/oauth/revoke", nil, bearer(token)); status != want || told["status"] != message {
			t.Errorf("revoke: %d %v", status, told)
		}
	}
	password := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wonderland"}, "scope": {"openid"}}
	if status, answer := r.call(http.MethodPost, issuer+"/rest/oauth/token", password, plain); status != 200 || answer["id_token"] == nil {
		t.Errorf("password: %d %v", status, answer)
	}
	back, err := person.Authorize(issuer + "/idp/oidc/logout?post_logout_redirect_uri=https://web.example/bye")
	if err != nil || back.String() != "https://web.example/bye" {
		t.Errorf("logout: %v %v", back, err)
	}
}

// The same for Signicat's (rows B1 to B4).
func TestSignicatClient(t *testing.T) {
	addr, issuer := freeIssuer(t, "")
	r := launch(t, t.TempDir(), addr, issuer, "-preset", "signicat", "-config", write(t, "config.json", vendorConfig))
	base := issuer + "/broker/openidconnect"
	callback, err := r.person("alice", "wonderland").Authorize(base + "/authorize?response_type=code&client_id=web&scope=openid&state=s&redirect_uri=https://web.example/cb")
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{"grant_type": {"authorization_code"}, "code": {callback.Query().Get("code")}, "redirect_uri": {"https://web.example/cb"}}
	status, tokens := r.call(http.MethodPost, base+"/token?"+query.Encode(), nil, func(req *http.Request) {
		plain(req)
		req.Header.Del("Content-Type")
	})
	if status != 200 || tokens["refresh_token"] == nil {
		t.Fatalf("token: %d %v", status, tokens)
	}
	if status, claims := r.call(http.MethodGet, base+"/userinfo", nil, bearer(tokens["access_token"])); status != 200 || claims["sub"] != "1" {
		t.Errorf("userinfo: %d %v", status, claims)
	}
	callback, err = r.person("alice", "wonderland").Authorize(base + "/authorize?response_type=id+token+token&client_id=spa&scope=openid&state=s&nonce=n&redirect_uri=https://spa.example/cb")
	if err != nil || !strings.Contains(callback.Fragment, "id_token=") || !strings.Contains(callback.Fragment, "access_token=") {
		t.Errorf("id token token: %v %v", callback, err)
	}
}
