package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/httpx"
)

// maxKeyDocument bounds a JWK set, in bytes.
const maxKeyDocument = 512 << 10

// keyDocument is where the issuer's JWK set is.
type keyDocument struct {
	client *http.Client
	// uri is where it is; "" means as metadata says.
	uri      string
	metadata *discovery.Client
}

// fetch gets the JWK set, once.
func (d *keyDocument) fetch(ctx context.Context) ([]byte, error) {
	uri := d.uri
	if uri == "" {
		m, err := d.metadata.Metadata(ctx)
		if err != nil {
			return nil, err
		}
		uri = m.JWKSURI
	}
	if uri == "" {
		return nil, errors.New("the issuer's metadata has no jwks_uri")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := httpx.Do(d.client, req, maxKeyDocument)
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK {
		return nil, fmt.Errorf("the JWK set was answered with status %d", resp.Status)
	}
	return resp.Body, nil
}
