package middleware

import (
	"errors"
	"net/http"

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
	// local path with query, and asks for what else is in req.
	LoginURL(r *http.Request, req oidckit.LoginRequest) string
}

var errNoAuthenticator = errors.New("middleware: RequireAuth without a SessionAuthenticator")

// RequireAuth lets requests of people with a session through, with their
// identity in the context. A person who opens a page without one is sent to
// log in and comes back to the same path and query. Everything else (fetch,
// forms, WebSockets, other methods) gets 401 with a JSON body that names the
// login's address in login_url: a redirect would be followed to the issuer by a
// script that cannot use what is there. Where the session could not be checked
// the answer is 503.
//
// What it answers is never stored by caches, and neither is what next writes
// unless next sets a Cache-Control of its own.
//
// A nil authenticator answers 503 to every request.
func RequireAuth(a SessionAuthenticator) func(http.Handler) http.Handler {
	guard := &sessionGuard{auth: a}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if admitted := guard.admit(w, r); admitted != nil {
				next.ServeHTTP(w, admitted)
			}
		})
	}
}

var (
	noStoreValue = []string{"no-store"}
	navVary      = []string{"Accept", "Cookie", "Sec-Fetch-Mode"}

	errLoginRequired = oidckit.NewError(oidckit.LoginRequired, "nobody is logged in")
)

// sessionGuard is also the Challenger that it leaves to the guards after it.
type sessionGuard struct{ auth SessionAuthenticator }

// admit returns the request for the handler behind, or nil once it has
// answered.
func (g *sessionGuard) admit(w http.ResponseWriter, r *http.Request) *http.Request {
	defer survive(w, r, nil)
	id, err := g.authenticate(r)
	switch {
	case err == nil:
		w.Header()["Cache-Control"] = noStoreValue
		return r.WithContext(oidckit.ContextWithChallenger(r.Context(), id, g))
	case errors.Is(err, oidckit.ErrUnauthenticated):
		g.login(w, r, oidckit.LoginRequest{}, errLoginRequired)
	default:
		g.unavailable(w, r, err)
	}
	return nil
}

func (g *sessionGuard) authenticate(r *http.Request) (*oidckit.Identity, error) {
	if g.auth == nil {
		return nil, errNoAuthenticator
	}
	id, err := g.auth.Authenticate(r)
	if err == nil && id == nil {
		return nil, errNoIdentity
	}
	return id, err
}

// Challenge implements oidckit.Challenger: what a new login can bring (a
// stronger or a more recent authentication) is asked for, what it cannot (a
// scope, a claim) is refused.
func (g *sessionGuard) Challenge(w http.ResponseWriter, r *http.Request, c oidckit.Challenge) {
	defer survive(w, r, nil)
	if c.Err == nil {
		c.Err = oidckit.NewError(oidckit.AccessDenied, "this is not allowed")
	}
	switch {
	case len(c.ACRValues) > 0 || c.MaxAge != nil:
		g.login(w, r, oidckit.LoginRequest{ACRValues: c.ACRValues, MaxAge: c.MaxAge}, c.Err)
	case isNavigation(r):
		setNoStore(w.Header())
		forbiddenNotice.write(w)
	default:
		setNoStore(w.Header())
		wire.WriteError(w, r, c.Err.WithStatus(http.StatusForbidden))
	}
}

// login sends a person to log in, and tells a script where that would be.
func (g *sessionGuard) login(w http.ResponseWriter, r *http.Request, req oidckit.LoginRequest, e *oidckit.Error) {
	if !isNavigation(r) {
		g.tellLogin(w, r, req, e)
		return
	}
	setNoStore(w.Header())
	req.ReturnTo = returnTarget(r)
	w.Header().Set("Location", g.auth.LoginURL(r, req))
	w.WriteHeader(http.StatusFound)
}

// tellLogin answers with where to log in.
func (g *sessionGuard) tellLogin(w http.ResponseWriter, r *http.Request, req oidckit.LoginRequest, e *oidckit.Error) {
	setNoStore(w.Header())
	body := loginRequired{
		Error: string(e.Code), Description: e.Description,
		LoginURL: g.auth.LoginURL(r, req), ACRValues: req.ACRValues,
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
	if isNavigation(r) {
		setNoStore(w.Header())
		w.Header().Set("Retry-After", wire.RetryAfter)
		uncheckedNotice.write(w)
		return
	}
	setNoStore(w.Header())
	wire.WriteError(w, r, wire.Unavailable(cause))
}

func setNoStore(h http.Header) {
	h["Cache-Control"] = noStoreValue
	for _, name := range navVary {
		h.Add("Vary", name)
	}
}
