package broker_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/handlers/broker"
)

// A record with everything wrong is told so at once, and nothing is stored.
func TestEveryBadFieldIsNamed(t *testing.T) {
	f := newRegistry(t, nil)
	_, err := f.Create(t.Context(), broker.IdentityProvider{}, "")
	want := []string{"authorizeEndpoint", "clientId", "clientSecret", "displayName", "grantType", "identifier", "tokenEndpoint", "userInfoEndpoint"}
	if got := fields(err); !slices.Equal(got, want) {
		t.Errorf("an empty record: fields %q, want %q", got, want)
	}
	if _, total, err := f.List(t.Context(), 0, 10); err != nil || total != 0 {
		t.Errorf("%d records, %v", total, err)
	}
	if events := f.events.take(); len(events) != 0 {
		t.Errorf("events %q", events)
	}
}

func TestRecordChecks(t *testing.T) {
	f := newRegistry(t, nil)
	type idp = broker.IdentityProvider
	oidc := func(p *idp) {
		p.Issuer, p.Scope = "https://id.example.com", []string{"openid"}
		p.AuthorizeEndpoint, p.TokenEndpoint, p.UserInfoEndpoint = "", "", ""
	}
	for name, row := range map[string]struct {
		change func(*idp)
		want   string
	}{
		"the page's record":              {func(*idp) {}, ""},
		"discovery without endpoints":    {oidc, ""},
		"issuer without openid":          {func(p *idp) { oidc(p); p.Scope = nil }, "scope"},
		"issuer with a query":            {func(p *idp) { oidc(p); p.Issuer += "/?a=b" }, "issuer"},
		"implicit without issuer":        {func(p *idp) { p.GrantType = "IMPLICIT" }, "issuer"},
		"implicit in the query":          {func(p *idp) { oidc(p); p.GrantType, p.ResponseMode = "IMPLICIT", "query" }, "responseMode"},
		"implicit":                       {func(p *idp) { oidc(p); p.GrantType = "IMPLICIT" }, ""},
		"grant type in lower case":       {func(p *idp) { p.GrantType = "authorization" }, "grantType"},
		"password":                       {func(p *idp) { p.GrantType = "PASSWORD" }, ""},
		"keys without issuer":            {func(p *idp) { p.JWKSURI, p.IDTokenSignedResponseAlg = "https://a.example/jwks", "ES256" }, "idTokenSignedResponseAlg jwksUri"},
		"symmetric algorithm":            {func(p *idp) { oidc(p); p.IDTokenSignedResponseAlg = "HS256" }, "idTokenSignedResponseAlg"},
		"no algorithm":                   {func(p *idp) { oidc(p); p.IDTokenSignedResponseAlg = "none" }, "idTokenSignedResponseAlg"},
		"pkce plain":                     {func(p *idp) { p.PKCE = "plain" }, "pkce"},
		"response mode fragment":         {func(p *idp) { p.ResponseMode = "fragment" }, "responseMode"},
		"two scopes in one":              {func(p *idp) { p.Scope = []string{"openid profile"} }, "scope[0]"},
		"empty scope":                    {func(p *idp) { p.Scope = []string{"a", ""} }, "scope[1]"},
		"own parameter":                  {func(p *idp) { p.AuthorizeParameters = []broker.AuthorizeParameter{{Name: "state", Value: "x"}} }, "authorizeParameters[0]"},
		"a parameter":                    {func(p *idp) { p.AuthorizeParameters = []broker.AuthorizeParameter{{Name: "hd", Value: "x"}} }, ""},
		"linking without domain":         {func(p *idp) { p.DomainMapping, p.AllowEmailLinking = "AZURE", true }, "allowEmailLinking"},
		"linking":                        {func(p *idp) { p.AllowEmailLinking = true }, ""},
		"a domain that is none":          {func(p *idp) { p.DomainMapping = "domain..com" }, "domainMapping"},
		"an address for a domain":        {func(p *idp) { p.DomainMapping = "@domain" }, "domainMapping"},
		"domain and label":               {func(p *idp) { p.DomainMapping = "domain.com, AZURE" }, "domainMapping"},
		"domain in another script":       {func(p *idp) { p.DomainMapping = "müller.de" }, "domainMapping"},
		"a Kelvin sign in a domain":      {func(p *idp) { p.DomainMapping = "\u212aelvin.example" }, "domainMapping"},
		"subject with issuer":            {func(p *idp) { oidc(p); p.SubjectAttribute = "oid" }, "subjectAttribute"},
		"subject":                        {func(p *idp) { p.SubjectAttribute = "data.id" }, ""},
		"the mask for a secret":          {func(p *idp) { p.ClientSecret = broker.MaskedSecret }, "clientSecret"},
		"a line break in the secret":     {func(p *idp) { p.ClientSecret = "a\r\nb" }, "clientSecret"},
		"markup in the name":             {func(p *idp) { p.DisplayName = "<b>" }, "displayName"},
		"a name that turns the text":     {func(p *idp) { p.DisplayName = "a\u202eb" }, "displayName"},
		"ATK-284 a reserved claim":       {func(p *idp) { p.AttributeMapping[0].OutgoingAttribute = "sub" }, "attributeMapping[0].outgoingAttribute"},
		"ATK-284 verified by a mapping":  {func(p *idp) { p.AttributeMapping[0].OutgoingAttribute = "Email_Verified" }, "attributeMapping[0].outgoingAttribute"},
		"ATK-329 an expression":          {func(p *idp) { p.AttributeMapping[0].IncomingAttribute = "{{.Env}}{a" }, "attributeMapping[0].incomingAttribute"},
		"ATK-329 a template of any size": {func(p *idp) { p.AttributeMapping[0].IncomingAttribute = strings.Repeat("{a}", 500) }, "attributeMapping[0].incomingAttribute"},
	} {
		p := record()
		p.AttributeMapping = slices.Clone(p.AttributeMapping)
		row.change(&p)
		if got := strings.Join(fields(asError(f.Check(t.Context(), p))), " "); got != row.want {
			t.Errorf("%s: fields %q, want %q", name, got, row.want)
		}
	}
}

func asError(wrong broker.FieldErrors) error { return wrong }

// ATK-321.
func TestIdentifiers(t *testing.T) {
	f := newRegistry(t, nil)
	for _, bad := range []string{"../x", "a/b", "a%2fb", "a\r\nb", "", strings.Repeat("a", 300), "callback", "аdmin", "A", "a b", ".", "a.b"} {
		p := record()
		p.Identifier = bad
		if _, err := f.Create(t.Context(), p, ""); !slices.Equal(fields(err), []string{"identifier"}) {
			t.Errorf("%.20q: got error %v", bad, err)
		}
	}
	for _, row := range [][3]string{
		{"custom_oauth", "OAuth IDP", "custom_oauth_oauth_idp"},
		{"azure_b2c", "Azure B2C", "azure_b2c_azure_b2c"},
		{"a", "  -Ümlaut & Co.-  ", "a_mlaut_co"},
		{"nothing", "日本", "nothing"},
		{strings.Repeat("b", 60), "Name", strings.Repeat("b", 60) + "_na"},
	} {
		got := f.create(t, func(p *broker.IdentityProvider) { p.Identifier, p.DisplayName = row[0], row[1] })
		if got.Identifier != row[2] {
			t.Errorf("%q joined with %q is %q, want %q", row[0], row[1], got.Identifier, row[2])
		}
	}
}

// ATK-065, ATK-315: what must not be called is refused when it is saved, in
// whatever notation, whichever field it stands in.
func TestAddressesAreRefusedAtSave(t *testing.T) {
	f := newRegistry(t, nil)
	for _, bad := range []string{
		"http://id.example.com/token", "http://127.0.0.1/token", "https://127.0.0.1/token", "https://localhost/token", "https://a.localhost/",
		"https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/",
		"https://[fd00::1]/", "https://[fe80::1]/", "https://0.0.0.0/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
		"https://0177.0.0.1/", "https://127.0.0.1./", "https://１２７.0.0.1/", "https://127%2e0.0.1/", "https://[64:ff9b::7f00:1]/",
		"file:///etc/passwd", "gopher://id.example.com/", "unix:///run/docker.sock", "ftp://id.example.com/", "javascript:alert(1)", "//id.example.com/",
		"https://id.example.com:22/", "https://id.example.com:6379/", "https://id.example.com:0/", "https://id.example.com:80/",
		"https://user:pass@id.example.com/", "https://id.example.com@127.0.0.1/", "https://id.example.com/#fragment", "https:///token", "token", "https://id.example.com\\@127.0.0.1/",
		"https://id.example.com/\r\nHost: x", "https://" + strings.Repeat("a", 3000) + ".example.com/",
	} {
		for field, set := range map[string]func(*broker.IdentityProvider){
			"authorizeEndpoint":     func(p *broker.IdentityProvider) { p.AuthorizeEndpoint = bad },
			"tokenEndpoint":         func(p *broker.IdentityProvider) { p.TokenEndpoint = bad },
			"userInfoEndpoint":      func(p *broker.IdentityProvider) { p.UserInfoEndpoint = bad },
			"introspectionEndpoint": func(p *broker.IdentityProvider) { p.IntrospectionEndpoint = bad },
			"issuer":                func(p *broker.IdentityProvider) { p.Issuer, p.Scope = bad, []string{"openid"} },
			"jwksUri": func(p *broker.IdentityProvider) {
				p.Issuer, p.JWKSURI, p.Scope = "https://id.example.com", bad, []string{"openid"}
			},
		} {
			p := record()
			set(&p)
			_, err := f.Create(t.Context(), p, "")
			if !slices.Equal(fields(err), []string{field}) {
				t.Errorf("%s %.60q: got error %v", field, bad, err)
			} else if len(bad) > 8 && strings.Contains(err.Error(), bad) {
				t.Errorf("%s %.60q is repeated in the error: %v", field, bad, err)
			}
		}
	}
}

// What an operator allows is saved.
func TestAllowedAddresses(t *testing.T) {
	loopback := newRegistry(t, func(c *broker.RegistryConfig) { c.Outbound.AllowLoopback = true })
	private := newRegistry(t, func(c *broker.RegistryConfig) { c.Outbound.AllowPrivate = true })
	for _, row := range []struct {
		f   *fixture
		url string
		ok  bool
	}{
		{loopback, "http://127.0.0.1:8080/token", true},
		{loopback, "http://localhost:22/token", true},
		{loopback, "http://id.example.com/token", false},
		{loopback, "https://10.0.0.1/token", false},
		{private, "https://10.0.0.1:8443/token", true},
		{private, "http://10.0.0.1/token", false},
		{private, "https://127.0.0.1/token", false},
		{private, "https://169.254.169.254/", false},
	} {
		p := record()
		p.TokenEndpoint = row.url
		if wrong := row.f.Check(t.Context(), p); (len(wrong) == 0) != row.ok {
			t.Errorf("%s: %v", row.url, wrong)
		}
	}
}

func TestRegistryConfig(t *testing.T) {
	_, err := broker.NewRegistry(broker.RegistryConfig{CallbackURL: "http://app.example.com", Outbound: broker.Outbound{Timeout: -1}})
	for _, field := range []string{"Store", "Secrets", "CallbackURL", "Outbound.Timeout"} {
		if err == nil || !strings.Contains(err.Error(), "broker.RegistryConfig."+field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}
