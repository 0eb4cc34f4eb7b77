package client

import (
	"context"
	"errors"
	"net/url"
)

// maxResponse bounds the parameters of an authorization response, in bytes.
const maxResponse = 16 << 10

// Response is what the server has sent the person back with (RFC 6749 §4.1.2,
// RFC 9207 §2).
type Response struct {
	State, Code, Error string
	issuer             string
	hasIssuer          bool
}

// ParseResponse reads the parameters strictly: what was sent twice could be
// read two ways. Beside an error it returns the state, where there is one, so
// that its login ends here.
func ParseResponse(encoded string) (Response, error) {
	var resp Response
	if len(encoded) > maxResponse {
		return resp, refuse("malformed_response", errors.New("the response is too large"))
	}
	q, err := url.ParseQuery(encoded)
	if err != nil {
		return resp, refuse("malformed_response", errors.New("the response does not parse"))
	}
	if states := q["state"]; len(states) == 1 {
		resp.State = states[0]
	}
	for _, values := range q {
		// RFC 6749 §3.1: parameters MUST NOT be included more than once
		if len(values) > 1 {
			return resp, refuse("malformed_response", errors.New("a parameter is repeated"))
		}
	}
	resp.Code, resp.Error = q.Get("code"), q.Get("error")
	resp.issuer, resp.hasIssuer = q.Get("iss"), q.Has("iss")
	if q.Has("error") && resp.Error == "" {
		resp.Error = "invalid"
	}
	return resp, nil
}

// CheckIssuer refuses an answer that comes from another issuer than the one
// the login was started at.
func (c *Client) CheckIssuer(ctx context.Context, resp Response) error {
	m, err := c.Metadata(ctx)
	if err != nil {
		return err
	}
	// RFC 9207 §2.4: compared as a string, whatever the metadata says
	if resp.hasIssuer && resp.issuer != c.cfg.Issuer {
		return refuse("foreign_issuer", nil)
	}
	// RFC 9207 §2.4: demanded where the issuer says that it sends it
	if m.AuthorizationResponseIssParameterSupported && !resp.hasIssuer {
		return refuse("missing_issuer", nil)
	}
	return nil
}
