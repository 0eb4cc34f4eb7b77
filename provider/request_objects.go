package provider

import (
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/requestobject"
)

// RequestObjects is RFC 9101 and OpenID Connect Core 1.0 §6: authorization
// requests that come as a JWT, signed by the client, by value (request) or by
// reference (request_uri). A request_uri is one of those that the client has
// registered, and is fetched as Config.Outbound has it. Parameters beside the
// object do not count.
type RequestObjects struct {
	// AllowUnsigned takes objects under none from clients that have registered
	// request_object_signing_alg none.
	AllowUnsigned bool
	// AllowParametersOutside takes parameters that the object lacks from beside
	// it, as OpenID Connect Core 1.0 §6.1 has it and RFC 9101 §6.3 does not:
	// nobody has signed those.
	AllowParametersOutside bool
}

func (f *RequestObjects) check(*resolved) []error { return nil }

// routes adds none: the objects come to the authorization endpoint.
func (f *RequestObjects) routes(a *assembly) []route {
	a.authorize.RequestObjects = &requestobject.Resolver{
		Issuer: a.cfg.Issuer, Verifier: a.clientJWTs, HTTPClient: a.outbound,
		AllowUnsigned: f.AllowUnsigned, AllowParametersOutside: f.AllowParametersOutside,
	}
	return nil
}

func (f *RequestObjects) describe(_ *resolved, m *oidckit.ProviderMetadata) {
	m.RequestParameterSupported, m.RequestURIParameterSupported, m.RequireRequestURIRegistration = true, true, true
	m.RequestObjectSigningAlgValuesSupported = f.algorithms()
}

// algorithms is what clients may register; none where the feature is off.
func (f *RequestObjects) algorithms() []string {
	if f == nil {
		return nil
	}
	return requestobject.Algorithms(f.AllowUnsigned)
}
