package register

import (
	"errors"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/internal/clientsecret"
	"github.com/oidckit/oidckit/provider/opstore"
)

// manage answers RFC 7592 §2.
func (h *Handler) manage(w http.ResponseWriter, r *http.Request, clientID string) error {
	token, err := bearer(r)
	if err != nil {
		return err
	}
	reg, err := h.own(r, clientID, token)
	if err != nil {
		h.refused(r.Context(), "", err)
		return err
	}
	switch r.Method {
	case http.MethodPut:
		return h.update(w, r, reg, token)
	case http.MethodDelete:
		err := h.Delete(r.Context(), clientID, 0, "")
		if errors.Is(err, oidckit.ErrNotFound) {
			return unauthorized("the client was deleted meanwhile")
		}
		if err != nil {
			return err
		}
		// RFC 7592 §2.3
		wire.NoStore(w.Header())
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	wire.WriteJSON(w, http.StatusOK, h.describe(reg, "", token))
	return nil
}

// own returns the client whose registration access token was presented. That a
// client does not exist is not told (RFC 7592 §2.1).
func (h *Handler) own(r *http.Request, clientID, token string) (*opstore.Registration, error) {
	if token == "" || clientID == "" {
		return nil, unauthorized("no registration access token, or no client_id")
	}
	reg, err := h.Store.Registration(r.Context(), clientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		reg, err = &opstore.Registration{}, nil
	}
	if err != nil {
		return nil, err
	}
	if !matches(oidckit.HashToken(token), []oidckit.TokenHash{reg.AccessToken}) {
		return nil, unauthorized("unknown client, or not its registration access token")
	}
	return reg, nil
}

// update answers RFC 7592 §2.2: what is not sent is not registered any more.
func (h *Handler) update(w http.ResponseWriter, r *http.Request, reg *opstore.Registration, token string) error {
	ctx := r.Context()
	req, err := readRequest(w, r)
	if err != nil {
		return err
	}
	current := reg.Client.Metadata
	switch {
	case req.metadata.ClientID != current.ClientID:
		return oidckit.NewError(oidckit.InvalidClientMetadata, "client_id is missing or another client's")
	case len(req.issued) > 0:
		return oidckit.NewError(oidckit.InvalidClientMetadata, req.issued[0]+" must not be sent")
	// The client MUST NOT overwrite its secret with one of its own
	case req.metadata.ClientSecret != "" && !matches(oidckit.HashToken(req.metadata.ClientSecret), reg.Client.SecretHashes):
		return oidckit.NewError(oidckit.InvalidClientMetadata, "client_secret is not the one that was issued")
	}
	req.metadata.ClientSecret = ""
	m, err := h.decide(ctx, req.metadata, &current)
	if err != nil {
		return err
	}
	m.ClientID = current.ClientID
	d := clients.Draft{Metadata: m}
	if !clients.KeepsSecret(&reg.Client, &m) || clientsecret.Expired(&reg.Client, time.Now()) {
		d = h.draft(m)
	}
	err = h.Update(ctx, reg, d)
	switch {
	case errors.Is(err, oidckit.ErrNotFound):
		return unauthorized("the client was deleted meanwhile")
	case errors.Is(err, oidckit.ErrConflict):
		return oidckit.NewError(oidckit.InvalidRequest, "another change came first; read the registration again").WithStatus(http.StatusConflict)
	case err != nil:
		return err
	}
	wire.WriteJSON(w, http.StatusOK, h.describe(reg, d.Secret, token))
	return nil
}
