package provider

import (
	"fmt"
	"maps"
	"slices"

	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/endsession"
	"github.com/oidckit/oidckit/provider/internal/preset"
	"github.com/oidckit/oidckit/provider/internal/userinfo"
)

// Preset serves clients that were written to the pages of a vendor, word for
// word, with the vendor's paths and what the pages ask for beside or against
// the standards. A request in standard form is read as ever.
//
// A request makes use of the preset where it has redirect_url, parameters in the
// query or no client_id, splits scopes at slashes ("email/profile") or spells
// the standard's in capitals, or has the client's secret both in header and
// body, where they must be equal. Only then the scope that stands beside a code
// must lie within what was granted. A scope of the issuer that has a slash itself
// is never split. A secret in one place counts wherever its client is registered
// to put it.
//
// For all clients a preset exempts the confidential ones from PKCE, issues
// refresh tokens without offline_access to those that are registered for them,
// answers userinfo for tokens without openid, puts the claims of the scopes into
// ID tokens too, and has introspection tell a username whatever the scope. The
// last is never told of a pairwise client's tokens; who must not know names has
// to be one. Claims are told under the pages' names too, but where Config.Claims
// has a claim of that name, which then stands alone.
type Preset string

// Presets.
const (
	// PresetMiniOrange is miniOrange's OAuth 2.0 and OpenID Connect server. The
	// issuer's path is /moas; the paths of older pages are served at the root.
	PresetMiniOrange Preset = "miniorange"
	// PresetSignicat is the Signicat Identity Broker. Its endpoints lie below
	// /broker/openidconnect.
	PresetSignicat Preset = "signicat"
)

// Presets lists the presets there are.
func Presets() []Preset { return []Preset{PresetMiniOrange, PresetSignicat} }

// presetRules is what a preset switches on.
type presetRules struct {
	dialect preset.Dialect
	paths   Paths
	// issuerPath is the path that the issuer must have, where one is fixed.
	issuerPath string
	// aliases are the paths of older pages, from the root, and the endpoint of
	// today that each leads to.
	aliases map[string]string
	// getRevocation answers the GET that ends an access token.
	getRevocation bool
	// claimNames are the pages' names of claims, each with the standard's.
	claimNames map[string]string
	// logoutFollows sends a person back to an address that a client of the
	// session has registered, although the request names no client.
	logoutFollows bool
}

var presets = map[Preset]presetRules{
	PresetMiniOrange: {
		dialect: preset.MiniOrange,
		paths: Paths{
			Authorization: "/idp/openidsso", Token: "/rest/oauth/token", Userinfo: "/rest/oauth/getuserinfo",
			Introspection: "/rest/oauth/introspect", Revocation: "/rest/oauth/revoke", EndSession: "/idp/oidc/logout",
		},
		issuerPath: "/moas",
		aliases: map[string]string{
			"/idp/openidsso": "/idp/openidsso", "/rest/oauth/token": "/rest/oauth/token", "/rest/oauth/revoke": "/rest/oauth/revoke",
			"/rest/oauth/getuserinfo": "/rest/oauth/getuserinfo", "/rest/oauth/introspect": "/rest/oauth/introspect",
			"/api/oauth/getuserinfo": "/rest/oauth/getuserinfo", "/moas/api/oauth/getuserinfo": "/rest/oauth/getuserinfo",
			"/idp/oidc/logout": "/idp/oidc/logout",
		},
		getRevocation: true,
		claimNames: map[string]string{
			"firstname": "given_name", "lastname": "family_name", "username": "preferred_username",
			"Email": "email", "Phone": "phone_number", "Name": "name",
		},
		logoutFollows: true,
	},
	PresetSignicat: {
		dialect: preset.Signicat,
		paths: Paths{
			Authorization: "/broker/openidconnect/authorize", Token: "/broker/openidconnect/token", Userinfo: "/broker/openidconnect/userinfo",
		},
	},
}

// preset returns what the config's preset switches on, nil without one.
func (c *Config) preset() *presetRules {
	if c.Legacy == nil {
		return nil
	}
	if rules, ok := presets[c.Legacy.Preset]; ok {
		return &rules
	}
	return nil
}

// resolvePreset fills in what the preset brings, where the config does not say
// otherwise.
func (r *resolved) resolvePreset() {
	rules := r.preset()
	if rules == nil {
		return
	}
	values := map[string]string{}
	rules.paths.each(func(name string, field *string, _ string) { values[name] = *field })
	r.Paths.each(func(name string, field *string, _ string) {
		if *field == "" {
			*field = values[name]
		}
	})
	r.AllowConfidentialWithoutPKCE = true
	if r.Introspection == nil {
		r.Introspection = &Introspection{}
	}
	if r.Revocation == nil {
		r.Revocation = &Revocation{}
	}
	if r.Certificates == nil {
		r.Certificates = &Certificates{}
	}
}

func (l *Legacy) checkPreset(r *resolved) []error {
	if l.Preset == "" {
		return nil
	}
	rules := r.preset()
	if rules == nil {
		return []error{fmt.Errorf("Legacy.Preset: %q is not one of %v", l.Preset, Presets())}
	}
	if rules.issuerPath != "" && r.url != nil && r.url.Path != rules.issuerPath {
		return []error{fmt.Errorf("Legacy.Preset: the issuer of %s must end in %s", l.Preset, rules.issuerPath)}
	}
	return nil
}

// usePreset switches on what cannot be said as a standard request.
func (a *assembly) usePreset(info *userinfo.Handler, end *endsession.Handler) {
	rules := a.cfg.preset()
	if rules == nil {
		return
	}
	a.token.RefreshWithoutOfflineAccess = true
	a.token.Codes = preset.Codes{Codes: a.token.Codes}
	a.tokens.ScopeClaimsInIDTokens = true
	info.WithoutOpenID = true
	end.FollowRegistered = rules.logoutFollows
}

// aliases returns the routes of the older paths.
func (p *Provider) aliases() []route {
	rules := p.cfg.preset()
	if rules == nil {
		return nil
	}
	var out []route
	for _, alias := range slices.Sorted(maps.Keys(rules.aliases)) {
		target := p.cfg.url.Path + rules.aliases[alias]
		for _, rt := range p.routes {
			if rt.path == target && alias != target {
				out = append(out, route{alias, rt.handler})
			}
		}
	}
	return out
}

// dialect is that of the preset, with the issuer's scopes.
func (a *assembly) dialect(rules *presetRules) preset.Dialect {
	d := rules.dialect
	d.Scopes = a.cfg.catalogue.Names()
	return d
}

// authorizationRequests has requests of the preset's dialect translated.
func (a *assembly) authorizationRequests(fn wire.HandlerFunc) wire.HandlerFunc {
	if rules := a.cfg.preset(); rules != nil {
		return a.dialect(rules).Authorize(fn)
	}
	return fn
}

// clientRequests is authorizationRequests for endpoints that clients
// authenticate at.
func (a *assembly) clientRequests(fn wire.HandlerFunc) wire.HandlerFunc {
	if rules := a.cfg.preset(); rules != nil {
		set := a.cfg.Stores
		return preset.Token{Dialect: a.dialect(rules), Clients: a.cfg.clients, Codes: set.Codes, Grants: set.Grants}.Wrap(fn)
	}
	return fn
}
