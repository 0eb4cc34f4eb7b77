package provider_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// atUsualPaths switches a preset on and leaves the endpoints where the other
// tests look for them.
func atUsualPaths(c *provider.Config, p provider.Preset) {
	c.Legacy = &provider.Legacy{Preset: p}
	c.Paths = provider.Paths{Authorization: "/authorize", Token: "/token", Userinfo: "/userinfo"}
}

// OpenID Connect Core 1.0 §8.1: introspection under a preset tells public
// clients a name, and never whose a pairwise subject is.
func TestPresetTellsPairwiseClientsNoNames(t *testing.T) {
	f := newPairwise(t, func(c *provider.Config) { atUsualPaths(c, provider.PresetSignicat) })
	res := f.token(codeForm(f.code("scope", "openid")))
	for _, token := range []string{res.Access, res.Refresh, res.ID} {
		req := f.newRequest(http.MethodPost, "/introspect", url.Values{"token": {token}})
		req.SetBasicAuth("web", "web-secret")
		a := f.send(f.client, req)
		if !strings.Contains(a.body, `"active":true`) || strings.Contains(a.body, "username") || strings.Contains(a.body, oidctest.Username) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

// ATK-255: a client's own token opens no userinfo, whoever has its client_id
// for a subject.
func TestATK255PresetUserinfoOfAClient(t *testing.T) {
	machine := oidckit.ClientMetadata{
		ClientID: oidctest.Subject, ClientSecret: "a secret of the machine's own", GrantTypes: []string{"client_credentials"}, Scope: "hr",
	}
	for _, preset := range provider.Presets() {
		f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{machine}, Path: "/moas", Configure: func(c *provider.Config) {
			atUsualPaths(c, preset)
			c.Scopes, c.Claims = map[string]string{"hr": "See your badge"}, map[string][]string{"hr": {"badge"}}
		}})
		req := f.newRequest(http.MethodPost, "/token", url.Values{"grant_type": {"client_credentials"}})
		req.SetBasicAuth(oidctest.Subject, "a+secret+of+the+machine%27s+own")
		res := f.do(req)
		if res.status != http.StatusOK {
			t.Fatalf("%s: %+v", preset, res)
		}
		if status, doc, _ := f.get("/userinfo", res.Access); status != http.StatusForbidden || doc["sub"] != nil || doc["error"] != "insufficient_scope" {
			t.Errorf("%s: %d %v", preset, status, doc)
		}
	}
}

// Clients that keep to the standards are served as ever: a scope with a slash
// is one, and the scope beside a code is not looked at.
func TestPresetLeavesStandardRequestsAlone(t *testing.T) {
	web := webClient
	web.Scope += " api/email"
	for _, preset := range provider.Presets() {
		f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{web}, Path: "/moas", Configure: func(c *provider.Config) {
			atUsualPaths(c, preset)
			c.Scopes = map[string]string{"api/email": "Read mail", "api": "Everything"}
		}})
		const asked = "openid api/email api not:known"
		for name, form := range map[string]url.Values{
			"in the header": codeForm(f.code("scope", asked), "scope", asked),
			"in the body":   codeForm(f.code("scope", asked), "scope", asked, "client_id", "web", "client_secret", "web-secret"),
		} {
			res := f.token(form)
			if res.status != http.StatusOK || res.Scope != "openid api/email" {
				t.Errorf("%s, secret %s: %d %q %q", preset, name, res.status, res.Scope, res.Error)
			}
		}
	}
}

// RFC 6749 §3.2.1: who does not prove to be a client is told nothing of its
// codes, whatever scope is asked for.
func TestPresetTellsStrangersNothingOfCodes(t *testing.T) {
	for _, row := range []struct {
		preset provider.Preset
		query  url.Values
		form   []string
	}{
		{provider.PresetSignicat, url.Values{"scope": {"phone"}}, nil},
		{provider.PresetSignicat, url.Values{"scope": {"phone"}, "client_secret": {"wrong"}}, nil},
		{provider.PresetMiniOrange, nil, []string{"redirect_url", redirectURI, "scope", "phone"}},
		{provider.PresetMiniOrange, nil, []string{"redirect_url", redirectURI, "scope", "phone", "client_id", "web", "client_secret", "wrong"}},
	} {
		f := newFixture(t, oidctest.Config{Path: "/moas", Configure: func(c *provider.Config) { atUsualPaths(c, row.preset) }})
		bodies := map[string]bool{}
		for _, code := range []string{f.code("scope", "openid"), "not-a-code"} {
			form := codeForm(code, row.form...)
			path := "/token"
			if row.query != nil {
				path += "?" + row.query.Encode()
			}
			a := f.send(f.client, f.newRequest(http.MethodPost, path, form))
			if a.status != http.StatusUnauthorized || !strings.Contains(a.body, "invalid_client") {
				t.Errorf("%s %v: %d %s", row.preset, row.query, a.status, a.body)
			}
			bodies[a.body] = true
		}
		if len(bodies) != 1 {
			t.Errorf("%s %v: %v", row.preset, row.query, bodies)
		}
	}
}

// RFC 8259 §4: a claim of the app's own that has the name of one of the pages'
// stands once, and is its own.
func TestPresetAliasIsNoSecondMember(t *testing.T) {
	v := oidctest.New(t, oidctest.Config{
		Path: "/moas", Clients: []oidckit.ClientMetadata{webClient},
		Users: []provider.Account{{Username: "zed", PasswordHash: aliceHash, Claims: map[string]any{
			"sub": "zed", "preferred_username": "zed", "given_name": "Z", "username": "the app's",
		}}},
		Configure: func(c *provider.Config) {
			c.Claims = map[string][]string{"profile": {"username"}}
			c.Legacy = &provider.Legacy{Preset: provider.PresetMiniOrange}
		},
	})
	b := v.NewBrowser(t)
	b.Username = "zed"
	vv := &vendor{t: t, Server: v}
	back, err := b.Authorize(v.Issuer + "/idp/openidsso?" + request("scope", "openid profile").Encode())
	if err != nil {
		t.Fatal(err)
	}
	status, doc, _ := vv.send(http.MethodPost, v.Issuer+"/rest/oauth/token", codeForm(back.Query().Get("code")).Encode(),
		"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("web:web-secret")))
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, doc)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text(doc, "id_token"), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(payload, []byte(`"username":`)) != 1 || !bytes.Contains(payload, []byte(`"username":"the app's"`)) || !bytes.Contains(payload, []byte(`"firstname":"Z"`)) {
		t.Errorf("%s", payload)
	}
	_, meta, _ := vv.send(http.MethodGet, v.Issuer+"/.well-known/openid-configuration", "")
	if n := strings.Count(jsonText(t, meta["claims_supported"].([]any)), `"username"`); n != 1 {
		t.Errorf("claims_supported has username %d times", n)
	}
}
