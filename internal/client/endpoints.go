package client

import "github.com/oidckit/oidckit"

// Endpoints are addresses of a server that are known by hand. Whoever sets them
// has checked them.
type Endpoints struct {
	Authorization, Token, Userinfo, Introspection, EndSession, JWKS string
}

// over returns the metadata with these in the place of its own.
func (e Endpoints) over(m *oidckit.ProviderMetadata) *oidckit.ProviderMetadata {
	if e == (Endpoints{}) {
		return m
	}
	own := *m
	for _, f := range []struct {
		by    string
		place *string
	}{
		{e.Authorization, &own.AuthorizationEndpoint}, {e.Token, &own.TokenEndpoint}, {e.Userinfo, &own.UserinfoEndpoint},
		{e.Introspection, &own.IntrospectionEndpoint}, {e.EndSession, &own.EndSessionEndpoint}, {e.JWKS, &own.JWKSURI},
	} {
		if f.by != "" {
			*f.place = f.by
		}
	}
	return &own
}
