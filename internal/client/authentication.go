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
	if method != oidckit.AuthMethodClientSecretBasic {
		form.Set("client_id", c.cfg.ClientID)
	}
	if method == oidckit.AuthMethodClientSecretPost {
		form.Set("client_secret", c.cfg.ClientSecret)
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
	case c.cfg.TokenEndpointAuthMethod != "":
		return c.cfg.TokenEndpointAuthMethod
	case c.cfg.ClientSecret == "":
		return oidckit.AuthMethodNone
	case slices.Contains(supported, oidckit.AuthMethodClientSecretPost) && !slices.Contains(supported, oidckit.AuthMethodClientSecretBasic):
		return oidckit.AuthMethodClientSecretPost
	default:
		// OpenID Connect Discovery 1.0 §3: the default where nothing is named
		return oidckit.AuthMethodClientSecretBasic
	}
}
