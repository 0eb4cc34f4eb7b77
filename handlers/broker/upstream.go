package broker

import (
	"cmp"
	"errors"
	"net/http"
	"sync"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/jose"
)

// maxUpstreams bounds how many providers a replica holds metadata and keys of.
const maxUpstreams = 1000

// upstreams holds a client for each provider that was used lately, as its
// record was then.
type upstreams struct {
	registry *Registry
	http     *http.Client
	signer   *jose.Signer
	log      zerolog.Logger

	mu     sync.Mutex
	closed bool
	byUUID map[string]*upstream
}

// upstream is the client of one version of a record.
type upstream struct {
	*client.Client
	version int64
}

func newUpstreams(r *Registry, signer *jose.Signer, log zerolog.Logger) *upstreams {
	return &upstreams{registry: r, http: r.out.client(), signer: signer, log: log, byUUID: map[string]*upstream{}}
}

var errNoSigningKey = errors.New("broker: a record has SignRequest, and there is no Config.SigningKey")

func authorizeParameters(p *IdentityProvider) map[string]string {
	out := make(map[string]string, len(p.AuthorizeParameters))
	for _, a := range p.AuthorizeParameters {
		out[a.Name] = a.Value
	}
	return out
}

var errClosed = errors.New("broker: closed")

// of returns the client of a record. A record that has changed since gets a new
// one: no setting outlives its change.
func (u *upstreams) of(p *IdentityProvider) (*upstream, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil, errClosed
	}
	old := u.byUUID[p.UUID]
	if old != nil && old.version == p.Version {
		return old, nil
	}
	made, err := u.make(p)
	if err != nil {
		return nil, err
	}
	if old == nil && len(u.byUUID) >= maxUpstreams {
		// Any one: it costs its next login a fetch.
		for uuid := range u.byUUID {
			old = u.byUUID[uuid]
			delete(u.byUUID, uuid)
			break
		}
	}
	if old != nil {
		u.drop(old)
	}
	u.byUUID[p.UUID] = made
	return made, nil
}

func (u *upstreams) drop(old *upstream) {
	if err := old.Close(); err != nil {
		u.log.Warn().Err(err).Msg("what was fetched of an identity provider could not be closed")
	}
}

func (u *upstreams) close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	var errs []error
	for _, up := range u.byUUID {
		errs = append(errs, up.Close())
	}
	clear(u.byUUID)
	return errors.Join(errs...)
}

// make reads a record as the settings of a client.
func (u *upstreams) make(p *IdentityProvider) (*upstream, error) {
	secret, err := u.registry.open(p)
	if err != nil {
		return nil, err
	}
	cfg := client.Config{
		Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: secret, RedirectURI: p.OAuthCallbackURL, Scope: p.Scope,
		TokenEndpointAuthMethod:  oidckit.AuthMethodClientSecretPost,
		IDTokenSignedResponseAlg: cmp.Or(p.IDTokenSignedResponseAlg, "RS256"),
		AuthorizationParams:      authorizeParameters(p),
		Legacy:                   client.Legacy{ScopeInTokenRequest: p.SendScopeInTokenRequest, InsecureNoPKCE: p.PKCE == PKCENone},
		HTTPClient:               u.http, Logger: u.log,
	}
	if p.ClientCredentialsHeaderEnabled {
		cfg.TokenEndpointAuthMethod = oidckit.AuthMethodClientSecretBasic
	}
	if p.GrantType == GrantTypeImplicit {
		cfg.ResponseType = "id_token"
	}
	if formPost(p) {
		cfg.ResponseMode = ResponseModeFormPost
	}
	if p.SignRequest {
		if u.signer == nil {
			return nil, errNoSigningKey
		}
		cfg.Signer, cfg.RequestObjects = u.signer, &client.RequestObjects{}
	}
	if p.Issuer == "" {
		cfg.Issuer, cfg.PlainOAuth = originOf(p.AuthorizeEndpoint), &client.PlainOAuth{}
		cfg.Metadata = &oidckit.ProviderMetadata{
			Issuer: cfg.Issuer, AuthorizationEndpoint: p.AuthorizeEndpoint, TokenEndpoint: p.TokenEndpoint, UserinfoEndpoint: p.UserInfoEndpoint,
			IntrospectionEndpoint: p.IntrospectionEndpoint,
		}
	} else {
		cfg.Endpoints = client.Endpoints{
			Authorization: p.AuthorizeEndpoint, Token: p.TokenEndpoint, Userinfo: p.UserInfoEndpoint,
			Introspection: p.IntrospectionEndpoint, JWKS: p.JWKSURI,
		}
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, err
	}
	return &upstream{Client: c, version: p.Version}, nil
}
