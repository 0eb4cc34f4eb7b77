package middleware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/httpx"
)

// maxKeyDocument bounds a JWK set, in bytes, and the metadata that leads to it.
const maxKeyDocument = 512 << 10

// keyDocument is where the issuer's JWK set is.
type keyDocument struct {
	client *http.Client
	// uri is where it is; "" means as metadata says.
	uri      string
	metadata *discovery.Client
	// shared is a metadata document of all tenants of template, in place of
	// metadata.
	shared   string
	template *template
}

// fetch gets the JWK set, once.
func (d *keyDocument) fetch(ctx context.Context) ([]byte, error) {
	uri, err := d.where(ctx)
	if err != nil {
		return nil, err
	}
	if uri == "" {
		return nil, errors.New("the issuer's metadata has no jwks_uri")
	}
	return d.get(ctx, uri, "application/jwk-set+json, application/json")
}

func (d *keyDocument) where(ctx context.Context) (string, error) {
	if d.uri != "" {
		return d.uri, nil
	}
	var m *oidckit.ProviderMetadata
	var err error
	if d.shared != "" {
		m, err = d.sharedMetadata(ctx)
	} else {
		m, err = d.metadata.Metadata(ctx)
	}
	if err != nil {
		return "", err
	}
	return m.JWKSURI, nil
}

// sharedMetadata reads the document of a provider that has one for all
// tenants. What it calls its issuer must be the template that is configured:
// neither another issuer's document nor that of a single tenant will do.
func (d *keyDocument) sharedMetadata(ctx context.Context) (*oidckit.ProviderMetadata, error) {
	data, err := d.get(ctx, d.shared, "application/json")
	if err != nil {
		return nil, err
	}
	issuer := oidckit.Claims(data).Text("issuer")
	// OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3, with the one segment
	// left open
	if t, err := parseTemplate(issuer); err != nil || !t.equal(d.template) {
		return nil, discovery.ErrIssuer
	}
	return discovery.Parse(issuer, data)
}

func (d *keyDocument) get(ctx context.Context, uri, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := httpx.Do(d.client, req, maxKeyDocument)
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK {
		return nil, fmt.Errorf("%s answered with status %d", req.URL.Host, resp.Status)
	}
	return resp.Body, nil
}

// keyFile is the path of a file with a JWK set.
type keyFile string

// read is bounded in size, and never waits on what is no file.
func (f keyFile) read(context.Context) ([]byte, error) {
	info, err := os.Stat(string(f))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", string(f))
	}
	file, err := os.Open(string(f))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxKeyDocument+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeyDocument {
		return nil, fmt.Errorf("%s is larger than %d bytes", string(f), maxKeyDocument)
	}
	return data, nil
}
