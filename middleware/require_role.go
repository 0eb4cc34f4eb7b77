package middleware

import (
	"net/http"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

var (
	// RFC 6750 §3.1: more privileges than the token provides
	errInsufficientRole = oidckit.NewError(oidckit.InsufficientScope, "the token does not have the role this needs")
	errRoleSetup        = errSetup("a guard for roles without a claim or without a role")
)

// RoleClaim says where an issuer puts a user's roles. No standard does.
type RoleClaim struct {
	// Claim is the claim's name, or the names that lead to it with dots
	// between: "roles", "realm_access.roles", "resource_access.shop.roles".
	Claim string
	// Path is the same as a list, for names that have dots themselves:
	// "https://example.com/roles". It is used instead of Claim.
	Path []string
	// AllowString takes roles from a string with spaces between, too. Otherwise
	// only an array of strings has any.
	AllowString bool
}

// RequireRole lets requests through whose identity has every one of the roles
// in a claim: "realm_access.roles", for one. A role is matched whole and
// case-sensitively. The refusal is 403 insufficient_scope behind RequireBearer.
// RoleClaim is the long form.
func RequireRole(claim string, roles ...string) func(http.Handler) http.Handler {
	return RoleClaim{Claim: claim}.Require(roles...)
}

// RequireAnyRole is RequireRole for identities with at least one of the roles.
func RequireAnyRole(claim string, roles ...string) func(http.Handler) http.Handler {
	return RoleClaim{Claim: claim}.RequireAny(roles...)
}

// Require is RequireRole for roles of this claim.
func (c RoleClaim) Require(roles ...string) func(http.Handler) http.Handler {
	return c.require(roles, len(roles))
}

// RequireAny is RequireAnyRole for roles of this claim.
func (c RoleClaim) RequireAny(roles ...string) func(http.Handler) http.Handler {
	return c.require(roles, 1)
}

// require demands a number of the roles.
func (c RoleClaim) require(roles []string, least int) func(http.Handler) http.Handler {
	path := slices.Clone(c.Path)
	if len(path) == 0 {
		path = strings.Split(c.Claim, ".")
	}
	if len(roles) == 0 || slices.Contains(roles, "") || slices.Contains(path, "") {
		return answer(nil, errRoleSetup)
	}
	roles = slices.Clone(roles)
	return require(func(id *oidckit.Identity) bool {
		claim, _ := claimAt(id.Claims, path...)
		n := 0
		for _, role := range roles {
			if c.holds(claim, role) {
				n++
			}
		}
		return n >= least
	}, oidckit.Challenge{Err: errInsufficientRole})
}

// holds reports whether a role is in a claim.
func (c RoleClaim) holds(claim strictjson.Value, role string) bool {
	switch claim.Kind() {
	case strictjson.KindArray:
		found := false
		err := claim.Array(func(v strictjson.Value) error {
			found = found || v.Is(role)
			return nil
		})
		return err == nil && found
	case strictjson.KindString:
		text, err := claim.Text()
		return err == nil && c.AllowString && slices.Contains(strings.Split(text, " "), role)
	}
	return false
}
