package provider

import (
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/authorize"
	"github.com/oidckit/oidckit/provider/internal/clientauth"
	"github.com/oidckit/oidckit/provider/internal/clientjwt"
	"github.com/oidckit/oidckit/provider/internal/session"
	"github.com/oidckit/oidckit/provider/internal/token"
	"github.com/oidckit/oidckit/provider/internal/tokens"
)

// feature is a part of the issuer that a config may leave out: then it has no
// route and does not stand in the metadata. The settings of a feature
// implement it.
type feature interface {
	// check returns what is wrong with the settings, each naming its field.
	check(r *resolved) []error
	// routes returns the endpoints.
	routes(a *assembly) []route
	// describe adds what the feature brings to the metadata.
	describe(r *resolved, m *oidckit.ProviderMetadata)
}

// features lists what the config switches on.
func (c *Config) features() []feature {
	var out []feature
	if c.Hybrid != nil {
		out = append(out, c.Hybrid)
	}
	if c.Legacy != nil {
		out = append(out, c.Legacy)
	}
	if c.Registration != nil {
		out = append(out, c.Registration)
	}
	if c.ClientAdmin != nil {
		out = append(out, c.ClientAdmin)
	}
	if c.Pairwise != nil {
		out = append(out, c.Pairwise)
	}
	if c.Introspection != nil {
		out = append(out, c.Introspection)
	}
	if c.Revocation != nil {
		out = append(out, c.Revocation)
	}
	if c.RequestObjects != nil {
		out = append(out, c.RequestObjects)
	}
	if c.BackchannelLogout != nil {
		out = append(out, c.BackchannelLogout)
	}
	if c.FrontchannelLogout != nil {
		out = append(out, c.FrontchannelLogout)
	}
	if c.SessionManagement != nil {
		out = append(out, c.SessionManagement)
	}
	if c.AccountPage != nil {
		out = append(out, c.AccountPage)
	}
	if c.Certificates != nil {
		out = append(out, c.Certificates)
	}
	return out
}

// assembly is the parts of a provider that endpoints share.
type assembly struct {
	*Provider
	box         *secret.Box
	crossOrigin *http.CrossOriginProtection
	sessions    *session.Sessions
	tokens      *tokens.Issuer
	auth        *clientauth.Authenticator
	clientJWTs  *clientjwt.Verifier
	authorize   *authorize.Handler
	token       *token.Handler
	// outbound calls addresses that clients have given.
	outbound *http.Client
}

type route struct {
	// path is the full path, the issuer's included.
	path    string
	handler http.Handler
}

var (
	read    = []string{http.MethodGet, http.MethodHead}
	post    = []string{http.MethodPost}
	getPost = []string{http.MethodGet, http.MethodPost}
)

// at returns a route below the issuer.
func (p *Provider) at(path string, h http.Handler) route { return route{p.cfg.url.Path + path, h} }

// document is an endpoint that asks no store.
func (p *Provider) document(name string, fn wire.HandlerFunc) http.Handler {
	return wire.Public(wire.Endpoint(p.observed(fn), wire.Options{Logger: p.cfg.Logger, Name: name, Methods: read}))
}

// endpoint is one that clients call; write writes its failures.
func (p *Provider) endpoint(name string, fn wire.HandlerFunc, methods []string, write func(http.ResponseWriter, *http.Request, *oidckit.Error)) http.Handler {
	return wire.Endpoint(p.observed(fn), wire.Options{
		Logger: p.cfg.Logger, Name: name, Methods: methods, Timeout: answerTimeout, WriteError: write,
	})
}

// page is an endpoint that people see.
func (p *Provider) page(name string, fn wire.HandlerFunc, methods []string) http.Handler {
	return p.endpoint(name, fn, methods, page.ErrorWriter(p.cfg.site))
}

// cors lets the origins of clients call h. Those of clients that are registered
// while the issuer runs are known once the client is.
func (p *Provider) cors(h http.Handler) http.Handler {
	if p.cfg.clients.Registered == nil {
		return wire.CORS(h, p.cfg.clients.Configured.HasOrigin)
	}
	return wire.CallerCORS(h, p.cfg.clients.Configured.HasOrigin)
}
