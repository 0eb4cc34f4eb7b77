package middleware

import (
	"errors"
	"net/http"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
)

// Session is the long form of RequireAuth. The zero value answers 503 to every
// request. It guards single routes, or a whole router whose public routes it is
// told of.
type Session struct {
	// Authenticator knows the sessions. Required.
	Authenticator SessionAuthenticator
	// Optional lets requests without a session through, with no identity in the
	// context; a guard behind that needs one sends to log in. A request whose
	// session could not be checked gets 503 all the same.
	Optional bool
	// Public are the routes that need no session, as patterns of http.ServeMux
	// with all that these can say: "GET /{$}", "/static/", "GET /posts/{id}",
	// "www.example.com/". A route is public exactly where a ServeMux of these
	// patterns would serve it: GET covers HEAD, a pattern that ends in a slash
	// all that is below it, and a path that a ServeMux would redirect ("//x",
	// "/a/../x", "/static" where "/static/" is meant) is not public. Nor is one
	// that holds a backslash, or that %2F or %2e%2e make another path once it is
	// decoded, unless that is public, too: what stands behind the guard may read
	// it either way. The path is that of the request's URL as the guard sees it,
	// after a http.StripPrefix outside of it.
	//
	// Who has a session has an identity on public routes, too. Where it could
	// not be checked such a route is served without, so that it works while the
	// sessions' store is down; a guard behind that needs an identity then answers
	// 503.
	//
	// A pattern that a ServeMux would not take, by itself or beside the others,
	// makes the guard answer 500 to every request, and say why in the log.
	Public []string
	// Logger gets a line for each request that finds the guard not set up as it
	// must be, or in which a function of the app's panics. The zero value leaves
	// both to the server's ErrorLog.
	Logger zerolog.Logger
}

// Require guards next as RequireAuth does. Where Optional or Public let requests
// through without an identity, answers vary by Cookie, and say so to caches.
func (s Session) Require(next http.Handler) http.Handler {
	public, err := newPublicRoutes(s.Public)
	if err != nil {
		return answer(&s.Logger, errSetup(err.Error()))(next)
	}
	return &sessionRoute{
		sessionGuard: sessionGuard{auth: s.Authenticator, logger: s.Logger},
		next:         next, optional: s.Optional, public: public,
	}
}

// sessionRoute is one guarded handler.
type sessionRoute struct {
	sessionGuard
	next     http.Handler
	optional bool
	public   *publicRoutes
}

// ServeHTTP implements http.Handler.
func (s *sessionRoute) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if admitted := s.admit(w, r); admitted != nil {
		s.next.ServeHTTP(w, admitted)
	}
}

// admit returns the request for next, or nil once it has answered.
func (s *sessionRoute) admit(w http.ResponseWriter, r *http.Request) *http.Request {
	defer survive(w, r, &s.logger)
	id, err := s.authenticate(r)
	switch {
	case err == nil:
		if s.optional || s.public != nil {
			w.Header().Add("Vary", "Cookie")
		}
		return s.admitPerson(w, r, id)
	case errors.Is(err, oidckit.ErrUnauthenticated):
		if s.optional || s.public.include(r) {
			return admitNobody(w, r, &s.sessionGuard)
		}
		s.login(w, r, oidckit.LoginRequest{}, errLoginRequired)
	case s.auth != nil && s.public.include(r):
		// It may be somebody's page with the name left out.
		w.Header()["Cache-Control"] = noStoreValue
		return admitNobody(w, r, uncheckedSession{&s.sessionGuard, err})
	default:
		s.unavailable(w, r, err)
	}
	return nil
}

// admitNobody lets a request without an identity through. Who then asks for one
// is answered by ch.
func admitNobody(w http.ResponseWriter, r *http.Request, ch oidckit.Challenger) *http.Request {
	// RFC 9111 §4.1: or a cache would answer who has a session with this
	w.Header().Add("Vary", "Cookie")
	return r.WithContext(oidckit.ContextWithChallenger(r.Context(), nil, ch))
}

// uncheckedSession answers for a guard that could not check a session: a login
// would be asked of a person who may have one.
type uncheckedSession struct {
	guard *sessionGuard
	cause error
}

// Challenge implements oidckit.Challenger.
func (u uncheckedSession) Challenge(w http.ResponseWriter, r *http.Request, _ oidckit.Challenge) {
	u.guard.unavailable(w, r, u.cause)
}
