package provider

import (
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/clientauth"
	"github.com/oidckit/oidckit/provider/internal/preset"
	"github.com/oidckit/oidckit/provider/internal/revoke"
)

// Revocation is RFC 7009: a client that is done with a token takes it back. A
// refresh token takes all that came of its grant along. EventTokenRevoked,
// with its TokenID and Until, and EventGrantRevoked are for those who verify
// JWTs by their signature alone.
type Revocation struct{}

func (f *Revocation) check(*resolved) []error { return nil }

func (f *Revocation) routes(a *assembly) []route {
	c := a.cfg
	h := &revoke.Handler{Issuer: c.Issuer, Clients: a.auth, Tokens: a.tokens, Grants: c.Stores.Grants, Events: c.Events}
	serve, methods := a.clientRequests(h.Serve), post
	if rules := c.preset(); rules != nil && rules.getRevocation {
		serve, methods = preset.Revoke{End: h.End}.Beside(serve), getPost
	}
	return []route{a.at(c.Paths.Revocation, a.cors(a.endpoint("revocation", serve, methods, clientauth.WriteError)))}
}

func (f *Revocation) describe(r *resolved, m *oidckit.ProviderMetadata) {
	m.RevocationEndpoint = r.Issuer + r.Paths.Revocation
	m.RevocationEndpointAuthMethodsSupported = clientauth.Methods()
	m.RevocationEndpointAuthSigningAlgValuesSupported = clientauth.Algorithms()
}
