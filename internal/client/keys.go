package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
)

// maxKeySet bounds a JWKS, in bytes.
const maxKeySet = 512 << 10

func (c *Client) fetchKeys(ctx context.Context) ([]byte, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.JWKSURI, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := httpx.Do(c.http, req, maxKeySet)
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK {
		return nil, fmt.Errorf("the key set was answered with status %d", resp.Status)
	}
	return resp.Body, nil
}

// checkSignature verifies what must be signed with alg by the issuer's keys.
func (c *Client) checkSignature(ctx context.Context, jws *jose.JWS, alg string) error {
	ref := jwks.Ref{KeyID: jws.Header.KeyID, Algorithm: alg, Issuer: c.cfg.Issuer}
	key, err := c.keys.Find(ctx, ref)
	if err != nil {
		return err
	}
	bad := jws.Verify(alg, key)
	for n := 0; bad != nil && n < c.renewals; n++ {
		// OpenID Connect Core 1.0 §10.1: without a kid the token cannot say that its
		// issuer has another key now
		key, err = c.keys.Renew(ctx, ref, key)
		if errors.Is(err, jwks.ErrUnknownKey) {
			return bad
		}
		if err != nil {
			return err
		}
		bad = jws.Verify(alg, key)
	}
	return bad
}

// keyScope says which keys that name an issuer serve this one: its own, and of
// a set that the tenants of a provider share those for all of them (RFC 8725
// §3.8).
func keyScope(issuer string) jwks.Scope {
	return func(named string) (scope string, ok bool) { return "", fitsIssuer(named, issuer) }
}

// fitsIssuer reports whether a key for named serves issuer. One segment of
// named's path may be a name in braces, which stands for any tenant.
func fitsIssuer(named, issuer string) bool {
	const pathBegins = 3 // after the scheme, nothing, and the host
	segments, own := strings.Split(named, "/"), strings.Split(issuer, "/")
	if len(segments) != len(own) {
		return false
	}
	open := 0
	for i, s := range segments {
		switch {
		case s == own[i]:
		case i >= pathBegins && len(s) > len("{}") && s[0] == '{' && s[len(s)-1] == '}' && own[i] != "":
			open++
		default:
			return false
		}
	}
	return open <= 1
}
