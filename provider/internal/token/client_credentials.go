package token

import (
	"context"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

// personal are the scopes that only a user can grant.
var personal = []string{
	oidckit.ScopeOpenID, oidckit.ScopeProfile, oidckit.ScopeEmail,
	oidckit.ScopeAddress, oidckit.ScopePhone, oidckit.ScopeOfflineAccess,
}

// clientCredentials is RFC 6749 §4.4: an access token for the client itself,
// and no refresh token (§4.4.3).
func (h *Handler) clientCredentials(_ context.Context, client *opstore.Client, p wire.Params) (*issue, error) {
	// RFC 6749 §4.4: MUST only be used by confidential clients
	if client.Public() {
		return nil, oidckit.NewError(oidckit.UnauthorizedClient, "a public client has no credentials")
	}
	registered, err := oidckit.ParseScope(client.Metadata.Scope)
	if err != nil {
		return nil, err
	}
	auth := &opstore.Authorization{
		GrantID: secret.ID(),
		Scope:   h.Scopes.Allowed(client, registered).Without(personal...),
	}
	target, err := h.target(auth, p.Get("scope"), p.All("resource"))
	if err != nil {
		return nil, err
	}
	return &issue{authorization: auth, target: target}, nil
}
