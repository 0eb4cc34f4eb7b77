package middleware

import (
	"errors"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

// RequireSessionOrBearer guards a route that people open with a session and
// programs call with an access token. A request with a token is judged by the
// token alone, however good a session it has besides: a bad token is refused.
// One without is judged by its session, as RequireAuth does.
//
// A request with neither is asked for what fits it: a person who opens a page
// or sends a form is sent to log in, everything else gets 401 with the challenge of the bearer
// guard, and with login_url in the body for scripts of the app's own pages.
//
// A session is a cookie, which a browser adds to what other sites send:
// http.CrossOriginProtection stands before the guard, as before RequireAuth.
func RequireSessionOrBearer(a SessionAuthenticator, b Bearer) func(http.Handler) http.Handler {
	session := &sessionGuard{auth: a, logger: b.Logger}
	return func(next http.Handler) http.Handler {
		return &sessionOrBearer{session: session, bearer: b.guard(next)}
	}
}

type sessionOrBearer struct {
	session *sessionGuard
	bearer  *bearerGuard
}

// ServeHTTP implements http.Handler.
func (g *sessionOrBearer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if admitted := g.admit(w, r); admitted != nil {
		g.bearer.next.ServeHTTP(w, admitted)
	}
}

// admit returns the request for next, or nil once it has answered.
func (g *sessionOrBearer) admit(w http.ResponseWriter, r *http.Request) *http.Request {
	defer survive(w, r, &g.bearer.Logger)
	c, bad := g.bearer.credentials(w, r)
	if bad != nil || c.token != "" || c.scheme != schemeNone {
		return g.bearer.judge(w, r, c, bad)
	}
	id, err := g.session.authenticate(r)
	switch {
	case err == nil:
		return g.session.admitPerson(w, r, id)
	case !errors.Is(err, oidckit.ErrUnauthenticated):
		g.session.unavailable(w, r, err)
	case g.bearer.Optional:
		w.Header().Add("Vary", "Cookie")
		return g.bearer.admitNobody(w, r, g)
	default:
		g.Challenge(w, r, oidckit.Challenge{})
	}
	return nil
}

// Challenge implements oidckit.Challenger for requests without an identity.
func (g *sessionOrBearer) Challenge(w http.ResponseWriter, r *http.Request, c oidckit.Challenge) {
	defer survive(w, r, &g.bearer.Logger)
	req := oidckit.LoginRequest{ACRValues: c.ACRValues, MaxAge: c.MaxAge}
	if asksForPage(r) || wire.IsSubmission(r) {
		g.session.login(w, r, req, errLoginRequired)
		return
	}
	g.bearer.answers.challenge(w, r, oidckit.Challenge{Scope: c.Scope}, schemeNone)
	g.session.tellLogin(w, r, req, errLoginRequired)
}

// asksForPage is wire.IsNavigation where programs are expected as well: what says
// nothing of a page is one of them.
func asksForPage(r *http.Request) bool {
	says := r.Header.Get("Sec-Fetch-Mode") != "" ||
		strings.Contains(strings.ToLower(strings.Join(r.Header["Accept"], ",")), "text/html")
	return says && wire.IsNavigation(r)
}
