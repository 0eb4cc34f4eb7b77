package provider

import (
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/authorize"
	"github.com/oidckit/oidckit/provider/internal/clientauth"
	"github.com/oidckit/oidckit/provider/internal/discovery"
	"github.com/oidckit/oidckit/provider/internal/endsession"
	"github.com/oidckit/oidckit/provider/internal/token"
	"github.com/oidckit/oidckit/provider/internal/userinfo"
)

// Paths below the issuer.
const (
	pathOpenIDConfiguration = "/.well-known/openid-configuration"
	pathServerMetadata      = "/.well-known/oauth-authorization-server"
	pathJWKS                = "/jwks"
	pathAuthorize           = "/authorize"
	pathToken               = "/token"
	pathUserinfo            = "/userinfo"
	pathEndSession          = "/end_session"
	pathEndSessionConfirm   = "/end_session/confirm"
	pathLogin               = "/login"
	pathConsent             = "/consent"
)

// answerTimeout bounds what an endpoint asks of the stores: a database that
// hangs gets people and clients a 503, not a wait without end.
const answerTimeout = 10 * time.Second

type endpoints struct {
	authorize  *authorize.Handler
	token      *token.Handler
	userinfo   *userinfo.Handler
	endSession *endsession.Handler
}

type route struct {
	path    string
	handler http.Handler
}

func (p *Provider) route(e endpoints) error {
	metadata, err := discovery.NewMetadata(p.metadata())
	if err != nil {
		return err
	}
	jwks := &discovery.JWKS{Keys: p.keys}
	var (
		read     = []string{http.MethodGet, http.MethodHead}
		post     = []string{http.MethodPost}
		getPost  = []string{http.MethodGet, http.MethodPost}
		errPage  = page.ErrorWriter(p.cfg.Name)
		base     = p.cfg.url.Path
		document = func(name string, fn wire.HandlerFunc) http.Handler {
			return wire.Endpoint(p.observed(fn), wire.Options{Logger: p.cfg.Logger, Name: name, Methods: read})
		}
		endpoint = func(name string, fn wire.HandlerFunc, methods []string, write func(http.ResponseWriter, *http.Request, *oidckit.Error)) http.Handler {
			return wire.Endpoint(p.observed(fn), wire.Options{
				Logger: p.cfg.Logger, Name: name, Methods: methods, Timeout: answerTimeout, WriteError: write,
			})
		}
		cors = func(h http.Handler) http.Handler { return wire.CORS(h, p.cfg.clients.HasOrigin) }
	)
	configuration := document("discovery", metadata.Serve)
	p.routes = []route{
		{base + pathOpenIDConfiguration, configuration},
		{base + pathServerMetadata, configuration},
		{base + pathJWKS, document("jwks", jwks.Serve)},
		{base + pathAuthorize, endpoint("authorize", e.authorize.Serve, getPost, errPage)},
		{base + pathToken, cors(endpoint("token", e.token.Serve, post, clientauth.WriteError))},
		{base + pathUserinfo, cors(endpoint("userinfo", e.userinfo.Serve, getPost, userinfo.WriteError))},
		{base + pathEndSession, endpoint("end_session", e.endSession.Serve, getPost, errPage)},
		{base + pathEndSessionConfirm, endpoint("end_session", e.endSession.Confirm, post, errPage)},
		{base + pathConsent, endpoint("consent", p.interaction.Consent, getPost, errPage)},
	}
	if p.cfg.LoginURL == "" {
		p.routes = append(p.routes, route{base + pathLogin, endpoint("login", p.interaction.Login, getPost, errPage)})
	}
	if base != "" {
		// RFC 8414 §3.1: the well-known part goes between host and path
		p.routes = append(p.routes, route{pathServerMetadata + base, configuration}, route{pathOpenIDConfiguration + base, configuration})
	}
	p.byPath = make(map[string]http.Handler, len(p.routes))
	for _, rt := range p.routes {
		p.byPath[rt.path] = rt.handler
	}
	return nil
}

// observed reports the failures that are ours.
func (p *Provider) observed(fn wire.HandlerFunc) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := fn(w, r)
		if err != nil && wire.AsError(err).HTTPStatus() == http.StatusServiceUnavailable {
			p.cfg.Events.Send(r.Context(), oidckit.Event{Name: oidckit.EventStoreUnavailable, Issuer: p.cfg.Issuer, Err: err})
		}
		return err
	}
}

// metadata is derived from what is served, never written down twice.
func (p *Provider) metadata() oidckit.ProviderMetadata {
	iss := p.cfg.Issuer
	return oidckit.ProviderMetadata{
		Issuer:                                     iss,
		AuthorizationEndpoint:                      iss + pathAuthorize,
		TokenEndpoint:                              iss + pathToken,
		UserinfoEndpoint:                           iss + pathUserinfo,
		JWKSURI:                                    iss + pathJWKS,
		EndSessionEndpoint:                         iss + pathEndSession,
		ScopesSupported:                            p.cfg.catalogue.Names(),
		ResponseTypesSupported:                     []string{"code"},
		ResponseModesSupported:                     []string{"query"},
		GrantTypesSupported:                        token.GrantTypes(),
		SubjectTypesSupported:                      []string{"public"},
		IDTokenSigningAlgValuesSupported:           p.cfg.SigningAlgs,
		TokenEndpointAuthMethodsSupported:          clientauth.Methods(),
		PromptValuesSupported:                      []string{oidckit.PromptNone, oidckit.PromptLogin, oidckit.PromptConsent, oidckit.PromptSelectAccount},
		ClaimTypesSupported:                        []string{"normal"},
		ClaimsSupported:                            userinfo.ClaimNames(),
		CodeChallengeMethodsSupported:              []string{"S256"},
		AuthorizationResponseIssParameterSupported: true,
	}
}
