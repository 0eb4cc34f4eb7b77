package broker

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/jose"
)

const (
	openIDDocument = "/.well-known/openid-configuration"
	oauthDocument  = "/.well-known/oauth-authorization-server"
)

// Import returns a record that is filled in from the metadata of a provider,
// found by its issuer identifier or the address of its document (OpenID Connect
// Discovery 1.0 §4, RFC 8414 §3). Nothing is stored. What an operator still has
// to say, ClientID and ClientSecret, is empty; and so are the endpoints of an
// OpenID provider, since they are discovered at each login. Its error is
// FieldErrors.
func (r *Registry) Import(ctx context.Context, address string) (IdentityProvider, error) {
	issuer := issuerOf(address)
	if err := r.out.checkURL(issuer); err != nil {
		return IdentityProvider{}, FieldErrors{{Field: "url", Message: err.Error()}}
	}
	m, err := r.metadata(ctx, issuer)
	// The slash at the end of an issuer is not in the address of its document.
	if errors.Is(err, discovery.ErrIssuer) && !strings.HasSuffix(issuer, "/") {
		m, err = r.metadata(ctx, issuer+"/")
	}
	if err != nil {
		return IdentityProvider{}, FieldErrors{{Field: "url", Message: failureText(err)}}
	}
	return imported(m), nil
}

// issuerOf returns the issuer identifier of an address that may be that of its
// document.
func issuerOf(address string) string {
	address = strings.TrimSpace(address)
	if issuer, ok := strings.CutSuffix(address, openIDDocument); ok {
		return issuer
	}
	if host, path, ok := strings.Cut(address, oauthDocument); ok {
		return host + path
	}
	return address
}

func (r *Registry) metadata(ctx context.Context, issuer string) (*oidckit.ProviderMetadata, error) {
	d := discovery.New(discovery.Config{Issuer: issuer, HTTPClient: r.out.client()})
	defer d.Close()
	return d.Metadata(ctx)
}

func imported(m *oidckit.ProviderMetadata) IdentityProvider {
	p := IdentityProvider{
		Identifier: strings.Trim(slug(hostOf(m.Issuer)), "_"), DisplayName: hostOf(m.Issuer), GrantType: GrantTypeAuthorization, ShowIDPToUsers: true,
		// OpenID Connect Discovery 1.0 §3: the default where nothing is named
		ClientCredentialsHeaderEnabled: len(m.TokenEndpointAuthMethodsSupported) == 0 ||
			slices.Contains(m.TokenEndpointAuthMethodsSupported, oidckit.AuthMethodClientSecretBasic),
	}
	p.Identifier = p.Identifier[:min(len(p.Identifier), maxIdentifier)]
	if methods := m.CodeChallengeMethodsSupported; len(methods) > 0 && !slices.Contains(methods, PKCES256) {
		p.PKCE = PKCENone
	}
	for _, s := range []string{oidckit.ScopeOpenID, oidckit.ScopeEmail, oidckit.ScopeProfile} {
		if len(m.ScopesSupported) == 0 || slices.Contains(m.ScopesSupported, s) {
			p.Scope = append(p.Scope, s)
		}
	}
	if m.JWKSURI == "" || !slices.Contains(p.Scope, oidckit.ScopeOpenID) {
		// RFC 8414 §2: plain OAuth 2.0, whose metadata is not looked at again
		p.AuthorizeEndpoint, p.TokenEndpoint, p.UserInfoEndpoint, p.IntrospectionEndpoint =
			m.AuthorizationEndpoint, m.TokenEndpoint, m.UserinfoEndpoint, m.IntrospectionEndpoint
		p.Scope = slices.DeleteFunc(p.Scope, func(s string) bool { return s == oidckit.ScopeOpenID })
		return normalise(p)
	}
	p.Issuer = m.Issuer
	algs := m.IDTokenSigningAlgValuesSupported
	if len(algs) > 0 && !slices.Contains(algs, "RS256") {
		for _, alg := range algs {
			if slices.Contains(jose.Algorithms(), alg) {
				p.IDTokenSignedResponseAlg = alg
				break
			}
		}
	}
	return normalise(p)
}
