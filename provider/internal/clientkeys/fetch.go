package clientkeys

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/oidckit/oidckit/internal/httpx"
)

// maxKeySet bounds a client's key set, in bytes: a client has a few keys.
const maxKeySet = 64 << 10

// fetch returns how a key set is read from its address. The media type is not
// looked at: what a static host calls the file says nothing about it.
func (k *Keys) fetch(uri string) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
		if err != nil {
			return nil, errors.New("clientkeys: jwks_uri is not a URL")
		}
		req.Header.Set("Accept", "application/jwk-set+json, application/json")
		res, err := httpx.Do(k.cfg.HTTPClient, req, maxKeySet)
		if err != nil {
			return nil, err
		}
		// A redirect is not followed: it may lead anywhere (RFC 9700 §2.6).
		if res.Status != http.StatusOK {
			return nil, fmt.Errorf("clientkeys: status %d", res.Status)
		}
		return res.Body, nil
	}
}
