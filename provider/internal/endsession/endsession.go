package endsession

import (
	"context"
	"encoding/json"
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
	"github.com/oidckit/oidckit/provider/internal/session"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// Handler serves the endpoint and its confirmation. Its fields are set once;
// it is safe for concurrent use.
type Handler struct {
	Issuer string
	// Site writes the pages.
	Site     *page.Site
	Clients  opstore.Clients
	Sessions *session.Sessions
	Tokens   *tokens.Issuer
	Box      *secret.Box
	// Path is where the endpoint is.
	Path string
	// ConfirmPath is where the confirmation page posts to.
	ConfirmPath string
	CrossOrigin *http.CrossOriginProtection
	// FollowRegistered sends a person to an address that a client of the session
	// has registered, although the request names no client.
	FollowRegistered bool
	// Frames returns what the page after a logout loads, so that clients hear of
	// it; nil where they do not.
	Frames func(ctx context.Context, s *opstore.Session) ([]string, error)
	// UserName is how a subject is shown to the person.
	UserName func(ctx context.Context, subject string) (string, error)
	Logger   zerolog.Logger
	Events   oidckit.EventSink
}

const (
	maxState = 4096
	// confirmLifetime is how long a person may take to confirm.
	confirmLifetime = 30 * time.Minute
	sealedFor       = "logout"
)

// logout is a request that was checked.
type logout struct {
	// ReturnTo is empty where the person stays here.
	ReturnTo string `json:"return_to,omitempty"`
	State    []byte `json:"state,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	// SessionID is the session that the page was shown to.
	SessionID string `json:"sid,omitempty"`
	At        int64  `json:"at"`
	// UILocales are the languages the client has asked for.
	UILocales []string `json:"ui_locales,omitempty"`

	// unnamed is an address to return to of a client that was not named.
	unnamed    string
	clientName string
	frames     []string
	client     *opstore.Client
	// hint is what a valid id_token_hint said.
	hint *tokens.Hint
}

// Serve answers GET and POST (§2).
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	p, err := params(w, r)
	if err != nil {
		return err
	}
	// A post from another site comes without the session cookie, which is
	// SameSite=Lax. As a navigation of our own it comes with it.
	if r.Method == http.MethodPost && !h.Sessions.Has(r) {
		query := url.Values(p).Encode()
		if len(query) > wire.MaxQuery {
			return oidckit.NewError(oidckit.InvalidRequest, "request is too large").WithStatus(http.StatusRequestEntityTooLarge)
		}
		redirect(w, h.Path+"?"+query)
		return nil
	}
	req, err := h.check(r.Context(), p)
	if err != nil {
		return err
	}
	sess, err := h.Sessions.Current(r)
	if err == nil {
		err = h.follow(r.Context(), req, sess)
	}
	switch {
	case errors.Is(err, oidckit.ErrUnauthenticated):
		return h.done(w, r, req)
	case err != nil:
		return err
	case h.names(req, sess):
		return h.end(w, r, req, sess)
	}
	return h.confirm(w, r, req, sess)
}

func params(w http.ResponseWriter, r *http.Request) (wire.Params, error) {
	if r.Method == http.MethodPost {
		return wire.Form(w, r)
	}
	return wire.Query(r)
}

// check reads the request. A bad hint or an unregistered address is told to
// the person, never followed (§3).
func (h *Handler) check(ctx context.Context, p wire.Params) (*logout, error) {
	req := &logout{State: []byte(p.Get("state")), ClientID: p.Get("client_id"), At: time.Now().Unix(), UILocales: strings.Fields(p.Get("ui_locales"))}
	if len(req.State) > maxState {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "state is too long")
	}
	if raw := p.Get("id_token_hint"); raw != "" {
		hint, err := h.Tokens.ReadHint(ctx, raw)
		if errors.Is(err, tokens.ErrBadHint) {
			return nil, oidckit.NewError(oidckit.InvalidRequest, "the app sent an id_token_hint that is not an ID token of this issuer")
		}
		if err != nil {
			return nil, err
		}
		// §2: when both are present, the OP MUST verify that they match
		if req.ClientID != "" && !slices.Contains(hint.Audience, req.ClientID) {
			return nil, oidckit.NewError(oidckit.InvalidRequest, "client_id is not the client that id_token_hint was issued to")
		}
		if req.hint = hint; req.ClientID == "" {
			req.ClientID = hint.ClientID
		}
	}
	return req, h.checkClient(ctx, req, p.Get("post_logout_redirect_uri"))
}

func (h *Handler) checkClient(ctx context.Context, req *logout, returnTo string) error {
	if req.ClientID == "" {
		if req.unnamed = returnTo; returnTo != "" && !h.FollowRegistered {
			return oidckit.NewError(oidckit.InvalidRequest, "the app gave an address to return to, but not who it is: id_token_hint or client_id is needed")
		}
		return nil
	}
	client, err := h.Clients.Client(ctx, req.ClientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		return oidckit.NewError(oidckit.InvalidRequest, "the app that sent you here is not known")
	}
	if err != nil {
		return err
	}
	req.clientName = client.Metadata.ClientName
	req.client = client
	// §3.1: an exact match with what the client has registered
	if returnTo != "" && !slices.Contains(client.Metadata.PostLogoutRedirectURIs, returnTo) {
		return oidckit.NewError(oidckit.InvalidRequest, "the app gave an address to return to that is not registered: post_logout_redirect_uri")
	}
	req.ReturnTo = returnTo
	return nil
}

// names reports whether the hint is of the person who is signed in.
func (h *Handler) names(l *logout, sess *opstore.Session) bool {
	return l.hint != nil && l.client != nil && l.hint.Subject == h.Tokens.Subjects.For(l.client, sess.Subject)
}

func (h *Handler) confirm(w http.ResponseWriter, r *http.Request, req *logout, sess *opstore.Session) error {
	name, err := h.UserName(r.Context(), sess.Subject)
	if err != nil {
		return err
	}
	req.SessionID = sess.ID
	plain, err := json.Marshal(req)
	if err != nil {
		return err
	}
	return h.Site.Write(w, r, req.UILocales, http.StatusOK, page.Logout{
		ClientName: req.clientName, UserName: name, Action: h.ConfirmPath,
		Hidden: []page.Field{{Name: "request", Value: h.Box.SealText(plain, sealedFor)}},
	})
}

// Confirm answers the confirmation page's POST.
func (h *Handler) Confirm(w http.ResponseWriter, r *http.Request) error {
	if err := h.CrossOrigin.Check(r); err != nil {
		return oidckit.NewError(oidckit.AccessDenied, "this form was sent from another site").WithCause(err)
	}
	form, err := wire.Form(w, r)
	if err != nil {
		return err
	}
	req := &logout{}
	plain, err := h.Box.OpenText(form.Get("request"), sealedFor)
	if err != nil || json.Unmarshal(plain, req) != nil || time.Since(time.Unix(req.At, 0)) > confirmLifetime {
		return oidckit.NewError(oidckit.InvalidRequest, "this question has expired; sign out again")
	}
	sess, err := h.Sessions.Current(r)
	if errors.Is(err, oidckit.ErrUnauthenticated) {
		return h.done(w, r, req)
	}
	if err != nil {
		return err
	}
	if sess.ID != req.SessionID {
		return oidckit.NewError(oidckit.InvalidRequest, "somebody else has signed in meanwhile; sign out again")
	}
	return h.end(w, r, req, sess)
}

func (h *Handler) end(w http.ResponseWriter, r *http.Request, req *logout, sess *opstore.Session) error {
	if err := h.Sessions.SignOut(w, r, sess); err != nil {
		return err
	}
	if h.Frames != nil {
		// The session has ended: what the person gets is an answer, frames or not.
		frames, err := h.Frames(r.Context(), sess)
		if err != nil {
			h.Logger.Error().Err(err).Str("endpoint", "end_session").Msg("clients are not told by front-channel")
		}
		req.frames = frames
	}
	h.Events.Send(r.Context(), oidckit.Event{
		Name: oidckit.EventLogout, Issuer: h.Issuer, ClientID: req.ClientID, Subject: sess.Subject, SessionID: sess.ID,
	})
	return h.done(w, r, req)
}

// done sends the person back, or tells that the session has ended.
func (h *Handler) done(w http.ResponseWriter, r *http.Request, req *logout) error {
	target := req.target()
	switch {
	case len(req.frames) > 0:
		home, label := h.back(r, req)
		return h.Site.Write(w, r, req.UILocales, http.StatusOK, page.SigningOut{Frames: req.frames, Next: target, ReturnURL: home, ReturnLabel: label})
	case target == "":
		home, label := h.back(r, req)
		return h.Site.Write(w, r, req.UILocales, http.StatusOK, page.SignedOut{ReturnURL: home, ReturnLabel: label})
	}
	redirect(w, target)
	return nil
}

// target is where the person goes on to, "" for nowhere.
func (l *logout) target() string {
	if l.ReturnTo == "" || len(l.State) == 0 {
		return l.ReturnTo
	}
	separator := "?"
	if strings.Contains(l.ReturnTo, "?") {
		separator = "&"
	}
	// §3: state is handed back as it was
	return l.ReturnTo + separator + url.Values{"state": {string(l.State)}}.Encode()
}

func redirect(w http.ResponseWriter, target string) {
	head := w.Header()
	wire.NoStore(head)
	head.Set("Referrer-Policy", "no-referrer")
	// http.Redirect would rewrite the target; it was registered byte for byte.
	head.Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}
