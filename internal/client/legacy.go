package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/oidckit/oidckit/internal/httpx"
)

// maxRevocationMessage bounds an answer that nobody reads.
const maxRevocationMessage = 64 << 10

// Legacy is what a server wants that was written before the standards, or
// against them.
type Legacy struct {
	RedirectURLParameter  bool
	ClientSecretBoth      bool
	ScopeInTokenRequest   bool
	RevokeByGet           bool
	LogoutByGet           bool
	ExpiresInMilliseconds bool
	InsecureNoPKCE        bool
}

// addToExchange changes the request that redeems a code.
func (l Legacy) addToExchange(form url.Values, cfg *Config) {
	if l.RedirectURLParameter {
		form.Set("redirect_url", cfg.RedirectURI)
	}
	if l.ScopeInTokenRequest && len(cfg.Scope) > 0 {
		form.Set("scope", cfg.Scope.String())
	}
	if l.InsecureNoPKCE {
		form.Del("code_verifier")
	}
}

// addSecret puts into the form what stands in the header too.
func (l Legacy) addSecret(form url.Values, cfg *Config) {
	if l.ClientSecretBoth {
		form.Set("client_id", cfg.ClientID)
		form.Set("client_secret", cfg.ClientSecret)
	}
}

// RevokeByGet ends an access token where the server wants a GET that shows it,
// in place of RFC 7009. One that has ended already is no error.
func (c *Client) RevokeByGet(ctx context.Context, accessToken string) error {
	m, err := c.Published(ctx)
	if err != nil || m.RevocationEndpoint == "" {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.RevocationEndpoint, nil)
	if err != nil {
		return unavailable(err)
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	req.Header.Set("Accept", "application/json")
	resp, err := httpx.Do(c.http, req, maxRevocationMessage)
	if err != nil {
		return unavailable(err)
	}
	if resp.Status != http.StatusOK && resp.Status != http.StatusUnauthorized {
		return unavailable(fmt.Errorf("the revocation endpoint answered with status %d", resp.Status))
	}
	return nil
}
