package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// registeringIssuer lets clients register themselves.
func registeringIssuer(t *testing.T, f provider.Registration, more ...string) *oidctest.Server {
	t.Helper()
	return oidctest.New(t, oidctest.Config{TLS: true, Configure: func(c *provider.Config) {
		c.SigningAlgs, c.Registration = append([]string{"ES256"}, more...), &f
		c.Outbound.AllowLoopback = true
	}})
}

// unregisteredApp is a server that waits for its relying party.
func unregisteredApp(t *testing.T) *app {
	t.Helper()
	a := &app{t: t}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*a.handler.Load()).ServeHTTP(w, r) }))
	t.Cleanup(a.Close)
	return a
}

// registerAndBuild registers the app by what its config says and builds it with
// the answer.
func registerAndBuild(t *testing.T, a *app, op *oidctest.Server, initial string, edit func(*handlers.Config)) *oidckit.ClientRegistration {
	t.Helper()
	cfg := handlers.Config{Issuer: op.Issuer, BaseURL: a.URL, IDTokenSignedResponseAlg: "ES256", Scopes: oidckit.Scope{"openid", "profile", "email"}}
	if edit != nil {
		edit(&cfg)
	}
	m := cfg.ClientMetadata()
	m.ClientName = "The app"
	reg, err := handlers.Register(t.Context(), handlers.RegistrationRequest{Issuer: op.Issuer, Metadata: m, InitialAccessToken: initial, HTTPClient: op.HTTPClient()})
	if err != nil {
		t.Fatal(err)
	}
	a.build(&idp{Server: &httptest.Server{URL: op.Issuer}}, options{config: func(c *handlers.Config) {
		c.IDTokenSignedResponseAlg, c.ClientID, c.ClientSecret, c.HTTPClient = "ES256", reg.ClientID, reg.ClientSecret, op.HTTPClient()
		if edit != nil {
			edit(c)
		}
	}})
	return reg
}

// RFC 7591 §3, RFC 7592 §2: an app that nobody has registered registers itself,
// logs people in, finds its registration again, and ends it.
func TestRegister(t *testing.T) {
	const initial = "an-initial-access-token"
	for name, row := range map[string]struct {
		policy provider.Registration
		token  string
		edit   func(*handlers.Config)
		secret bool
	}{
		"open to all":         {policy: provider.Registration{AllowAnonymous: true}, secret: true},
		"with a token":        {policy: provider.Registration{InitialAccessTokens: []oidckit.TokenHash{oidckit.HashToken(initial)}}, token: initial, secret: true},
		"client_secret_post":  {policy: provider.Registration{AllowAnonymous: true}, edit: func(c *handlers.Config) { c.TokenEndpointAuthMethod = "client_secret_post" }, secret: true},
		"a public client":     {policy: provider.Registration{AllowAnonymous: true}, edit: func(c *handlers.Config) { c.TokenEndpointAuthMethod = "none" }},
		"with signed answers": {policy: provider.Registration{AllowAnonymous: true}, edit: func(c *handlers.Config) { c.UserinfoSignedResponseAlg = "ES256" }, secret: true},
	} {
		t.Run(name, func(t *testing.T) {
			op := registeringIssuer(t, row.policy)
			a := unregisteredApp(t)
			reg := registerAndBuild(t, a, op, row.token, row.edit)
			if reg.ClientID == "" || (reg.ClientSecret != "") != row.secret || (reg.ClientSecretExpiresAt != nil) != row.secret || reg.RegistrationAccessToken == "" || reg.ClientName != "The app" {
				t.Errorf("%+v", reg)
			}
			wantLogin(t, a, op)

			again, err := handlers.ReadRegistration(t.Context(), reg, op.HTTPClient())
			if err != nil || again.ClientID != reg.ClientID || again.RedirectURIs[0] != a.URL+"/auth/callback" {
				t.Errorf("%+v %v", again, err)
			}
			if err := handlers.DeleteRegistration(t.Context(), reg, op.HTTPClient()); err != nil {
				t.Fatal(err)
			}
			var refused *oidckit.Error
			if _, err := handlers.ReadRegistration(t.Context(), reg, op.HTTPClient()); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
				t.Errorf("after the end: %v", err)
			}
			if err := handlers.DeleteRegistration(t.Context(), reg, op.HTTPClient()); !errors.Is(err, oidckit.InvalidToken) {
				t.Errorf("ended twice: %v", err)
			}
		})
	}
}

// RFC 7591 §3.2.2: a refusal keeps the issuer's code, and no error has a token.
func TestRegistrationRefused(t *testing.T) {
	op := registeringIssuer(t, provider.Registration{InitialAccessTokens: []oidckit.TokenHash{oidckit.HashToken("right")}})
	good := handlers.Config{BaseURL: "https://app.example", IDTokenSignedResponseAlg: "ES256"}.ClientMetadata()
	with := func(edit func(*oidckit.ClientMetadata)) oidckit.ClientMetadata {
		m := good
		edit(&m)
		return m
	}
	for name, row := range map[string]struct {
		m     oidckit.ClientMetadata
		token string
		code  oidckit.ErrorCode
	}{
		"no token":                 {good, "", oidckit.InvalidToken},
		"another token":            {good, "canary-wrong", oidckit.InvalidToken},
		"a fragment":               {with(func(m *oidckit.ClientMetadata) { m.RedirectURIs = []string{"https://app.example/#x"} }), "right", oidckit.InvalidRedirectURI},
		"an algorithm it has not":  {with(func(m *oidckit.ClientMetadata) { m.IDTokenSignedResponseAlg = "PS512" }), "right", oidckit.InvalidClientMetadata},
		"signatures by nobody":     {with(func(m *oidckit.ClientMetadata) { m.IDTokenSignedResponseAlg = "none" }), "right", oidckit.InvalidClientMetadata},
		"a grant that has no user": {with(func(m *oidckit.ClientMetadata) { m.GrantTypes = []string{"client_credentials"} }), "right", oidckit.InvalidClientMetadata},
	} {
		reg, err := handlers.Register(t.Context(), handlers.RegistrationRequest{Issuer: op.Issuer, Metadata: row.m, InitialAccessToken: row.token, HTTPClient: op.HTTPClient()})
		if reg != nil || !errors.Is(err, row.code) || errors.Is(err, oidckit.TemporarilyUnavailable) || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, req := range map[string]handlers.RegistrationRequest{
		"RegistrationRequest.Issuer":   {Issuer: "http://id.example", Metadata: good},
		"RegistrationRequest.Metadata": {Issuer: op.Issuer, Metadata: with(func(m *oidckit.ClientMetadata) { m.ClientSecret = "canary" })},
		"header":                       {Issuer: op.Issuer, HTTPClient: op.HTTPClient(), Metadata: good, InitialAccessToken: "canary\r\nX: y"},
	} {
		if _, err := handlers.Register(t.Context(), req); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(op.Requests("registration_endpoint")); n != 6 {
		t.Errorf("%d registrations were asked for", n)
	}
}

// RFC 7591 §3.2.1, FLT-07, FLT-08: whatever is no registration makes no client.
func TestRegistrationAnsweredWrongly(t *testing.T) {
	op := registeringIssuer(t, provider.Registration{AllowAnonymous: true})
	const whole = `"client_id":"c","client_secret":"s","client_secret_expires_at":0`
	answer := func(status int, body string) oidctest.Fault { return oidctest.Answer(status, "application/json", body) }
	rows := map[string]struct {
		fault     oidctest.Fault
		temporary bool
	}{
		"HTML":                            {oidctest.Answer(201, "text/html", "{"+whole+"}"), false},
		"status 200":                      {answer(200, "{"+whole+"}"), true},
		"a redirect":                      {oidctest.Redirect("https://evil.example/"), true},
		"no answer":                       {oidctest.Drop(), true},
		"endless":                         {oidctest.Endless(`{`), true},
		"status 500 with a code":          {answer(500, `{"error":"invalid_redirect_uri"}`), true},
		"status 429":                      {answer(429, `{"error":"slow_down"}`), true},
		"a code that is none":             {answer(400, `{"error":"<script>canary"}`), true},
		"no JSON":                         {answer(201, "{"+whole), false},
		"a member twice":                  {answer(201, "{"+whole+`,"client_id":"d"}`), false},
		"no client_id":                    {answer(201, `{}`), false},
		"an empty client_id":              {answer(201, `{"client_id":""}`), false},
		"client_id null":                  {answer(201, `{"client_id":null}`), false},
		"client_id a number":              {answer(201, `{"client_id":7}`), false},
		"client_id over two lines":        {answer(201, `{"client_id":"a\nb"}`), false},
		"a secret without its end":        {answer(201, `{"client_id":"c","client_secret":"s"}`), false},
		"a secret over two lines":         {answer(201, `{"client_id":"c","client_secret":"a\nb","client_secret_expires_at":0}`), false},
		"an end before 1970":              {answer(201, `{"client_id":"c","client_secret":"s","client_secret_expires_at":-1}`), false},
		"an end in words":                 {answer(201, `{"client_id":"c","client_secret":"s","client_secret_expires_at":"never"}`), false},
		"a token without its address":     {answer(201, "{"+whole+`,"registration_access_token":"t"}`), false},
		"an address without its token":    {answer(201, "{"+whole+`,"registration_client_uri":"https://id.example/r"}`), false},
		"an address that is not https":    {answer(201, "{"+whole+`,"registration_access_token":"t","registration_client_uri":"http://id.example/r"}`), false},
		"a token that fits in no header":  {answer(201, "{"+whole+`,"registration_access_token":"a b","registration_client_uri":"https://id.example/r"}`), false},
		"redirect_uris that are one text": {answer(201, "{"+whole+`,"redirect_uris":"https://app.example/"}`), false},
	}
	ask := func() (*oidckit.ClientRegistration, error) {
		return handlers.Register(t.Context(), handlers.RegistrationRequest{Issuer: op.Issuer, HTTPClient: op.HTTPClient(), Metadata: handlers.Config{BaseURL: "https://app.example"}.ClientMetadata()})
	}
	for name, row := range rows {
		restore := op.Break(t, "registration_endpoint", row.fault)
		reg, err := ask()
		restore()
		if reg != nil || err == nil || errors.Is(err, oidckit.TemporarilyUnavailable) != row.temporary || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %+v %v", name, reg, err)
		}
	}
	// What is unusual and right goes through.
	for name, body := range map[string]string{
		"null where nothing is": "{" + whole + `,"logo_uri":null,"contacts":null,"default_max_age":null}`,
		"unknown members":       "{" + whole + `,"x":{"y":[1]}}`,
		"a public client":       `{"client_id":"c"}`,
	} {
		restore := op.Break(t, "registration_endpoint", answer(201, body))
		reg, err := ask()
		restore()
		if err != nil || reg.ClientID != "c" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An issuer that is down, or registers nobody, costs an error; a context ends
// the call.
func TestRegistrationWithoutAnIssuer(t *testing.T) {
	op := oidctest.New(t, oidctest.Config{Configure: func(c *provider.Config) { c.SigningAlgs = []string{"ES256"} }})
	req := handlers.RegistrationRequest{Issuer: op.Issuer, Metadata: handlers.Config{BaseURL: "https://app.example"}.ClientMetadata()}
	if _, err := handlers.Register(t.Context(), req); err == nil || errors.Is(err, oidckit.TemporarilyUnavailable) || !strings.Contains(err.Error(), "no registration endpoint") {
		t.Errorf("no endpoint: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := handlers.Register(ctx, req); !errors.Is(err, oidckit.TemporarilyUnavailable) {
		t.Errorf("cancelled: %v", err)
	}
	op.Break(t, oidctest.EndpointDiscovery, oidctest.EditJSON(func(m map[string]any) { m["issuer"] = "https://other.example" }))
	if _, err := handlers.Register(t.Context(), req); !errors.Is(err, oidckit.TemporarilyUnavailable) {
		t.Errorf("another issuer's metadata: %v", err)
	}
}

// What the app keeps can be read again, and is printed without its secrets.
func TestKeptRegistration(t *testing.T) {
	never := int64(0)
	reg := oidckit.ClientRegistration{ClientMetadata: oidckit.ClientMetadata{ClientID: "c", ClientSecret: "canary"},
		ClientSecretExpiresAt: &never, RegistrationAccessToken: "canary", RegistrationClientURI: "https://id.example/r"}
	data, err := json.Marshal(reg)
	if err != nil {
		t.Fatal(err)
	}
	var again oidckit.ClientRegistration
	if err := json.Unmarshal(data, &again); err != nil || again.ClientSecret != "canary" || again.RegistrationAccessToken != "canary" || again.ClientSecretExpiresAt == nil {
		t.Errorf("%s %v", data, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{reg, &reg} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "canary") || !strings.Contains(s, "redacted") {
				t.Errorf("%s: %s", verb, s)
			}
		}
	}
}
