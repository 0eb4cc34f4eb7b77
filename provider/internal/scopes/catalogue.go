package scopes

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Resource is a protected resource that access tokens are issued for.
type Resource struct {
	// Identifier is the resource indicator: an absolute URI without fragment.
	Identifier string
	// Scopes are the scopes that belong to it.
	Scopes []string
	// SigningAlg signs its access tokens; empty means the issuer's default.
	SigningAlg string
	// Opaque says that it takes opaque access tokens, not JWTs.
	Opaque bool
	// ClientIDs are the clients that the resource itself acts as.
	ClientIDs []string
}

// Catalogue is immutable and safe for concurrent use.
type Catalogue struct {
	issuer       string
	descriptions map[string]string
	resources    []Resource
	names        []string
}

// standard are the scopes of OpenID Connect Core 1.0 §5.4 and §11, in words.
var standard = []struct{ name, description string }{
	{oidckit.ScopeOpenID, "Know who you are"},
	{oidckit.ScopeProfile, "See your name and profile"},
	{oidckit.ScopeEmail, "See your e-mail address"},
	{oidckit.ScopeAddress, "See your postal address"},
	{oidckit.ScopePhone, "See your phone number"},
	{oidckit.ScopeOfflineAccess, "Keep this access while you are away"},
}

// New returns the catalogue of the standard scopes and the given ones, and all
// problems together.
func New(issuer string, descriptions map[string]string, resources []Resource) (*Catalogue, error) {
	c := &Catalogue{issuer: issuer, descriptions: map[string]string{}, resources: resources}
	var errs []error
	for _, s := range standard {
		c.descriptions[s.name] = s.description
		c.names = append(c.names, s.name)
	}
	var own []string
	for name, description := range descriptions {
		if s, err := oidckit.ParseScope(name); err != nil || len(s) != 1 {
			errs = append(errs, fmt.Errorf("Scopes: %q is not a scope token", name))
			continue
		}
		if _, known := c.descriptions[name]; !known {
			own = append(own, name)
		}
		c.descriptions[name] = description
	}
	seen := map[string]bool{}
	for i, r := range resources {
		if err := CheckIndicator(r.Identifier); err != nil || seen[r.Identifier] {
			errs = append(errs, fmt.Errorf("Resources[%d]: %q must be an absolute URI without fragment, given once", i, r.Identifier))
		}
		seen[r.Identifier] = true
		for _, name := range r.Scopes {
			if s, err := oidckit.ParseScope(name); err != nil || len(s) != 1 {
				errs = append(errs, fmt.Errorf("Resources[%d]: %q is not a scope token", i, name))
			} else if isStandard(name) {
				errs = append(errs, fmt.Errorf("Resources[%d]: scope %q belongs to OpenID Connect", i, name))
			} else if _, known := c.descriptions[name]; !known {
				own = append(own, name)
				c.descriptions[name] = name
			}
		}
	}
	slices.Sort(own)
	c.names = append(c.names, own...)
	return c, errors.Join(errs...)
}

// CheckIndicator implements RFC 8707 §2: an absolute URI without a fragment.
func CheckIndicator(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || !u.IsAbs() || strings.Contains(raw, "#") || (u.Host == "" && u.Opaque == "") || len(raw) > 2048 {
		return oidckit.NewError(oidckit.InvalidTarget, "resource must be an absolute URI without fragment")
	}
	return nil
}

func isStandard(name string) bool {
	for _, s := range standard {
		if s.name == name {
			return true
		}
	}
	return false
}

// Names returns every scope: scopes_supported.
func (c *Catalogue) Names() []string { return slices.Clone(c.names) }

// Describe returns a scope in words.
func (c *Catalogue) Describe(name string) string { return c.descriptions[name] }

// Allowed returns those of the requested scopes that exist and that the client
// may have. A client that registered none may have the standard ones.
func (c *Catalogue) Allowed(client *opstore.Client, requested oidckit.Scope) oidckit.Scope {
	registered, _ := oidckit.ParseScope(client.Metadata.Scope)
	var out oidckit.Scope
	for _, name := range requested {
		_, known := c.descriptions[name]
		if known && (registered.Has(name) || (len(registered) == 0 && isStandard(name))) {
			out = append(out, name)
		}
	}
	return out
}

// CheckResources implements RFC 8707 §2 for a request's resource parameters.
func (c *Catalogue) CheckResources(requested []string) error {
	if len(requested) > len(c.resources) {
		return oidckit.NewError(oidckit.InvalidTarget, "a resource is unknown or repeated")
	}
	for _, id := range requested {
		if err := CheckIndicator(id); err != nil {
			return err
		}
		if c.resource(id) == nil {
			return oidckit.NewError(oidckit.InvalidTarget, "a resource is unknown")
		}
	}
	return nil
}

func (c *Catalogue) resource(id string) *Resource {
	for i := range c.resources {
		if c.resources[i].Identifier == id {
			return &c.resources[i]
		}
	}
	return nil
}

// Target is what one access token is for.
type Target struct {
	Audience []string
	Scope    oidckit.Scope
	// SigningAlg is empty for the issuer's default.
	SigningAlg string
	// Opaque is true where all resources of the audience take opaque tokens:
	// one that takes JWTs could not read them, while one that takes opaque
	// tokens asks the issuer, who knows both.
	Opaque bool
}

// Target decides audience and scope of an access token: the resources asked
// for, else those the scopes belong to, else the issuer itself. Scopes of
// resources that are not in the audience are left out. A token with openid is
// also for the issuer, where userinfo is.
func (c *Catalogue) Target(scope oidckit.Scope, requested []string) Target {
	t := Target{}
	for i := range c.resources {
		r := &c.resources[i]
		wanted := slices.Contains(requested, r.Identifier)
		if len(requested) == 0 {
			wanted = slices.ContainsFunc(r.Scopes, scope.Has)
		}
		if wanted {
			t.Opaque = r.Opaque && (t.Opaque || len(t.Audience) == 0)
			t.Audience = append(t.Audience, r.Identifier)
			if t.SigningAlg == "" {
				t.SigningAlg = r.SigningAlg
			}
		}
	}
	for _, name := range scope {
		if c.belongs(name, t.Audience) {
			t.Scope = append(t.Scope, name)
		}
	}
	if len(t.Audience) == 0 || scope.Has(oidckit.ScopeOpenID) {
		t.Audience = append(t.Audience, c.issuer)
	}
	return t
}

// Concerns reports whether a client acts as one of the resources of an
// audience: what is meant for the resource it may know.
func (c *Catalogue) Concerns(clientID string, audience []string) bool {
	for _, id := range audience {
		if r := c.resource(id); r != nil && slices.Contains(r.ClientIDs, clientID) {
			return true
		}
	}
	return false
}

// Within reports whether every resource asked for is part of a grant: named in
// it or, where it names none, reached by one of its scopes. A client that acts
// for itself may also have a resource that has no scopes.
func (c *Catalogue) Within(asked []string, auth *opstore.Authorization) bool {
	for _, id := range asked {
		r := c.resource(id)
		switch {
		case r == nil:
			return false
		case slices.Contains(auth.Resource, id):
		case len(auth.Resource) == 0 && slices.ContainsFunc(r.Scopes, auth.Scope.Has):
		case auth.Subject == "" && len(r.Scopes) == 0:
		default:
			return false
		}
	}
	return true
}

// belongs reports whether a scope means something to one of the audience.
func (c *Catalogue) belongs(name string, audience []string) bool {
	owned := false
	for _, r := range c.resources {
		if slices.Contains(r.Scopes, name) {
			if slices.Contains(audience, r.Identifier) {
				return true
			}
			owned = true
		}
	}
	return !owned
}
