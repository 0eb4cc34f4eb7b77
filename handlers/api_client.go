package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/safeurl"
)

// errForeignAPI does not name the address: its query may hold what is secret.
var errForeignAPI = errors.New("handlers: the address is not one of the API that this client was made for: no token was sent")

// Client returns an HTTP client that calls an API in the name of the request's
// person, while the session lives: it sends the access token with every request
// to apiURL and what lies below its path, and refuses every other address, one
// that the API redirects to included. The URL is https, or http on loopback,
// without query.
//
// The client goes over the transport of Config.HTTPClient and gives up after
// eight seconds; its Timeout may be changed. Answers of the API may be secret
// too; the token never goes to a browser. The errors are those of Authenticate,
// and those of a call match ErrUnauthenticated as Token's do. It needs
// Sessions.LoadAndSave around the route.
func (rp *RelyingParty) Client(r *http.Request, apiURL string) (*http.Client, error) {
	api, err := safeurl.Endpoint(apiURL)
	if err == nil && api.RawQuery != "" {
		err = errors.New("must not have a query")
	}
	if err != nil {
		return nil, fmt.Errorf("handlers: the URL of an API %w", err)
	}
	source, err := rp.TokenSource(r)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &apiTransport{source: source, api: api, next: rp.apis}, Timeout: httpx.DefaultTimeout}, nil
}

// apiTransport adds the token. It stands below redirects, which are requests
// like any other here.
type apiTransport struct {
	source *TokenSource
	api    *url.URL
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *apiTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := "", errForeignAPI
	if t.covers(req) {
		token, err = t.source.Token(req.Context())
	}
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	own := req.Clone(req.Context())
	// RFC 6750 §2.1
	own.Header.Set("Authorization", "Bearer "+token)
	return t.next.RoundTrip(own)
}

// covers reports whether a request goes to the API and nowhere else, whatever a
// server on the way makes of its path.
func (t *apiTransport) covers(req *http.Request) bool {
	u := req.URL
	if u == nil || u.Opaque != "" || u.User != nil || u.Scheme != t.api.Scheme || !strings.EqualFold(u.Host, t.api.Host) ||
		req.Host != "" && !strings.EqualFold(req.Host, u.Host) {
		return false
	}
	base := strings.TrimSuffix(t.api.EscapedPath(), "/")
	path := u.EscapedPath()
	if path == base {
		return true
	}
	_, local := safeurl.ReturnTo(path)
	return local && strings.HasPrefix(path, base+"/")
}
