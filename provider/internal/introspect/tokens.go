package introspect

import (
	"context"
	"errors"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/subject"
	"github.com/oidckit/oidckit/provider/opstore"
)

// notAccess is the type of tokens that are no access tokens (RFC 8693 §2.2.1):
// nobody must take one for a bearer token because it is active.
const notAccess = "N_A"

// accessToken returns nil where it is no access token that counts.
func (h *Handler) accessToken(ctx context.Context, caller *opstore.Client, token string) (*answer, error) {
	c, err := h.Tokens.FindAccessToken(ctx, token)
	if errors.Is(err, oidckit.InvalidToken) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// RFC 7662 §4: what is not meant for the caller is not active for it
	if c.ClientID != caller.Metadata.ClientID && !h.Scopes.Concerns(caller.Metadata.ClientID, c.Audience) {
		return inactive, nil
	}
	a := &answer{
		Active: true, Issuer: h.Issuer, ClientID: c.ClientID, TokenType: "Bearer", Scope: c.Scope.String(), Audience: c.Audience,
		Subject: c.Subject, ID: c.ID, IssuedAt: c.IssuedAt.Unix(), NotBefore: c.IssuedAt.Unix(), ExpiresAt: c.ExpiresAt.Unix(),
		SessionID: c.SessionID, AuthTime: unix(c.AuthTime), ACR: c.ACR, AMR: c.AMR,
	}
	if c.OfClient() {
		return a, nil
	}
	return h.ofUser(ctx, a, c.Client, c.Subject, c.Scope)
}

// refreshToken returns nil where it is no refresh token that counts.
func (h *Handler) refreshToken(ctx context.Context, caller *opstore.Client, token string) (*answer, error) {
	t, g, err := h.Grants.RefreshToken(ctx, oidckit.HashToken(token))
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// ATK-257: nobody but its client has any use for it
	if g.ClientID != caller.Metadata.ClientID || !t.ConsumedAt.IsZero() || !caller.Follows(g.CreatedAt) {
		return inactive, nil
	}
	auth := &g.Authorization
	a := &answer{
		Active: true, Issuer: h.Issuer, ClientID: g.ClientID, TokenType: notAccess, Scope: auth.Scope.String(), Subject: auth.Subject,
		ExpiresAt: t.ExpiresAt.Unix(), SessionID: auth.SessionID, AuthTime: unix(auth.AuthTime), ACR: auth.ACR, AMR: auth.AMR,
	}
	return h.ofUser(ctx, a, caller, auth.Subject, auth.Scope)
}

// idToken returns nil where it is no ID token that counts.
func (h *Handler) idToken(ctx context.Context, caller *opstore.Client, token string) (*answer, error) {
	c, err := h.Tokens.FindIDToken(ctx, token)
	if errors.Is(err, oidckit.InvalidToken) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if c.ClientID != caller.Metadata.ClientID || !caller.Follows(c.IssuedAt) {
		return inactive, nil
	}
	a := &answer{
		Active: true, Issuer: h.Issuer, ClientID: c.ClientID, TokenType: notAccess, Audience: audience{c.ClientID}, Subject: c.Subject,
		IssuedAt: c.IssuedAt.Unix(), NotBefore: c.IssuedAt.Unix(), ExpiresAt: c.ExpiresAt.Unix(),
		SessionID: c.SessionID, AuthTime: unix(c.AuthTime), ACR: c.ACR, AMR: c.AMR,
	}
	if caller.Metadata.SubjectType == subject.Pairwise {
		// Whose name it is cannot be told from it, so it can but end with its
		// session: without one nobody knows whether its user is still there.
		if c.SessionID == "" {
			return inactive, nil
		}
		return a, nil
	}
	return h.ofUser(ctx, a, caller, c.Subject, nil)
}

// ofUser adds what is told of a token's user, who must still be there. A
// username is told where the scope has it anyway, or AlwaysUsername says so.
func (h *Handler) ofUser(ctx context.Context, a *answer, client *opstore.Client, local string, scope oidckit.Scope) (*answer, error) {
	claims, err := h.Claims(ctx, local)
	if errors.Is(err, oidckit.ErrNotFound) {
		return inactive, nil
	}
	if err != nil {
		return nil, err
	}
	a.Subject = h.Subjects.For(client, local)
	// OpenID Connect Core 1.0 §8.1: a name tells who a pairwise subject is
	always := h.AlwaysUsername && client.Metadata.SubjectType != subject.Pairwise
	if always || scope.Has(oidckit.ScopeProfile) {
		a.Username = claims.Text("preferred_username")
	}
	if a.Username == "" && (always || scope.Has(oidckit.ScopeEmail)) {
		a.Username = claims.Text("email")
	}
	return a, nil
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
