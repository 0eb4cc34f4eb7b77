package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/provider/oidctest"
)

const clientSecret = "the-secret-of-webapp"

// startVendor starts the example issuer as a vendor's, and returns its issuer
// identifier.
func startVendor(t *testing.T, callback string) string {
	t.Helper()
	addr, origin := freeAddr(t)
	config := writeJSON(t, map[string]any{
		"users": []any{map[string]any{"username": "alice", "password": "wonderland", "claims": map[string]any{"sub": "1", "name": "Alice Example", "email": "alice@example.com"}}},
		"clients": []any{map[string]any{
			"client_id": "webapp", "client_secret": clientSecret, "redirect_uris": []string{callback + "/callback"},
			"post_logout_redirect_uris": []string{callback + "/logged-out"},
		}},
	})
	browsertest.Start(t, t.TempDir(), browsertest.Build(t, "../issuer"), "-addr", addr, "-issuer", origin+"/moas", "-preset", "miniorange", "-config", config).Line("issuer")
	return origin + "/moas"
}

func writeJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, string(data))
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// vendorFile is what an operator writes down of the vendor's pages.
func vendorFile(issuer string) map[string]any {
	return map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/idp/openidsso", "token_endpoint": issuer + "/rest/oauth/token",
		"userinfo_endpoint": issuer + "/rest/oauth/getuserinfo", "revocation_endpoint": issuer + "/rest/oauth/revoke", "end_session_endpoint": issuer + "/idp/oidc/logout",
		"legacy": map[string]any{
			"redirect_url_parameter": true, "client_secret_both": true, "scope_in_token_request": true, "revoke_by_get": true, "logout_by_get": true, "insecure_no_pkce": true,
		},
	}
}

func download(t *testing.T, address string) string {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", address, res.StatusCode, err)
	}
	return string(body)
}

// Row A11: the program logs people in at an issuer whose endpoints stand in a
// file, with its keys beside them or without an ID token at all.
func TestEndpoints(t *testing.T) {
	addr, base := freeAddr(t)
	issuer := startVendor(t, base+"/auth")
	for name, row := range map[string]struct {
		edit  func(file map[string]any)
		args  []string
		scope string
	}{
		"certificate": {edit: func(file map[string]any) { file["certificate"] = download(t, issuer+"/certificate?alg=RS256") }, scope: "openid profile email"},
		"certificates": {edit: func(file map[string]any) {
			file["certificates"] = []string{download(t, issuer+"/certificate?alg=RS256"), download(t, issuer+"/certificate?alg=ES256")}
		}, scope: "openid profile email"},
		"key set": {edit: func(file map[string]any) {
			var doc struct {
				JWKSURI string `json:"jwks_uri"`
			}
			if err := json.Unmarshal([]byte(download(t, issuer+"/.well-known/openid-configuration")), &doc); err != nil {
				t.Fatal(err)
			}
			file["jwks"] = json.RawMessage(download(t, doc.JWKSURI))
		}, scope: "openid profile email"},
		"plain OAuth 2.0": {edit: func(file map[string]any) { file["oauth2"] = map[string]any{"subject_claim": "sub"} }, args: []string{"-scopes", "profile email"}, scope: "profile email"},
		"no scope at all": {edit: func(file map[string]any) { file["oauth2"] = map[string]any{} }},
	} {
		t.Run(name, func(t *testing.T) {
			file := vendorFile(issuer)
			row.edit(file)
			app := browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), append([]string{
				"-addr", addr, "-base-url", base, "-endpoints", writeJSON(t, file), "-client-secret", clientSecret}, row.args...)...)
			if app.Line("issuer") != issuer {
				t.Errorf("printed %s", app.Stdout())
			}
			app.Line("app")
			p := newVendorPerson(t, issuer)
			res, body, asked := p.open(base, base+"/me")
			if me := p.me(base); res.StatusCode != http.StatusOK || me["sub"] != "1" || me["iss"] != issuer {
				t.Fatalf("%d %s %v\n%s", res.StatusCode, body, me, app.Stderr())
			}
			if asked[0].Get("scope") != row.scope || asked[0].Has("code_challenge") || asked[0].Has("nonce") != strings.Contains(row.scope, "openid") {
				t.Errorf("asked %v", asked)
			}
			out, err := p.PostForm(base+"/auth/logout", nil)
			if err != nil {
				t.Fatal(err)
			}
			out.Body.Close()
			back, err := p.op.Authorize(out.Header.Get("Location"))
			if err != nil || back.String() != base+"/auth/logged-out" || p.me(base) != nil {
				t.Errorf("logout: %v %v", back, err)
			}
			app.Stop()
		})
	}
}

func newVendorPerson(t *testing.T, issuer string) *person {
	t.Helper()
	op := oidctest.NewBrowser(t, issuer, http.DefaultClient)
	op.Username, op.Password = "alice", "wonderland"
	return newPersonWith(t, op)
}

// What is wrong in the file is named, all of it, each by its member.
func TestEndpointsProblems(t *testing.T) {
	binary := browsertest.Build(t, ".")
	file := func(edit func(map[string]any)) string {
		f := vendorFile("https://id.example")
		f["jwks_uri"] = "https://id.example/jwks"
		edit(f)
		return writeJSON(t, f)
	}
	for name, row := range map[string]struct {
		args []string
		want []string
	}{
		"no such file": {[]string{"-endpoints", "missing.json"}, []string{"-endpoints: ", "missing.json"}},
		"no JSON":      {[]string{"-endpoints", writeFile(t, "{,}")}, []string{"-endpoints: ", "no JSON object"}},
		"a list":       {[]string{"-endpoints", writeFile(t, "[]")}, []string{"-endpoints: ", "no JSON object"}},
		"unknown members": {[]string{"-endpoints", file(func(f map[string]any) {
			f["colour"], f["token_end_point"] = "blue", "x"
			f["legacy"].(map[string]any)["redirect_urls"] = true
		})}, []string{"-endpoints: ", `"colour"`, `"token_end_point"`, `"redirect_urls"`}},
		"another type": {[]string{"-endpoints", file(func(f map[string]any) { f["token_endpoint"] = 1 })}, []string{"-endpoints: token_endpoint"}},
		"ATK-065":      {[]string{"-endpoints", file(func(f map[string]any) { f["token_endpoint"] = "http://id.example/t" })}, []string{"-endpoints: token_endpoint must be https"}},
		"another issuer": {[]string{"-issuer", "https://other.example", "-endpoints", file(func(map[string]any) {})},
			[]string{"-endpoints: issuer is another than the configured one"}},
		"no endpoints": {[]string{"-endpoints", writeFile(t, "{}"), "-issuer", "https://id.example"},
			[]string{"-endpoints: authorization_endpoint is empty", "-endpoints: token_endpoint is empty", "-endpoints: jwks_uri is empty"}},
		"keys and legacy": {[]string{"-client-secret", "", "-endpoints", file(func(f map[string]any) { f["jwks"], f["certificate"] = map[string]any{}, "MIIB" })},
			[]string{"-endpoints: certificate ", "-endpoints: jwks ", "-endpoints: legacy "}},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := browsertest.Refused(t, t.TempDir(), binary, append([]string{"-addr", "127.0.0.1:0", "-client-secret", clientSecret}, row.args...)...)
			if status != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "Config") || strings.Contains(stderr, clientSecret) {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
			}
			for _, want := range row.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q is not named in %q", want, stderr)
				}
			}
		})
	}
}
