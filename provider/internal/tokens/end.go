package tokens

import (
	"context"
	"time"

	"github.com/oidckit/oidckit/provider/opstore"
)

// revocationSlack covers a token that is being issued while its grant is
// revoked, and verifiers whose clocks are late.
const revocationSlack = time.Minute

// EndGrant ends everything that was issued under a grant: its access tokens
// first, then its refresh tokens. Until the last of them would have expired
// nothing new comes of it either.
func (i *Issuer) EndGrant(ctx context.Context, grants opstore.Grants, grantID string) error {
	until := time.Now().Add(i.AccessTokenLifetime + revocationSlack)
	if err := i.Revocations.Revoke(ctx, opstore.RevokedGrantID(grantID), until); err != nil {
		return err
	}
	_, err := grants.RevokeGrants(ctx, opstore.GrantSelector{ID: grantID}, until)
	return err
}

// EndAccessToken ends one access token, and returns until when it is denied.
func (i *Issuer) EndAccessToken(ctx context.Context, c *AccessClaims) (time.Time, error) {
	until := c.ExpiresAt.Add(revocationSlack)
	return until, i.Revocations.Revoke(ctx, opstore.RevokedTokenID(c.ID), until)
}
