package handlers

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/client"
)

const (
	// An issuer that could not be asked is asked again after retryAfter, and less
	// often the longer the tokens have been at their end.
	retryAfter    = 5 * time.Second
	maxRetryAfter = 30 * time.Second
)

// settle writes down the outcome of a refresh. Whatever happened to the session
// meanwhile stays: one that was ended does not come back.
func (rp *RelyingParty) settle(ctx context.Context, s *rpstore.Session, tokens *client.Tokens, failed error) {
	_, refused := errors.AsType[*client.Refusal](failed)
	var err error
	switch {
	case failed == nil:
		err = rp.storeTokens(ctx, s, tokens)
	case refused, errors.Is(failed, client.ErrGrantEnded):
		if err = rp.endRefused(ctx, s.Handle); err == nil {
			rp.tellRefresh(ctx, oidckit.EventSessionEnded, s, failed)
		}
	case errors.Is(failed, client.ErrUnavailable):
		err = rp.revise(ctx, s, func(s *rpstore.Session) {
			now := time.Now()
			s.RefreshState, s.RefreshAt = rpstore.RefreshFailed, now.Add(retryDelay(s, now))
		})
		rp.tellRefresh(ctx, oidckit.EventTokensNotRefreshed, s, failed)
	default:
		if err = rp.revise(ctx, s, markLost); err == nil {
			rp.tellLost(ctx, s, failed)
		}
	}
	if err != nil && !errors.Is(err, oidckit.ErrNotFound) {
		// The lease runs out, and the person goes to the issuer without being asked.
		rp.cfg.Logger.Error().Err(err).Msg("the outcome of a refresh could not be stored")
	}
}

func retryDelay(s *rpstore.Session, now time.Time) time.Duration {
	if s.TokensExpireAt.IsZero() {
		return maxRetryAfter
	}
	return min(max(now.Sub(s.TokensExpireAt), retryAfter), maxRetryAfter)
}

func (rp *RelyingParty) tellRefresh(ctx context.Context, name oidckit.EventName, s *rpstore.Session, cause error) {
	line := rp.cfg.Logger.Debug()
	if cause != nil {
		line = rp.cfg.Logger.Warn().AnErr("cause", cause)
	}
	line.Str("event", string(name)).Str("issuer", rp.cfg.Issuer).Msg("a session's tokens were to be refreshed")
	rp.event(ctx, oidckit.Event{Name: name, Subject: s.Subject, SessionID: s.SessionID, Err: cause})
}

// storeTokens puts the new tokens in the place of those that were claimed. Where
// the session was ended meanwhile their grant ends too.
func (rp *RelyingParty) storeTokens(ctx context.Context, s *rpstore.Session, tokens *client.Tokens) error {
	sealed := rp.tokens.Seal(encodeTokens(tokens), rp.tokensPlace(s.Handle))
	now := time.Now()
	err := rp.revise(ctx, s, func(s *rpstore.Session) {
		s.SealedTokens = sealed
		schedule(s, tokens, now)
	})
	switch {
	case err == nil:
		rp.tellRefresh(ctx, oidckit.EventTokensRefreshed, s, nil)
	case errors.Is(err, oidckit.ErrNotFound):
		if err := rp.client.RevokeRefreshToken(ctx, tokens.RefreshToken); err != nil {
			rp.cfg.Logger.Warn().Err(err).Msg("the tokens of a session that was ended could not be revoked")
		}
	}
	return err
}

// endRefused ends a session whose grant is no more. A store that stalls is asked
// again.
func (rp *RelyingParty) endRefused(ctx context.Context, key oidckit.TokenHash) error {
	for {
		err := rp.endSession(ctx, key)
		if err == nil || !pause(ctx) {
			return err
		}
	}
}

// markLost notes that the refresh token must not be sent again.
func markLost(s *rpstore.Session) { s.RefreshState, s.RefreshAt = rpstore.RefreshLost, time.Now() }

// loseTokens is markLost for who has claimed nothing. It returns ErrConflict
// where the session has changed since: perhaps nothing was lost.
func (rp *RelyingParty) loseTokens(ctx context.Context, s *rpstore.Session, cause error) error {
	lost := *s
	markLost(&lost)
	err := rp.updateSession(ctx, &lost)
	if err == nil {
		*s = lost
		rp.tellLost(ctx, s, cause)
	}
	return err
}

func (rp *RelyingParty) tellLost(ctx context.Context, s *rpstore.Session, cause error) {
	rp.checked.drop(s.Handle)
	rp.tellRefresh(ctx, oidckit.EventTokensLost, s, cause)
}

// revise changes a session whose refresh this caller has claimed, whatever
// others have written since: a visit, for one. It leaves tokens alone that are
// not the claimed ones.
func (rp *RelyingParty) revise(ctx context.Context, s *rpstore.Session, change func(*rpstore.Session)) error {
	claimed := s.SealedTokens
	for {
		change(s)
		written := s.SealedTokens
		err := rp.updateSession(ctx, s)
		if err == nil || errors.Is(err, oidckit.ErrNotFound) {
			return err
		}
		if !errors.Is(err, oidckit.ErrConflict) && !pause(ctx) {
			return err
		}
		stored, readErr := rp.sessions.store.Sessions.Session(ctx, s.Handle)
		switch {
		case errors.Is(readErr, oidckit.ErrNotFound):
			return readErr
		case readErr != nil:
			if !pause(ctx) {
				return readErr
			}
		case bytes.Equal(stored.SealedTokens, claimed):
			*s = *stored
		case bytes.Equal(stored.SealedTokens, written):
			// A store that has failed to say so has written it all the same.
			return nil
		default:
			return oidckit.ErrConflict
		}
	}
}

// pause waits before a store is asked again, and reports whether there is time.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(refreshPoll)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
