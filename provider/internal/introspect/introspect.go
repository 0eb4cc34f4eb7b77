package introspect

import (
	"context"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clientauth"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/internal/subject"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Handler serves the endpoint. Its fields are set once; it is safe for
// concurrent use.
type Handler struct {
	Issuer   string
	Clients  *clientauth.Authenticator
	Scopes   *scopes.Catalogue
	Tokens   *tokens.Issuer
	Grants   opstore.Grants
	Subjects *subject.Mapper
	// Claims returns the claims about a subject, or oidckit.ErrNotFound where
	// the user is gone or may not sign in any more.
	Claims func(ctx context.Context, subject string) (oidckit.Claims, error)
	// SigningAlg signs answers for clients that name no algorithm.
	SigningAlg string
	Events     oidckit.EventSink
	// AlwaysUsername tells a username whatever the scope, but for tokens of
	// clients with pairwise subjects.
	AlwaysUsername bool
}

// Serve answers POST (RFC 7662 §2).
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	form, err := wire.Form(w, r)
	if err != nil {
		return err
	}
	// RFC 7662 §2.1: to prevent token scanning the caller MUST be authorized
	caller, err := h.Clients.AuthenticateConfidential(r, form)
	if err != nil {
		h.refused(r, err)
		return err
	}
	token := form.Get("token")
	if token == "" {
		return oidckit.NewError(oidckit.InvalidRequest, "token is missing")
	}
	a, err := h.find(r.Context(), caller, token, form.Get("token_type_hint"))
	if err != nil {
		return err
	}
	if acceptsJWT(r) {
		return h.writeJWT(w, r, caller, a)
	}
	write(w, a)
	return nil
}

func (h *Handler) refused(r *http.Request, err error) {
	if wire.AsError(err).HTTPStatus() < http.StatusInternalServerError {
		h.Events.Send(r.Context(), oidckit.Event{Name: oidckit.EventClientRefused, Issuer: h.Issuer, Err: err})
	}
}

// inactive is all that is told of a token that is not active or none of the
// caller's business (RFC 7662 §2.2).
var inactive = &answer{}

// find looks for the token where its form says that it can be. The hint
// decides where to look first among two that look alike, and nothing else (RFC
// 7662 §2.1).
func (h *Handler) find(ctx context.Context, caller *opstore.Client, token, hint string) (*answer, error) {
	if len(token) > jose.MaxToken {
		return inactive, nil
	}
	first, second := h.accessToken, h.refreshToken
	switch {
	case tokens.IsJWT(token):
		second = h.idToken
		if hint == "id_token" {
			first, second = second, first
		}
	case hint == "refresh_token":
		first, second = second, first
	}
	a, err := first(ctx, caller, token)
	if err != nil || a != nil {
		return a, err
	}
	if a, err = second(ctx, caller, token); err != nil || a != nil {
		return a, err
	}
	return inactive, nil
}
