package token

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/opstore"
)

// undoTimeout bounds the end of a grant that has come to nothing.
const undoTimeout = 5 * time.Second

// firstRefreshToken begins the chain where the client is registered for it and
// the user has consented to offline_access.
func (h *Handler) firstRefreshToken(ctx context.Context, client *opstore.Client, auth *opstore.Authorization) (string, error) {
	if !h.RefreshWithoutOfflineAccess && !auth.Scope.Has(oidckit.ScopeOfflineAccess) || !slices.Contains(client.Metadata.GrantTypes, oidckit.GrantTypeRefreshToken) {
		return "", nil
	}
	token, now := secret.Token(), time.Now()
	g := &opstore.Grant{
		ID: auth.GrantID, ClientID: client.Metadata.ClientID, Authorization: *auth,
		CreatedAt: now, ExpiresAt: now.Add(h.GrantLifetime),
	}
	err := h.Grants.CreateGrant(ctx, g, h.newRefreshToken(token, g, now))
	if errors.Is(err, oidckit.ErrConsumed) {
		// The code's second use has overtaken this one and revoked the grant.
		// The first still gets its answer: what it holds is dead already.
		return "", nil
	}
	if err != nil {
		return "", err
	}
	// Whoever withdraws something marks it first and revokes its grants then:
	// one that came later is found here.
	if err := h.checkStanding(ctx, g); err != nil {
		h.undo(ctx, auth)
		return "", err
	}
	return token, nil
}

// checkStanding refuses a grant whose client, user, session or consent has gone
// while it was made.
func (h *Handler) checkStanding(ctx context.Context, g *opstore.Grant) error {
	client, err := h.Tokens.Clients.Client(ctx, g.ClientID)
	if errors.Is(err, oidckit.ErrNotFound) || err == nil && !client.Follows(g.CreatedAt) {
		return invalidGrant(errors.New("the client is gone"))
	}
	if err != nil {
		return err
	}
	if err := h.checkUser(ctx, &g.Authorization); err != nil {
		return err
	}
	return h.checkWithdrawn(ctx, &g.Authorization)
}

// undo ends a grant whose tokens nobody is given.
func (h *Handler) undo(ctx context.Context, auth *opstore.Authorization) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if err := h.Tokens.EndGrant(ctx, h.Grants, auth.GrantID); err != nil {
		h.Logger.Error().Err(err).Str("endpoint", "token").Str("grant_id", auth.GrantID).Msg("a grant whose tokens nobody has could not be ended")
	}
}

func (h *Handler) newRefreshToken(token string, g *opstore.Grant, now time.Time) *opstore.RefreshToken {
	expires := now.Add(h.RefreshTokenLifetime)
	if expires.After(g.ExpiresAt) {
		expires = g.ExpiresAt
	}
	return &opstore.RefreshToken{Hash: oidckit.HashToken(token), GrantID: g.ID, ExpiresAt: expires}
}

// checkWithdrawn refuses a code whose session has ended meanwhile, for its
// client was told already, and one whose user has withdrawn the consent that it came of.
func (h *Handler) checkWithdrawn(ctx context.Context, auth *opstore.Authorization) error {
	var ids []string
	// With offline_access too: what outlives a session was issued in it.
	if auth.SessionID != "" {
		ids = append(ids, opstore.RevokedSessionID(auth.SessionID))
	}
	if consent := opstore.ConsentOfGrant(auth.GrantID); consent != "" {
		ids = append(ids, opstore.RevokedConsentID(consent))
	}
	if len(ids) == 0 {
		return nil
	}
	withdrawn, err := h.Revocations.Revoked(ctx, ids...)
	if err == nil && withdrawn {
		err = invalidGrant(errors.New("the session has ended, or the consent was withdrawn"))
	}
	return err
}
