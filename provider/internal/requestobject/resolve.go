package requestobject

import (
	"context"
	"maps"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clientjwt"
	"github.com/oidckit/oidckit/provider/opstore"
)

// None is the algorithm of an object that nobody has signed.
const None = "none"

// Resolver replaces a request object by the request it holds. Its fields are
// set once; it is safe for concurrent use.
type Resolver struct {
	Issuer   string
	Verifier *clientjwt.Verifier
	// HTTPClient fetches from addresses that clients have given: it is guarded
	// and follows no redirects.
	HTTPClient *http.Client
	// AllowUnsigned takes objects under none from clients that have registered
	// it.
	AllowUnsigned bool
	// AllowParametersOutside takes parameters that the object lacks from beside
	// it (OpenID Connect Core 1.0 §6.1), where nobody has signed them.
	AllowParametersOutside bool
}

// Algorithms lists what objects may be signed with:
// request_object_signing_alg_values_supported.
func Algorithms(allowUnsigned bool) []string {
	all := clientjwt.Algorithms()
	if allowUnsigned {
		all = append(all, None)
	}
	return all
}

// invalid is the answer to a bad object; the cause is for the log.
func invalid(description string, cause error) error {
	e := oidckit.NewError(oidckit.InvalidRequestObject, description)
	if cause != nil {
		e = e.WithCause(cause)
	}
	return e
}

// Resolve returns the parameters of a request: p itself where it has no object.
// Any error but an *oidckit.Error is a fault.
func (r *Resolver) Resolve(ctx context.Context, client *opstore.Client, p wire.Params) (wire.Params, error) {
	raw, err := r.object(ctx, client, p)
	if err != nil || raw == "" {
		return p, err
	}
	o, err := r.read(ctx, client, raw)
	if err != nil {
		return nil, err
	}
	// RFC 9101 §5: client_id outside is the one inside
	if id, ok := o["client_id"]; ok && (len(id) != 1 || id[0] != client.Metadata.ClientID) {
		return nil, invalid("client_id differs inside and outside of the request object", nil)
	}
	// OpenID Connect Core 1.0 §6.1: the values MUST match, if both are there
	outside := p.Get("response_type")
	if inside, ok := o["response_type"]; ok && outside != "" && inside[0] != outside {
		return nil, invalid("response_type differs inside and outside of the request object", nil)
	}
	return r.merge(client, p, o), nil
}

// merge implements RFC 9101 §6.3: only the parameters of the object count.
func (r *Resolver) merge(client *opstore.Client, outside, object wire.Params) wire.Params {
	merged := wire.Params{}
	if r.AllowParametersOutside {
		maps.Copy(merged, outside)
		delete(merged, "request")
		delete(merged, "request_uri")
	} else if t := outside["response_type"]; len(t) > 0 {
		merged["response_type"] = t
	}
	maps.Copy(merged, object)
	merged["client_id"] = []string{client.Metadata.ClientID}
	return merged
}

// object returns the request object as it was sent, "" where there is none.
func (r *Resolver) object(ctx context.Context, client *opstore.Client, p wire.Params) (string, error) {
	values, uris := p.All("request"), p.All("request_uri")
	switch {
	case len(values)+len(uris) == 0:
		return "", nil
	// OpenID Connect Core 1.0 §6.1, §6.2: not both in the same request
	case len(values)+len(uris) > 1:
		return "", oidckit.NewError(oidckit.InvalidRequest, "there is more than one request object")
	case len(uris) == 1:
		return r.fetch(ctx, client, uris[0])
	}
	return values[0], nil
}

// read checks an object and returns its parameters.
func (r *Resolver) read(ctx context.Context, client *opstore.Client, raw string) (wire.Params, error) {
	j, payload, err := parse(raw)
	if err != nil {
		return nil, invalid("the request object is malformed", err)
	}
	params, claims := wire.Params{}, clientjwt.Claims{}
	if err := claims.Read(payload, parameters(params).member); err != nil {
		return nil, invalid("the request object is malformed", err)
	}
	if err := r.check(client, &claims, params); err != nil {
		return nil, err
	}
	if j == nil {
		// RFC 9101 §4: unsigned only where both sides have agreed on it
		if !r.AllowUnsigned || client.Metadata.RequestObjectSigningAlg != None {
			return nil, invalid("the request object must be signed", nil)
		}
		return params, nil
	}
	if err := r.Verifier.Verify(ctx, client, j, client.Metadata.RequestObjectSigningAlg); err != nil {
		return nil, invalid("the signature of the request object does not verify", err)
	}
	return params, nil
}

// check checks what the object says of itself (RFC 9101 §4, §6.1).
func (r *Resolver) check(client *opstore.Client, c *clientjwt.Claims, params wire.Params) error {
	id := client.Metadata.ClientID
	switch {
	case c.Issuer != "" && c.Issuer != id:
		return invalid("iss of the request object is not the client", nil)
	case len(c.Audience) > 0 && !c.Names(r.Issuer):
		return invalid("aud of the request object is not this issuer", nil)
	// RFC 9101 §10.8: it must be good for nothing else, as client assertions
	// have the client as sub
	case c.Subject == id:
		return invalid("a request object has no sub", nil)
	// RFC 9101 §4: MUST NOT be included
	case len(params["request"]) > 0, len(params["request_uri"]) > 0:
		return invalid("a request object holds no other one", nil)
	}
	if err := c.CheckTimes(time.Now(), clientjwt.Times{OptionalExpiry: true}); err != nil {
		return invalid("the request object has expired, or is from the future", err)
	}
	return nil
}
