package interaction

import (
	"context"
	"errors"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/authorize"
	"github.com/oidckit/oidckit/provider/opstore"
)

var (
	errDecided   = oidckit.NewError(oidckit.InvalidRequest, "this question was answered before or has expired")
	errSignedOut = oidckit.NewError(oidckit.AccessDenied, "you are no longer signed in")
)

// ConsentRequest returns the question that a request to a consent page is
// about, for the session that was asked.
func (h *Handler) ConsentRequest(r *http.Request) (*oidckit.ConsentRequest, error) {
	handle := r.URL.Query().Get("interaction")
	if handle == "" && r.Method == http.MethodPost {
		handle = fromForm(r, "interaction")
	}
	sess, err := h.session(r)
	if err != nil {
		return nil, err
	}
	req, err := h.waiting(r.Context(), handle, sess)
	if err != nil {
		return nil, err
	}
	client, err := h.client(r.Context(), req)
	if err != nil {
		return nil, err
	}
	language, m := h.Site.Language(r, req.UILocales), &client.Metadata
	cr := &oidckit.ConsentRequest{
		ID: handle, Subject: sess.Subject, ClientID: req.ClientID, ClientName: displayName(client),
		ClientURI: m.ClientURI, LogoURI: m.LogoURI, PolicyURI: m.PolicyURI, TosURI: m.TosURI,
		RedirectHost: hostOf(req.RedirectURI), Scope: req.Scope, Descriptions: map[string]string{},
		Resources: req.Resource, Claims: h.Authorize.ClaimsBeyond(req), Prompt: req.Prompt, UILocales: req.UILocales,
	}
	for _, scope := range req.Scope {
		cr.Descriptions[scope] = language.Scope(scope, h.Scopes.Describe(scope))
	}
	return cr, nil
}

// session returns the session of a person who may still sign in.
func (h *Handler) session(r *http.Request) (*opstore.Session, error) {
	sess, err := h.Sessions.Current(r)
	if errors.Is(err, oidckit.ErrUnauthenticated) {
		return nil, errSignedOut
	}
	if err != nil {
		return nil, err
	}
	active, err := h.Authorize.Active(r.Context(), sess.Subject)
	if err != nil {
		return nil, err
	}
	if !active {
		return nil, errSignedOut.WithCause(errors.New("the user is gone or disabled"))
	}
	return sess, nil
}

// waiting returns a question that this session was asked, without answering
// it.
func (h *Handler) waiting(ctx context.Context, handle string, sess *opstore.Session) (*authorize.Request, error) {
	waiting, err := h.Interactions.Interaction(ctx, oidckit.HashToken(handle))
	if errors.Is(err, oidckit.ErrNotFound) || err == nil && waiting.SessionID != sess.ID {
		return nil, errDecided
	}
	if err != nil {
		return nil, err
	}
	req, err := authorize.Waiting(waiting)
	if err != nil {
		return nil, errDecided.WithCause(err)
	}
	return req, nil
}

// CompleteConsent allows what is in allowed of the question id, remembers it
// and answers the client. openid, where it was asked for, is always part of
// it: without it there would be nothing to answer.
func (h *Handler) CompleteConsent(w http.ResponseWriter, r *http.Request, id string, allowed oidckit.Scope) error {
	sess, err := h.decider(r)
	if err != nil {
		return err
	}
	req, err := h.waiting(r.Context(), id, sess)
	if err != nil {
		return err
	}
	if !req.Scope.HasAll(allowed) {
		return oidckit.NewError(oidckit.InvalidScope, "more was allowed than was asked for")
	}
	narrowed := req.Scope.Without(req.Scope.Without(append(oidckit.Scope{oidckit.ScopeOpenID}, allowed...)...)...)
	if len(narrowed) == 0 && len(req.Scope) > 0 {
		return oidckit.NewError(oidckit.InvalidScope, "nothing was allowed of what was asked for")
	}
	if req, err = h.take(r.Context(), id, sess); err != nil {
		return err
	}
	h.Authorize.Narrow(req, narrowed)
	return h.Authorize.Grant(w, r, req, sess)
}

// DenyConsent tells the client of the question id that it was denied.
func (h *Handler) DenyConsent(w http.ResponseWriter, r *http.Request, id string) error {
	sess, err := h.decider(r)
	if err != nil {
		return err
	}
	req, err := h.take(r.Context(), id, sess)
	if err != nil {
		return err
	}
	h.Events.Send(r.Context(), oidckit.Event{
		Name: oidckit.EventConsentDenied, Issuer: h.Issuer, ClientID: req.ClientID, Subject: sess.Subject, SessionID: sess.ID,
	})
	return h.Authorize.Fail(w, r, req, oidckit.NewError(oidckit.AccessDenied, "the user did not allow it"))
}

// decider returns the session of who has sent a form of this site.
func (h *Handler) decider(r *http.Request) (*opstore.Session, error) {
	// ASVS 5.0 §10.7.1: a link that is followed decides nothing
	if r.Method != http.MethodPost {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "a decision is sent by POST").WithStatus(http.StatusMethodNotAllowed)
	}
	if err := h.sameOrigin(r); err != nil {
		return nil, err
	}
	return h.session(r)
}

func (h *Handler) take(ctx context.Context, handle string, sess *opstore.Session) (*authorize.Request, error) {
	waiting, err := h.Interactions.TakeInteraction(ctx, oidckit.HashToken(handle), sess.ID)
	if errors.Is(err, oidckit.ErrNotFound) || errors.Is(err, oidckit.ErrConsumed) {
		return nil, errDecided
	}
	if err != nil {
		return nil, err
	}
	req, err := authorize.Waiting(waiting)
	if err != nil {
		return nil, errDecided.WithCause(err)
	}
	// The client may have been removed while the person was thinking.
	_, err = h.client(ctx, req)
	return req, err
}
