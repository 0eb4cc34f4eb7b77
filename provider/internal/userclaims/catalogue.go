package userclaims

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
)

// standard is OpenID Connect Core 1.0 §5.4.
var standard = []struct {
	scope  string
	claims []string
}{
	{oidckit.ScopeProfile, []string{
		"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
		"picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
	}},
	{oidckit.ScopeEmail, []string{"email", "email_verified"}},
	{oidckit.ScopeAddress, []string{"address"}},
	{oidckit.ScopePhone, []string{"phone_number", "phone_number_verified"}},
}

// protocol are claims that say something about a token, not about a person
// (RFC 7519 §4.1, OpenID Connect Core 1.0 §2, RFC 9068 §2.2).
var protocol = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "s_hash",
	"sid", "events", "cnf", "act", "may_act", "scope", "client_id", "_claim_names", "_claim_sources",
}

// Catalogue knows the claims that there are and the scope of each. It is
// immutable and safe for concurrent use.
type Catalogue struct {
	names   []string
	byScope map[string][]string
	scopeOf map[string]string
	// aliases are further names, by the claim that they tell.
	aliases map[string][]string
}

// New returns the catalogue of the standard claims and of own ones by their
// scope, and all problems together.
func New(own map[string][]string) (*Catalogue, error) {
	c := &Catalogue{byScope: map[string][]string{}, scopeOf: map[string]string{}}
	for _, s := range standard {
		for _, name := range s.claims {
			c.add(s.scope, name)
		}
	}
	var errs []error
	for _, scope := range slices.Sorted(maps.Keys(own)) {
		for _, name := range own[scope] {
			switch _, known := c.scopeOf[name]; {
			case !plain(name):
				errs = append(errs, fmt.Errorf("Claims: %q must be letters, digits and the characters _ - . : /", name))
			case slices.Contains(protocol, name):
				errs = append(errs, fmt.Errorf("Claims: %q belongs to the protocol", name))
			case known:
				errs = append(errs, fmt.Errorf("Claims: %q has a scope already: %s", name, c.scopeOf[name]))
			default:
				c.add(scope, name)
			}
		}
	}
	return c, errors.Join(errs...)
}

func (c *Catalogue) add(scope, name string) {
	c.names = append(c.names, name)
	c.byScope[scope] = append(c.byScope[scope], name)
	c.scopeOf[name] = scope
}

// WithAliases returns the catalogue with further names, each with the claim
// that it stands for: what is told under a claim's name is told under its
// aliases too. A claim that has the name of an alias keeps it for itself.
func (c *Catalogue) WithAliases(claimOf map[string]string) *Catalogue {
	out := *c
	out.aliases = make(map[string][]string, len(claimOf))
	for _, alias := range slices.Sorted(maps.Keys(claimOf)) {
		if _, taken := c.scopeOf[alias]; taken {
			continue
		}
		out.aliases[claimOf[alias]] = append(out.aliases[claimOf[alias]], alias)
		out.names = append(slices.Clone(out.names), alias)
	}
	return &out
}

// plain reports whether a name can stand in JSON as it is, without a language
// tag.
func plain(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-.:/", r)
	})
}

// Names lists every claim there is, sub first: claims_supported.
func (c *Catalogue) Names() []string { return append([]string{"sub"}, c.names...) }

// Within returns those of the names, each with or without a language tag, that
// exist and whose scope a client may have.
func (c *Catalogue) Within(names []string, may func(scope string) bool) []string {
	var out []string
	for _, name := range names {
		if scope, known := c.scopeOf[base(name)]; known && may(scope) {
			out = append(out, name)
		}
	}
	return out
}

// Beyond returns, without their language tags and each once, the names that
// tell more than a scope does.
func (c *Catalogue) Beyond(names []string, scope oidckit.Scope) []string {
	var out []string
	for _, name := range names {
		name = base(name)
		if !scope.Has(c.scopeOf[name]) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// base returns a name without its language tag (OpenID Connect Core 1.0 §5.2).
func base(name string) string {
	name, _, _ = strings.Cut(name, "#")
	return name
}
