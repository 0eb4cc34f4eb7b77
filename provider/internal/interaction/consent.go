package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/authorize"
	"github.com/oidckit/oidckit/provider/opstore"
)

var errDecided = oidckit.NewError(oidckit.InvalidRequest, "this question was answered before or has expired")

// Consent serves the consent page: GET shows what is asked, POST decides it.
// Only the session that was asked can answer, and only once.
func (h *Handler) Consent(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return h.decide(w, r)
	}
	params, err := wire.Query(r)
	if err != nil {
		return err
	}
	handle := params.Get("interaction")
	sess, err := h.session(r)
	if err != nil {
		return err
	}
	waiting, err := h.Interactions.Interaction(r.Context(), oidckit.HashToken(handle))
	if errors.Is(err, oidckit.ErrNotFound) || (err == nil && waiting.SessionID != sess.ID) {
		return errDecided
	}
	if err != nil {
		return err
	}
	return h.writeConsent(w, r, waiting, sess, handle)
}

var errSignedOut = oidckit.NewError(oidckit.AccessDenied, "you are no longer signed in")

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

func (h *Handler) writeConsent(w http.ResponseWriter, r *http.Request, waiting *opstore.Interaction, sess *opstore.Session, handle string) error {
	req, err := authorize.Waiting(waiting)
	if err != nil {
		return errDecided.WithCause(err)
	}
	client, err := h.client(r.Context(), req)
	if err != nil {
		return err
	}
	name, err := h.UserName(r.Context(), sess.Subject)
	if err != nil {
		return err
	}
	p := page.Consent{
		Brand:      h.Brand,
		ClientName: displayName(client),
		UserName:   name,
		ReturnHost: hostOf(req.RedirectURI),
		Action:     h.ConsentPath,
		Hidden:     []page.Field{{Name: "interaction", Value: handle}},
		PolicyURI:  client.Metadata.PolicyURI,
		TosURI:     client.Metadata.TosURI,
	}
	for _, scope := range req.Scope {
		p.Scopes = append(p.Scopes, page.ScopeLine{Name: scope, Description: h.Scopes.Describe(scope)})
	}
	return page.Write(w, http.StatusOK, p)
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

func (h *Handler) decide(w http.ResponseWriter, r *http.Request) error {
	if err := h.sameOrigin(r); err != nil {
		return err
	}
	form, err := wire.Form(w, r)
	if err != nil {
		return err
	}
	decision := form.Get("decision")
	if decision != "allow" && decision != "deny" {
		return oidckit.NewError(oidckit.InvalidRequest, "the form was sent without a decision; go back and choose one")
	}
	sess, err := h.session(r)
	if err != nil {
		return err
	}
	req, err := h.take(r.Context(), form.Get("interaction"), sess)
	if err != nil {
		return err
	}
	if decision == "deny" {
		h.Events.Send(r.Context(), oidckit.Event{
			Name: oidckit.EventConsentDenied, Issuer: h.Issuer, ClientID: req.ClientID, Subject: sess.Subject, SessionID: sess.ID,
		})
		return h.Authorize.Fail(w, req, oidckit.NewError(oidckit.AccessDenied, "the user did not allow it"))
	}
	return h.Authorize.Grant(w, r, req, sess)
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
