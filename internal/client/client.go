package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/jwks"
)

// Leeway is what clocks may differ by.
const Leeway = time.Minute

// Client is one client at one authorization server. It is safe for concurrent
// use.
type Client struct {
	cfg      Config
	metadata *discovery.Client
	http     *http.Client
	keys     jwks.Source
	// fetched is what keys are where they are fetched.
	fetched *jwks.Cache
	// renewals is how many further keys a signature is tried with.
	renewals int
}

// New returns a client that has asked nothing yet.
func New(cfg Config) (*Client, error) {
	c := &Client{cfg: cfg, http: httpx.Bounded(cfg.HTTPClient)}
	c.metadata = discovery.New(discovery.Config{Issuer: cfg.Issuer, Metadata: cfg.Metadata, HTTPClient: cfg.HTTPClient, Logger: cfg.Logger})
	if cfg.Keys != nil {
		c.keys, c.renewals = jwks.ByHand(cfg.Keys, keyScope(cfg.Issuer)), len(cfg.Keys)
		return c, nil
	}
	var err error
	c.fetched, err = jwks.New(jwks.Config{Fetch: c.fetchKeys, Failed: c.metadata.Expire, Scope: keyScope(cfg.Issuer), Logger: cfg.Logger})
	c.keys, c.renewals = c.fetched, 1
	return c, err
}

// Close ends background work. It may be called more than once.
func (c *Client) Close() error {
	err := c.metadata.Close()
	if c.fetched != nil {
		err = errors.Join(err, c.fetched.Close())
	}
	return err
}

// Published returns the server's metadata as it is published, with the
// endpoints that are meant for this client's way to authenticate. It is shared
// and must not be modified.
func (c *Client) Published(ctx context.Context) (*oidckit.ProviderMetadata, error) {
	m, err := c.metadata.Metadata(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return c.cfg.Endpoints.over(c.withAliases(m)), nil
}

// Metadata is Published for a server with the endpoints that a login needs.
func (c *Client) Metadata(ctx context.Context) (*oidckit.ProviderMetadata, error) {
	m, err := c.Published(ctx)
	if err != nil {
		return nil, err
	}
	// OpenID Connect Discovery 1.0 §3: token_endpoint is not for the implicit flow
	if m.AuthorizationEndpoint == "" || m.TokenEndpoint == "" && c.cfg.UsesTokenEndpoint() || m.JWKSURI == "" && c.cfg.Keys == nil && c.cfg.PlainOAuth == nil {
		return nil, fmt.Errorf("%w: it lacks an endpoint that a login needs", ErrUnavailable)
	}
	return m, nil
}
