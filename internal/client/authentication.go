package client

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
)

// formRequest is a call to one of the server's endpoints by which the client
// authenticates (RFC 6749 §2.3).
func (c *Client) formRequest(ctx context.Context, m *oidckit.ProviderMetadata, endpoint string, form url.Values) (*http.Request, error) {
	method := c.authMethod(m)
	switch method {
	case oidckit.AuthMethodClientSecretBasic:
		c.cfg.Legacy.addSecret(form, &c.cfg)
	case oidckit.AuthMethodClientSecretJWT, oidckit.AuthMethodPrivateKeyJWT:
		if err := c.assert(m, method, form); err != nil {
			return nil, err
		}
	case oidckit.AuthMethodClientSecretPost:
		form.Set("client_secret", c.cfg.ClientSecret)
	}
	if method != oidckit.AuthMethodClientSecretBasic {
		// RFC 8705 §2: of a certificate too the server learns here whose it is
		form.Set("client_id", c.cfg.ClientID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if method == oidckit.AuthMethodClientSecretBasic {
		// RFC 6749 §2.3.1: both are form-encoded first
		req.SetBasicAuth(url.QueryEscape(c.cfg.ClientID), url.QueryEscape(c.cfg.ClientSecret))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return req, nil
}

func (c *Client) authMethod(m *oidckit.ProviderMetadata) string {
	supported := m.TokenEndpointAuthMethodsSupported
	switch {
	case c.cfg.Legacy.ClientSecretBoth:
		return oidckit.AuthMethodClientSecretBasic
	case c.cfg.TokenEndpointAuthMethod != "":
		return c.cfg.TokenEndpointAuthMethod
	case c.cfg.ClientSecret == "" && c.cfg.Signer != nil:
		return oidckit.AuthMethodPrivateKeyJWT
	case c.cfg.ClientSecret == "":
		return oidckit.AuthMethodNone
	case slices.Contains(supported, oidckit.AuthMethodClientSecretPost) && !slices.Contains(supported, oidckit.AuthMethodClientSecretBasic):
		return oidckit.AuthMethodClientSecretPost
	default:
		// OpenID Connect Discovery 1.0 §3: the default where nothing is named
		return oidckit.AuthMethodClientSecretBasic
	}
}

// withAliases is the metadata of a client that authenticates by its
// certificate: where the server has endpoints for that, they take the place of
// the usual ones (RFC 8705 §5).
func (c *Client) withAliases(m *oidckit.ProviderMetadata) *oidckit.ProviderMetadata {
	method := c.cfg.TokenEndpointAuthMethod
	if m.MTLSEndpointAliases == nil || method != oidckit.AuthMethodTLSClientAuth && method != oidckit.AuthMethodSelfSignedTLSClientAuth {
		return m
	}
	own := *m
	for _, e := range []struct {
		alias string
		usual *string
	}{
		{m.MTLSEndpointAliases.TokenEndpoint, &own.TokenEndpoint},
		{m.MTLSEndpointAliases.UserinfoEndpoint, &own.UserinfoEndpoint},
		{m.MTLSEndpointAliases.IntrospectionEndpoint, &own.IntrospectionEndpoint},
		{m.MTLSEndpointAliases.RevocationEndpoint, &own.RevocationEndpoint},
		{m.MTLSEndpointAliases.PushedAuthorizationRequestEndpoint, &own.PushedAuthorizationRequestEndpoint},
	} {
		if e.alias != "" {
			*e.usual = e.alias
		}
	}
	return &own
}
