package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	maxPushAnswer = 16 << 10
	maxRequestURI = 2048
)

// pushes reports whether logins are told to the server before the person goes
// there (RFC 9126 §5).
func (c *Client) pushes(m *oidckit.ProviderMetadata) bool {
	return c.cfg.PushedAuthorization || m.RequirePushedAuthorizationRequests
}

// push tells the server what a login asks for, and returns what is left for
// the person to carry (RFC 9126 §2, §4).
func (c *Client) push(ctx context.Context, m *oidckit.ProviderMetadata, params map[string]string) (map[string]string, error) {
	if m.PushedAuthorizationRequestEndpoint == "" {
		return nil, unavailable(errors.New("it has no endpoint for pushed authorization requests"))
	}
	form := make(url.Values, len(params)+2)
	for name, value := range params {
		form.Set(name, value)
	}
	// RFC 9126 §2.1: it stands there whatever the client authenticates by
	form.Set("client_id", c.cfg.ClientID)
	req, err := c.formRequest(ctx, m, m.PushedAuthorizationRequestEndpoint, form)
	if err != nil {
		return nil, unavailable(err)
	}
	resp, err := httpx.Do(c.http, req, maxPushAnswer)
	if err != nil {
		return nil, unavailable(err)
	}
	requestURI, err := readPushAnswer(resp)
	if err != nil {
		return nil, err
	}
	return map[string]string{"client_id": c.cfg.ClientID, "request_uri": requestURI}, nil
}

func readPushAnswer(resp *httpx.Response) (requestURI string, err error) {
	if resp.Status != http.StatusCreated {
		return "", pushError(resp)
	}
	if !resp.IsJSON() {
		return "", unavailable(errors.New("a pushed authorization request was not answered with JSON"))
	}
	expiresIn := int64(0)
	err = strictjson.Object(resp.Body, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "request_uri":
			requestURI, err = v.Text()
		case "expires_in":
			expiresIn, err = v.Int()
		}
		return err
	})
	switch {
	case err != nil:
		return "", unavailable(fmt.Errorf("the answer to a pushed authorization request cannot be read: %w", err))
	// RFC 9126 §2.2: both are there, and the lifetime is a positive one
	case !isRequestURI(requestURI) || expiresIn <= 0:
		return "", unavailable(errors.New("the answer to a pushed authorization request has no usable request_uri"))
	}
	return requestURI, nil
}

// isRequestURI reports whether s can be a request_uri: an absolute URI, of
// whatever scheme.
func isRequestURI(s string) bool {
	if len(s) > maxRequestURI || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.IsAbs()
}

// pushError tells what was asked from trouble at the server or in our own
// registration (RFC 9126 §2.3).
func pushError(resp *httpx.Response) error {
	code := errorCode(resp)
	cause := fmt.Errorf("the pushed authorization request was answered with status %d and error %s", resp.Status, code)
	switch oidckit.ErrorCode(code) {
	case noErrorCode, oidckit.InvalidClient, oidckit.UnauthorizedClient, oidckit.ServerError, oidckit.TemporarilyUnavailable:
		return unavailable(cause)
	}
	if resp.Status != http.StatusBadRequest {
		return unavailable(cause)
	}
	return refuse(RequestRefused, cause)
}
