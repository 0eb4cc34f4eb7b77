package client

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// PlainOAuth is a server that knows no OpenID Connect (RFC 6749): no ID token
// comes from it, and one that does is not looked at. Who has logged in is said
// by its API, to whom the access token is shown.
type PlainOAuth struct {
	// SubjectClaim is the member that names the person; "" means sub.
	SubjectClaim string
}

// Identify reads who a document of a plain OAuth 2.0 server is about. The
// issuer is what the app calls the server; of claims about a token none is
// taken.
func (c *Client) Identify(document []byte) (*IDToken, oidckit.Claims, error) {
	t := &IDToken{Issuer: c.cfg.Issuer, Audience: []string{c.cfg.ClientID}}
	subject := cmp.Or(c.cfg.PlainOAuth.SubjectClaim, "sub")
	set := newClaimSet()
	err := strictjson.Object(document, func(name []byte, v strictjson.Value) (err error) {
		if string(name) == subject {
			if t.Subject, err = subjectText(v); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if string(name) != "sub" && !IsProtocolClaim(string(name)) {
			set.add(name, v)
		}
		return nil
	})
	if err == nil && !ValidSubject(t.Subject) {
		err = fmt.Errorf("it has no valid subject in %q", subject)
	}
	if err != nil {
		return nil, nil, refuse("userinfo", err)
	}
	set.add([]byte("iss"), quote(t.Issuer))
	set.add([]byte("sub"), quote(t.Subject))
	t.Claims, err = set.done()
	return t, t.Claims, err
}

// subjectText takes a number as it is written: as a float two people could
// become one.
func subjectText(v strictjson.Value) (string, error) {
	if v.Kind() == strictjson.KindNumber {
		return string(v), nil
	}
	return v.Text()
}

// BearerClient returns a client that shows the access token wherever it is used
// (RFC 6750 §2.1): over https only where the server is on https, through no
// redirect, and answers are bounded in time and size.
func (c *Client) BearerClient(tokens *Tokens) *http.Client {
	bearer := *c.http
	bearer.Transport = &bearerTransport{base: c.http.Transport, token: tokens.AccessToken, secure: strings.HasPrefix(c.cfg.Issuer, "https:")}
	return &bearer
}

type bearerTransport struct {
	base   http.RoundTripper
	token  string
	secure bool
}

var errInsecureCall = errors.New("client: an access token is sent over https only")

// RoundTrip implements http.RoundTripper.
func (t *bearerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	// RFC 6750 §5.3
	if t.secure && r.URL.Scheme != "https" {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, errInsecureCall
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+t.token)
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxUserinfo)
	return resp, nil
}
