package register

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/opstore"
)

// register answers RFC 7591 §3.1.
func (h *Handler) register(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := h.mayRegister(r); err != nil {
		h.refused(ctx, "", err)
		return err
	}
	req, err := readRequest(w, r)
	if err != nil {
		return err
	}
	// ATK-264: the issuer chooses both, so that nobody takes another's place
	if req.metadata.ClientID != "" || req.metadata.ClientSecret != "" || len(req.issued) > 0 {
		return oidckit.NewError(oidckit.InvalidClientMetadata, "client_id, client_secret and what else the issuer gives out must not be sent")
	}
	m, err := h.decide(ctx, req.metadata, &oidckit.ClientMetadata{})
	if err != nil {
		return err
	}
	if err := h.room(ctx); err != nil {
		return err
	}
	token := secret.Token()
	m.ClientID = secret.ID()
	d := h.draft(m)
	d.AccessToken = oidckit.HashToken(token)
	reg, err := h.Create(ctx, d)
	if err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusCreated, h.describe(reg, d.Secret, token))
	return nil
}

// decide applies the rules and the app's own decision. current is what the
// client is registered for already, which it may keep.
func (h *Handler) decide(ctx context.Context, m oidckit.ClientMetadata, current *oidckit.ClientMetadata) (oidckit.ClientMetadata, error) {
	m, ps := clients.Check(m, h.Policy)
	ps = append(ps, clients.CheckStranger(&m, h.Guard)...)
	for _, g := range m.GrantTypes {
		if !slices.Contains(h.GrantTypes, g) && !slices.Contains(current.GrantTypes, g) && slices.Contains(h.Policy.GrantTypes, g) {
			ps = append(ps, &clients.Problem{Field: "grant_types", Value: g, Text: "has one that clients do not register by themselves"})
		}
	}
	if len(ps) > 0 {
		return m, clients.Refusal(ps)
	}
	m.Scope = h.limitScope(m.Scope, current.Scope)
	if h.Decide != nil {
		if err := h.Decide(ctx, &m); err != nil {
			return m, err
		}
	}
	// What the app has decided is held to the rules too, and only then is
	// anybody called.
	m, ps = h.Check(ctx, m)
	if len(ps) > 0 {
		return m, clients.Refusal(ps)
	}
	return m, nil
}

// limitScope leaves out what a client may not have by itself (RFC 7591 §2: the
// issuer may replace what was asked for, and says so in its answer).
func (h *Handler) limitScope(asked, current string) string {
	wanted, _ := oidckit.ParseScope(asked)
	has, _ := oidckit.ParseScope(current)
	var out oidckit.Scope
	for _, name := range wanted {
		if slices.Contains(h.Scopes, name) || has.Has(name) {
			out = append(out, name)
		}
	}
	return out.String()
}

// room refuses where there are as many clients as there may be.
func (h *Handler) room(ctx context.Context) error {
	_, total, err := h.Store.ListRegistrations(ctx, 0, 0)
	if err != nil {
		return err
	}
	if total >= h.MaxClients {
		h.Logger.Error().Int("clients", total).Msg("no more clients are registered: MaxClients is reached")
		return oidckit.NewError(oidckit.TemporarilyUnavailable, "no more clients are registered at present")
	}
	return nil
}

// draft gives a client a new secret, where it needs one.
func (h *Handler) draft(m oidckit.ClientMetadata) clients.Draft {
	d := clients.Draft{Metadata: m, Secret: clients.NewSecret(&m)}
	if h.SecretLifetime > 0 {
		d.SecretExpiresAt = time.Now().Add(h.SecretLifetime)
	}
	return d
}

func (h *Handler) describe(reg *opstore.Registration, clientSecret, token string) oidckit.ClientRegistration {
	res := oidckit.ClientRegistration{
		ClientMetadata:          reg.Client.Metadata,
		ClientIDIssuedAt:        reg.Client.CreatedAt.Unix(),
		RegistrationAccessToken: token,
		RegistrationClientURI:   h.URL + "?" + url.Values{"client_id": {reg.Client.Metadata.ClientID}}.Encode(),
	}
	res.ClientSecret = clientSecret
	if len(reg.Client.SecretHashes) > 0 {
		var ends int64
		if !reg.Client.SecretExpiresAt.IsZero() {
			ends = reg.Client.SecretExpiresAt.Unix()
		}
		res.ClientSecretExpiresAt = &ends
	}
	return res
}

func (h *Handler) refused(ctx context.Context, clientID string, err error) {
	if wire.AsError(err).HTTPStatus() < http.StatusInternalServerError {
		h.Events.Send(ctx, oidckit.Event{Name: oidckit.EventClientRefused, Issuer: h.Issuer, ClientID: clientID, Err: err})
	}
}
