package handlers

import (
	"cmp"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/cookies"
)

// ClientMetadata returns what a relying party with this config has to be
// registered with (RFC 7591 §2, OpenID Connect Dynamic Client Registration 1.0
// §2): for Register, or to be typed into an issuer's console. ClientID,
// ClientSecret and Sessions may be missing still; a config with another problem
// gives nothing to rely on. Names and addresses that people are shown are the
// app's to add. Without TokenEndpointAuthMethod the issuer's own default holds,
// client_secret_basic as a rule.
func (c Config) ClientMetadata() oidckit.ClientMetadata {
	c = c.withDefaults()
	s, err := cookies.NewSite(c.BaseURL)
	if err != nil || s.Base == nil {
		return oidckit.ClientMetadata{}
	}
	prefix := strings.TrimSuffix(c.Prefix, "/")
	m := oidckit.ClientMetadata{
		RedirectURIs:                []string{s.URL(prefix + "/callback")},
		ResponseTypes:               []string{cmp.Or(c.ResponseType, "code")},
		GrantTypes:                  c.grantTypes(),
		Scope:                       c.Scopes.String(),
		TokenEndpointAuthMethod:     c.TokenEndpointAuthMethod,
		TokenEndpointAuthSigningAlg: c.TokenEndpointAuthSigningAlg,
	}
	if len(c.ClientKeys) > 0 {
		m.JWKSURI = s.URL(prefix + "/jwks.json")
		// What the token endpoint is shown where there is no secret yet.
		if m.TokenEndpointAuthMethod == "" && c.ClientSecret == "" {
			m.TokenEndpointAuthMethod = oidckit.AuthMethodPrivateKeyJWT
		}
	}
	if o := c.RequestObjects; o != nil {
		m.RequestObjectSigningAlg = c.requestObjectAlg()
		if o.ByReference {
			m.RequestURIs = []string{s.URL(prefix + requestObjectPath)}
		}
	}
	if c.OAuth2 == nil {
		m.ApplicationType = "web"
		m.PostLogoutRedirectURIs = []string{s.URL(prefix + "/logged-out")}
		m.BackchannelLogoutURI, m.BackchannelLogoutSessionRequired = s.URL(prefix+backchannelLogoutRoute), true
		if c.FrontchannelLogout {
			m.FrontchannelLogoutURI, m.FrontchannelLogoutSessionRequired = s.URL(prefix+frontchannelLogoutRoute), true
		}
		m.IDTokenSignedResponseAlg, m.UserinfoSignedResponseAlg = c.IDTokenSignedResponseAlg, c.UserinfoSignedResponseAlg
		if s.Secure {
			// OpenID Connect Dynamic Client Registration 1.0 §2: MUST use the https scheme
			m.InitiateLoginURI = s.URL(prefix + "/login")
		}
	}
	if (client.Config{ResponseMode: c.ResponseMode}).SignsBack() {
		m.AuthorizationSignedResponseAlg = c.AuthorizationSignedResponseAlg
	}
	// OpenID Connect Core 1.0 §11: who asks for it will redeem what it brings
	if c.Scopes.Has(oidckit.ScopeOfflineAccess) {
		m.GrantTypes = append(m.GrantTypes, oidckit.GrantTypeRefreshToken)
	}
	return m
}

// grantTypes are those of the response type (OpenID Connect Dynamic Client
// Registration 1.0 §2).
func (c Config) grantTypes() (types []string) {
	if (client.Config{ResponseType: c.ResponseType}).UsesTokenEndpoint() {
		types = append(types, oidckit.GrantTypeAuthorizationCode)
	}
	if !client.IsCode(c.ResponseType) {
		types = append(types, oidckit.GrantTypeImplicit)
	}
	return types
}

// requestObjectAlg is empty where a request object cannot be made.
func (c Config) requestObjectAlg() string {
	if c.RequestObjects.AllowUnsigned {
		return "none"
	}
	if len(c.ClientKeys) == 0 {
		return ""
	}
	signer, err := c.ClientKeys[0].newSigner()
	if err != nil {
		return ""
	}
	return signer.Algorithm()
}
