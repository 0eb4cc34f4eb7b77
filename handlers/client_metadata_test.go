package handlers_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// RFC 7591 §2: an app is registered with what it does, and every address that
// it registers is one that it serves.
func TestClientMetadata(t *testing.T) {
	sessions := newSessions(t, nil)
	for name, row := range map[string]struct {
		edit func(*handlers.Config)
		want string
	}{
		"the least": {func(*handlers.Config) {}, `{"redirect_uris":["https://app.example/auth/callback"],"post_logout_redirect_uris":["https://app.example/auth/logged-out"],` +
			`"response_types":["code"],"grant_types":["authorization_code"],"scope":"openid","application_type":"web","id_token_signed_response_alg":"RS256"}`},
		"with a front channel": {func(c *handlers.Config) { c.FrontchannelLogout = true },
			`{"redirect_uris":["https://app.example/auth/callback"],"post_logout_redirect_uris":["https://app.example/auth/logged-out"],` +
				`"response_types":["code"],"grant_types":["authorization_code"],"scope":"openid","application_type":"web","id_token_signed_response_alg":"RS256"}`},
		"another place": {func(c *handlers.Config) { c.BaseURL, c.Prefix = "https://app.example/shop", "/" },
			`{"redirect_uris":["https://app.example/shop/callback"],"post_logout_redirect_uris":["https://app.example/shop/logged-out"],` +
				`"response_types":["code"],"grant_types":["authorization_code"],"scope":"openid","application_type":"web","id_token_signed_response_alg":"RS256"}`},
		"more": {func(c *handlers.Config) {
			c.Scopes, c.IDTokenSignedResponseAlg, c.UserinfoSignedResponseAlg = oidckit.Scope{"openid", "offline_access"}, "ES256", "PS256"
			c.ClientSecret, c.TokenEndpointAuthMethod = "canary", "client_secret_post"
		}, `{"redirect_uris":["https://app.example/auth/callback"],"post_logout_redirect_uris":["https://app.example/auth/logged-out"],` +
			`"response_types":["code"],"grant_types":["authorization_code","refresh_token"],"token_endpoint_auth_method":"client_secret_post",` +
			`"scope":"openid offline_access","application_type":"web","id_token_signed_response_alg":"ES256","userinfo_signed_response_alg":"PS256"}`},
		"with keys": {func(c *handlers.Config) { c.ClientKeys = []handlers.ClientKey{appKey("ES256")} },
			`{"redirect_uris":["https://app.example/auth/callback"],"post_logout_redirect_uris":["https://app.example/auth/logged-out"],` +
				`"response_types":["code"],"grant_types":["authorization_code"],"token_endpoint_auth_method":"private_key_jwt",` +
				`"scope":"openid","application_type":"web","jwks_uri":"https://app.example/auth/jwks.json","id_token_signed_response_alg":"RS256"}`},
		"with signed answers": {func(c *handlers.Config) { c.ResponseMode, c.AuthorizationSignedResponseAlg = "form_post.jwt", "PS256" },
			`{"redirect_uris":["https://app.example/auth/callback"],"post_logout_redirect_uris":["https://app.example/auth/logged-out"],` +
				`"response_types":["code"],"grant_types":["authorization_code"],"scope":"openid","application_type":"web","id_token_signed_response_alg":"RS256",` +
				`"authorization_signed_response_alg":"PS256"}`},
		"with request objects": {func(c *handlers.Config) {
			c.ClientSecret, c.ClientKeys, c.RequestObjects = "canary", []handlers.ClientKey{appKey("ES256")}, &handlers.RequestObjects{ByReference: true}
		}, `{"redirect_uris":["https://app.example/auth/callback"],"post_logout_redirect_uris":["https://app.example/auth/logged-out"],` +
			`"response_types":["code"],"grant_types":["authorization_code"],"scope":"openid","application_type":"web","jwks_uri":"https://app.example/auth/jwks.json",` +
			`"id_token_signed_response_alg":"RS256","request_object_signing_alg":"ES256","request_uris":["https://app.example/auth/request-object/"]}`},
	} {
		// Where the issuer's calls go stands at the end of each.
		place := "https://app.example/auth"
		if name == "another place" {
			place = "https://app.example/shop"
		}
		row.want = strings.TrimSuffix(row.want, "}") + `,"initiate_login_uri":"` + place + `/login","backchannel_logout_uri":"` + place + `/backchannel-logout","backchannel_logout_session_required":true`
		if name == "with a front channel" {
			row.want += `,"frontchannel_logout_uri":"` + place + `/frontchannel-logout","frontchannel_logout_session_required":true`
		}
		row.want += "}"
		cfg := handlers.Config{Issuer: "https://id.example", ClientID: clientID, BaseURL: "https://app.example", Sessions: sessions}
		row.edit(&cfg)
		m := cfg.ClientMetadata()
		got, err := json.Marshal(m)
		if err != nil || string(got) != row.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, row.want)
		}
		rp, err := handlers.NewRelyingParty(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer rp.Close()
		mux := http.NewServeMux()
		rp.Mount(mux)
		for _, address := range addresses(m) {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(u.Path, "/") {
				// A folder, one name in which stands for a login.
				u.Path += "login"
			}
			if _, pattern := mux.Handler(httptest.NewRequest(http.MethodGet, u.Path, nil)); pattern == "" {
				t.Errorf("%s: nothing is at %s", name, address)
			}
		}
	}
	// OpenID Connect Dynamic Client Registration 1.0 §2: initiate_login_uri is
	// https, and JARM §3 is for who asks for signed answers.
	m := handlers.Config{Issuer: "https://id.example", BaseURL: "http://localhost:8081", AuthorizationSignedResponseAlg: "PS256"}.ClientMetadata()
	if m.InitiateLoginURI != "" || m.AuthorizationSignedResponseAlg != "" || m.RedirectURIs == nil {
		t.Errorf("on loopback: %+v", m)
	}
	if m := (handlers.Config{BaseURL: "ftp://app.example"}).ClientMetadata(); m.RedirectURIs != nil {
		t.Errorf("without a base URL: %+v", m)
	}
}

// addresses are those of the app's own in its registration.
func addresses(m oidckit.ClientMetadata) []string {
	all := append(append(append([]string{}, m.RedirectURIs...), m.PostLogoutRedirectURIs...), m.RequestURIs...)
	for _, address := range []string{m.JWKSURI, m.InitiateLoginURI, m.BackchannelLogoutURI, m.FrontchannelLogoutURI} {
		if address != "" {
			all = append(all, address)
		}
	}
	return all
}
