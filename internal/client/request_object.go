package client

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
)

const (
	requestObjectType = "oauth-authz-req+jwt"
	// requestObjectLifetime is that of a login: the server may look at the
	// object again once the person has found their password.
	requestObjectLifetime = 10 * time.Minute
	// maxReference is from OpenID Connect Core 1.0 §6.2.
	maxReference = 512
)

// RequestObjects says how requests are sent as JWTs.
type RequestObjects struct {
	// Unsigned makes them under none. They are sent by reference alone: in an
	// address that anybody can write they say no more than parameters do.
	Unsigned bool
	// Refer returns the address at which what RequestObject makes of the text
	// will be served; nil sends objects by value.
	Refer func(request string) string
}

// asObject puts a request into an object where that is asked for or demanded,
// and returns the parameters that are left beside it.
func (c *Client) asObject(m *oidckit.ProviderMetadata, params map[string]string) (map[string]string, error) {
	objects := c.cfg.RequestObjects
	switch {
	case objects == nil && m.RequireSignedRequestObject && c.cfg.Signer != nil:
		objects = new(RequestObjects)
	case objects == nil:
		return params, nil
	case objects.Unsigned && m.RequireSignedRequestObject:
		return nil, unavailable(errors.New("it demands signed request objects, and those of this client are not"))
	}
	// OpenID Connect Core 1.0 §6.1: what OAuth 2.0 requires stands outside too
	beside := map[string]string{"client_id": params["client_id"], "response_type": params["response_type"], "scope": params["scope"]}
	if c.pushes(m) {
		// RFC 9126 §3: there all parameters are in the object
		beside = map[string]string{"client_id": params["client_id"]}
	} else if objects.Refer != nil {
		if address := objects.Refer(c.abridge(params)); len(address) <= maxReference {
			beside["request_uri"] = address
			return beside, nil
		}
	}
	if objects.Unsigned {
		return params, nil
	}
	object, err := c.encodeObject(params, false)
	if err != nil {
		return nil, unavailable(err)
	}
	beside["request"] = object
	return beside, nil
}

// abridge leaves out what each request says, so that an address has room for
// the rest.
func (c *Client) abridge(params map[string]string) string {
	q := url.Values{}
	usual := c.parameters(AuthorizationRequest{})
	for name, value := range params {
		if value != usual[name] {
			q.Set(name, value)
		}
	}
	for name, value := range usual {
		if value != params[name] {
			q.Set(name, params[name])
		}
	}
	return q.Encode()
}

// RequestObject makes the object of a request that RequestObjects.Refer was
// told of (RFC 9101 §4).
func (c *Client) RequestObject(request string) (string, error) {
	q, err := url.ParseQuery(request)
	if err != nil {
		return "", fmt.Errorf("client: the request does not parse: %w", err)
	}
	params := c.parameters(AuthorizationRequest{})
	for name := range q {
		params[name] = q.Get(name)
	}
	maps.DeleteFunc(params, func(_, value string) bool { return value == "" })
	return c.encodeObject(params, c.cfg.RequestObjects.Unsigned)
}

// encodeObject writes a request as a JWT. It has no sub: nobody can take it
// for an assertion (RFC 9101 §10.8).
func (c *Client) encodeObject(params map[string]string, unsigned bool) (string, error) {
	now := time.Now()
	claims := make(map[string]any, len(params)+6)
	for name, value := range params {
		claims[name] = memberOf(name, value)
	}
	claims["iss"], claims["aud"], claims["jti"] = c.cfg.ClientID, c.cfg.Issuer, secret.ID()
	claims["iat"], claims["exp"] = now.Unix(), now.Add(requestObjectLifetime).Unix()
	claims["nbf"] = now.Add(-Leeway).Unix()
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("client: encoding a request object: %w", err)
	}
	if unsigned {
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"none","typ":"`+requestObjectType+`"}`)) + "." + encode(payload) + ".", nil
	}
	object, err := c.cfg.Signer.Sign(requestObjectType, payload)
	if err != nil {
		return "", fmt.Errorf("client: signing a request object: %w", err)
	}
	return object, nil
}

// memberOf returns a parameter as an object has it: numbers and JSON are
// written as such (RFC 9101 §4, OpenID Connect Core 1.0 §6.1).
func memberOf(name, value string) any {
	switch name {
	case "max_age":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return n
		}
	case "claims":
		if json.Valid([]byte(value)) {
			return json.RawMessage(value)
		}
	}
	return value
}
