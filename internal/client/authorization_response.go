package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	// maxResponse bounds the parameters of an authorization response in a query,
	// in bytes; one with tokens comes as a form and may have maxFormResponse.
	maxResponse     = 16 << 10
	maxFormResponse = 64 << 10
	maxSessionState = 512
)

// Response is what the server has sent the person back with (RFC 6749 §4.1.2,
// RFC 9207 §2). Nothing in it is believed before CheckIssuer.
type Response struct {
	State, Code, Error string
	issuer             string
	hasIssuer          bool
	// front is what came without a code being redeemed.
	front     Tokens
	tokenType string
	// signed holds the parameters where the response is a JWT.
	signed *jose.JWS
}

// ParseResponse reads the parameters, from a query or a form, strictly: what
// was sent twice could be read two ways. Beside an error it returns the state,
// where there is one, so that its login ends here.
func (c *Client) ParseResponse(encoded string) (Response, error) {
	limit := maxResponse
	if c.cfg.postsBack() {
		limit = maxFormResponse
	}
	if len(encoded) > limit {
		return Response{}, refuse(malformedResponse, errors.New("the response is too large"))
	}
	q, err := url.ParseQuery(encoded)
	if err != nil {
		return Response{}, refuse(malformedResponse, errors.New("the response does not parse"))
	}
	var resp Response
	if states := q["state"]; len(states) == 1 {
		resp.State = states[0]
	}
	for _, values := range q {
		// RFC 6749 §3.1: parameters MUST NOT be included more than once
		if len(values) > 1 {
			return resp, refuse(malformedResponse, errors.New("a parameter is repeated"))
		}
	}
	if c.cfg.SignsBack() {
		return c.openResponse(resp, q)
	}
	return c.readResponse(q)
}

// malformedResponse is the reason where a response is not one.
const malformedResponse = "malformed_response"

// readResponse takes what the parameters say, each of which stands once.
func (c *Client) readResponse(q url.Values) (Response, error) {
	resp := Response{
		State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error"),
		issuer: q.Get("iss"), hasIssuer: q.Has("iss"), tokenType: q.Get("token_type"),
	}
	if q.Has("error") && resp.Error == "" {
		resp.Error = "invalid"
	}
	resp.front = Tokens{IDToken: q.Get("id_token"), AccessToken: q.Get("access_token"), code: resp.Code, front: true}
	// OpenID Connect Session Management 1.0 §2: no space is in it
	if s := q.Get("session_state"); len(s) <= maxSessionState && !strings.ContainsAny(s, " \r\n") {
		resp.front.SessionState = s
	}
	if q.Has("scope") {
		resp.front.Scope = lenientScope(q.Get("scope"))
	}
	if c.cfg.gives(wordToken) && q.Has("expires_in") {
		var err error
		if resp.front.Expires, err = c.expiry(strictjson.Value(q.Get("expires_in")), time.Now()); err != nil {
			return resp, refuse(malformedResponse, fmt.Errorf("expires_in: %w", err))
		}
	}
	return resp, nil
}

// CheckIssuer refuses an answer that comes from another issuer than the one
// the login was started at, and a signed one that is not as it must be.
func (c *Client) CheckIssuer(ctx context.Context, resp Response) error {
	m, err := c.Metadata(ctx)
	if err != nil {
		return err
	}
	if c.cfg.SignsBack() {
		return c.checkSignedResponse(ctx, resp.signed)
	}
	// RFC 9207 §2.4: compared as a string, whatever the metadata says
	if resp.hasIssuer && resp.issuer != c.cfg.Issuer {
		return refuse("foreign_issuer", nil)
	}
	// RFC 9207 §2.4: demanded where the issuer says that it sends it. An ID token
	// beside it names the issuer under its signature, before a code is redeemed
	// (RFC 9700 §4.4.2.1), and there are issuers that leave iss to it.
	if m.AuthorizationResponseIssParameterSupported && !resp.hasIssuer && !c.vouchedFor(resp) {
		return refuse("missing_issuer", nil)
	}
	return nil
}

// vouchedFor reports whether an ID token comes with an answer, as asked for: then
// nothing of the answer is used before its signature and its iss were checked. An
// error has none that anybody looks at.
func (c *Client) vouchedFor(resp Response) bool {
	return resp.Error == "" && c.cfg.gives(wordIDToken) && resp.front.IDToken != ""
}
