package client

import (
	"context"
	"net/url"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
)

// Password shows the server a name and a password of a person's (RFC 6749
// §4.3.2, which RFC 9700 §2.4 advises against). A refusal with the reason
// CodeRefused says that they do not belong together.
func (c *Client) Password(ctx context.Context, username, password string) (*Tokens, error) {
	form := url.Values{
		"grant_type": {oidckit.GrantTypePassword},
		"username":   {username},
		"password":   {password},
	}
	if len(c.cfg.Scope) > 0 {
		form.Set("scope", c.cfg.Scope.String())
	}
	m, err := c.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	req, err := c.formRequest(ctx, m, m.TokenEndpoint, form)
	if err != nil {
		return nil, unavailable(err)
	}
	resp, err := httpx.Do(c.http, req, maxTokenAnswer)
	if err != nil {
		return nil, unavailable(err)
	}
	return c.readTokenAnswer(resp)
}
