package authorize

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/requestobject"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/internal/session"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/internal/userclaims"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// Handler serves the endpoint. Its fields are set once; it is safe for
// concurrent use.
type Handler struct {
	Issuer       string
	Path         string
	Clients      opstore.Clients
	Scopes       *scopes.Catalogue
	Sessions     *session.Sessions
	Tokens       *tokens.Issuer
	Codes        opstore.Codes
	Consents     opstore.Consents
	Interactions opstore.Interactions
	Box          *secret.Box
	UserClaims   *userclaims.Catalogue
	// ResponseTypes are those the issuer offers.
	ResponseTypes []responsetype.Type
	// ACRValues are the authentication contexts that a sign-in can bring, where
	// that is known.
	ACRValues []string
	// Active reports whether a subject is still a user who may sign in.
	Active func(ctx context.Context, subject string) (bool, error)
	// Site is whose pages there are.
	Site *page.Site
	// LoginURL and ConsentURL are where people sign in and consent.
	LoginURL   string
	ConsentURL string
	// CodeLifetime ends a code; CodeMemory is how long its use is remembered.
	CodeLifetime time.Duration
	CodeMemory   time.Duration
	// ConsentLifetime is how long a consent is remembered.
	ConsentLifetime time.Duration
	// TrustedClients are not asked for consent.
	TrustedClients []string
	// AllowConfidentialWithoutPKCE exempts clients that have a secret.
	AllowConfidentialWithoutPKCE bool
	// RequestObjects reads requests that come as a JWT; nil takes none.
	RequestObjects *requestobject.Resolver
	Logger         zerolog.Logger
	Events         oidckit.EventSink
}

// Serve answers GET and POST (OpenID Connect Core 1.0 §3.1.2.1).
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	p, err := readParams(w, r)
	if err != nil {
		return err
	}
	// A post from another site comes without the session cookie, which is
	// SameSite=Lax. As a navigation of our own it comes with it.
	if r.Method == http.MethodPost && !h.Sessions.Has(r) {
		if query := url.Values(p).Encode(); len(query) <= wire.MaxQuery {
			redirect(w, h.Path+"?"+query)
			return nil
		}
	}
	req, client, err := h.check(r.Context(), p)
	if err != nil {
		return h.fail(w, r, err)
	}
	sess, err := h.currentSession(r)
	if err != nil {
		return err
	}
	req.within(sess)
	if reason := h.needsLogin(req, client, sess, time.Now()); reason != "" {
		return h.fail(w, r, h.toLogin(w, req, reason))
	}
	return h.proceed(w, r, req, client, sess)
}

func readParams(w http.ResponseWriter, r *http.Request) (wire.Params, error) {
	if r.Method == http.MethodPost {
		return wire.AnyForm(w, r)
	}
	return wire.AnyQuery(r)
}

// currentSession returns nil where nobody is signed in.
func (h *Handler) currentSession(r *http.Request) (*opstore.Session, error) {
	sess, err := h.Sessions.Current(r)
	if errors.Is(err, oidckit.ErrUnauthenticated) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	active, err := h.Active(r.Context(), sess.Subject)
	if err != nil || !active {
		return nil, err
	}
	return sess, nil
}

// needsLogin returns why the person must sign in now, "" where the session
// answers the request.
func (h *Handler) needsLogin(req *Request, client *opstore.Client, sess *opstore.Session, now time.Time) string {
	switch {
	case sess == nil:
		return "no session"
	case req.prompts(oidckit.PromptLogin), req.prompts(oidckit.PromptSelectAccount):
		return "prompt asks for it"
	// OpenID Connect Core 1.0 §3.1.2.1, max_age
	case req.MaxAge != nil && now.Sub(sess.AuthTime) > time.Duration(*req.MaxAge)*time.Second,
		req.MaxAge != nil && *req.MaxAge == 0:
		return "session is older than max_age"
	case !h.meant(req, client, sess):
		return "another user is asked for"
	case len(req.ACRValues) > 0 && !slices.Contains(req.ACRValues, sess.ACR) && h.stepsUp(req):
		return "session has another acr"
	}
	return ""
}

// meant reports whether a session is that of the one person who is asked for,
// by the name that the client knows.
func (h *Handler) meant(req *Request, client *opstore.Client, sess *opstore.Session) bool {
	return req.HintSubject == "" || req.HintSubject == h.Tokens.Subjects.For(client, sess.Subject)
}

// stepsUp reports whether a new sign-in is worth it for another acr: where it
// is essential, or where it is known to be reachable and the person may be
// asked (OpenID Connect Core 1.0 §3.1.2.1 acr_values, §5.5.1.1).
func (h *Handler) stepsUp(req *Request) bool {
	return req.EssentialACR || !req.prompts(oidckit.PromptNone) && slices.ContainsFunc(req.ACRValues, h.reachable)
}

func (h *Handler) toLogin(w http.ResponseWriter, req *Request, reason string) error {
	if req.prompts(oidckit.PromptNone) {
		return &errorFor{oidckit.NewError(oidckit.LoginRequired, "the user must sign in").WithCause(errors.New(reason)), req}
	}
	sealed, err := h.Seal(req)
	if errors.Is(err, errRequestTooLarge) {
		return refuse(req, oidckit.InvalidRequest, "the request is too large")
	}
	if err != nil {
		return err
	}
	redirect(w, withQuery(h.LoginURL, url.Values{"request": {sealed}}))
	return nil
}

// Continue goes on with a request whose person is signed in as it asks.
func (h *Handler) Continue(w http.ResponseWriter, r *http.Request, req *Request, client *opstore.Client, sess *opstore.Session) error {
	req.within(sess)
	if err := h.judgeAgain(req, client); err != nil {
		return h.fail(w, r, err)
	}
	return h.proceed(w, r, req, client, sess)
}

func (h *Handler) proceed(w http.ResponseWriter, r *http.Request, req *Request, client *opstore.Client, sess *opstore.Session) error {
	if err := h.checkSession(req, client, sess); err != nil {
		return h.fail(w, r, err)
	}
	needed, consent, err := h.needsConsent(r.Context(), req, client, sess)
	if err != nil {
		return err
	}
	if !needed {
		return h.fail(w, r, h.grant(w, r, req, client, sess, consent))
	}
	if req.prompts(oidckit.PromptNone) {
		return h.fail(w, r, refuse(req, oidckit.ConsentRequired, "the user must consent"))
	}
	return h.fail(w, r, h.toConsent(w, r, req, sess))
}

// judgeAgain checks, for a request that has waited, what its client may have
// lost meanwhile.
func (h *Handler) judgeAgain(req *Request, client *opstore.Client) error {
	if err := h.mayAsk(req, client); err != nil {
		return err
	}
	if err := h.checkChallenged(req, client); err != nil {
		return err
	}
	h.limitClaims(req, client)
	return h.limitScope(req, client, req.Scope)
}

// checkSession refuses a session that is not as the request asks.
func (h *Handler) checkSession(req *Request, client *opstore.Client, sess *opstore.Session) error {
	switch {
	// OpenID Connect Core 1.0 §3.1.2.1 id_token_hint, §3.1.2.2
	case !h.meant(req, client, sess):
		return refuse(req, oidckit.LoginRequired, "the user who is asked for has not signed in")
	// OpenID Connect Core 1.0 §5.5.1.1: a failed authentication
	case req.EssentialACR && !slices.Contains(req.ACRValues, sess.ACR):
		return refuse(req, oidckit.UnmetAuthenticationRequirements, "the user has signed in with another acr")
	// OpenID Connect Core 1.0 §3.1.2.1: MUST actively re-authenticate
	case req.stale(sess):
		return refuse(req, oidckit.LoginRequired, "the user has not signed in again")
	}
	return nil
}

// clockSkew is how much the clocks of the issuer and of what has let the
// person in may differ.
const clockSkew = time.Minute

// stale reports whether a session is of a sign-in before the one that was asked
// for: an app's own page, or an upstream issuer, may have let in somebody who
// was signed in already.
func (r *Request) stale(sess *opstore.Session) bool {
	since := time.Unix(r.ReceivedAt, 0).Add(-clockSkew)
	if r.prompts(oidckit.PromptLogin) && sess.AuthTime.Before(since) {
		return true
	}
	return r.MaxAge != nil && sess.AuthTime.Before(since.Add(-time.Duration(*r.MaxAge)*time.Second))
}

func withQuery(target string, q url.Values) string {
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	return target + separator + q.Encode()
}
