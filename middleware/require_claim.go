package middleware

import (
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

var (
	// RFC 6750 §3.1: more privileges than the token provides
	errInsufficientClaims = oidckit.NewError(oidckit.InsufficientScope, "the token does not have the claims this needs")
	errClaimSetup         = errSetup("RequireClaim without a claim or a condition")
)

// RequireClaim lets requests through whose identity has a claim that is a T
// and allowed:
//
//	verified := middleware.RequireClaim("email_verified", func(v bool) bool { return v })
//
// T is decoded by the rules of encoding/json but with exact names, so a claim
// that is an object can be a struct. A claim that is absent, null or of another
// type is not allowed. The refusal is 403 insufficient_scope behind
// RequireBearer. The function is called for several requests at once.
func RequireClaim[T any](name string, allowed func(T) bool) func(http.Handler) http.Handler {
	if name == "" || allowed == nil {
		return answer(nil, errClaimSetup)
	}
	return require(func(id *oidckit.Identity) bool {
		v, ok := claimAt(id.Claims, name)
		return ok && decodesAs(v, allowed)
	}, oidckit.Challenge{Err: errInsufficientClaims})
}

// RequireClaims is RequireClaim for a condition over several claims: T is a
// struct of those that matter, or a map.
func RequireClaims[T any](allowed func(T) bool) func(http.Handler) http.Handler {
	if allowed == nil {
		return answer(nil, errClaimSetup)
	}
	return require(func(id *oidckit.Identity) bool {
		return len(id.Claims) > 0 && decodesAs(strictjson.Value(id.Claims), allowed)
	}, oidckit.Challenge{Err: errInsufficientClaims})
}

func decodesAs[T any](v strictjson.Value, allowed func(T) bool) bool {
	var t T
	return strictjson.Unmarshal(v, &t) == nil && allowed(t)
}
