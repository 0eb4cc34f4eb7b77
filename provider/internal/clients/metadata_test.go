package clients_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/provider/internal/clients"
)

var policy = clients.Policy{
	SigningAlgorithms: []string{"ES256", "RS256"},
	GrantTypes:        []string{"authorization_code", "refresh_token", "client_credentials", "implicit"},
	ResponseTypes:     []string{"code", "id_token", "code id_token"},
	AuthMethods:       []string{"client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"},

	RequestObjectAlgorithms: []string{"RS256", "HS256"},
	Pairwise:                true,
}

func publicSet(t testing.TB, alg, kid string) json.RawMessage {
	t.Helper()
	key, err := jose.GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jose.MarshalJWKS([]jose.JWK{{KeyID: kid, Key: key.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// good is metadata that uses everything.
func good(t testing.TB) oidckit.ClientMetadata {
	age := int64(60)
	return oidckit.ClientMetadata{
		ClientName: "Web shop", ClientURI: "https://app.example", LogoURI: "https://app.example/logo.png",
		PolicyURI: "https://app.example/policy", TosURI: "https://app.example/tos", Contacts: []string{"ops@app.example"},
		RedirectURIs: []string{"https://app.example/cb"}, PostLogoutRedirectURIs: []string{"https://app.example/bye"},
		ResponseTypes: []string{"code", "id_token code"}, GrantTypes: []string{"authorization_code", "implicit", "refresh_token"},
		TokenEndpointAuthMethod: "private_key_jwt", JWKS: publicSet(t, "ES256", "1"), TokenEndpointAuthSigningAlg: "ES256",
		Scope: "openid email", ApplicationType: "web", SubjectType: "pairwise",
		IDTokenSignedResponseAlg: "ES256", UserinfoSignedResponseAlg: "RS256", RequestObjectSigningAlg: "RS256",
		RequestURIs: []string{"https://app.example/request#hash"}, DefaultMaxAge: &age, DefaultACRValues: []string{"urn:example:gold"},
		InitiateLoginURI: "https://app.example/start", BackchannelLogoutURI: "https://app.example/bc?x=1", FrontchannelLogoutURI: "https://app.example:443/fc",
	}
}

// RFC 7591 §2, OpenID Connect Dynamic Client Registration 1.0 §2: every member
// is checked, and what is wrong is told by its name.
func TestCheck(t *testing.T) {
	if _, ps := clients.Check(good(t), policy); len(ps) > 0 {
		t.Errorf("good metadata: %v", ps[0])
	}
	unsupported := good(t)
	unsupported.AuthorizationSignedResponseAlg = "RS256"
	// RFC 7591 §2: what is not supported is ignored, and not told as registered
	if m, ps := clients.Check(unsupported, policy); len(ps) > 0 || m.AuthorizationSignedResponseAlg != "" {
		t.Errorf("signed responses: %v %q", ps, m.AuthorizationSignedResponseAlg)
	}
	negative := int64(-1)
	for name, row := range map[string]struct {
		change func(*oidckit.ClientMetadata)
		field  string
	}{
		"unknown authentication": {func(m *oidckit.ClientMetadata) {
			m.TokenEndpointAuthMethod, m.TokenEndpointAuthSigningAlg = "tls_client_auth", ""
		}, "token_endpoint_auth_method"},
		"RFC 6749 §4.4 public client_credentials": {func(m *oidckit.ClientMetadata) {
			m.TokenEndpointAuthMethod = "none"
			m.TokenEndpointAuthSigningAlg = ""
			m.GrantTypes = append(m.GrantTypes, "client_credentials")
		}, "grant_types"},
		"unknown grant":                         {func(m *oidckit.ClientMetadata) { m.GrantTypes = append(m.GrantTypes, "password") }, "grant_types"},
		"unknown response type":                 {func(m *oidckit.ClientMetadata) { m.ResponseTypes = append(m.ResponseTypes, "code token") }, "response_types"},
		"nonsense response type":                {func(m *oidckit.ClientMetadata) { m.ResponseTypes = append(m.ResponseTypes, "code code") }, "response_types"},
		"DCR §2 implicit is missing":            {func(m *oidckit.ClientMetadata) { m.GrantTypes = []string{"authorization_code"} }, "grant_types"},
		"DCR §2 authorization_code is missing":  {func(m *oidckit.ClientMetadata) { m.GrantTypes = []string{"implicit"} }, "grant_types"},
		"DCR §2 nothing for implicit":           {func(m *oidckit.ClientMetadata) { m.ResponseTypes = []string{"code"} }, "response_types"},
		"DCR §2 nothing for authorization_code": {func(m *oidckit.ClientMetadata) { m.ResponseTypes = []string{"id_token"} }, "response_types"},
		"no redirect URI": {func(m *oidckit.ClientMetadata) {
			m.RedirectURIs = nil
			m.FrontchannelLogoutURI = ""
			m.SubjectType = ""
		}, "redirect_uris"},
		"RFC 6749 §3.1.2 fragment": {func(m *oidckit.ClientMetadata) { m.RedirectURIs = append(m.RedirectURIs, "https://app.example/#x") }, "redirect_uris"},
		"DCR §2 implicit over http": {func(m *oidckit.ClientMetadata) {
			m.RedirectURIs = append(m.RedirectURIs, "http://127.0.0.1/cb")
			m.SubjectType = ""
		}, "redirect_uris"},
		"post-logout by script":                     {func(m *oidckit.ClientMetadata) { m.PostLogoutRedirectURIs = []string{"javascript:x"} }, "post_logout_redirect_uris"},
		"application type":                          {func(m *oidckit.ClientMetadata) { m.ApplicationType = "desktop" }, "application_type"},
		"malformed scope":                           {func(m *oidckit.ClientMetadata) { m.Scope = "a  b" }, "scope"},
		"ID token with none":                        {func(m *oidckit.ClientMetadata) { m.IDTokenSignedResponseAlg = "none" }, "id_token_signed_response_alg"},
		"userinfo with an unknown algorithm":        {func(m *oidckit.ClientMetadata) { m.UserinfoSignedResponseAlg = "PS256" }, "userinfo_signed_response_alg"},
		"request objects with an unknown algorithm": {func(m *oidckit.ClientMetadata) { m.RequestObjectSigningAlg = "ES256" }, "request_object_signing_alg"},
		"assertions by the wrong kind of algorithm": {func(m *oidckit.ClientMetadata) { m.TokenEndpointAuthSigningAlg = "HS256" }, "token_endpoint_auth_signing_alg"},
		"assertions of a client that makes none":    {func(m *oidckit.ClientMetadata) { m.TokenEndpointAuthMethod = "none" }, "token_endpoint_auth_signing_alg"},
		"RFC 7591 §2 jwks and jwks_uri":             {func(m *oidckit.ClientMetadata) { m.JWKSURI = "https://app.example/jwks" }, "jwks_uri"},
		"jwks_uri by http":                          {func(m *oidckit.ClientMetadata) { m.JWKS, m.JWKSURI = nil, "http://app.example/jwks" }, "jwks_uri"},
		"private_key_jwt without keys":              {func(m *oidckit.ClientMetadata) { m.JWKS = nil }, "jwks"},
		"private_key_jwt with an empty set":         {func(m *oidckit.ClientMetadata) { m.JWKS = []byte(`{"keys":[]}`) }, "jwks"},
		"private_key_jwt with keys for another use": {func(m *oidckit.ClientMetadata) { m.JWKS = []byte(`{"keys":[{"kty":"RSA","use":"enc"}]}`) }, "jwks"},
		"no JWK set":                                {func(m *oidckit.ClientMetadata) { m.JWKS = []byte(`[]`) }, "jwks"},
		"a symmetric key":                           {func(m *oidckit.ClientMetadata) { m.JWKS = []byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`) }, "jwks"},
		"a symmetric key without its value":         {func(m *oidckit.ClientMetadata) { m.JWKS = []byte(`{"keys":[{"kty":"oct"}]}`) }, "jwks"},
		"a private key":                             {func(m *oidckit.ClientMetadata) { m.JWKS = []byte(`{"keys":[{"kty":"EC","use":"enc","d":"AAAA"}]}`) }, "jwks"},
		"ATK-022 a weak key":                        {func(m *oidckit.ClientMetadata) { m.JWKS = []byte(weakSet) }, "jwks"},
		"a point that is on no curve": {func(m *oidckit.ClientMetadata) {
			m.JWKS = []byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`)
		}, "jwks"},
		"unknown subject type":               {func(m *oidckit.ClientMetadata) { m.SubjectType = "private" }, "subject_type"},
		"Core §8.1 pairwise for two hosts":   {func(m *oidckit.ClientMetadata) { m.RedirectURIs = append(m.RedirectURIs, "https://b.example/cb") }, "sector_identifier_uri"},
		"DCR §2 sector by http":              {func(m *oidckit.ClientMetadata) { m.SectorIdentifierURI = "http://app.example/s" }, "sector_identifier_uri"},
		"negative default_max_age":           {func(m *oidckit.ClientMetadata) { m.DefaultMaxAge = &negative }, "default_max_age"},
		"an acr of two words":                {func(m *oidckit.ClientMetadata) { m.DefaultACRValues = []string{"a b"} }, "default_acr_values"},
		"oidcc-3rd_party-init-login-nohttps": {func(m *oidckit.ClientMetadata) { m.InitiateLoginURI = "http://app.example/start" }, "initiate_login_uri"},
		"initiate_login_uri on loopback":     {func(m *oidckit.ClientMetadata) { m.InitiateLoginURI = "http://127.0.0.1/start" }, "initiate_login_uri"},
		"request_uris by http":               {func(m *oidckit.ClientMetadata) { m.RequestURIs = []string{"http://app.example/r"} }, "request_uris"},
		"ATK-214 logo by script":             {func(m *oidckit.ClientMetadata) { m.LogoURI = "javascript:alert(1)" }, "logo_uri"},
		"ATK-214 policy of a megabyte":       {func(m *oidckit.ClientMetadata) { m.PolicyURI = "https://a.example/" + strings.Repeat("x", 1<<20) }, "policy_uri"},
		"Back-Channel §2.2 fragment":         {func(m *oidckit.ClientMetadata) { m.BackchannelLogoutURI += "#x" }, "backchannel_logout_uri"},
		"back-channel by http":               {func(m *oidckit.ClientMetadata) { m.BackchannelLogoutURI = "http://app.example/bc" }, "backchannel_logout_uri"},
		"Front-Channel §2 another port":      {func(m *oidckit.ClientMetadata) { m.FrontchannelLogoutURI = "https://app.example:8443/fc" }, "frontchannel_logout_uri"},
		"Front-Channel §2 another host":      {func(m *oidckit.ClientMetadata) { m.FrontchannelLogoutURI = "https://www.app.example/fc" }, "frontchannel_logout_uri"},
		"Front-Channel §2 no URL":            {func(m *oidckit.ClientMetadata) { m.FrontchannelLogoutURI = "com.example.app:/fc" }, "frontchannel_logout_uri"},
	} {
		m := good(t)
		row.change(&m)
		_, ps := clients.Check(m, policy)
		var fields []string
		for _, p := range ps {
			fields = append(fields, p.Field)
		}
		if len(ps) != 1 || ps[0].Field != row.field || !strings.Contains(ps[0].Error(), row.field) {
			t.Errorf("%s: problems of %q, want one of %s", name, fields, row.field)
		}
	}
}

// RFC 7517 §5, RFC 7591 §2: beside a good key another one may stand that is for
// something else, but none that is weak or secret.
func TestKeysBesideAGoodOne(t *testing.T) {
	one := strings.TrimSuffix(strings.TrimPrefix(string(publicSet(t, "ES256", "1")), `{"keys":[`), "]}")
	weak := strings.TrimSuffix(strings.TrimPrefix(weakSet, `{"keys":[`), "]}")
	for other, ok := range map[string]bool{
		`{"kty":"RSA","use":"enc","n":"AA","e":"AQAB"}`:    true,
		`{"kty":"OKP","crv":"X25519","x":"AA"}`:            true,
		`{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`: true,
		`{"kty":"new"}`:                           true,
		weak:                                      false,
		`{"kty":"RSA","n":"AA","e":"AQAB"}`:       false,
		`{"kty":"EC","crv":"P-384","x":"A"}`:      false,
		`{"kty":"oct","use":"enc","k":"AAAA"}`:    false,
		`{"kty":"OKP","crv":"Ed25519","d":"AAA"}`: false,
		`{"kty":"RSA","use":"enc","d":"AAAA"}`:    false,
		`"a key"`:                                 false,
	} {
		m := good(t)
		m.JWKS = []byte(`{"keys":[` + one + "," + other + `]}`)
		if _, ps := clients.Check(m, policy); (len(ps) == 0) != ok {
			t.Errorf("%.60s: %v", other, ps)
		}
	}
}

// weakSet has an RSA key of 1024 bits.
const weakSet = `{"keys":[{"kty":"RSA","e":"AQAB","n":"` +
	`vrjOfz9Ccdgx5nQudyhdoR17V-IubWMeOZCwX_jj0hgAsz2J_pqYW08PLbK_PdiVGKPrqzmDIsLI7sA25VEnHU1uCLNwBuUiCO11_-7dYbsr4iJmG0Qu2j8DsVyT1azpJC_NG84Ty5KKthuCaPod7iI7w0LK9orSMhBEwwZDCxE"}]}`

// RFC 7591 §2, §3.2.2: what absent members mean, and that an answer repeats
// nothing that came in.
func TestDefaultsAndRefusals(t *testing.T) {
	m, ps := clients.Check(oidckit.ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}}, policy)
	if len(ps) > 0 || m.TokenEndpointAuthMethod != "client_secret_basic" || !slices.Equal(m.GrantTypes, []string{"authorization_code"}) ||
		!slices.Equal(m.ResponseTypes, []string{"code"}) || m.IDTokenSignedResponseAlg != "RS256" || m.SubjectType != "public" || m.ApplicationType != "web" {
		t.Errorf("%+v %v", m, ps)
	}
	if _, ps := clients.Check(oidckit.ClientMetadata{GrantTypes: []string{"client_credentials"}}, policy); len(ps) > 0 {
		t.Errorf("a machine: %v", ps[0])
	}
	_, ps = clients.Check(oidckit.ClientMetadata{RedirectURIs: []string{`https://<evil">/#x`}, LogoURI: "<evil>", SubjectType: `"evil"`}, policy)
	e := clients.Refusal(ps)
	if e.Code != oidckit.InvalidRedirectURI || strings.Contains(e.Description, "evil") || strings.ContainsAny(e.Description, `"\`) {
		t.Errorf("%v", e)
	}
	for _, field := range []string{"redirect_uris", "logo_uri", "subject_type"} {
		if !strings.Contains(e.Description, field) {
			t.Errorf("%q lacks %s", e.Description, field)
		}
	}
	if _, ps := clients.Check(oidckit.ClientMetadata{RedirectURIs: []string{"https://a.example"}, SubjectType: "x"}, policy); clients.Refusal(ps).Code != oidckit.InvalidClientMetadata {
		t.Errorf("%v", clients.Refusal(ps))
	}
}

// RFC 7518 §3.2: a secret that is a key has the length of the hash.
func TestCheckSecret(t *testing.T) {
	for name, row := range map[string]struct {
		method, alg, requests, secret string
		ok                            bool
	}{
		"basic":                       {"client_secret_basic", "", "", "s", true},
		"basic without":               {"client_secret_basic", "", "", "", false},
		"none":                        {"none", "", "", "", true},
		"none with":                   {"none", "", "", "s", false},
		"private_key_jwt with":        {"private_key_jwt", "", "", "s", false},
		"31 bytes for HS256":          {"client_secret_jwt", "", "", strings.Repeat("x", 31), false},
		"32 bytes for HS256":          {"client_secret_jwt", "", "", strings.Repeat("x", 32), true},
		"32 bytes for HS512":          {"client_secret_jwt", "HS512", "", strings.Repeat("x", 32), false},
		"64 bytes for HS512":          {"client_secret_jwt", "HS512", "", strings.Repeat("x", 64), true},
		"request objects under HS256": {"client_secret_basic", "", "HS256", strings.Repeat("x", 31), false},
	} {
		m := oidckit.ClientMetadata{TokenEndpointAuthMethod: row.method, TokenEndpointAuthSigningAlg: row.alg, RequestObjectSigningAlg: row.requests}
		if ps := clients.CheckSecret(&m, row.secret); (len(ps) == 0) != row.ok {
			t.Errorf("%s: %v", name, ps)
		}
	}
}

// ATK-264, ATK-214, RFC 7591 §5: a stranger registers no address of the
// operator's network, and no name that misleads.
func TestCheckStranger(t *testing.T) {
	m := good(t)
	if ps := clients.CheckStranger(&m, &safeurl.Guard{}); len(ps) > 0 {
		t.Errorf("good metadata: %v", ps[0])
	}
	fields := map[string]func(*oidckit.ClientMetadata, string){
		"jwks_uri":               func(m *oidckit.ClientMetadata, v string) { m.JWKSURI = v },
		"sector_identifier_uri":  func(m *oidckit.ClientMetadata, v string) { m.SectorIdentifierURI = v },
		"logo_uri":               func(m *oidckit.ClientMetadata, v string) { m.LogoURI = v },
		"request_uris":           func(m *oidckit.ClientMetadata, v string) { m.RequestURIs = []string{v} },
		"initiate_login_uri":     func(m *oidckit.ClientMetadata, v string) { m.InitiateLoginURI = v },
		"backchannel_logout_uri": func(m *oidckit.ClientMetadata, v string) { m.BackchannelLogoutURI = v },
	}
	for field, set := range fields {
		for _, host := range []string{
			"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[fd00::1]",
			"localhost", "LOCALHOST.", "a.localhost", "1.2.3.0x4",
		} {
			m := good(t)
			set(&m, "https://"+host+"/x")
			if ps := clients.CheckStranger(&m, &safeurl.Guard{}); len(ps) != 1 || ps[0].Field != field {
				t.Errorf("%s on %s: %v", field, host, ps)
			}
		}
		m := good(t)
		set(&m, "https://127.0.0.1/x")
		if ps := clients.CheckStranger(&m, &safeurl.Guard{AllowLoopback: true}); len(ps) > 0 {
			t.Errorf("%s where loopback is allowed: %v", field, ps[0])
		}
	}
	for _, name := range []string{"<b>Bank</b>", "Bank\n", "Bank\u202egnab", "Ba\u200bnk", strings.Repeat("x", 257)} {
		m := good(t)
		m.ClientName = name
		if ps := clients.CheckStranger(&m, &safeurl.Guard{}); len(ps) != 1 || ps[0].Field != "client_name" {
			t.Errorf("%.20q: %v", name, ps)
		}
	}
}

// What a policy loosens, and how far: an issuer on loopback takes loopback
// clients of the implicit grant, a preset takes people back to http after a
// logout, of confidential clients alone.
func TestLoosenedAddresses(t *testing.T) {
	loopback, logout := policy, policy
	loopback.AllowLoopbackImplicit, logout.AllowHTTPLogout = true, true
	for name, row := range map[string]struct {
		policy clients.Policy
		change func(*oidckit.ClientMetadata)
		field  string
	}{
		"implicit on loopback": {loopback, func(m *oidckit.ClientMetadata) {
			m.RedirectURIs, m.SubjectType, m.FrontchannelLogoutURI = []string{"http://127.0.0.1/cb"}, "", ""
		}, ""},
		"implicit on http elsewhere": {loopback, func(m *oidckit.ClientMetadata) {
			m.RedirectURIs, m.SubjectType, m.FrontchannelLogoutURI = []string{"http://app.example/cb"}, "", ""
		}, "redirect_uris"},
		"logout to http": {logout, func(m *oidckit.ClientMetadata) {
			m.PostLogoutRedirectURIs = []string{"http://example.com/logout?slo=true"}
		}, ""},
		"logout to http, strict":     {policy, func(m *oidckit.ClientMetadata) { m.PostLogoutRedirectURIs = []string{"http://example.com/logout"} }, "post_logout_redirect_uris"},
		"logout to http with a user": {logout, func(m *oidckit.ClientMetadata) { m.PostLogoutRedirectURIs = []string{"http://a@example.com/logout"} }, "post_logout_redirect_uris"},
		"logout of a public client": {logout, func(m *oidckit.ClientMetadata) {
			m.TokenEndpointAuthMethod, m.TokenEndpointAuthSigningAlg = "none", ""
			m.PostLogoutRedirectURIs = []string{"http://example.com/logout"}
		}, "post_logout_redirect_uris"},
		"logout by script": {logout, func(m *oidckit.ClientMetadata) { m.PostLogoutRedirectURIs = []string{"javascript:x"} }, "post_logout_redirect_uris"},
	} {
		m := good(t)
		row.change(&m)
		_, ps := clients.Check(m, row.policy)
		told := ""
		for _, p := range ps {
			told += p.Field
		}
		if told != row.field {
			t.Errorf("%s: %q, want %q", name, told, row.field)
		}
	}
}
