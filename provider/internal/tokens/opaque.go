package tokens

import (
	"context"
	"errors"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/opstore"
)

// opaqueToken issues an access token that says nothing itself: what it stands
// for is kept, under its hash, until it expires.
func (i *Issuer) opaqueToken(ctx context.Context, g Grantee, target scopes.Target) (Access, error) {
	token, now := secret.Token(), time.Now()
	err := i.AccessTokens.CreateAccessToken(ctx, &opstore.AccessToken{
		Hash:          oidckit.HashToken(token),
		ID:            newTokenID(g.Authorization),
		ClientID:      g.Client.Metadata.ClientID,
		Authorization: *g.Authorization,
		Subject:       i.subjectOf(g),
		Audience:      target.Audience,
		Scope:         target.Scope,
		IssuedAt:      now,
		ExpiresAt:     now.Add(i.AccessTokenLifetime),
	})
	if err != nil {
		return Access{}, err
	}
	return Access{Token: token, ExpiresIn: i.AccessTokenLifetime, Scope: target.Scope}, nil
}

// readOpaque looks an access token up.
func (i *Issuer) readOpaque(ctx context.Context, token string) (*AccessClaims, error) {
	if i.AccessTokens == nil {
		return nil, invalidToken("not a JWS")
	}
	t, err := i.AccessTokens.AccessToken(ctx, oidckit.HashToken(token))
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil, invalidToken("unknown or expired")
	}
	if err != nil {
		return nil, err
	}
	a := &t.Authorization
	c := &AccessClaims{
		Subject: a.Subject, TokenSubject: t.Subject, Audience: t.Audience, ClientID: t.ClientID, ID: t.ID, Scope: t.Scope,
		IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt, SessionID: a.SessionID,
		AuthTime: a.AuthTime, ACR: a.ACR, AMR: a.AMR,
	}
	if c.Subject == "" {
		c.Subject = t.Subject
	}
	if t.Scope.Has(oidckit.ScopeOpenID) {
		c.UserinfoClaims, c.ClaimsLocales = a.UserinfoClaims, a.ClaimsLocales
	}
	return c, nil
}
