package oidctest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

const redirectURI = "https://app.example/callback"

// newIssuer has one public client, and only keys that are made fast.
func newIssuer(t testing.TB) *oidctest.Server {
	t.Helper()
	return oidctest.New(t, oidctest.Config{
		Clients: []oidckit.ClientMetadata{{
			ClientID: "app", TokenEndpointAuthMethod: "none", RedirectURIs: []string{redirectURI}, IDTokenSignedResponseAlg: "ES256",
		}},
		Configure: func(c *provider.Config) { c.SigningAlgs = []string{"ES256"} },
	})
}

// verifier and its challenge are those of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func authorizationURL(op *oidctest.Server) string {
	return op.Issuer + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {redirectURI}, "scope": {"openid"}, "state": {"the state"},
		"nonce": {"the nonce"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}.Encode()
}

// login walks through the pages and returns what the app would get.
func login(t *testing.T, op *oidctest.Server) (callback url.Values, tokens map[string]any) {
	t.Helper()
	address, err := op.NewBrowser(t).Authorize(authorizationURL(op))
	if err != nil {
		t.Fatal(err)
	}
	_, body := exchange(t, op, address.Query().Get("code"))
	if err := json.Unmarshal([]byte(body), &tokens); err != nil {
		t.Fatal(err, body)
	}
	return address.Query(), tokens
}

func exchange(t *testing.T, op *oidctest.Server, code string) (status int, body string) {
	t.Helper()
	res, err := op.HTTPClient().PostForm(op.Issuer+"/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"app"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
	})
	return read(t, res, err)
}

func get(t *testing.T, op *oidctest.Server, path string) (status int, body string) {
	t.Helper()
	res, err := op.HTTPClient().Get(op.Issuer + path)
	return read(t, res, err)
}

func userinfo(t *testing.T, op *oidctest.Server, token string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, op.Issuer+"/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := op.HTTPClient().Do(req)
	return read(t, res, err)
}

func read(t *testing.T, res *http.Response, err error) (status int, body string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(data)
}

// parts decodes header and claims of a token of any kind.
func parts(t *testing.T, token any) (header, claims map[string]any) {
	t.Helper()
	text, _ := token.(string)
	encoded := strings.Split(text, ".")
	if len(encoded) != 3 {
		t.Fatalf("%q is no token", text)
	}
	for i, object := range []*map[string]any{&header, &claims} {
		data, err := base64.RawURLEncoding.DecodeString(encoded[i])
		if err == nil {
			err = json.Unmarshal(data, object)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func keySet(t *testing.T, op *oidctest.Server) []jose.JWK {
	t.Helper()
	_, body := get(t, op, "/jwks")
	keys, _, err := jose.ParseJWKS([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// signedBy reports whether a key of the set has signed the token.
func signedBy(t *testing.T, keys []jose.JWK, token any) bool {
	t.Helper()
	j, err := jose.Parse(token.(string))
	if err != nil {
		return false
	}
	for _, k := range keys {
		if k.KeyID == j.Header.KeyID && j.Verify(k.Algorithm, k.Key) == nil {
			return true
		}
	}
	return false
}
