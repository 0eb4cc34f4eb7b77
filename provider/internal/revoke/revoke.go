package revoke

import (
	"context"
	"errors"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clientauth"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Handler serves the endpoint. Its fields are set once; it is safe for
// concurrent use.
type Handler struct {
	Issuer  string
	Clients *clientauth.Authenticator
	Tokens  *tokens.Issuer
	Grants  opstore.Grants
	Events  oidckit.EventSink
}

// Serve answers POST (RFC 7009 §2.1).
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	form, err := wire.Form(w, r)
	if err != nil {
		return err
	}
	client, err := h.Clients.Authenticate(r, form)
	if err != nil {
		if wire.AsError(err).HTTPStatus() < http.StatusInternalServerError {
			h.Events.Send(r.Context(), oidckit.Event{Name: oidckit.EventClientRefused, Issuer: h.Issuer, Err: err})
		}
		return err
	}
	token := form.Get("token")
	if token == "" {
		return oidckit.NewError(oidckit.InvalidRequest, "token is missing")
	}
	if err := h.revoke(r.Context(), client, token, form.Get("token_type_hint")); err != nil {
		return err
	}
	// RFC 7009 §2.2: the body is not looked at
	wire.NoStore(w.Header())
	w.WriteHeader(http.StatusOK)
	return nil
}

// revoke ends the token, whatever it turns out to be. The hint decides where
// to look first (RFC 7009 §2.1), and nothing else.
func (h *Handler) revoke(ctx context.Context, client *opstore.Client, token, hint string) error {
	if len(token) > jose.MaxToken {
		return nil
	}
	first, second := h.refreshToken, h.accessToken
	switch {
	case tokens.IsJWT(token):
		first, second = h.accessToken, h.idToken
	case hint == "access_token":
		first, second = second, first
	}
	if found, err := first(ctx, client, token); err != nil || found {
		return err
	}
	_, err := second(ctx, client, token)
	return err
}

func (h *Handler) refreshToken(ctx context.Context, client *opstore.Client, token string) (found bool, err error) {
	_, g, err := h.Grants.RefreshToken(ctx, oidckit.HashToken(token))
	if errors.Is(err, oidckit.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if g.ClientID != client.Metadata.ClientID {
		return true, foreign()
	}
	// One that was rotated away too: the client is done with all of them.
	if err := h.Tokens.EndGrant(ctx, h.Grants, g.ID); err != nil {
		return true, err
	}
	h.Events.Send(ctx, oidckit.Event{
		Name: oidckit.EventGrantRevoked, Issuer: h.Issuer, ClientID: g.ClientID,
		Subject: g.Authorization.Subject, SessionID: g.Authorization.SessionID,
	})
	return true, nil
}

func (h *Handler) accessToken(ctx context.Context, client *opstore.Client, token string) (found bool, err error) {
	c, err := h.Tokens.FindAccessToken(ctx, token)
	if errors.Is(err, oidckit.InvalidToken) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if c.ClientID != client.Metadata.ClientID {
		return true, foreign()
	}
	return true, h.end(ctx, c)
}

// End revokes an access token for whoever holds it. It returns an error that
// is invalid_token where it is none that is live.
func (h *Handler) End(ctx context.Context, token string) error {
	if len(token) > jose.MaxToken {
		return oidckit.InvalidToken
	}
	c, err := h.Tokens.FindAccessToken(ctx, token)
	if err != nil {
		return err
	}
	return h.end(ctx, c)
}

func (h *Handler) end(ctx context.Context, c *tokens.AccessClaims) error {
	until, err := h.Tokens.EndAccessToken(ctx, c)
	if err != nil {
		return err
	}
	h.Events.Send(ctx, oidckit.Event{
		Name: oidckit.EventTokenRevoked, Issuer: h.Issuer, ClientID: c.ClientID, Subject: c.Subject, SessionID: c.SessionID,
		TokenID: c.ID, Until: until,
	})
	return nil
}

// idToken refuses what cannot be taken back: an ID token is a statement about
// the past (RFC 7009 §2.2.1).
func (h *Handler) idToken(ctx context.Context, client *opstore.Client, token string) (found bool, err error) {
	c, err := h.Tokens.FindIDToken(ctx, token)
	if errors.Is(err, oidckit.InvalidToken) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if c.ClientID != client.Metadata.ClientID {
		return true, foreign()
	}
	return true, oidckit.NewError(oidckit.UnsupportedTokenType, "an ID token cannot be revoked; it ends with its session")
}

// foreign implements RFC 7009 §2.1: the request is refused, and the client
// informed of it.
func foreign() error {
	return oidckit.NewError(oidckit.InvalidGrant, "the token was issued to another client")
}
