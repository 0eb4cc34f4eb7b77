package handlers

import (
	"context"
	"time"

	"github.com/oidckit/oidckit/internal/client"
)

// revocationTimeout bounds what a logout asks of the issuer behind the person's
// back.
const revocationTimeout = 5 * time.Second

// revokeGrant ends the grant of a session that has ended, behind the caller's
// back: a person who signs out does not wait for it (RFC 7009 §2.1). Close lets
// it finish.
func (rp *RelyingParty) revokeGrant(ctx context.Context, tokens *client.Tokens) {
	if tokens.RefreshToken == "" || !rp.refreshing.begin() {
		return
	}
	go func() {
		defer rp.refreshing.running.Done()
		// The app's HTTP client must not end the program.
		defer func() { _ = recover() }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revocationTimeout)
		defer cancel()
		if err := rp.client.RevokeRefreshToken(ctx, tokens.RefreshToken); err != nil {
			rp.cfg.Logger.Warn().Err(err).Str("issuer", rp.cfg.Issuer).Msg("a refresh token was not revoked")
		}
	}()
}
