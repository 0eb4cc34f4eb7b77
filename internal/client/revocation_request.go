package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/oidckit/oidckit/internal/httpx"
)

// maxRevocationAnswer bounds an answer that nobody reads.
const maxRevocationAnswer = 64 << 10

// RevokeRefreshToken ends a grant that nobody will use (RFC 7009 §2.1). A server
// without the endpoint keeps it, and so does one that ends access tokens alone.
func (c *Client) RevokeRefreshToken(ctx context.Context, refreshToken string) error {
	if c.cfg.Legacy.RevokeByGet {
		return nil
	}
	m, err := c.Metadata(ctx)
	if err != nil || m.RevocationEndpoint == "" {
		return err
	}
	req, err := c.formRequest(ctx, m, m.RevocationEndpoint, url.Values{"token": {refreshToken}, "token_type_hint": {"refresh_token"}})
	if err != nil {
		return unavailable(err)
	}
	resp, err := httpx.Do(c.http, req, maxRevocationAnswer)
	if err != nil {
		return unavailable(err)
	}
	// RFC 7009 §2.2
	if resp.Status != http.StatusOK {
		return unavailable(fmt.Errorf("the revocation endpoint answered with status %d", resp.Status))
	}
	return nil
}
