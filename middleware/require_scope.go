package middleware

import (
	"errors"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

var (
	errInsufficientScope = oidckit.NewError(oidckit.InsufficientScope, "the token does not have the scope this needs")
	errNoGuard           = oidckit.NewError(oidckit.ServerError, "internal error").
				WithCause(errors.New("middleware: RequireScope without a guard before it"))
	errScopeSetup = oidckit.NewError(oidckit.ServerError, "internal error").
			WithCause(errors.New("middleware: RequireScope without a valid scope"))
)

// RequireScope lets requests through whose identity has every one of the
// scopes. It stands behind a guard that verifies, and leaves the refusal to
// it: behind RequireBearer that is 403 insufficient_scope with the scope that
// is needed (RFC 6750 §3.1), behind RequireAuth whatever a session's guard
// does. A scope token is matched whole and case-sensitively (RFC 6749 §3.3).
//
// Without a guard before it, or without a scope, it answers 500 to every
// request.
func RequireScope(scope ...string) func(http.Handler) http.Handler {
	want, err := oidckit.ParseScope(strings.Join(scope, " "))
	if err != nil || len(want) == 0 {
		return func(http.Handler) http.Handler { return answer(errScopeSetup) }
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, ok := oidckit.IdentityFromContext(r.Context())
			if !ok {
				wire.WriteError(w, r, errNoGuard)
				return
			}
			if id.Scope.HasAll(want) {
				next.ServeHTTP(w, r)
				return
			}
			if ch, ok := oidckit.ChallengerFromContext(r.Context()); ok {
				ch.Challenge(w, r, oidckit.Challenge{Err: errInsufficientScope, Scope: want})
				return
			}
			// A guard that left no Challenger verified nonetheless.
			wire.WriteError(w, r, errInsufficientScope)
		})
	}
}

// answer is a handler that refuses every request.
func answer(e *oidckit.Error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { wire.WriteError(w, r, e) })
}
