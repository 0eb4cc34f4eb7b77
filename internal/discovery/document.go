package discovery

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// ErrIssuer says that a metadata document is another issuer's.
var ErrIssuer = errors.New("discovery: the metadata names another issuer than the configured one")

// Parse reads a metadata document of issuer and checks what every role relies
// on.
func Parse(issuer string, data []byte) (*oidckit.ProviderMetadata, error) {
	m := new(oidckit.ProviderMetadata)
	if err := strictjson.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("discovery: the metadata cannot be read: %w", err)
	}
	// OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3
	if m.Issuer == "" || m.Issuer != issuer {
		return nil, ErrIssuer
	}
	if err := errors.Join(CheckEndpoints(m)...); err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	return m, nil
}

type namedEndpoint struct{ name, value string }

// aliases are endpoints of their own (RFC 8705 §5).
func aliases(a *oidckit.MTLSEndpointAliases) []namedEndpoint {
	return []namedEndpoint{
		{"mtls_endpoint_aliases.token_endpoint", a.TokenEndpoint},
		{"mtls_endpoint_aliases.userinfo_endpoint", a.UserinfoEndpoint},
		{"mtls_endpoint_aliases.introspection_endpoint", a.IntrospectionEndpoint},
		{"mtls_endpoint_aliases.revocation_endpoint", a.RevocationEndpoint},
		{"mtls_endpoint_aliases.pushed_authorization_request_endpoint", a.PushedAuthorizationRequestEndpoint},
	}
}

// CheckEndpoints returns every problem of the endpoints' addresses, each under
// the member's name. They are https where the issuer is, and need not be there.
func CheckEndpoints(m *oidckit.ProviderMetadata) []error {
	secure := strings.HasPrefix(m.Issuer, "https:")
	var errs []error
	endpoints := []namedEndpoint{
		{"authorization_endpoint", m.AuthorizationEndpoint},
		{"token_endpoint", m.TokenEndpoint},
		{"userinfo_endpoint", m.UserinfoEndpoint},
		{"jwks_uri", m.JWKSURI},
		{"end_session_endpoint", m.EndSessionEndpoint},
		{"introspection_endpoint", m.IntrospectionEndpoint},
		{"revocation_endpoint", m.RevocationEndpoint},
		{"registration_endpoint", m.RegistrationEndpoint},
		{"pushed_authorization_request_endpoint", m.PushedAuthorizationRequestEndpoint},
	}
	if a := m.MTLSEndpointAliases; a != nil {
		endpoints = append(endpoints, aliases(a)...)
	}
	for _, e := range endpoints {
		if e.value == "" {
			continue
		}
		u, err := safeurl.Endpoint(e.value)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s %w", e.name, err))
		case secure && u.Scheme != "https":
			// RFC 9700 §2.6
			errs = append(errs, fmt.Errorf("%s must be https, as the issuer is", e.name))
		}
	}
	return errs
}

// locations returns where an issuer's metadata is looked for, in order.
func locations(issuer string) ([]string, error) {
	u, err := safeurl.Issuer(issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: the issuer %w", err)
	}
	// OpenID Connect Discovery 1.0 §4.1: a terminating slash is removed first
	openID := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	// RFC 8414 §3.1: inserted between the host and the path
	oauth := url.URL{Scheme: u.Scheme, Host: u.Host}
	return []string{openID, oauth.String() + "/.well-known/oauth-authorization-server" + strings.TrimSuffix(u.EscapedPath(), "/")}, nil
}
