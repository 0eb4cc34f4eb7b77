package clients

import (
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/clientsecret"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
	"github.com/oidckit/oidckit/provider/internal/subject"
)

// Policy is what the issuer can do for a client.
type Policy struct {
	// SigningAlgorithms are those of which the issuer has keys.
	SigningAlgorithms []string
	// GrantTypes and ResponseTypes are those the issuer serves.
	GrantTypes    []string
	ResponseTypes []string
	// AuthMethods are how clients may authenticate.
	AuthMethods []string
	// RequestObjectAlgorithms are those of request objects, none where the
	// issuer takes no request objects.
	RequestObjectAlgorithms []string
	// AllowLoopbackImplicit lets web clients of the implicit grant be on http
	// loopback, AllowHTTPLogout lets confidential clients be returned to by http
	// after a logout.
	AllowLoopbackImplicit bool
	AllowHTTPLogout       bool
	// Pairwise says that the issuer makes pairwise subjects.
	Pairwise bool
	// Secrets seals the secrets that clients sign with.
	Secrets *clientsecret.Box
}

const fieldRedirectURIs = "redirect_uris"

// Check fills in what absent members mean and says what is wrong with the
// rest. It looks neither at client_id nor at client_secret, and asks nobody:
// what sector_identifier_uri says is for CheckSector.
func Check(m oidckit.ClientMetadata, p Policy) (oidckit.ClientMetadata, []*Problem) {
	m = withDefaults(m)
	var ps problems
	for _, check := range []func(*problems, *oidckit.ClientMetadata, Policy){
		checkAuthentication, checkFlows, checkRedirects, checkAlgorithms, checkKeys, checkSubject, checkRequests, checkPages, checkLogout,
	} {
		check(&ps, &m, p)
	}
	return m, ps
}

// withDefaults fills in what RFC 7591 §2 and OpenID Connect Dynamic Client
// Registration 1.0 §2 say an absent member means.
func withDefaults(m oidckit.ClientMetadata) oidckit.ClientMetadata {
	if m.TokenEndpointAuthMethod == "" {
		m.TokenEndpointAuthMethod = oidckit.AuthMethodClientSecretBasic
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{oidckit.GrantTypeAuthorizationCode}
	}
	if len(m.ResponseTypes) == 0 && slices.Contains(m.GrantTypes, oidckit.GrantTypeAuthorizationCode) {
		m.ResponseTypes = []string{responsetype.Code.String()}
	}
	if m.IDTokenSignedResponseAlg == "" {
		m.IDTokenSignedResponseAlg = "RS256"
	}
	if m.SubjectType == "" {
		m.SubjectType = subject.Public
	}
	if m.ApplicationType == "" {
		m.ApplicationType = "web"
	}
	return m
}

func checkAuthentication(ps *problems, m *oidckit.ClientMetadata, p Policy) {
	if !slices.Contains(p.AuthMethods, m.TokenEndpointAuthMethod) {
		ps.addValue("token_endpoint_auth_method", m.TokenEndpointAuthMethod, "is not supported")
	}
	if m.TokenEndpointAuthMethod == oidckit.AuthMethodNone && slices.Contains(m.GrantTypes, oidckit.GrantTypeClientCredentials) {
		// RFC 6749 §4.4: MUST only be used by confidential clients
		ps.add("grant_types", "has client_credentials although the client is public")
	}
}

// checkFlows implements OpenID Connect Dynamic Client Registration 1.0 §2: the
// grant types and response types that belong to each other.
func checkFlows(ps *problems, m *oidckit.ClientMetadata, p Policy) {
	for _, g := range m.GrantTypes {
		if !slices.Contains(p.GrantTypes, g) {
			ps.addValue("grant_types", g, "is not supported")
		}
	}
	needed := map[string]bool{}
	for _, raw := range m.ResponseTypes {
		t, ok := responsetype.Parse(raw)
		if !ok || !t.Among(p.ResponseTypes) {
			ps.addValue("response_types", raw, "is not supported")
			continue
		}
		for _, g := range t.GrantTypes() {
			needed[g] = true
		}
	}
	for _, g := range []string{oidckit.GrantTypeAuthorizationCode, oidckit.GrantTypeImplicit} {
		switch has := slices.Contains(m.GrantTypes, g); {
		case needed[g] && !has:
			ps.add("grant_types", "must have %s because of response_types", g)
		case has && !needed[g] && slices.Contains(p.GrantTypes, g):
			ps.add("response_types", "has none for the grant type %s", g)
		}
	}
	if _, err := oidckit.ParseScope(m.Scope); err != nil {
		ps.add("scope", "is not a list of scope tokens separated by single spaces")
	}
}

func checkAlgorithms(ps *problems, m *oidckit.ClientMetadata, p Policy) {
	if !slices.Contains(p.SigningAlgorithms, m.IDTokenSignedResponseAlg) {
		ps.addValue("id_token_signed_response_alg", m.IDTokenSignedResponseAlg, "is not among the issuer's signing algorithms")
	}
	if alg := m.UserinfoSignedResponseAlg; alg != "" && !slices.Contains(p.SigningAlgorithms, alg) {
		ps.addValue("userinfo_signed_response_alg", alg, "is not among the issuer's signing algorithms")
	}
	if alg := m.IntrospectionSignedResponseAlg; alg != "" && !slices.Contains(p.SigningAlgorithms, alg) {
		ps.addValue("introspection_signed_response_alg", alg, "is not among the issuer's signing algorithms")
	}
	// RFC 7591 §2: ignored, as there are no responses that are JWTs here
	m.AuthorizationSignedResponseAlg = ""
	if alg := m.RequestObjectSigningAlg; alg != "" && !slices.Contains(p.RequestObjectAlgorithms, alg) {
		ps.addValue("request_object_signing_alg", alg, "is not supported")
	}
	if alg := m.TokenEndpointAuthSigningAlg; alg != "" && !slices.Contains(assertionAlgorithms(m.TokenEndpointAuthMethod), alg) {
		ps.addValue("token_endpoint_auth_signing_alg", alg, "is not one that token_endpoint_auth_method can be used with")
	}
}

func checkSubject(ps *problems, m *oidckit.ClientMetadata, p Policy) {
	switch {
	case m.SubjectType == subject.Public:
	case m.SubjectType != subject.Pairwise || !p.Pairwise:
		ps.addValue("subject_type", m.SubjectType, "is not supported")
	default:
		// OpenID Connect Core 1.0 §8.1
		if _, err := subject.Sector(m); err != nil {
			ps.add("sector_identifier_uri", "%s", err.Error())
		}
	}
	if m.SectorIdentifierURI != "" && !secureURL(m.SectorIdentifierURI) {
		ps.add("sector_identifier_uri", "must be an https URL")
	}
}

func checkRequests(ps *problems, m *oidckit.ClientMetadata, _ Policy) {
	if m.DefaultMaxAge != nil && *m.DefaultMaxAge < 0 {
		ps.add("default_max_age", "is negative")
	}
	for _, acr := range m.DefaultACRValues {
		if acr == "" || !visible(acr) || strings.Contains(acr, " ") {
			ps.addValue("default_acr_values", acr, "is not a name of visible ASCII characters")
		}
	}
	// OpenID Connect Dynamic Client Registration 1.0 §2: MUST use the https scheme
	if m.InitiateLoginURI != "" && !secureURL(m.InitiateLoginURI) {
		ps.add("initiate_login_uri", "must be an https URL")
	}
	for _, uri := range m.RequestURIs {
		// OpenID Connect Core 1.0 §6.2: a fragment may carry the hash of the object
		bare, _, _ := strings.Cut(uri, "#")
		if !visible(uri) || !secureURL(bare) {
			ps.addValue("request_uris", uri, "must be an https URL")
		}
	}
}

func visible(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
