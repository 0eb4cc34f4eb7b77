package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// suiteRun is the program with the config that the OpenID Foundation's suite is
// run against, over TLS, and a suite that it has to call.
type suiteRun struct {
	*running
	suite  *suiteServer
	signer *jose.Signer
	base   string
}

const suiteAuthority = "https://localhost.emobix.co.uk:8443/test/a/oidckit"

func newSuiteRun(t *testing.T) *suiteRun {
	t.Helper()
	ca := newAuthority(t)
	private, err := jose.GenerateKey("RS256")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner("RS256", "suite", private)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal([]byte(mustRead(t, "testdata/conformance.json")), &config); err != nil {
		t.Fatal(err)
	}
	suite := newSuiteServer(t, ca, signer)
	// The private half of the key in the file is nobody's.
	for _, c := range config["clients"].([]any) {
		if c := c.(map[string]any); c["jwks"] != nil {
			c["jwks"] = json.RawMessage(suite.keys())
		}
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := ca.issue(t)
	addr := freeAddr(t)
	issuer := "https://localhost" + addr[strings.LastIndex(addr, ":"):]
	r := launch(t, t.TempDir(), addr, issuer, "-tls-cert", cert, "-tls-key", key, "-ca", ca.file,
		"-config", write(t, "conformance.json", string(text)))
	r.client = ca.client(t)
	return &suiteRun{r, suite, signer, suiteAuthority}
}

// request is an authorization request as the suite's, without PKCE.
func (s *suiteRun) request(client, responseType string, edits url.Values) url.Values {
	q := url.Values{"client_id": {client}, "redirect_uri": {s.base + "/callback"}, "response_type": {responseType}, "scope": {"openid"}, "state": {"s"}, "nonce": {"n"}}
	for name, value := range edits {
		q[name] = value
	}
	return q
}

// assertion is a client assertion under the suite's key.
func (s *suiteRun) assertion(client string) url.Values {
	s.t.Helper()
	now := time.Now().Unix()
	payload, err := json.Marshal(map[string]any{"iss": client, "sub": client, "aud": s.issuer, "iat": now, "exp": now + 60, "jti": fmt.Sprint(client, time.Now().UnixNano())})
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := s.signer.Sign("JWT", payload)
	if err != nil {
		s.t.Fatal(err)
	}
	return url.Values{"client_assertion": {token}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "code_verifier": nil}
}

// The file fits the suite's plans: metadata, clients by every method, response
// types in every mode, and a user with all claims.
func TestConformanceConfig(t *testing.T) {
	s := newSuiteRun(t)
	doc := s.discovery()
	for name, value := range doc {
		if text, ok := value.(string); ok && (strings.HasSuffix(name, "_endpoint") || name == "jwks_uri") && !strings.HasPrefix(text, s.issuer+"/") {
			t.Errorf("%s is %s", name, text)
		}
	}
	for member, wants := range map[string][]string{
		"id_token_signing_alg_values_supported": {"RS256"}, "userinfo_signing_alg_values_supported": {"RS256"},
		"request_object_signing_alg_values_supported": {"RS256"}, "subject_types_supported": {"public", "pairwise"},
		"response_types_supported":              {"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"},
		"grant_types_supported":                 {"authorization_code", "implicit", "refresh_token"},
		"scopes_supported":                      {"openid", "profile", "email", "address", "phone", "offline_access"},
		"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"},
		"registration_endpoint":                 {"/register"}, "end_session_endpoint": {"/end_session"}, "check_session_iframe": {"/check_session"},
		"backchannel_logout_supported": {"true"}, "backchannel_logout_session_supported": {"true"},
		"frontchannel_logout_supported": {"true"}, "frontchannel_logout_session_supported": {"true"}, "request_uri_parameter_supported": {"true"},
	} {
		for _, want := range wants {
			if !strings.Contains(fmt.Sprint(doc[member]), want) {
				t.Errorf("%s lacks %s: %v", member, want, doc[member])
			}
		}
	}

	b := s.person("alice", "wonderland")
	all := url.Values{"scope": {"openid profile email address phone"}}
	code := s.authorize(b, s.request("suite-basic", "code", all)).Get("code")
	tokens := s.redeem(code, s.base+"/callback", url.Values{"code_verifier": nil}, basic("suite-basic", "suite-basic-secret-0123456789abcdef"))
	_, claims := s.call(http.MethodGet, s.issuer+"/userinfo", nil, bearer(tokens["access_token"]))
	for _, name := range []string{"sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
		"gender", "birthdate", "zoneinfo", "locale", "updated_at", "email", "email_verified", "address", "phone_number", "phone_number_verified"} {
		if claims[name] == nil {
			t.Errorf("userinfo lacks %s", name)
		}
	}
	for client, how := range map[string]url.Values{
		"suite-post":    {"client_id": {"suite-post"}, "client_secret": {"suite-post-secret-0123456789abcdef"}, "code_verifier": nil},
		"suite-key-jwt": s.assertion("suite-key-jwt"),
	} {
		code := s.authorize(b, s.request(client, "code", nil)).Get("code")
		if tokens := s.redeem(code, s.base+"/callback", how, nil); tokens["id_token"] == nil {
			t.Errorf("%s: %v", client, tokens)
		}
	}
	for _, responseType := range []string{"id_token", "id_token token", "code id_token", "code token", "code id_token token"} {
		for _, mode := range []string{"", "form_post"} {
			q := s.request("suite-basic", responseType, url.Values{"response_mode": {mode}})
			if mode == "" {
				q.Del("response_mode")
			}
			answer := s.authorize(b, q)
			if mode == "form_post" {
				answer = b.Posted
			}
			for part, name := range map[string]string{"code": "code", "id_token": "id_token", "token": "access_token"} {
				if answer.Has(name) != (strings.Contains(" "+responseType+" ", " "+part+" ")) {
					t.Errorf("%s by %q: %s is there: %t (%v)", responseType, mode, name, answer.Has(name), answer.Get("error"))
				}
			}
		}
	}
}

// A client that registers itself as the suite does has its keys, request
// objects, sector and logout at an address on loopback, under a certificate of
// its own authority.
func TestConformanceDynamicClient(t *testing.T) {
	s := newSuiteRun(t)
	callback := s.suite.URL + "/callback"
	status, client := s.call(http.MethodPost, s.issuer+"/register", map[string]any{
		"client_name": "dynamic", "redirect_uris": []string{callback}, "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": s.suite.URL + "/jwks",
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"}, "scope": "openid offline_access",
		"request_uris": []string{s.suite.URL + "/request"}, "subject_type": "pairwise", "sector_identifier_uri": s.suite.URL + "/sector",
		"userinfo_signed_response_alg": "RS256", "contacts": []string{"certification@oidf.org"},
		"backchannel_logout_uri": s.suite.URL + "/backchannel_logout", "backchannel_logout_session_required": true,
		"post_logout_redirect_uris": []string{s.suite.URL + "/post_logout_redirect"},
	}, nil)
	if status != http.StatusCreated {
		t.Fatalf("register: %d %v", status, client)
	}
	id := client["client_id"].(string)
	object, err := json.Marshal(map[string]any{"iss": id, "aud": s.issuer, "client_id": id, "response_type": "code", "redirect_uri": callback,
		"scope": "openid offline_access", "state": "inside", "nonce": "n", "prompt": "consent"})
	if err != nil {
		t.Fatal(err)
	}
	if s.suite.object, err = s.signer.Sign("oauth-authz-req+jwt", object); err != nil {
		t.Fatal(err)
	}
	b := s.person("alice", "wonderland")
	answer := s.authorize(b, url.Values{"client_id": {id}, "request_uri": {s.suite.URL + "/request"}, "response_type": {"code"}, "scope": {"openid"}})
	if answer.Get("state") != "inside" {
		t.Fatalf("by request_uri: %v", answer)
	}
	tokens := s.redeem(answer.Get("code"), callback, s.assertion(id), nil)
	_, claims := claimsOf(t, tokens["id_token"])
	if claims["sub"] == "alice" || tokens["refresh_token"] == nil {
		t.Errorf("%v %v", claims, tokens)
	}
	form := s.assertion(id)
	form.Set("grant_type", "refresh_token")
	form.Set("refresh_token", tokens["refresh_token"].(string))
	form.Del("code_verifier")
	if status, answer := s.call(http.MethodPost, s.issuer+"/token", form, nil); status != http.StatusOK {
		t.Errorf("refresh: %d %v", status, answer)
	}
	end := url.Values{"id_token_hint": {tokens["id_token"].(string)}, "post_logout_redirect_uri": {s.suite.URL + "/post_logout_redirect"}, "state": {"bye"}}
	back, err := b.Authorize(s.issuer + "/end_session?" + end.Encode())
	if err != nil || back.String() != s.suite.URL+"/post_logout_redirect?state=bye" {
		t.Errorf("logout: %v %v", back, err)
	}
	select {
	case token := <-s.suite.told:
		if _, told := claimsOf(t, token); told["sid"] != claims["sid"] || told["aud"] != id {
			t.Errorf("logout token %v", told)
		}
	case <-time.After(time.Minute):
		t.Error("not told of the logout")
	}
	if status, _ := s.call(http.MethodDelete, client["registration_client_uri"].(string), nil, bearer(client["registration_access_token"])); status != http.StatusNoContent {
		t.Errorf("delete: %d", status)
	}
}
