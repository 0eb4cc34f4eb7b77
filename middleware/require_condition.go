package middleware

import (
	"errors"
	"net/http"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

var errNoGuard = errSetup("a guard for scopes, claims, roles or authentication without a guard before it that verifies")

// errSetup is the answer of a guard that was not set up as it must be. See
// writeSetup.
func errSetup(problem string) *oidckit.Error {
	return oidckit.NewError(oidckit.ServerError, "internal error").WithCause(errors.New("middleware: " + problem))
}

// require lets requests through whose identity meets a condition, and leaves
// the refusal to the guard that has verified the identity.
func require(met func(*oidckit.Identity) bool, lacks oidckit.Challenge) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, ok := oidckit.IdentityFromContext(r.Context())
			enough, judged := false, true
			if ok {
				enough, judged = ask(w, r, met, id)
			}
			switch {
			case enough:
				next.ServeHTTP(w, r)
			case judged:
				refuseIdentity(w, r, ok, lacks)
			}
		})
	}
}

// ask asks a condition, which may be the app's. It has answered the request
// where nothing was judged.
func ask(w http.ResponseWriter, r *http.Request, met func(*oidckit.Identity) bool, id *oidckit.Identity) (enough, judged bool) {
	defer survive(w, r, nil)
	return met(id), true
}

// refuseIdentity answers a request whose identity lacks something, or which has
// none because the guard before lets such requests through.
func refuseIdentity(w http.ResponseWriter, r *http.Request, identified bool, lacks oidckit.Challenge) {
	ch, ok := oidckit.ChallengerFromContext(r.Context())
	switch {
	case ok && !identified:
		lacks.Err = errLoginRequired
		ch.Challenge(w, r, lacks)
	case ok:
		ch.Challenge(w, r, lacks)
	case !identified:
		writeSetup(w, r, nil, errNoGuard)
	default:
		// A guard that left no Challenger verified nonetheless.
		challengeWriter{realm: defaultRealm}.write(w, r, lacks, schemeBearer)
	}
}

// answer is a handler that refuses every request.
func answer(l *zerolog.Logger, e *oidckit.Error) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { writeSetup(w, r, l, e) })
	}
}

// writeSetup answers a request that a guard cannot judge as it was set up, and
// tells the developer why: the answer does not say.
func writeSetup(w http.ResponseWriter, r *http.Request, l *zerolog.Logger, e *oidckit.Error) {
	wire.ReportSetup(r, l, "middleware", e.Cause())
	wire.WriteError(w, r, e)
}
