package middleware

import (
	"context"
	"errors"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/rs/zerolog"
)

const defaultRealm = "api"

// maxAccessToken is the length in bytes from which on a token is refused
// unread.
const maxAccessToken = 16 << 10

var (
	errTokenTooLong = oidckit.NewError(oidckit.InvalidToken, "the access token is not valid")
	errNoVerifier   = errors.New("middleware: Bearer has no Verifier")
	errBound        = oidckit.NewError(oidckit.InvalidToken, "the access token is bound to a key and came without its proof")
	errNoIdentity   = errors.New("middleware: the Verifier returned neither identity nor error")
)

// Bearer is the long form of RequireBearer. The zero value answers 503 to
// every request.
type Bearer struct {
	// Verifier checks the tokens. Required.
	Verifier Verifier
	// Realm names the protected space in challenges (RFC 9110 §11.5); default
	// "api".
	Realm string
	// Logger gets a line for each request that is refused, but for one without
	// a token, and for each whose token could not be checked. What a verifier
	// of this package has logged is not logged again. The zero value is
	// silent.
	Logger zerolog.Logger
	// Events hears of the same, but for what a verifier has sent itself.
	Events oidckit.EventSink
}

// reporter is a verifier that has a Logger and Events of its own.
type reporter interface {
	reports() (zerolog.Logger, oidckit.EventSink)
}

// RequireBearer lets requests with a valid bearer token through, with the
// token's identity in the context. It logs and reports where the verifier
// does. Requests without a token get 401 with a bare challenge, bad tokens 401
// invalid_token, malformed requests 400 invalid_request, and tokens that could
// not be checked 503 with Retry-After (RFC 6750 §3).
func RequireBearer(v Verifier) func(http.Handler) http.Handler {
	b := Bearer{Verifier: v}
	if rep, ok := v.(reporter); ok {
		b.Logger, b.Events = rep.reports()
	}
	return b.Require
}

// Require guards next as RequireBearer does.
func (b Bearer) Require(next http.Handler) http.Handler {
	if b.Realm == "" {
		b.Realm = defaultRealm
	}
	return &bearerGuard{Bearer: b, next: next, answers: challengeWriter{realm: b.Realm}}
}

// bearerGuard is one guarded handler, and the Challenger of the guards behind
// it.
type bearerGuard struct {
	Bearer
	next    http.Handler
	answers challengeWriter
}

// ServeHTTP implements http.Handler.
func (g *bearerGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.Verifier == nil {
		g.refuse(w, r, wire.Unavailable(errNoVerifier), nil)
		return
	}
	token, bad := bearerToken(r)
	if bad != nil {
		g.refuse(w, r, bad, nil)
		return
	}
	if token == "" {
		g.answers.bare(w)
		return
	}
	if len(token) > maxAccessToken {
		g.refuse(w, r, errTokenTooLong, nil)
		return
	}
	id, err := g.Verifier.Verify(r.Context(), token)
	if err == nil && id == nil {
		err = errNoIdentity
	}
	if err != nil {
		g.refuseToken(w, r, err)
		return
	}
	// RFC 7800 §3: a bound token is no bearer token
	if id.Confirmation != nil {
		g.refuse(w, r, errBound, id)
		return
	}
	g.next.ServeHTTP(w, r.WithContext(oidckit.ContextWithChallenger(r.Context(), id, g)))
}

// refuseToken answers what a verifier has refused or could not judge. Codes
// that are no answer to a token count as the latter.
func (g *bearerGuard) refuseToken(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*oidckit.Error](err)
	switch {
	case !ok && errors.Is(err, oidckit.InvalidToken):
		e = errTokenTooLong.WithCause(err)
	case !ok:
		e = wire.Unavailable(err)
	case e.Code == oidckit.InvalidToken:
		e = e.WithStatus(http.StatusUnauthorized)
	case e.Code == oidckit.InsufficientScope:
		e = e.WithStatus(http.StatusForbidden)
	case e.Code == oidckit.TemporarilyUnavailable:
		e = e.WithStatus(http.StatusServiceUnavailable)
	default:
		e = wire.Unavailable(err)
	}
	g.refuse(w, r, e, nil)
}

// Challenge implements oidckit.Challenger: RFC 6750 §3.1, RFC 9470 §3.
func (g *bearerGuard) Challenge(w http.ResponseWriter, r *http.Request, c oidckit.Challenge) {
	if c.Err == nil {
		c.Err = errInsufficientScope
	}
	id, _ := oidckit.IdentityFromContext(r.Context())
	g.report(r.Context(), c.Err, id)
	g.answers.write(w, r, c)
}

func (g *bearerGuard) refuse(w http.ResponseWriter, r *http.Request, e *oidckit.Error, id *oidckit.Identity) {
	g.report(r.Context(), e, id)
	g.answers.write(w, r, oidckit.Challenge{Err: e})
}

func (g *bearerGuard) report(ctx context.Context, e *oidckit.Error, id *oidckit.Identity) {
	before, ok := errors.AsType[*reportedError](e)
	if !ok || !before.logged {
		wire.Log(g.Logger, "bearer", e)
	}
	if ok && before.sent {
		return
	}
	event := oidckit.Event{Name: oidckit.EventTokenRefused, Err: e}
	if e.HTTPStatus() >= http.StatusInternalServerError {
		event.Name = oidckit.EventTokenUnchecked
	}
	if id != nil {
		event.Issuer, event.Subject, event.ClientID, event.SessionID = id.Issuer, id.Subject, id.ClientID, id.SessionID
	}
	g.Events.Send(ctx, event)
}
