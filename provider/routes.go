package provider

import (
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clientauth"
	"github.com/oidckit/oidckit/provider/internal/discovery"
	"github.com/oidckit/oidckit/provider/internal/endsession"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
	"github.com/oidckit/oidckit/provider/internal/userinfo"
)

// answerTimeout bounds what an endpoint asks of the stores: a database that
// hangs gets people and clients a 503, not a wait without end.
const answerTimeout = 10 * time.Second

// route makes the one table that routes and metadata come from.
func (p *Provider) route(a *assembly, uinfo *userinfo.Handler, end *endsession.Handler) error {
	metadata, err := discovery.NewMetadata(p.metadata())
	if err != nil {
		return err
	}
	jwks, paths, base := &discovery.JWKS{Keys: p.keys}, p.cfg.Paths, p.cfg.url.Path
	configuration := p.document("discovery", metadata.Serve)
	p.routes = []route{
		p.at(pathOpenIDConfiguration, configuration),
		p.at(pathServerMetadata, configuration),
		p.at(paths.JWKS, p.document("jwks", jwks.Serve)),
		p.at(paths.Authorization, p.page("authorize", a.authorizationRequests(a.authorize.Serve), getPost)),
		p.at(paths.Token, p.cors(p.endpoint("token", a.clientRequests(a.token.Serve), post, clientauth.WriteError))),
		p.at(paths.Userinfo, p.cors(p.endpoint("userinfo", uinfo.Serve, getPost, userinfo.WriteError))),
		p.at(paths.EndSession, p.page("end_session", end.Serve, getPost)),
		p.at(paths.EndSession+"/confirm", p.page("end_session", end.Confirm, post)),
	}
	if p.cfg.ConsentURL == "" {
		p.routes = append(p.routes, p.at(paths.Consent, p.page("consent", p.interaction.Consent, getPost)))
	}
	if p.cfg.LoginURL == "" {
		p.routes = append(p.routes, p.at(paths.Login, p.page("login", p.interaction.Login, getPost)))
	}
	for _, f := range p.cfg.features() {
		p.routes = append(p.routes, f.routes(a)...)
	}
	p.routes = append(p.routes, p.aliases()...)
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
		p.startBackground()
		err := fn(w, r)
		if err != nil && wire.AsError(err).HTTPStatus() == http.StatusServiceUnavailable {
			p.cfg.Events.Send(r.Context(), oidckit.Event{Name: oidckit.EventStoreUnavailable, Issuer: p.cfg.Issuer, Err: err})
		}
		return err
	}
}

// metadata is derived from what is served, never written down twice.
func (p *Provider) metadata() oidckit.ProviderMetadata {
	iss, paths := p.cfg.Issuer, p.cfg.Paths
	m := oidckit.ProviderMetadata{
		Issuer:                                     iss,
		AuthorizationEndpoint:                      iss + paths.Authorization,
		TokenEndpoint:                              iss + paths.Token,
		UserinfoEndpoint:                           iss + paths.Userinfo,
		JWKSURI:                                    iss + paths.JWKS,
		EndSessionEndpoint:                         iss + paths.EndSession,
		ScopesSupported:                            p.cfg.catalogue.Names(),
		ResponseTypesSupported:                     p.cfg.responseTypeNames(),
		ResponseModesSupported:                     responsetype.Modes(),
		GrantTypesSupported:                        p.cfg.grantTypes(),
		ACRValuesSupported:                         p.cfg.ACRValues,
		DisplayValuesSupported:                     []string{"page", "popup"},
		UserinfoSigningAlgValuesSupported:          p.cfg.SigningAlgs,
		ClaimsParameterSupported:                   true,
		SubjectTypesSupported:                      []string{"public"},
		IDTokenSigningAlgValuesSupported:           p.cfg.SigningAlgs,
		TokenEndpointAuthMethodsSupported:          clientauth.Methods(),
		TokenEndpointAuthSigningAlgValuesSupported: clientauth.Algorithms(),
		PromptValuesSupported:                      []string{oidckit.PromptNone, oidckit.PromptLogin, oidckit.PromptConsent, oidckit.PromptSelectAccount},
		UILocalesSupported:                         p.cfg.site.Tags(),
		ClaimTypesSupported:                        []string{"normal"},
		ClaimsSupported:                            p.cfg.userClaims.Names(),
		CodeChallengeMethodsSupported:              []string{"S256"},
		AuthorizationResponseIssParameterSupported: true,
	}
	for _, f := range p.cfg.features() {
		f.describe(p.cfg, &m)
	}
	return m
}
