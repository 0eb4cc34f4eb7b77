package provider_test

import (
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

func goodConfig(t *testing.T) provider.Config {
	const issuer = "https://op.example"
	return provider.Config{
		Issuer: issuer, Secrets: newSecrets(t), Stores: opstore.NewMemory().Open(issuer),
		Clients: []oidckit.ClientMetadata{webClient, publicClient, nativeClient},
	}
}

// Every problem is named in one error, by its field.
func TestConfigNamesEveryProblem(t *testing.T) {
	age := int64(-1)
	_, err := provider.New(provider.Config{
		Issuer:         "http://op.example",
		Stores:         opstore.Set{Replay: opstore.NewMemory().Open("x").Replay},
		SigningAlgs:    []string{"HS256", "none"},
		Scopes:         map[string]string{"two words": "x"},
		Resources:      []provider.Resource{{Resource: "orders", SigningAlg: "ES512"}, {Resource: "https://a.example", Scopes: []string{"openid"}}},
		Lifetimes:      provider.Lifetimes{Code: time.Hour, AccessToken: -1, RefreshTokenReuse: time.Hour},
		LoginURL:       "https://elsewhere.example/login",
		TrustedClients: []string{"nobody"},
		Clients:        []oidckit.ClientMetadata{{ClientID: "a", DefaultMaxAge: &age}, {ClientID: "a"}, {}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"Issuer:", "Secrets:", "opstore.Set.Codes is nil", "opstore.Set.Users is nil", `SigningAlgs: "HS256"`, `SigningAlgs: "none"`,
		"Scopes:", "Resources[0]", "Resources[1]", "Lifetimes.Code", "Lifetimes.AccessToken", "Lifetimes.RefreshTokenReuse",
		`Clients[0] ("a")`, "default_max_age", "client_secret is missing", `Clients[1] ("a"): client_id is used twice`, `Clients[2] ("")`, "TrustedClients",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "opstore.Set.Replay") {
		t.Error("the error names what is there")
	}
}

// ATK-110, ATK-183 and what else is refused before anything starts; each row
// is the one problem of an otherwise good config.
func TestConfigRefusals(t *testing.T) {
	client := func(change func(*oidckit.ClientMetadata)) func(*provider.Config) {
		return func(c *provider.Config) {
			m := webClient
			change(&m)
			c.Clients = []oidckit.ClientMetadata{m}
		}
	}
	redirect := func(uri string) func(*provider.Config) {
		return client(func(m *oidckit.ClientMetadata) { m.RedirectURIs = []string{uri} })
	}
	for clause, row := range map[string]struct {
		change func(*provider.Config)
		names  string
	}{
		"ATK-110 http issuer":                    {func(c *provider.Config) { c.Issuer = "http://op.example" }, "Issuer"},
		"issuer without scheme":                  {func(c *provider.Config) { c.Issuer = "op.example" }, "Issuer"},
		"issuer with a query":                    {func(c *provider.Config) { c.Issuer = "https://op.example?x" }, "Issuer"},
		"issuer with a fragment":                 {func(c *provider.Config) { c.Issuer = "https://op.example#x" }, "Issuer"},
		"issuer with a user":                     {func(c *provider.Config) { c.Issuer = "https://a@op.example" }, "Issuer"},
		"issuer with a slash at the end":         {func(c *provider.Config) { c.Issuer = "https://op.example/" }, "Issuer"},
		"issuer with dot segments":               {func(c *provider.Config) { c.Issuer = "https://op.example/a/../b" }, "Issuer"},
		"issuer with an escape":                  {func(c *provider.Config) { c.Issuer = "https://op.example/a%2fb" }, "Issuer"},
		"issuer with a mux wildcard":             {func(c *provider.Config) { c.Issuer = "https://op.example/{x}" }, "Issuer"},
		"issuer with two slashes":                {func(c *provider.Config) { c.Issuer = "https://op.example/a//b" }, "Issuer"},
		"no ring":                                {func(c *provider.Config) { c.Secrets = oidckit.Secrets{} }, "Secrets"},
		"ATK-267 alg none":                       {func(c *provider.Config) { c.SigningAlgs = []string{"RS256", "none"} }, "SigningAlgs"},
		"RFC 8725 §3.1 symmetric":                {func(c *provider.Config) { c.SigningAlgs = []string{"RS256", "HS256"} }, "SigningAlgs"},
		"no RS256 for clients that name nothing": {func(c *provider.Config) { c.SigningAlgs = []string{"ES256"} }, "id_token_signed_response_alg"},
		"ASVS 10.4.3 code of an hour":            {func(c *provider.Config) { c.Lifetimes.Code = time.Hour }, "Lifetimes.Code"},
		"reuse for ever":                         {func(c *provider.Config) { c.Lifetimes.RefreshTokenReuse = 6 * time.Minute }, "Lifetimes.RefreshTokenReuse"},
		"login page elsewhere":                   {func(c *provider.Config) { c.LoginURL = "//evil.example/login" }, "LoginURL"},
		"login page with a backslash":            {func(c *provider.Config) { c.LoginURL = `/\evil.example/login` }, "LoginURL"},
		"login page by script":                   {func(c *provider.Config) { c.LoginURL = "javascript:alert(1)" }, "LoginURL"},
		"login page relative":                    {func(c *provider.Config) { c.LoginURL = "login" }, "LoginURL"},
		"login page with a fragment":             {func(c *provider.Config) { c.LoginURL = "/login#x" }, "LoginURL"},
		"login page by http":                     {func(c *provider.Config) { c.LoginURL = "http://op.example/login" }, "LoginURL"},
		"unknown trusted client":                 {func(c *provider.Config) { c.TrustedClients = []string{"nobody"} }, "TrustedClients"},
		"resource with a fragment":               {func(c *provider.Config) { c.Resources = []provider.Resource{{Resource: "https://a.example#"}} }, "Resources[0]"},
		"resource twice": {func(c *provider.Config) {
			c.Resources = []provider.Resource{{Resource: "https://a.example"}, {Resource: "https://a.example"}}
		}, "Resources[1]"},
		"resource with openid": {func(c *provider.Config) {
			c.Resources = []provider.Resource{{Resource: "https://a.example", Scopes: []string{"openid"}}}
		}, "Resources[0]"},
		"client_id with a line break":             {client(func(m *oidckit.ClientMetadata) { m.ClientID = "a\nb" }), "client_id"},
		"ASVS 10.4.4 password grant":              {client(func(m *oidckit.ClientMetadata) { m.GrantTypes = []string{"password"} }), "grant_types"},
		"ASVS 10.4.4 implicit grant":              {client(func(m *oidckit.ClientMetadata) { m.GrantTypes = []string{"authorization_code", "implicit"} }), "grant_types"},
		"ASVS 10.6.1 response type token":         {client(func(m *oidckit.ClientMetadata) { m.ResponseTypes = []string{"code", "token"} }), "response_types"},
		"unknown authentication":                  {client(func(m *oidckit.ClientMetadata) { m.TokenEndpointAuthMethod = "private_key_jwt" }), "token_endpoint_auth_method"},
		"secret of a public client":               {client(func(m *oidckit.ClientMetadata) { m.TokenEndpointAuthMethod = "none" }), "client_secret"},
		"RFC 6749 §4.4 public client_credentials": {client(func(m *oidckit.ClientMetadata) { m.TokenEndpointAuthMethod = "none"; m.ClientSecret = "" }), "client_credentials"},
		"no secret":                  {client(func(m *oidckit.ClientMetadata) { m.ClientSecret = "" }), "client_secret"},
		"ID token with none":         {client(func(m *oidckit.ClientMetadata) { m.IDTokenSignedResponseAlg = "none" }), "id_token_signed_response_alg"},
		"pairwise":                   {client(func(m *oidckit.ClientMetadata) { m.SubjectType = "pairwise" }), "subject_type"},
		"application type":           {client(func(m *oidckit.ClientMetadata) { m.ApplicationType = "desktop" }), "application_type"},
		"malformed scope":            {client(func(m *oidckit.ClientMetadata) { m.Scope = "a  b" }), "scope"},
		"ATK-214 logo by script":     {client(func(m *oidckit.ClientMetadata) { m.LogoURI = "javascript:alert(1)" }), "logo_uri"},
		"ATK-214 policy by http":     {client(func(m *oidckit.ClientMetadata) { m.PolicyURI = "http://a.example" }), "policy_uri"},
		"ATK-183 script":             {redirect("javascript:alert(1)"), "redirect_uris"},
		"ATK-183 script in odd case": {redirect("JaVaScRiPt:alert(1)"), "redirect_uris"},
		"ATK-183 data":               {redirect("data:text/html,x"), "redirect_uris"},
		"ATK-183 vbscript":           {redirect("vbscript:x"), "redirect_uris"},
		"ATK-183 file":               {redirect("file:///etc/passwd"), "redirect_uris"},
		"ATK-183 http":               {redirect("http://app.example/cb"), "redirect_uris"},
		"ATK-183 fragment":           {redirect("https://app.example/cb#x"), "redirect_uris"},
		"ATK-183 empty fragment":     {redirect("https://app.example/cb#"), "redirect_uris"},
		"redirect with a user":       {redirect("https://a@app.example/cb"), "redirect_uris"},
		"redirect without a host":    {redirect("https:/cb"), "redirect_uris"},
		"redirect, opaque":           {redirect("https:app.example/cb"), "redirect_uris"},
		"redirect, relative":         {redirect("/cb"), "redirect_uris"},
		"redirect, a space":          {redirect("https://app.example/c b"), "redirect_uris"},
		"redirect, a backslash":      {redirect(`https://app.example\cb`), "redirect_uris"},
		"redirect, a line break":     {redirect("https://app.example/cb\n"), "redirect_uris"},
		"redirect, empty":            {redirect(""), "redirect_uris"},
		"logout address by script":   {client(func(m *oidckit.ClientMetadata) { m.PostLogoutRedirectURIs = []string{"javascript:x"} }), "post_logout_redirect_uris"},
	} {
		t.Run(clause, func(t *testing.T) {
			c := goodConfig(t)
			row.change(&c)
			_, err := provider.New(c)
			if err == nil || !strings.Contains(err.Error(), row.names) {
				t.Errorf("%v, want one that names %s", err, row.names)
			}
			if err != nil && strings.Contains(err.Error(), "web-secret") {
				t.Error("the error tells a secret")
			}
		})
	}
	if _, err := provider.New(goodConfig(t)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// What is allowed at the edges.
func TestConfigAccepts(t *testing.T) {
	for name, change := range map[string]func(*provider.Config){
		"http on loopback":              func(c *provider.Config) { c.Issuer = "http://127.0.0.1:8080" },
		"http on localhost":             func(c *provider.Config) { c.Issuer = "http://localhost:8080/op" },
		"no clients":                    func(c *provider.Config) { c.Clients = nil },
		"login page with a query":       func(c *provider.Config) { c.LoginURL = "/login?theme=dark" },
		"login page, absolute":          func(c *provider.Config) { c.LoginURL = "https://op.example/app/login" },
		"a resource that is no URL":     func(c *provider.Config) { c.Resources = []provider.Resource{{Resource: "urn:example:orders"}} },
		"reuse of 5 minutes":            func(c *provider.Config) { c.Lifetimes.RefreshTokenReuse = 5 * time.Minute },
		"codes of 10 minutes":           func(c *provider.Config) { c.Lifetimes.Code = 10 * time.Minute },
		"redirect on the root":          func(c *provider.Config) { c.Clients[0].RedirectURIs = []string{"https://app.example"} },
		"redirect to IPv6 loopback":     func(c *provider.Config) { c.Clients[0].RedirectURIs = []string{"http://[::1]:3000/cb"} },
		"several signing algorithms":    func(c *provider.Config) { c.SigningAlgs = []string{"EdDSA", "RS256", "PS256"} },
		"standard scope in other words": func(c *provider.Config) { c.Scopes = map[string]string{"email": "Write to you"} },
	} {
		c := goodConfig(t)
		change(&c)
		if _, err := provider.New(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is wrong with an account is told before it is stored, without its
// secrets.
func TestAccountValidate(t *testing.T) {
	for name, acc := range map[string]provider.Account{
		"no name":                    {Password: "x"},
		"a name of 257 bytes":        {Username: strings.Repeat("u", 257)},
		"two passwords":              {Username: "u", Password: "x", PasswordHash: aliceHash},
		"a hash of another kind":     {Username: "u", PasswordHash: "$2a$10$abcdefghijklmnopqrstuv"},
		"a hash that asks for 8 GB":  {Username: "u", PasswordHash: strings.Replace(aliceHash, "m=64", "m=8388608", 1)},
		"a subject that is a number": {Username: "u", Claims: map[string]any{"sub": 1}},
		"an empty subject":           {Username: "u", Claims: map[string]any{"sub": ""}},
		"a subject of 256":           {Username: "u", Claims: map[string]any{"sub": strings.Repeat("s", 256)}},
		"a claim JSON cannot hold":   {Username: "u", Claims: map[string]any{"x": func() {}}},
	} {
		err := acc.Validate()
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), aliceHash) {
			t.Errorf("%s: the error tells the hash", name)
		}
	}
	if err := (provider.Account{Username: "u", Password: "x", Claims: map[string]any{"name": "U"}}).Validate(); err != nil {
		t.Error(err)
	}
}
