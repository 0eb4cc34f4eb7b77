package middleware

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
)

var (
	errInsufficientAuthentication = oidckit.NewError(oidckit.InsufficientUserAuthentication,
		"a stronger or more recent authentication is needed")
	errStepUpSetup = errSetup("a guard for the authentication without a valid requirement")
)

// maxAuthTimeAhead is how far the issuer's clock may be ahead of the API's.
const maxAuthTimeAhead = time.Minute

// StepUp says how, and how recently, a person must have authenticated for a
// route (RFC 9470). At least one of its fields is set.
type StepUp struct {
	// ACRValues are the authentication contexts that do, best first.
	ACRValues []string
	// MaxAge is how long ago the person may have authenticated, in whole
	// seconds of at least one.
	MaxAge time.Duration
}

// RequireACR lets requests through whose identity was authenticated in one of
// the contexts (the claim acr). The refusal is 401 with the error
// insufficient_user_authentication and acr_values behind RequireBearer
// (RFC 9470 §3), and a new login that asks for these behind RequireAuth.
func RequireACR(values ...string) func(http.Handler) http.Handler {
	return StepUp{ACRValues: values}.Require
}

// RequireAuthAge lets requests through whose identity was authenticated no
// longer ago than maxAge (the claim auth_time), which is in whole seconds. A
// token that does not say when has no recent authentication. The refusal is as
// that of RequireACR, with max_age. Behind RequireAuth the login is asked for one
// that is a minute younger, which is what relying parties give to clocks.
func RequireAuthAge(maxAge time.Duration) func(http.Handler) http.Handler {
	return StepUp{MaxAge: maxAge}.Require
}

// Require guards next. What is required is asked for together, so that one new
// login brings it all.
func (s StepUp) Require(next http.Handler) http.Handler {
	valid := func(acr string) bool { return acr != "" && !strings.ContainsAny(acr, ` "\`) }
	acrs := slices.Clone(s.ACRValues)
	if len(acrs) == 0 && s.MaxAge == 0 || s.MaxAge < 0 || s.MaxAge%time.Second != 0 ||
		slices.ContainsFunc(acrs, func(acr string) bool { return !valid(acr) }) {
		return answer(nil, errStepUpSetup)(next)
	}
	lacks := oidckit.Challenge{Err: errInsufficientAuthentication, ACRValues: acrs}
	if s.MaxAge > 0 {
		lacks.MaxAge = &s.MaxAge
	}
	return require(func(id *oidckit.Identity) bool {
		return (len(acrs) == 0 || slices.Contains(acrs, id.ACR)) && (s.MaxAge == 0 || isRecent(id.AuthTime, s.MaxAge))
	}, lacks)(next)
}

func isRecent(at time.Time, maxAge time.Duration) bool {
	if at.IsZero() {
		return false
	}
	age := time.Since(at)
	return age <= maxAge && age >= -maxAuthTimeAhead
}
