package client

import (
	"context"
	"net/url"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
)

// Exchange redeems a code (RFC 6749 §4.1.3, RFC 7636 §4.5). It is sent once,
// whatever happens: nobody knows what became of a request without an answer.
func (c *Client) Exchange(ctx context.Context, code, codeVerifier string) (*Tokens, error) {
	form := url.Values{
		"grant_type":    {oidckit.GrantTypeAuthorizationCode},
		"code":          {code},
		"redirect_uri":  {c.cfg.RedirectURI},
		"code_verifier": {codeVerifier},
	}
	if c.cfg.Resource != "" {
		form.Set("resource", c.cfg.Resource)
	}
	c.cfg.Legacy.addToExchange(form, &c.cfg)
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
