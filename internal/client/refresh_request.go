package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
)

var (
	// ErrGrantEnded is in an error that says that the server has ended the grant:
	// its refresh token will never work again (RFC 6749 §5.2, invalid_grant).
	ErrGrantEnded = errors.New("client: the grant has ended")
	// ErrRefreshLost is in an error that leaves open whether the refresh token was
	// spent, or says that it cannot be used. It must not be sent again: a server
	// that sees a spent one revokes the grant (RFC 9700 §4.14.2).
	ErrRefreshLost = errors.New("client: the refresh token must not be sent again")
)

// Refresh asks for new tokens (RFC 6749 §6). It is sent once. An error matches
// ErrGrantEnded, ErrRefreshLost or ErrUnavailable; only after the last one the
// same refresh token may be sent again. Of the tokens the refresh token and the
// ID token may be missing: the ones before stay in use.
func (c *Client) Refresh(ctx context.Context, refreshToken string) (*Tokens, error) {
	form := url.Values{"grant_type": {oidckit.GrantTypeRefreshToken}, "refresh_token": {refreshToken}}
	if c.cfg.Resource != "" {
		form.Set("resource", c.cfg.Resource)
	}
	m, err := c.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	var asked, connected atomic.Bool
	req, err := c.formRequest(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}), m, m.TokenEndpoint, form)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, unavailable(err)
	}
	resp, err := httpx.Do(c.http, req, maxTokenAnswer)
	switch {
	case err == nil:
		return c.readRefreshAnswer(resp)
	case neverSent(err, asked.Load() && !connected.Load()):
		return nil, unavailable(err)
	default:
		return nil, fmt.Errorf("%w: %w", ErrRefreshLost, err)
	}
}

// neverSent reports whether a request has surely not left. A transport of the
// app's may not say that it had no connection; then its error has to.
func neverSent(err error, unconnected bool) bool {
	op, dialled := errors.AsType[*net.OpError](err)
	return unconnected || dialled && op.Op == "dial"
}

// readRefreshAnswer tells apart what a server may mean.
func (c *Client) readRefreshAnswer(resp *httpx.Response) (*Tokens, error) {
	if resp.Status == http.StatusOK {
		if !resp.IsJSON() {
			return nil, fmt.Errorf("%w: the token response is not JSON", ErrRefreshLost)
		}
		t, err := c.parseTokens(resp.Body, time.Now())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefreshLost, err)
		}
		return t, nil
	}
	code := errorCode(resp)
	cause := fmt.Errorf("the token endpoint answered a refresh with status %d and error %s", resp.Status, code)
	switch {
	// RFC 6749 §5.2; some servers have another status for it
	case code == string(oidckit.InvalidGrant) && resp.Status < http.StatusInternalServerError:
		return nil, fmt.Errorf("%w: %w", ErrGrantEnded, cause)
	// RFC 9110 §15.6.5: what has not answered in time may have done it
	case resp.Status == http.StatusGatewayTimeout:
		return nil, fmt.Errorf("%w: %w", ErrRefreshLost, cause)
	// Another refusal of the request: it would be refused again.
	case resp.Status == http.StatusBadRequest && code != string(oidckit.InvalidClient):
		return nil, fmt.Errorf("%w: %w", ErrRefreshLost, cause)
	default:
		return nil, unavailable(cause)
	}
}
