package provider

import (
	"context"
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
	"github.com/oidckit/oidckit/provider/internal/token"
	"time"
)

// Legacy is what RFC 9700 advises against and some clients still need. Each
// client is registered for what it uses; the zero value offers nothing.
type Legacy struct {
	// Implicit offers the response types "id_token" and "id_token token" (OpenID
	// Connect Core 1.0 §3.2). "token" alone, which has no ID token that its
	// client could check it by, is never offered.
	Implicit bool
	// Password offers the password grant (RFC 6749 §4.3), in which an app sees
	// the person's password. nil does not.
	Password *PasswordGrant
	// Preset serves clients that were written to a vendor's pages. Empty is the
	// standards alone.
	Preset Preset
}

// PasswordGrant is the settings of the password grant. Wrong passwords of
// a user are counted together with those of the login page; the address that
// the app's server has counts for nothing.
type PasswordGrant struct {
	// CheckPassword returns who the user is, or oidckit.ErrUnauthenticated where
	// name and password do not belong together. Default: Users.CheckPassword.
	CheckPassword func(ctx context.Context, username, password string) (oidckit.Authentication, error)
}

// checker checks passwords behind the throttle of the login page.
func (g *PasswordGrant) checker(p *Provider) token.CheckPassword {
	check := g.CheckPassword
	if check == nil {
		check = p.users.CheckPassword
	}
	return func(ctx context.Context, clientID, username, password string) (oidckit.Authentication, time.Duration, error) {
		return p.interaction.TryPasswordFromApp(ctx, clientID, username, password, check)
	}
}

func (l *Legacy) responseTypes() []responsetype.Type {
	if !l.Implicit {
		return nil
	}
	return []responsetype.Type{responsetype.IDToken, responsetype.IDToken | responsetype.Token}
}

func (l *Legacy) check(r *resolved) []error                     { return l.checkPreset(r) }
func (l *Legacy) routes(*assembly) []route                      { return nil }
func (l *Legacy) describe(*resolved, *oidckit.ProviderMetadata) {}
