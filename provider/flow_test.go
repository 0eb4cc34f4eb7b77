package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/oidctest"
)

const redirectURI = "https://app.example/cb"

// The clients of these tests.
var (
	webClient = oidckit.ClientMetadata{
		ClientID: "web", ClientSecret: "web-secret", ClientName: "Web shop", RedirectURIs: []string{redirectURI},
		GrantTypes:             []string{"authorization_code", "refresh_token", "client_credentials"},
		PostLogoutRedirectURIs: []string{"https://app.example/bye", "https://app.example/bye?x=1"},
		Scope:                  "openid profile email offline_access orders:read orders:write",
	}
	otherClient = oidckit.ClientMetadata{
		ClientID: "other", ClientSecret: "other-secret", TokenEndpointAuthMethod: "client_secret_post", RedirectURIs: []string{redirectURI},
		GrantTypes: []string{"authorization_code", "refresh_token"},
	}
	publicClient = oidckit.ClientMetadata{
		ClientID: "spa", TokenEndpointAuthMethod: "none", RedirectURIs: []string{redirectURI},
		GrantTypes: []string{"authorization_code", "refresh_token"},
	}
)

// fixture is an issuer, a person and what a client knows.
type fixture struct {
	t       *testing.T
	op      *oidctest.Server
	browser *oidctest.Browser
	base    string
}

func newFixture(t *testing.T, cfg oidctest.Config) *fixture {
	t.Helper()
	if cfg.Clients == nil {
		cfg.Clients = []oidckit.ClientMetadata{webClient, otherClient, publicClient}
	}
	op := oidctest.New(t, cfg)
	return &fixture{t: t, op: op, browser: op.NewBrowser(t), base: op.Issuer}
}

const verifier = "0123456789-0123456789-0123456789-0123456789-x"

func challengeOf(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request returns a good authorization request, changed by name, value pairs;
// an empty value removes the parameter.
func request(changes ...string) url.Values {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"web"}, "redirect_uri": {redirectURI}, "scope": {"openid profile email"},
		"state": {"the state"}, "nonce": {"the nonce"}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		q.Del(changes[i])
		if changes[i+1] != "" {
			q.Set(changes[i], changes[i+1])
		}
	}
	return q
}

// authorize walks a request to the end and returns what the client is sent.
func (f *fixture) authorize(changes ...string) url.Values {
	f.t.Helper()
	callback, err := f.browser.Authorize(f.base + "/authorize?" + request(changes...).Encode())
	if err != nil {
		f.t.Fatal(err)
	}
	if !strings.HasPrefix(callback.String(), redirectURI+"?") {
		f.t.Fatalf("redirected to %s", callback)
	}
	return callback.Query()
}

// code returns a fresh code.
func (f *fixture) code(changes ...string) string {
	f.t.Helper()
	q := f.authorize(changes...)
	if q.Get("code") == "" {
		f.t.Fatalf("no code: %v", q)
	}
	return q.Get("code")
}

type tokenResponse struct {
	status  int
	header  http.Header
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
}

// token posts to the token endpoint. Without a client_id the client is web, by
// client_secret_basic.
func (f *fixture) token(form url.Values) tokenResponse {
	f.t.Helper()
	req, err := http.NewRequest(http.MethodPost, f.base+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !form.Has("client_id") {
		req.SetBasicAuth("web", "web-secret")
	}
	return f.do(req)
}

func (f *fixture) do(req *http.Request) tokenResponse {
	f.t.Helper()
	res, err := f.op.HTTPClient().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	tr := tokenResponse{status: res.StatusCode, header: res.Header}
	if err := json.Unmarshal(body, &tr); err != nil {
		f.t.Fatalf("status %d: %s", res.StatusCode, body)
	}
	return tr
}

func codeForm(code string, changes ...string) url.Values {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		form.Del(changes[i])
		if changes[i+1] != "" {
			form.Set(changes[i], changes[i+1])
		}
	}
	return form
}

func refreshForm(token string, changes ...string) url.Values {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// get fetches a JSON document, with a bearer token where one is given.
func (f *fixture) get(path, bearer string) (int, map[string]any, http.Header) {
	f.t.Helper()
	req, err := http.NewRequest(http.MethodGet, f.base+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := f.op.HTTPClient().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	doc := map[string]any{}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		f.t.Fatalf("%s: status %d: %v", path, res.StatusCode, err)
	}
	return res.StatusCode, doc, res.Header
}

// claims reads a token's payload without verifying it.
func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWS of three parts")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{}
	if err := json.Unmarshal(payload, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

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

