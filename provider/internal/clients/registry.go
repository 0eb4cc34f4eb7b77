package clients

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Policy is what the issuer can do for a client.
type Policy struct {
	// SigningAlgorithms are those of which the issuer has keys.
	SigningAlgorithms []string
	// GrantTypes are those the issuer serves.
	GrantTypes []string
}

// Registry holds configured clients. It is safe for concurrent use.
type Registry struct {
	byID    map[string]*opstore.Client
	origins map[string]bool
}

// New checks the metadata of every client and returns all problems together.
func New(metadata []oidckit.ClientMetadata, p Policy) (*Registry, error) {
	r := &Registry{byID: make(map[string]*opstore.Client, len(metadata)), origins: map[string]bool{}}
	var errs []error
	for i, m := range metadata {
		name := fmt.Sprintf("Clients[%d] (%q)", i, m.ClientID)
		if _, taken := r.byID[m.ClientID]; taken {
			errs = append(errs, fmt.Errorf("%s: client_id is used twice", name))
			continue
		}
		c, problems := newClient(m, p)
		for _, problem := range problems {
			errs = append(errs, fmt.Errorf("%s: %w", name, problem))
		}
		r.byID[m.ClientID] = c
		for _, origin := range originsOf(m.RedirectURIs) {
			r.origins[origin] = true
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

// Client implements opstore.Clients.
func (r *Registry) Client(_ context.Context, clientID string) (*opstore.Client, error) {
	if c, ok := r.byID[clientID]; ok {
		return c, nil
	}
	return nil, oidckit.ErrNotFound
}

func newClient(m oidckit.ClientMetadata, p Policy) (*opstore.Client, []error) {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	// RFC 6749 Appendix A.1: client-id = *VSCHAR
	if m.ClientID == "" || !visible(m.ClientID) {
		fail("client_id must be one or more visible ASCII characters")
	}
	m = withDefaults(m)
	c := &opstore.Client{}
	switch m.TokenEndpointAuthMethod {
	case oidckit.AuthMethodNone:
		if m.ClientSecret != "" {
			fail("client_secret is set although token_endpoint_auth_method is none")
		}
		if slices.Contains(m.GrantTypes, oidckit.GrantTypeClientCredentials) {
			// RFC 6749 §4.4: MUST only be used by confidential clients
			fail("grant_types has client_credentials although the client is public")
		}
	case oidckit.AuthMethodClientSecretBasic, oidckit.AuthMethodClientSecretPost:
		if m.ClientSecret == "" {
			fail("client_secret is missing (token_endpoint_auth_method is %s)", m.TokenEndpointAuthMethod)
		}
		c.SecretHashes = []oidckit.TokenHash{oidckit.HashToken(m.ClientSecret)}
	default:
		fail("token_endpoint_auth_method %q is not supported", m.TokenEndpointAuthMethod)
	}
	for _, g := range m.GrantTypes {
		if !slices.Contains(p.GrantTypes, g) {
			fail("grant_types has %q, which is not supported", g)
		}
	}
	for _, t := range m.ResponseTypes {
		if t != "code" {
			fail("response_types has %q, which is not supported", t)
		}
	}
	for _, u := range m.RedirectURIs {
		if err := CheckRedirectURI(u); err != nil {
			fail("redirect_uris: %q %w", u, err)
		}
	}
	for _, u := range m.PostLogoutRedirectURIs {
		if err := CheckRedirectURI(u); err != nil {
			fail("post_logout_redirect_uris: %q %w", u, err)
		}
	}
	if _, err := oidckit.ParseScope(m.Scope); err != nil {
		fail("scope is not a list of scope tokens separated by single spaces")
	}
	if !slices.Contains(p.SigningAlgorithms, m.IDTokenSignedResponseAlg) {
		fail("id_token_signed_response_alg %q is not among the issuer's signing algorithms", m.IDTokenSignedResponseAlg)
	}
	if m.SubjectType != "public" {
		fail("subject_type %q is not supported", m.SubjectType)
	}
	if m.ApplicationType != "web" && m.ApplicationType != "native" {
		fail("application_type %q is neither web nor native", m.ApplicationType)
	}
	if m.DefaultMaxAge != nil && *m.DefaultMaxAge < 0 {
		fail("default_max_age is negative")
	}
	errs = append(errs, checkPages(m)...)
	m.ClientSecret = ""
	c.Metadata = m
	return c, errs
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
		m.ResponseTypes = []string{"code"}
	}
	if m.IDTokenSignedResponseAlg == "" {
		m.IDTokenSignedResponseAlg = "RS256"
	}
	if m.SubjectType == "" {
		m.SubjectType = "public"
	}
	if m.ApplicationType == "" {
		m.ApplicationType = "web"
	}
	return m
}

func visible(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// HasOrigin reports whether a web origin is that of a registered redirect URI.
func (r *Registry) HasOrigin(origin string) bool { return r.origins[origin] }

// originsOf returns the web origins of URIs, as the Origin header has them:
// in lower case, without the port that the scheme means anyway (RFC 6454 §6.2).
func originsOf(uris []string) []string {
	var out []string
	for _, raw := range uris {
		u, err := url.Parse(raw)
		if err != nil {
			continue
		}
		host := strings.ToLower(u.Host)
		switch u.Scheme {
		case "https":
			out = append(out, "https://"+strings.TrimSuffix(host, ":443"))
		case "http":
			out = append(out, "http://"+strings.TrimSuffix(host, ":80"))
		}
	}
	return out
}
