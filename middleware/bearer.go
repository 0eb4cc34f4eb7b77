package middleware

import (
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
	errNilError     = errors.New("middleware: the Verifier returned a nil *oidckit.Error as an error")
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
	// ResourceMetadata is the URL of the API's metadata, which challenges then
	// name, so that a client finds out where to get a token (RFC 9728 §5.1):
	// ResourceMetadata.URL, for one.
	ResourceMetadata string
	// Optional lets requests without a token through, with no identity in the
	// context. A token that is bad is refused all the same. The answers vary
	// by Authorization, and say so to caches.
	Optional bool
	// AllowFormToken takes a token from the parameter access_token of a form,
	// too (RFC 6750 §2.2): the body of a POST, PUT or PATCH with the type
	// application/x-www-form-urlencoded, which the handler can still read.
	//
	// Such a form is then searched whole, be it for the token or, once the
	// token of another place was found good, for a second one, which makes the
	// request invalid. One of more than 64 KiB is refused with 413, token or
	// not, and so it is with 408 if it takes longer to arrive than the server's
	// ReadTimeout allows, or 10 seconds where the server has none. Nothing is
	// seen in bodies of another type, multipart/form-data included, and of
	// other methods.
	//
	// Without AllowFormToken no token is taken from a form, but one beside a
	// good token of another place makes the request invalid all the same
	// (RFC 6750 §2): in a form that was parsed before, or whose Content-Length
	// is no more than 64 KiB and that arrives within 2 seconds. Any other is
	// left alone, and no body of a request without a good token is touched.
	AllowFormToken bool
	// AllowQueryToken takes a token from the parameter access_token of the
	// query, too. Such a token ends up in logs, histories and Referer headers,
	// which is why RFC 9700 §4.3.2 forbids it: it is for clients that can send
	// no header, such as a browser's WebSocket. Answers get Cache-Control:
	// private (RFC 6750 §2.3).
	AllowQueryToken bool
	// DPoP takes tokens that are bound to a key of the client's (RFC 9449). Nil
	// refuses them.
	DPoP *DPoP
	// MTLS takes tokens that are bound to a certificate of the client's
	// (RFC 8705). Nil refuses them.
	MTLS *MTLS
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
// not be checked 503 with Retry-After (RFC 6750 §3). Tokens that are bound to a
// key are refused: see Bearer.DPoP and Bearer.MTLS.
func RequireBearer(v Verifier) func(http.Handler) http.Handler {
	b := Bearer{Verifier: v}
	if rep, ok := v.(reporter); ok {
		b.Logger, b.Events = rep.reports()
	}
	return b.Require
}

// Require guards next as RequireBearer does.
func (b Bearer) Require(next http.Handler) http.Handler { return b.guard(next) }

func (b Bearer) guard(next http.Handler) *bearerGuard {
	if b.Realm == "" {
		b.Realm = defaultRealm
	}
	return &bearerGuard{
		Bearer:    b,
		next:      next,
		answers:   challengeWriter{realm: b.Realm, metadata: b.ResourceMetadata, dpop: b.DPoP},
		onlyBound: b.DPoP.required() || b.MTLS.required(),
	}
}

// bearerGuard is one guarded handler, and the Challenger of the guards behind
// it.
type bearerGuard struct {
	Bearer
	next    http.Handler
	answers challengeWriter
	// onlyBound says that plain bearer tokens are refused.
	onlyBound bool
}

// ServeHTTP implements http.Handler.
func (g *bearerGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if admitted := g.admit(w, r); admitted != nil {
		g.next.ServeHTTP(w, admitted)
	}
}

// admit returns the request for next, or nil once it has answered.
func (g *bearerGuard) admit(w http.ResponseWriter, r *http.Request) *http.Request {
	defer survive(w, r, &g.Logger)
	c, bad := g.credentials(w, r)
	return g.judge(w, r, c, bad)
}

// judge is admit by a request's credentials.
func (g *bearerGuard) judge(w http.ResponseWriter, r *http.Request, c credentials, bad *oidckit.Error) *http.Request {
	switch {
	case g.Verifier == nil:
		wire.ReportSetup(r, &g.Logger, "middleware", errNoVerifier)
		g.refuse(w, r, wire.Unavailable(&reportedError{error: errNoVerifier, logged: true}), c.scheme, nil)
	case bad != nil:
		g.refuse(w, r, bad, c.scheme, nil)
	case c.token != "":
		return g.judgeToken(w, r, c)
	case g.Optional && c.scheme != schemeDPoP:
		return g.admitNobody(w, r, g)
	default:
		g.answers.bare(w, r, nil)
	}
	return nil
}

// admitNobody lets a request without a token through. Who then asks for an
// identity is answered by ch.
func (g *bearerGuard) admitNobody(w http.ResponseWriter, r *http.Request, ch oidckit.Challenger) *http.Request {
	// RFC 9111 §4.1: or a cache would answer who has a token with this
	w.Header().Add("Vary", "Authorization")
	return r.WithContext(oidckit.ContextWithChallenger(r.Context(), nil, ch))
}

func (g *bearerGuard) judgeToken(w http.ResponseWriter, r *http.Request, c credentials) *http.Request {
	if len(c.token) > maxAccessToken {
		g.refuse(w, r, errTokenTooLong, c.scheme, nil)
		return nil
	}
	id, err := g.Verifier.Verify(r.Context(), c.token)
	if err == nil && id == nil {
		err = errNoIdentity
	}
	if err != nil {
		g.refuse(w, r, refusalOf(err), c.scheme, nil)
		return nil
	}
	// RFC 7800 §3: only a token that is bound to nothing is a bearer token
	if id.Confirmation != nil || c.scheme == schemeDPoP || g.onlyBound {
		if e := g.checkBinding(w, r, c, id); e != nil {
			g.refuse(w, r, e, c.scheme, id)
			return nil
		}
	}
	if c.formUnread {
		if e := g.checkForm(w, r); e != nil {
			g.refuse(w, r, e, c.scheme, id)
			return nil
		}
	}
	switch {
	case c.inQuery:
		// RFC 6750 §2.3
		w.Header()["Cache-Control"] = privateValue
	case g.Optional:
		w.Header().Add("Vary", "Authorization")
	}
	ctx := r.Context()
	if id.Confirmation != nil && id.Confirmation.JWKThumbprint != "" {
		ctx = g.withProof(r, c.token, id.Confirmation.JWKThumbprint)
	}
	return r.WithContext(oidckit.ContextWithChallenger(ctx, id, g))
}

var privateValue = []string{"private"}

// refusalOf makes the answer to a token of what a verifier has said. Codes
// that are no answer to a token mean that it could not be judged.
func refusalOf(err error) *oidckit.Error {
	e, ok := errors.AsType[*oidckit.Error](err)
	switch {
	case !ok && errors.Is(err, oidckit.InvalidToken):
		return errTokenTooLong.WithCause(err)
	case !ok:
		return wire.Unavailable(err)
	case e == nil:
		return wire.Unavailable(errNilError)
	}
	switch e.Code {
	case oidckit.InvalidToken, oidckit.InvalidDPoPProof, oidckit.UseDPoPNonce:
		return e.WithStatus(http.StatusUnauthorized)
	case oidckit.InsufficientScope:
		return e.WithStatus(http.StatusForbidden)
	case oidckit.TemporarilyUnavailable, oidckit.ServerError:
		return e.WithStatus(http.StatusServiceUnavailable)
	}
	return wire.Unavailable(err)
}

// Challenge implements oidckit.Challenger: RFC 6750 §3.1, RFC 9470 §3.
func (g *bearerGuard) Challenge(w http.ResponseWriter, r *http.Request, c oidckit.Challenge) {
	defer survive(w, r, &g.Logger)
	id, ok := oidckit.IdentityFromContext(r.Context())
	if !ok {
		g.answers.bare(w, r, c.Scope)
		return
	}
	if c.Err == nil {
		c.Err = errInsufficientScope
	}
	g.report(r.Context(), c.Err, id)
	g.answers.write(w, r, c, schemeOf(id))
}

func (g *bearerGuard) refuse(w http.ResponseWriter, r *http.Request, e *oidckit.Error, used scheme, id *oidckit.Identity) {
	g.report(r.Context(), e, id)
	g.answers.write(w, r, oidckit.Challenge{Err: e}, used)
}
