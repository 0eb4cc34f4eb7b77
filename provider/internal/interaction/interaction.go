package interaction

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/throttle"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/authorize"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/internal/session"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// maxSubject is OpenID Connect Core 1.0 §2: at most 255 ASCII characters.
const maxSubject = 255

// PasswordCheck returns who the user is, or oidckit.ErrUnauthenticated where
// name and password do not belong together.
type PasswordCheck func(ctx context.Context, username, password string) (oidckit.Authentication, error)

// Handler serves the pages and the calls. Its fields are set once; it is safe
// for concurrent use.
type Handler struct {
	Authorize    *authorize.Handler
	Sessions     *session.Sessions
	Clients      opstore.Clients
	Interactions opstore.Interactions
	Replay       oidckit.ReplayStore
	Scopes       *scopes.Catalogue
	// CheckPassword returns oidckit.ErrUnauthenticated where name and password
	// do not belong together.
	CheckPassword PasswordCheck
	// UserName is how a subject is shown to the person.
	UserName func(ctx context.Context, subject string) (string, error)
	// CrossOrigin refuses posts from other sites.
	CrossOrigin *http.CrossOriginProtection
	// Throttle counts wrong passwords, by name and by what ClientAddress
	// returns, "" where that says nothing.
	Throttle      *throttle.Throttle
	ClientAddress func(*http.Request) string
	// Site writes the pages.
	Site        *page.Site
	LoginPath   string
	ConsentPath string
	AccountPath string
	Issuer      string
	// Allowed is what the account page needs.
	Allowed Allowed
	Logger  zerolog.Logger
	Events  oidckit.EventSink
}

// LoginRequest returns the login that a request to a login page is about.
func (h *Handler) LoginRequest(r *http.Request) (*oidckit.LoginRequest, error) {
	sealed := r.URL.Query().Get("request")
	if sealed == "" && r.Method == http.MethodPost {
		sealed = fromForm(r, "request")
	}
	req, err := h.Authorize.Open(sealed)
	if err != nil {
		return nil, err
	}
	client, err := h.client(r.Context(), req)
	if err != nil {
		return nil, err
	}
	lr := req.LoginRequest(sealed, displayName(client))
	lr.ReturnTo = req.ReturnTo
	return lr, nil
}

// fromForm reads a field of the form that an app's own page has posted. A form
// that the app has read before is taken as it is.
func fromForm(r *http.Request, name string) string {
	if r.PostForm == nil {
		r.Body = http.MaxBytesReader(nil, r.Body, wire.MaxBody)
		if err := r.ParseForm(); err != nil {
			return ""
		}
	}
	return r.PostForm.Get(name)
}

// client returns the client of a waiting request, which may have been removed
// meanwhile, have left its client_id to another one, or have given up the
// address that the answer would go to; an empty one where the issuer itself
// asks.
func (h *Handler) client(ctx context.Context, req *authorize.Request) (*opstore.Client, error) {
	if req.ReturnTo != "" {
		return &opstore.Client{}, nil
	}
	client, err := h.Clients.Client(ctx, req.ClientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil, authorize.ErrRequestExpired
	}
	if err != nil {
		return nil, err
	}
	if !client.Follows(time.Unix(req.ReceivedAt, 0)) || !clients.MatchRedirectURI(client.Metadata.RedirectURIs, req.RedirectURI) {
		return nil, authorize.ErrRequestExpired
	}
	return client, nil
}

func displayName(c *opstore.Client) string {
	if c.Metadata.ClientName != "" {
		return c.Metadata.ClientName
	}
	return c.Metadata.ClientID
}

// shown is a client as pages show it.
func shown(c *opstore.Client) page.Client {
	m := &c.Metadata
	return page.Client{Name: displayName(c), LogoURI: m.LogoURI, PolicyURI: m.PolicyURI, TosURI: m.TosURI}
}

// CompleteLogin signs the person in and goes on with the request. Each request
// is completed once; a second time is refused with a way to start again.
func (h *Handler) CompleteLogin(w http.ResponseWriter, r *http.Request, id string, auth oidckit.Authentication) error {
	ctx := r.Context()
	req, err := h.Authorize.Open(id)
	if err != nil {
		return err
	}
	client, err := h.client(ctx, req)
	if err != nil {
		return err
	}
	if auth, err = settled(auth); err != nil {
		return err
	}
	active, err := h.Authorize.Active(ctx, auth.Subject)
	if err != nil {
		return err
	}
	if !active {
		return h.FailLogin(w, r, id, errMayNotSignIn)
	}
	if err := h.spend(ctx, req); err != nil {
		return err
	}
	sess, err := h.Sessions.SignIn(w, r, auth)
	if err != nil {
		return err
	}
	h.Events.Send(ctx, oidckit.Event{
		Name: oidckit.EventLoginSucceeded, Issuer: h.Issuer, ClientID: req.ClientID, Subject: auth.Subject, SessionID: sess.ID,
	})
	if req.ReturnTo != "" {
		redirect(w, req.ReturnTo)
		return nil
	}
	return h.Authorize.Continue(w, r, req, client, sess)
}

var (
	errCompleted    = oidckit.NewError(oidckit.InvalidRequest, "this sign-in was completed before")
	errMayNotSignIn = oidckit.NewError(oidckit.AccessDenied, "the account may not sign in")
)

// spend lets a request be completed once.
func (h *Handler) spend(ctx context.Context, req *authorize.Request) error {
	err := h.Replay.UseOnce(ctx, "login:"+req.ID, time.Unix(req.ReceivedAt, 0).Add(time.Hour))
	if errors.Is(err, oidckit.ErrConsumed) {
		return errCompleted
	}
	return err
}

// settled returns what a login has brought as tokens can tell it.
func settled(auth oidckit.Authentication) (oidckit.Authentication, error) {
	if !validSubject(auth.Subject) {
		return auth, oidckit.NewError(oidckit.ServerError, "the login gave no usable subject")
	}
	// A time to come would outwit every max_age.
	if now := time.Now(); auth.Time.IsZero() || auth.Time.After(now) {
		auth.Time = now
	}
	return auth, nil
}

func validSubject(s string) bool {
	if s == "" || len(s) > maxSubject {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// FailLogin ends a login that did not succeed: the client is told cause's
// code, or access_denied where cause is of another kind. Where no client has
// asked, the error is returned.
func (h *Handler) FailLogin(w http.ResponseWriter, r *http.Request, id string, cause error) error {
	req, err := h.Authorize.Open(id)
	if err != nil {
		return err
	}
	// Nobody is sent to the address of a client that is gone.
	if _, err := h.client(r.Context(), req); err != nil {
		return err
	}
	e, ok := errors.AsType[*oidckit.Error](cause)
	if !ok {
		e = oidckit.NewError(oidckit.AccessDenied, "the user did not sign in").WithCause(cause)
	}
	h.Events.Send(r.Context(), oidckit.Event{Name: oidckit.EventLoginFailed, Issuer: h.Issuer, ClientID: req.ClientID, Err: cause})
	if req.ReturnTo != "" {
		return e
	}
	return h.Authorize.Fail(w, r, req, e)
}

// sameOrigin refuses a post that another site's page has made.
func (h *Handler) sameOrigin(r *http.Request) error {
	if err := h.CrossOrigin.Check(r); err != nil {
		return oidckit.NewError(oidckit.AccessDenied, "this form was sent from another site").WithCause(err)
	}
	return nil
}

// signIn sends the person to the login page for a page of the issuer's own:
// the login waits, sealed, like that of a client, but comes back to path.
func (h *Handler) signIn(w http.ResponseWriter, path string, locales []string) error {
	sealed, err := h.Authorize.Seal(&authorize.Request{ID: secret.ID(), ReceivedAt: time.Now().Unix(), ReturnTo: path, UILocales: locales})
	if err != nil {
		return err
	}
	redirect(w, h.Authorize.LoginAddress(sealed))
	return nil
}

// redirect answers with 303, so that no post is repeated elsewhere (RFC 9700
// §4.12).
func redirect(w http.ResponseWriter, target string) {
	head := w.Header()
	wire.NoStore(head)
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}
