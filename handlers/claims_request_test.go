package handlers_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// OpenID Connect Core 1.0 §5.5: what every login asks for and what one asks for
// go out as one, and cannot be taken out of a link.
func TestClaimsRequest(t *testing.T) {
	p := newIDP(t)
	supported := script{metadata: func(m map[string]any) { m["claims_parameter_supported"] = true }}
	usual := json.RawMessage(`{"userinfo":{"email":null,"name":null},"id_token":{"acr":null},"x":1}`)
	for _, row := range []struct {
		name        string
		config      json.RawMessage
		login       oidckit.LoginRequest
		script      script
		claims, acr string
	}{
		{"none", nil, oidckit.LoginRequest{ACRValues: []string{"silver"}}, supported, "", "silver"},
		{"every login's", usual, oidckit.LoginRequest{}, supported, string(usual), ""},
		{"this login's", nil, oidckit.LoginRequest{Claims: json.RawMessage(`{"id_token":{"email":{"essential":true}}}`)}, script{},
			`{"id_token":{"email":{"essential":true}}}`, ""},
		{"both", usual, oidckit.LoginRequest{Claims: json.RawMessage(`{"userinfo":{"name":{"essential":true}},"id_token":{"sub":null}}`)}, script{},
			`{"id_token":{"acr":null,"sub":null},"userinfo":{"email":null,"name":{"essential":true}},"x":1}`, ""},
		{"essential acr", usual, oidckit.LoginRequest{EssentialACR: true, ACRValues: []string{"silver", "gold"}}, supported,
			`{"id_token":{"acr":{"essential":true,"values":["silver","gold"]}},"userinfo":{"email":null,"name":null},"x":1}`, ""},
		{"essential acr without the parameter", nil, oidckit.LoginRequest{EssentialACR: true, ACRValues: []string{"silver"}}, script{}, "", "silver"},
		{"an essential acr of the app's", json.RawMessage(`{"id_token":{"acr":{"essential":true,"values":["gold","silver"]}}}`), oidckit.LoginRequest{}, supported,
			`{"id_token":{"acr":{"essential":true,"values":["gold","silver"]}}}`, ""},
		{"a guard's in its place", json.RawMessage(`{"id_token":{"acr":{"essential":true,"values":["gold"]}}}`), oidckit.LoginRequest{ACRValues: []string{"silver"}}, supported,
			`{"id_token":{"acr":{"essential":true,"values":["silver"]}}}`, ""},
		{"an acr that is no request", nil, oidckit.LoginRequest{Claims: json.RawMessage(`{"id_token":{"acr":{"essential":"yes"}}}`)}, script{}, "", ""},
		{"no object", nil, oidckit.LoginRequest{Claims: json.RawMessage(`[]`)}, script{}, "", ""},
		{"a member twice", nil, oidckit.LoginRequest{Claims: json.RawMessage(`{"id_token":{},"id_token":{}}`)}, script{}, "", ""},
		{"claims that are no object", nil, oidckit.LoginRequest{Claims: json.RawMessage(`{"id_token":[]}`)}, script{}, "", ""},
		{"too large", nil, oidckit.LoginRequest{Claims: json.RawMessage(`{"x":"` + strings.Repeat("x", 2<<10) + `"}`)}, script{}, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			p.play(row.script)
			a := newApp(t, p, options{config: func(c *handlers.Config) { c.Claims = row.config }})
			b := a.browser()
			row.login.ReturnTo = "/me"
			address := a.rp.LoginURL(nil, row.login)
			if strings.Contains(address, "essential") {
				t.Errorf("the request can be read: %s", address)
			}
			callback := b.step(b.step(address).Header.Get("Location")).Header.Get("Location")
			if got := p.lastRequest(); got.Get("claims") != row.claims || got.Get("acr_values") != row.acr {
				t.Errorf("claims %s, acr_values %q", got.Get("claims"), got.Get("acr_values"))
			}
			if b.step(callback); b.loggedIn(a) != "alice" {
				t.Error("not logged in")
			}
		})
	}
}

// What an essential acr asks for is checked, whichever way it was asked.
func TestEssentialACROfAProvider(t *testing.T) {
	op, a := newAppAtProvider(t, registration{issuer: func(_ *app, c *provider.Config) { c.ACRValues = []string{"silver"} }})
	address := a.rp.LoginURL(nil, oidckit.LoginRequest{ReturnTo: "/me", EssentialACR: true, ACRValues: []string{"gold"}})
	b := a.browser()
	back, err := op.NewBrowser(t).Authorize(b.step(address).Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	asked := op.Requests(oidctest.EndpointAuthorization)
	if got := asked[0].Query.Get("claims"); got != `{"id_token":{"acr":{"essential":true,"values":["gold"]}}}` {
		t.Errorf("claims %q", got)
	}
	if b.step(back.String()); b.loggedIn(a) != "" {
		t.Error("logged in without it")
	}
}

// ATK-056, OpenID Connect Core 1.0 §5.5.1.1: an acr that a claims parameter makes
// essential is in the answer, or nobody logs in, whoever has asked for it.
func TestEssentialACRInADocument(t *testing.T) {
	p := newIDP(t)
	for _, row := range []struct {
		name, document string
		// acr is what the answer says.
		acr  any
		good bool
	}{
		{"values", `{"id_token":{"acr":{"essential":true,"values":["gold","silver"]}}}`, "silver", true},
		{"other values", `{"id_token":{"acr":{"essential":true,"values":["gold"]}}}`, "silver", false},
		{"none", `{"id_token":{"acr":{"essential":true,"values":["gold"]}}}`, nil, false},
		{"one value", `{"id_token":{"acr":{"essential":true,"value":"silver"}}}`, "silver", true},
		{"another value", `{"id_token":{"acr":{"essential":true,"value":"gold"}}}`, "silver", false},
		{"any value", `{"id_token":{"acr":{"essential":true}}}`, "silver", true},
		{"any value, and none", `{"id_token":{"acr":{"essential":true}}}`, nil, false},
		{"any value, and an empty one", `{"id_token":{"acr":{"essential":true}}}`, "", false},
		{"not essential", `{"id_token":{"acr":{"values":["gold"]}}}`, "silver", true},
		{"in userinfo", `{"userinfo":{"acr":{"essential":true}}}`, nil, true},
	} {
		for _, by := range []string{"config", "login"} {
			p.play(script{claims: func(c map[string]any) {
				if c["acr"] = row.acr; row.acr == nil {
					delete(c, "acr")
				}
			}})
			var login oidckit.LoginRequest
			a := newApp(t, p, options{config: func(c *handlers.Config) {
				if by == "config" {
					c.Claims = json.RawMessage(row.document)
				} else {
					login.Claims = json.RawMessage(row.document)
				}
			}})
			login.ReturnTo = "/me"
			b := a.browser()
			b.open(a.rp.LoginURL(nil, login))
			if who := b.loggedIn(a); (who == "alice") != row.good {
				t.Errorf("%s, by the %s: signed in: %q", row.name, by, who)
			}
		}
	}
}

// ATK-113: an app may add parameters, and nobody may set the protocol's.
func TestAuthorizationParams(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{config: func(c *handlers.Config) {
		c.AuthorizationParams = map[string]string{"audience": "https://api.example", "x": "a b&c"}
	}})
	a.browser().begin(a, "/me&x=evil&audience=evil")
	if got := p.lastRequest(); got.Get("audience") != "https://api.example" || got.Get("x") != "a b&c" {
		t.Errorf("request %v", got)
	}
}

func TestResponseAndRequestConfig(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	base := handlers.Config{Issuer: p.URL, ClientID: clientID, BaseURL: a.URL, Sessions: a.sessions}
	for name, row := range map[string]struct {
		set  func(c *handlers.Config)
		want string
	}{
		"order of words":          {func(c *handlers.Config) { c.ResponseType = "id_token code" }, "Config.ResponseType"},
		"token alone":             {func(c *handlers.Config) { c.ResponseType = "token" }, "Config.ResponseType"},
		"tokens in a query":       {func(c *handlers.Config) { c.ResponseType, c.ResponseMode = "code id_token", "query" }, "Config.ResponseMode"},
		"tokens by query.jwt":     {func(c *handlers.Config) { c.ResponseType, c.ResponseMode = "id_token", "query.jwt" }, "Config.ResponseMode"},
		"tokens by jwt":           {func(c *handlers.Config) { c.ResponseType, c.ResponseMode = "code token", "jwt" }, "Config.ResponseMode"},
		"fragment":                {func(c *handlers.Config) { c.ResponseMode = "fragment" }, "Config.ResponseMode"},
		"web_message":             {func(c *handlers.Config) { c.ResponseMode = "web_message" }, "Config.ResponseMode"},
		"alg of responses":        {func(c *handlers.Config) { c.AuthorizationSignedResponseAlg = "none" }, "Config.AuthorizationSignedResponseAlg"},
		"claims":                  {func(c *handlers.Config) { c.Claims = json.RawMessage(`"x"`) }, "Config.Claims"},
		"claims of OAuth 2.0":     {func(c *handlers.Config) { c.Claims, c.OAuth2 = json.RawMessage(`{}`), &handlers.OAuth2{} }, "Config.Claims"},
		"tokens of OAuth 2.0":     {func(c *handlers.Config) { c.ResponseType, c.OAuth2 = "code token", &handlers.OAuth2{} }, "Config.ResponseType"},
		"a parameter without one": {func(c *handlers.Config) { c.AuthorizationParams = map[string]string{"x": ""} }, "Config.AuthorizationParams"},
		"large parameters": {func(c *handlers.Config) {
			c.AuthorizationParams = map[string]string{"x": strings.Repeat("x", 4<<10)}
		}, "Config.AuthorizationParams"},
	} {
		c := base
		row.set(&c)
		if _, err := handlers.NewRelyingParty(c); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// All that a login sends by itself is reserved.
	b := a.browser()
	b.step(b.step(a.rp.LoginURL(nil, oidckit.LoginRequest{Prompt: []string{"login"}, ACRValues: []string{"x"}, UILocales: []string{"en"}, LoginHint: "x"})).Header.Get("Location"))
	sent := p.lastRequest()
	for _, name := range []string{"request", "request_uri", "claims", "max_age", "resource", "response_mode", "id_token_hint", "client_secret", "client_assertion"} {
		sent[name] = []string{"x"}
	}
	if len(sent) < 15 {
		t.Errorf("few parameters: %v", sent)
	}
	for name := range url.Values(sent) {
		c := base
		c.AuthorizationParams = map[string]string{name: "x"}
		if rp, err := handlers.NewRelyingParty(c); err == nil {
			rp.Close()
			t.Errorf("%s was taken", name)
		}
	}
}
