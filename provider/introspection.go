package provider

import (
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/clientauth"
	"github.com/oidckit/oidckit/provider/internal/introspect"
)

// Introspection is RFC 7662, with signed answers (RFC 9701) for who accepts
// them: clients are told of their own tokens, and those named in
// Resource.ClientIDs of the access tokens for that resource. All others are
// told that a token is not active. A client has to prove itself, so public
// clients are refused.
type Introspection struct{}

func (f *Introspection) check(*resolved) []error { return nil }

func (f *Introspection) routes(a *assembly) []route {
	c := a.cfg
	h := &introspect.Handler{
		Issuer: c.Issuer, Clients: a.auth, Scopes: c.catalogue, Tokens: a.tokens, Grants: c.Stores.Grants,
		Subjects: a.tokens.Subjects, Claims: a.users.Claims, SigningAlg: c.SigningAlgs[0], Events: c.Events,
	}
	// RFC 9701 §6: the default is RS256
	if slices.Contains(c.SigningAlgs, "RS256") {
		h.SigningAlg = "RS256"
	}
	h.AlwaysUsername = c.preset() != nil
	return []route{a.at(c.Paths.Introspection, a.endpoint("introspection", a.clientRequests(h.Serve), post, clientauth.WriteError))}
}

func (f *Introspection) describe(r *resolved, m *oidckit.ProviderMetadata) {
	m.IntrospectionEndpoint = r.Issuer + r.Paths.Introspection
	m.IntrospectionEndpointAuthMethodsSupported = clientauth.ConfidentialMethods()
	m.IntrospectionEndpointAuthSigningAlgValuesSupported = clientauth.Algorithms()
	m.IntrospectionSigningAlgValuesSupported = r.SigningAlgs
}
