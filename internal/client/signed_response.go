package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// openResponse reads the parameters of a JWT (JWT Secured Authorization
// Response Mode §2.1). What it says is not verified yet: the state has to find
// the login first.
func (c *Client) openResponse(plain Response, q url.Values) (Response, error) {
	bad := func(text string) (Response, error) { return plain, refuse(malformedResponse, errors.New(text)) }
	if !q.Has("response") {
		return bad("the response is not signed, and Config.ResponseMode says it is")
	}
	for _, name := range []string{"state", "code", "error", "iss", "id_token", "access_token", "token_type", "expires_in", "scope"} {
		// JARM §2.3: the parameters are in the JWT and nowhere else
		if q.Has(name) {
			return bad("there are parameters beside the signed response")
		}
	}
	jws, err := jose.Parse(q.Get("response"))
	if err != nil {
		return plain, refuse(malformedResponse, err)
	}
	inside := url.Values{}
	err = strictjson.Object(jws.Payload, func(name []byte, v strictjson.Value) error {
		switch string(name) {
		case "state", "code", "error", "id_token", "access_token", "token_type", "scope":
			text, err := v.Text()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			inside.Set(string(name), text)
		case "expires_in":
			inside.Set("expires_in", strings.Trim(string(v), `"`))
		}
		return nil
	})
	if err != nil {
		return plain, refuse(malformedResponse, fmt.Errorf("the signed response cannot be read: %w", err))
	}
	resp, err := c.readResponse(inside)
	resp.signed = jws
	return resp, err
}

// checkSignedResponse implements JWT Secured Authorization Response Mode §2.4.
func (c *Client) checkSignedResponse(ctx context.Context, jws *jose.JWS) error {
	const reason = "signed_response"
	switch {
	case jws == nil:
		return refuse(reason, errors.New("the response is not signed"))
	// RFC 8725 §3.1
	case jws.Header.Algorithm != c.cfg.AuthorizationSignedResponseAlg:
		return refuse(reason, errors.New("the response is signed with another algorithm than Config.AuthorizationSignedResponseAlg"))
	// RFC 8725 §3.11: an access token or a logout token is no response
	case jws.Header.Type != "" && !strings.EqualFold(jws.Header.Type, "JWT"):
		return refuse(reason, errors.New("the token is of another type than a response"))
	}
	if err := c.checkResponseClaims(jws.Payload, time.Now()); err != nil {
		return refuse(reason, err)
	}
	err := c.checkSignature(ctx, jws, c.cfg.AuthorizationSignedResponseAlg)
	if errors.Is(err, jwks.ErrUnavailable) {
		return unavailable(err)
	}
	if err != nil {
		return refuse(reason, err)
	}
	return nil
}

// checkResponseClaims demands iss, aud and exp (JARM §2.1).
func (c *Client) checkResponseClaims(payload []byte, now time.Time) error {
	var issuer string
	var audiences []string
	var expires, issued, notBefore int64
	err := strictjson.Object(payload, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "iss":
			issuer, err = v.Text()
		case "aud":
			audiences, err = audience(v)
		case "exp":
			expires, err = v.NumericDate()
		case "iat":
			issued, err = v.NumericDate()
		case "nbf":
			notBefore, err = v.NumericDate()
		}
		if err != nil {
			return fmt.Errorf("%s of the response: %w", name, err)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	// JARM §2.4 (3)
	case issuer != c.cfg.Issuer:
		return errors.New("the response is another issuer's")
	// JARM §2.4 (4); audiences that are not ours are not trusted
	case len(audiences) != 1 || audiences[0] != c.cfg.ClientID:
		return errors.New("the response is for another audience")
	// JARM §2.4 (5)
	case !now.Before(time.Unix(expires, 0).Add(Leeway)):
		return errors.New("the response has expired")
	case time.Unix(issued, 0).After(now.Add(Leeway)), time.Unix(notBefore, 0).After(now.Add(Leeway)):
		return errors.New("the response is of a time to come: clocks differ")
	}
	return nil
}
