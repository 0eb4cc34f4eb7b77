package provider

import (
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
)

// Hybrid lets clients that are registered for it take an ID token, or an
// access token, from the authorization endpoint together with a code (OpenID
// Connect Core 1.0 §3.3). The zero value offers "code id_token".
type Hybrid struct {
	// AllowAccessTokens offers "code token" and "code id_token token" too. They
	// put access tokens into addresses, where RFC 9700 §2.1.2 does not want them.
	AllowAccessTokens bool
}

func (h *Hybrid) responseTypes() []responsetype.Type {
	types := []responsetype.Type{responsetype.Code | responsetype.IDToken}
	if h.AllowAccessTokens {
		types = append(types, responsetype.Code|responsetype.Token, responsetype.Code|responsetype.IDToken|responsetype.Token)
	}
	return types
}

func (h *Hybrid) check(*resolved) []error                       { return nil }
func (h *Hybrid) routes(*assembly) []route                      { return nil }
func (h *Hybrid) describe(*resolved, *oidckit.ProviderMetadata) {}
