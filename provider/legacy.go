package provider

import (
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
)

// Legacy is what RFC 9700 advises against and some clients still need. Each
// client is registered for what it uses; the zero value offers nothing.
type Legacy struct {
	// Implicit offers the response types "id_token" and "id_token token" (OpenID
	// Connect Core 1.0 §3.2). "token" alone, which has no ID token that its
	// client could check it by, is never offered.
	Implicit bool
}

func (l *Legacy) responseTypes() []responsetype.Type {
	if !l.Implicit {
		return nil
	}
	return []responsetype.Type{responsetype.IDToken, responsetype.IDToken | responsetype.Token}
}

func (l *Legacy) check(*resolved) []error                       { return nil }
func (l *Legacy) routes(*assembly) []route                      { return nil }
func (l *Legacy) describe(*resolved, *oidckit.ProviderMetadata) {}
