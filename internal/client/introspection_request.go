package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// maxIntrospectionAnswer bounds what a server says of a token, in bytes.
const maxIntrospectionAnswer = 256 << 10

// CheckActive asks the server whether an access token that it has just given
// is good (RFC 7662 §2). One that is not is a Refusal.
func (c *Client) CheckActive(ctx context.Context, tokens *Tokens) error {
	m, err := c.Metadata(ctx)
	if err != nil {
		return err
	}
	req, err := c.formRequest(ctx, m, m.IntrospectionEndpoint, url.Values{"token": {tokens.AccessToken}, "token_type_hint": {"access_token"}})
	if err != nil {
		return unavailable(err)
	}
	resp, err := httpx.Do(c.http, req, maxIntrospectionAnswer)
	if err != nil {
		return unavailable(err)
	}
	if resp.Status != http.StatusOK || !resp.IsJSON() {
		return unavailable(fmt.Errorf("the introspection endpoint answered with status %d", resp.Status))
	}
	active := false
	err = strictjson.Object(resp.Body, func(name []byte, v strictjson.Value) (err error) {
		if string(name) == "active" {
			active, err = v.Bool()
		}
		return err
	})
	if err != nil {
		return unavailable(fmt.Errorf("the introspection answer cannot be read: %w", err))
	}
	if !active {
		// RFC 7662 §2.2
		return refuse("inactive_token", errors.New("the server does not know its own access token"))
	}
	return nil
}
