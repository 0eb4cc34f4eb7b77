package middleware

import (
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
)

var (
	errInsufficientScope = oidckit.NewError(oidckit.InsufficientScope, "the token does not have the scope this needs")
	errScopeSetup        = errSetup("RequireScope or RequireAnyScope without a valid scope")
)

// RequireScope lets requests through whose identity has every one of the
// scopes. It stands behind a guard that verifies, and leaves the refusal to
// it: behind RequireBearer that is 403 insufficient_scope with the scope that
// is needed (RFC 6750 §3.1), behind RequireAuth whatever a session's guard
// does. A scope token is matched whole and case-sensitively (RFC 6749 §3.3).
//
// Without a guard before it, or without a scope, it answers 500 to every
// request; so do the other guards of this kind.
func RequireScope(scope ...string) func(http.Handler) http.Handler {
	return requireScope(scope, oidckit.Scope.HasAll)
}

// RequireAnyScope is RequireScope for identities with at least one of the
// scopes. Its challenge names them all.
func RequireAnyScope(scope ...string) func(http.Handler) http.Handler {
	return requireScope(scope, hasAny)
}

// hasAny is a loop because a function given to package slices is allocated for
// each request.
func hasAny(has, want oidckit.Scope) bool {
	for _, token := range want {
		if has.Has(token) {
			return true
		}
	}
	return false
}

func requireScope(scope []string, enough func(has, want oidckit.Scope) bool) func(http.Handler) http.Handler {
	want, err := oidckit.ParseScope(strings.Join(scope, " "))
	if err != nil || len(want) == 0 {
		return answer(nil, errScopeSetup)
	}
	return require(
		func(id *oidckit.Identity) bool { return enough(id.Scope, want) },
		oidckit.Challenge{Err: errInsufficientScope, Scope: want})
}
