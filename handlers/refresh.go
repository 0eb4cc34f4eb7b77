package handlers

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/client"
)

const (
	// refreshMargin is how long before their end tokens are refreshed; those that
	// live less than five times as long are when a fifth of their life is left.
	refreshMargin = time.Minute
	// refreshInterval is the least time between two refreshes of a session,
	// whatever the issuer says of lifetimes.
	refreshInterval = 30 * time.Second
	// assumedLifetime is that of tokens whose issuer does not say it.
	assumedLifetime = time.Hour

	// A refresh and the writing down of its outcome end before their lease does,
	// by more than clocks of replicas are likely to differ.
	refreshTimeout = 7 * time.Second
	settleTimeout  = 4 * time.Second
	refreshLease   = 15 * time.Second
	// closePatience is more than a refresh takes that keeps to these times.
	closePatience = 12 * time.Second
	// refreshPoll is how often a request looks for the outcome of a refresh that
	// another replica makes.
	refreshPoll = 100 * time.Millisecond
)

// errGrantUnchecked is why a session is not served whose tokens have ended: the
// issuer has not said whether its grant goes on.
var errGrantUnchecked = errors.New("handlers: the issuer could not be asked whether the session's grant goes on")

// errSessionEnded is for whoever waited for a refresh that has ended the session.
var errSessionEnded = errors.Join(oidckit.ErrUnauthenticated, errors.New("handlers: the session has just ended"))

// refreshes are the refreshes that this replica makes.
type refreshes struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// begin reports whether one more may begin; it ends with running.Done.
func (f *refreshes) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.running.Add(1)
	return true
}

// close lets those under way finish: the answer of one that is cut off is lost.
// It does not wait for a transport or an event sink of the app's that never
// returns.
func (f *refreshes) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		f.running.Wait()
	}()
	timer := time.NewTimer(closePatience)
	defer timer.Stop()
	select {
	case <-finished:
	case <-timer.C:
	}
}

// schedule notes in a session when its tokens end and when they are refreshed.
func schedule(s *rpstore.Session, t *client.Tokens, now time.Time) {
	s.TokensExpireAt, s.RefreshState, s.RefreshAt = t.Expires, rpstore.RefreshIdle, time.Time{}
	if t.RefreshToken == "" {
		return
	}
	lifetime := assumedLifetime
	if !t.Expires.IsZero() {
		lifetime = t.Expires.Sub(now)
	}
	s.RefreshAt = now.Add(max(lifetime-min(refreshMargin, lifetime/5), refreshInterval))
}

func tokensUsable(s *rpstore.Session, now time.Time) bool {
	return s.TokensExpireAt.IsZero() || now.Before(s.TokensExpireAt)
}

// leaseRanOut reports whether whoever was refreshing has gone without a word. A
// lease that ends later than any could was taken before the clock was set back.
func leaseRanOut(s *rpstore.Session, now time.Time) bool {
	return s.RefreshState == rpstore.RefreshRunning &&
		(!now.Before(s.RefreshAt) || s.RefreshAt.Sub(now) > refreshLease+client.Leeway)
}

// follow lets a session follow its grant: when its tokens are due, one caller on
// one replica refreshes them. While they are good the others go on; once they
// have ended, all wait for the outcome.
func (rp *RelyingParty) follow(ctx context.Context, s *rpstore.Session) (*rpstore.Session, error) {
	for {
		var outcome <-chan struct{}
		var err error
		now := time.Now()
		usable := tokensUsable(s, now)
		switch {
		case s.RefreshAt.IsZero(), s.RefreshState == rpstore.RefreshLost:
			return s, nil
		case leaseRanOut(s, now):
			err = rp.loseTokens(ctx, s, errors.New("handlers: whoever refreshed the tokens has gone"))
		case s.RefreshState == rpstore.RefreshRunning:
		case now.Before(s.RefreshAt):
			if s.RefreshState == rpstore.RefreshFailed && !usable {
				return rp.stale(s)
			}
			return s, nil
		default:
			outcome, err = rp.claim(ctx, s)
		}
		switch {
		case errors.Is(err, oidckit.ErrNotFound):
			return nil, oidckit.ErrUnauthenticated
		case err != nil && !errors.Is(err, oidckit.ErrConflict):
			rp.cfg.Logger.Warn().Err(err).Msg("a session's tokens could not be refreshed")
			if !usable {
				return rp.stale(s)
			}
		}
		if usable {
			return s, nil
		}
		if !awaitOutcome(ctx, outcome) {
			return rp.stale(s)
		}
		handle := s.Handle
		if s, err = rp.readSession(ctx, handle); errors.Is(err, oidckit.ErrUnauthenticated) {
			return nil, errSessionEnded
		} else if err != nil {
			return nil, err
		}
	}
}

// awaitOutcome reports whether it is time to look at the session again. A nil
// outcome is that of another replica.
func awaitOutcome(ctx context.Context, outcome <-chan struct{}) bool {
	var poll <-chan time.Time
	if outcome == nil {
		timer := time.NewTimer(refreshPoll)
		defer timer.Stop()
		poll = timer.C
	}
	select {
	case <-outcome:
	case <-poll:
	case <-ctx.Done():
		return false
	}
	return true
}

// stale is what becomes of a session whose tokens have ended while the issuer
// could not be asked.
func (rp *RelyingParty) stale(s *rpstore.Session) (*rpstore.Session, error) {
	if rp.cfg.AllowStaleSession {
		return s, nil
	}
	return nil, errGrantUnchecked
}

// claim makes this caller the one who refreshes, or says that another is
// (ErrConflict). The refresh runs on when the caller leaves.
func (rp *RelyingParty) claim(ctx context.Context, s *rpstore.Session) (outcome <-chan struct{}, err error) {
	before, err := rp.openTokens(s)
	if err == nil && before.RefreshToken == "" {
		err = errTokensUnreadable
	}
	if err != nil {
		return nil, rp.loseTokens(ctx, s, err)
	}
	if !rp.refreshing.begin() {
		return nil, errors.New("handlers: the relying party is closed")
	}
	running := false
	defer func() {
		// Close must not wait for what a store that panics has kept from beginning.
		if !running {
			rp.refreshing.running.Done()
		}
	}()
	claimed, now := *s, time.Now()
	claimed.RefreshState, claimed.RefreshAt, claimed.SeenAt = rpstore.RefreshRunning, now.Add(refreshLease), now
	if err := rp.updateSession(ctx, &claimed); err != nil {
		return nil, err
	}
	running = true
	done := make(chan struct{})
	go func() {
		defer rp.refreshing.running.Done()
		defer close(done)
		defer func() {
			// Nobody has called who could be told: the lease runs out.
			if v := recover(); v != nil {
				rp.cfg.Logger.Error().Msg("a refresh panicked: an event sink or a store")
			}
		}()
		rp.refresh(context.WithoutCancel(ctx), &claimed, before)
	}()
	return done, nil
}

// refresh asks the issuer and writes down what has become of it.
func (rp *RelyingParty) refresh(ctx context.Context, s *rpstore.Session, before *client.Tokens) {
	asking, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	asked := time.Now()
	tokens, err := rp.client.Refresh(asking, before.RefreshToken)
	if err == nil {
		err = rp.continueTokens(asking, before, tokens, asked)
	}
	settling, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	rp.settle(settling, s, tokens, err)
}

// continueTokens checks what came, and adds what the issuer has left out because
// it stays as it was.
func (rp *RelyingParty) continueTokens(ctx context.Context, before, tokens *client.Tokens, asked time.Time) error {
	// RFC 6749 §6: a new refresh token may come, §5.1: a scope only if it differs
	if tokens.RefreshToken == "" {
		tokens.RefreshToken = before.RefreshToken
	}
	if tokens.Scope == nil {
		tokens.Scope = before.Scope
	}
	tokens.SessionState = before.SessionState
	if tokens.IDToken == "" || before.IDToken == "" {
		tokens.IDToken = before.IDToken
		return nil
	}
	err := rp.client.CheckRefreshedIDToken(ctx, before.IDToken, asked, tokens)
	if errors.Is(err, client.ErrUnavailable) {
		// It came over TLS, with all claims right, and decides nothing: as a hint
		// the one before will do.
		rp.cfg.Logger.Warn().Err(err).Msg("a refreshed ID token could not be checked and was dropped")
		tokens.IDToken = before.IDToken
		return nil
	}
	return err
}
