package interaction

import (
	"errors"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/provider/internal/authorize"
	"github.com/oidckit/oidckit/provider/opstore"
)

// choosable returns the session that the person may go on with, where the
// client has asked for a choice (OpenID Connect Core 1.0 §3.1.2.1,
// select_account) and the session is good for everything else. Nil means that
// there is nothing to choose from.
func (h *Handler) choosable(r *http.Request, req *authorize.Request) (*opstore.Session, error) {
	if !req.SelectsAccount() {
		return nil, nil
	}
	sess, err := h.session(r)
	if errors.Is(err, oidckit.AccessDenied) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	client, err := h.client(r.Context(), req)
	if err != nil || !h.Authorize.Answers(req, client, sess) {
		return nil, err
	}
	return sess, nil
}

func (h *Handler) writeChoose(w http.ResponseWriter, r *http.Request, req *authorize.Request, sealed string, sess *opstore.Session) error {
	client, err := h.client(r.Context(), req)
	if err != nil {
		return err
	}
	name, err := h.UserName(r.Context(), sess.Subject)
	if err != nil {
		return err
	}
	return h.Site.Write(w, r, req.UILocales, http.StatusOK, page.Choose{
		Client: shown(client), UserName: name, Action: h.LoginPath,
		Hidden: []page.Field{{Name: "request", Value: sealed}, {Name: "session", Value: sess.ID}},
	})
}

// choose takes the answer. Whoever signed in since the page was shown is not
// the one who was chosen.
func (h *Handler) choose(w http.ResponseWriter, r *http.Request, req *authorize.Request, sealed, choice, sessionID string) error {
	sess, err := h.choosable(r, req)
	if err != nil {
		return err
	}
	switch {
	case choice != "continue" || sess == nil:
		return h.writeLogin(w, r, http.StatusOK, req, sealed, req.LoginHint, "")
	case sess.ID != sessionID:
		return h.writeChoose(w, r, req, sealed, sess)
	}
	client, err := h.client(r.Context(), req)
	if err != nil {
		return h.startAgain(w, r, req, err)
	}
	if err := h.spend(r.Context(), req); err != nil {
		return h.startAgain(w, r, req, err)
	}
	return h.Authorize.Continue(w, r, req, client, sess)
}
