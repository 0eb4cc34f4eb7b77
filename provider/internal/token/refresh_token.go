package token

import (
	"context"
	"errors"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/opstore"
)

// sealedSuccessor is the purpose under which a successor is sealed.
const sealedSuccessor = "refresh token successor"

// refreshToken is RFC 6749 §6 with rotation and reuse detection (RFC 9700
// §4.14.2).
func (h *Handler) refreshToken(ctx context.Context, client *opstore.Client, p wire.Params) (*issue, error) {
	presented := p.Get("refresh_token")
	if presented == "" {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "refresh_token is missing")
	}
	token, g, err := h.find(ctx, client, presented)
	if err != nil {
		return nil, err
	}
	target, err := h.refreshTarget(client, &g.Authorization, p)
	if err != nil && token.ConsumedAt.IsZero() {
		return nil, err
	}
	if err := h.checkUser(ctx, &g.Authorization); err != nil {
		return nil, err
	}
	if token.ConsumedAt.IsZero() {
		successor, err := h.rotate(ctx, presented, g)
		switch {
		case err == nil:
			return refreshed(g, target, successor), nil
		case errors.Is(err, oidckit.ErrNotFound):
			return nil, invalidGrant(err)
		case !errors.Is(err, oidckit.ErrConsumed):
			return nil, err
		}
		// Another call came first; what it left says what this one may have.
		if token, _, err = h.find(ctx, client, presented); err != nil {
			return nil, err
		}
	}
	successor, problem := h.successor(ctx, presented, token)
	if problem != nil {
		return nil, problem
	}
	// A replay is one, whatever else the request asks for.
	if successor == "" {
		return nil, h.replayed(ctx, oidckit.EventRefreshTokenReplayed, client, &g.Authorization, errors.New("refresh token was used before"))
	}
	if err != nil {
		return nil, err
	}
	return refreshed(g, target, successor), nil
}

// refreshTarget is what a refresh may bring. A client that has lost
// offline_access refreshes no more.
func (h *Handler) refreshTarget(client *opstore.Client, auth *opstore.Authorization, p wire.Params) (scopes.Target, error) {
	offline := auth.Scope.Has(oidckit.ScopeOfflineAccess)
	if err := h.limit(client, auth); err != nil {
		return scopes.Target{}, err
	}
	if offline && !auth.Scope.Has(oidckit.ScopeOfflineAccess) {
		return scopes.Target{}, invalidGrant(errors.New("the client may have offline_access no more"))
	}
	return h.target(auth, p.Get("scope"), p.All("resource"))
}

func refreshed(g *opstore.Grant, target scopes.Target, successor string) *issue {
	return &issue{authorization: &g.Authorization, target: target, refreshToken: successor}
}

func (h *Handler) find(ctx context.Context, client *opstore.Client, presented string) (*opstore.RefreshToken, *opstore.Grant, error) {
	token, g, err := h.Grants.RefreshToken(ctx, oidckit.HashToken(presented))
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil, nil, invalidGrant(errors.New("unknown, expired or revoked refresh token"))
	}
	if err != nil {
		return nil, nil, err
	}
	// RFC 6749 §10.4: bound to the client it was issued to
	if g.ClientID != client.Metadata.ClientID {
		return nil, nil, invalidGrant(errors.New("refresh token of another client"))
	}
	if !client.Follows(g.CreatedAt) {
		return nil, nil, invalidGrant(errors.New("refresh token of a client that had the client_id before"))
	}
	return token, g, nil
}

// checkUser ends the grants of a user who is gone or may not sign in any more.
func (h *Handler) checkUser(ctx context.Context, auth *opstore.Authorization) error {
	active, err := h.Active(ctx, auth.Subject)
	if err != nil || active {
		return err
	}
	if err := h.Tokens.EndGrant(ctx, h.Grants, auth.GrantID); err != nil {
		return err
	}
	return invalidGrant(errors.New("the user is gone or disabled"))
}

func (h *Handler) rotate(ctx context.Context, presented string, g *opstore.Grant) (string, error) {
	successor, now := secret.Token(), time.Now()
	sealed := secret.SealUnder(presented, sealedSuccessor, []byte(successor))
	err := h.Grants.RotateRefreshToken(ctx, oidckit.HashToken(presented), h.newRefreshToken(successor, g, now), sealed, now)
	return successor, err
}

// successor returns the token that took the presented one's place, where it
// may be given again: within the reuse interval and as long as nobody has used
// it. Otherwise it returns "".
func (h *Handler) successor(ctx context.Context, presented string, spent *opstore.RefreshToken) (string, error) {
	if h.ReuseInterval <= 0 || time.Since(spent.ConsumedAt) > h.ReuseInterval {
		return "", nil
	}
	next, _, err := h.Grants.RefreshToken(ctx, spent.Successor)
	if errors.Is(err, oidckit.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !next.ConsumedAt.IsZero() {
		return "", nil
	}
	plain, err := secret.OpenUnder(presented, sealedSuccessor, spent.SealedSuccessor)
	if err != nil {
		return "", nil
	}
	return string(plain), nil
}
