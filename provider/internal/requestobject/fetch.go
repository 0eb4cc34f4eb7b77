package requestobject

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/provider/opstore"
)

func invalidURI(description string, cause error) error {
	return oidckit.NewError(oidckit.InvalidRequestURI, description).WithCause(cause)
}

// fetch gets an object from where the client has registered that it may be
// (RFC 9101 §5.2, §10.4).
func (r *Resolver) fetch(ctx context.Context, client *opstore.Client, uri string) (string, error) {
	if !registered(client.Metadata.RequestURIs, uri) {
		return "", invalidURI("request_uri is not registered", errors.New("no such request_uri is registered"))
	}
	u, err := safeurl.Endpoint(bare(uri))
	if err != nil {
		return "", invalidURI("request_uri is not an https address", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", invalidURI("request_uri is not an address", err)
	}
	req.Header.Set("Accept", "application/oauth-authz-req+jwt, application/jwt")
	res, err := httpx.Do(r.HTTPClient, req, jose.MaxToken)
	if err != nil {
		return "", invalidURI("the request object could not be fetched", err)
	}
	// A redirect is not followed: it may lead anywhere (RFC 9101 §10.4.1).
	if res.Status != http.StatusOK {
		return "", invalidURI("the request object could not be fetched", fmt.Errorf("status %d", res.Status))
	}
	return strings.TrimSpace(string(res.Body)), nil
}

// registered compares without the fragments, which hash what an object was
// when it was registered (OpenID Connect Core 1.0 §6.2).
func registered(uris []string, uri string) bool {
	for _, known := range uris {
		if bare(known) == bare(uri) {
			return true
		}
	}
	return false
}

func bare(uri string) string {
	before, _, _ := strings.Cut(uri, "#")
	return before
}
