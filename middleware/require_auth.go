package middleware

import (
	"errors"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

// SessionAuthenticator knows who a request's session belongs to, and where to
// log in: a *handlers.RelyingParty, for one. It is safe for concurrent use.
type SessionAuthenticator interface {
	// Authenticate returns the person, ErrUnauthenticated where nobody is
	// logged in, and any other error where that could not be found out.
	Authenticate(r *http.Request) (*oidckit.Identity, error)
	// LoginURL returns where a login starts that leads back to req.ReturnTo, a
	// local path with query, or to a page of its own choice where that is empty,
	// and asks for what else is in req.
	LoginURL(r *http.Request, req oidckit.LoginRequest) string
}

var errNoAuthenticator = errors.New("middleware: a guard for sessions without a SessionAuthenticator")

// RequireAuth lets requests of people with a session through, with their
// identity in the context. A person who opens a page without one is sent to
// log in and comes back to the same path and query. One who sends a form is
// sent to log in by a 303 and comes back to the page that the form was on, if
// the browser names one of this origin, and to the start page otherwise: what
// the form held is not kept and never sent again. Everything else (fetch,
// frames, WebSockets, programs) gets 401 with a JSON body that names the
// login's address in login_url: a redirect would be followed to the issuer by a
// script that cannot use what is there. Where the session could not be checked
// the answer is 503.
//
// What it answers is never stored by caches, and neither is what next writes
// unless next sets a Cache-Control of its own.
//
// A nil authenticator answers 503 to every request, and says so in the server's
// ErrorLog.
func RequireAuth(a SessionAuthenticator) func(http.Handler) http.Handler {
	return Session{Authenticator: a}.Require
}

var (
	noStoreValue = []string{"no-store"}
	navVary      = []string{"Accept", "Cookie", "Sec-Fetch-Mode"}

	errLoginRequired = oidckit.NewError(oidckit.LoginRequired, "nobody is logged in")
)

// sessionGuard is also the Challenger that it leaves to the guards after it.
type sessionGuard struct {
	auth   SessionAuthenticator
	logger zerolog.Logger
}

func (g *sessionGuard) authenticate(r *http.Request) (*oidckit.Identity, error) {
	if g.auth == nil {
		wire.ReportSetup(r, &g.logger, "middleware", errNoAuthenticator)
		return nil, errNoAuthenticator
	}
	id, err := g.auth.Authenticate(r)
	if err == nil && id == nil {
		return nil, errNoIdentity
	}
	return id, err
}

// admitPerson lets a request through whose session is id's.
func (g *sessionGuard) admitPerson(w http.ResponseWriter, r *http.Request, id *oidckit.Identity) *http.Request {
	w.Header()["Cache-Control"] = noStoreValue
	return r.WithContext(oidckit.ContextWithChallenger(r.Context(), id, g))
}

// Challenge implements oidckit.Challenger: what a new login can bring (a
// stronger or a more recent authentication) is asked for, what it cannot (a
// scope, a claim) is refused. Who is nobody yet has to log in first.
func (g *sessionGuard) Challenge(w http.ResponseWriter, r *http.Request, c oidckit.Challenge) {
	defer survive(w, r, &g.logger)
	_, identified := oidckit.IdentityFromContext(r.Context())
	switch {
	case !identified:
		c.Err = errLoginRequired
	case c.Err == nil:
		c.Err = oidckit.NewError(oidckit.AccessDenied, "this is not allowed")
	}
	switch {
	case !identified || len(c.ACRValues) > 0 || c.MaxAge != nil:
		g.login(w, r, oidckit.LoginRequest{ACRValues: c.ACRValues, MaxAge: c.MaxAge}, c.Err)
	case wire.IsNavigation(r) || wire.IsSubmission(r):
		setNoStore(w.Header())
		forbiddenNotice.write(w)
	default:
		setNoStore(w.Header())
		wire.WriteError(w, r, c.Err.WithStatus(http.StatusForbidden))
	}
}

// login sends a person to log in, and tells a script where that would be.
func (g *sessionGuard) login(w http.ResponseWriter, r *http.Request, req oidckit.LoginRequest, e *oidckit.Error) {
	status := http.StatusFound
	switch {
	case wire.IsNavigation(r):
		req.ReturnTo = returnTarget(r)
	case wire.IsSubmission(r):
		// RFC 9110 §15.4.4: the login is opened with GET, without what was posted
		status, req.ReturnTo = http.StatusSeeOther, submissionTarget(r)
	default:
		g.tellLogin(w, r, req, e)
		return
	}
	setNoStore(w.Header())
	w.Header().Set("Location", g.loginURL(r, req))
	w.WriteHeader(status)
}

// loginLeeway is what relying parties allow clocks to differ by when they hold an
// authentication against max_age.
const loginLeeway = time.Minute

// loginURL asks for an authentication that is younger than the route demands, by
// what a relying party adds: an issuer that does not honour max_age would
// otherwise send a person round and round, with an authentication that the one
// takes and the other does not.
func (g *sessionGuard) loginURL(r *http.Request, req oidckit.LoginRequest) string {
	if req.MaxAge != nil {
		asked := max(*req.MaxAge-loginLeeway, 0)
		req.MaxAge = &asked
	}
	return g.auth.LoginURL(r, req)
}

// tellLogin answers with where to log in.
func (g *sessionGuard) tellLogin(w http.ResponseWriter, r *http.Request, req oidckit.LoginRequest, e *oidckit.Error) {
	setNoStore(w.Header())
	body := loginRequired{
		Error: string(e.Code), Description: e.Description,
		LoginURL: g.loginURL(r, req), ACRValues: req.ACRValues,
	}
	if req.MaxAge != nil {
		s := int64(req.MaxAge.Seconds())
		body.MaxAge = &s
	}
	wire.WriteJSON(w, http.StatusUnauthorized, body)
}

// loginRequired is the body that scripts get. The login's address leads to the
// app's start page unless return_to is added to it.
type loginRequired struct {
	Error       string   `json:"error"`
	Description string   `json:"error_description,omitempty"`
	LoginURL    string   `json:"login_url"`
	ACRValues   []string `json:"acr_values,omitempty"`
	MaxAge      *int64   `json:"max_age,omitempty"`
}

func (g *sessionGuard) unavailable(w http.ResponseWriter, r *http.Request, cause error) {
	setNoStore(w.Header())
	page := uncheckedNotice
	switch {
	case wire.IsNavigation(r):
	case wire.IsSubmission(r):
		page = untakenNotice
	default:
		wire.WriteError(w, r, wire.Unavailable(cause))
		return
	}
	w.Header().Set("Retry-After", wire.RetryAfter)
	page.write(w)
}

func setNoStore(h http.Header) {
	h["Cache-Control"] = noStoreValue
	for _, name := range navVary {
		h.Add("Vary", name)
	}
}
