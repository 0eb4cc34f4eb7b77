package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/cookies"
)

// serveCallback ends a login: every check stands before the step that it
// guards, and the session comes last.
func (rp *RelyingParty) serveCallback(w http.ResponseWriter, r *http.Request) error {
	resp, malformed := rp.readResponse(w, r)
	// RFC 6749 §10.12, RFC 9700 §4.7
	tx, err := rp.openLogin(r, resp.State)
	if err == nil {
		rp.logins.Forget(w, tx.state)
	}
	switch {
	case malformed != nil:
		f := asFailure(malformed)
		if tx != nil {
			f.returnTo = tx.returnTo
		}
		return f
	case err != nil:
		return &failure{status: http.StatusBadRequest, reason: "unknown_state", cause: err,
			message: "This sign-in was not started in this browser, or was finished before. Please start again."}
	}
	fresh, err := rp.finishLogin(r, tx, resp)
	if err == nil && rp.cfg.postsBack() {
		rp.handOver(w, tx, fresh)
		return nil
	}
	if err == nil {
		err = rp.takeUp(r.Context(), tx, fresh)
	}
	return rp.goOn(w, r, tx, err)
}

// goOn leads the person on from a login that has ended, well or not.
func (rp *RelyingParty) goOn(w http.ResponseWriter, r *http.Request, tx *transaction, err error) error {
	if err != nil {
		f := *asFailure(err)
		f.returnTo = tx.returnTo
		if tx.silent() {
			return rp.endSilently(w, r, &f)
		}
		return &f
	}
	redirect(w, http.StatusSeeOther, tx.returnTo)
	return nil
}

// finishLogin returns a session that no browser has yet.
func (rp *RelyingParty) finishLogin(r *http.Request, tx *transaction, resp client.Response) (freshSession, error) {
	ctx := r.Context()
	if cookies.Expired(tx.created, time.Now()) {
		return freshSession{}, &failure{status: http.StatusBadRequest, reason: "login_expired",
			message: "Signing in took too long. Please start again."}
	}
	if err := rp.client.CheckIssuer(ctx, resp); err != nil {
		return freshSession{}, err
	}
	if resp.Error != "" {
		return freshSession{}, peerRefused(resp.Error)
	}
	if err := rp.sessions.ready(ctx); err != nil {
		return freshSession{}, storeDown(err)
	}
	if err := rp.claimLogin(ctx, rp.redeeming, tx); errors.Is(err, oidckit.ErrConsumed) {
		return freshSession{}, errLoginFinished
	}
	return rp.redeem(ctx, tx, resp)
}

var errLoginFinished = &failure{status: http.StatusBadRequest, reason: "replayed_response",
	message: "This sign-in was finished before. Please start again."}

// claimLogin spends a login. It is asked twice. First of this replica's memory,
// before the code is sent: a code that is sent twice makes the issuer revoke
// what the first one brought (RFC 6749 §4.1.2). Then of the store, which all
// replicas share and where only a login that the issuer has vouched for may
// leave a row: a stranger's would fill it.
func (rp *RelyingParty) claimLogin(ctx context.Context, replay oidckit.ReplayStore, tx *transaction) error {
	return replay.UseOnce(ctx, "login:"+rp.id+":"+cookies.NameHash(22, tx.state), tx.created.Add(cookies.Lifetime+client.Leeway))
}

// redeem turns a response into a session.
func (rp *RelyingParty) redeem(ctx context.Context, tx *transaction, resp client.Response) (freshSession, error) {
	tokens, err := rp.client.Redeem(ctx, resp, tx.codeVerifier(), tx.expected())
	if err != nil {
		return freshSession{}, err
	}
	id, claims, err := rp.identify(ctx, tx, tokens)
	if err != nil {
		return freshSession{}, err
	}
	if err := rp.checkSamePerson(ctx, tx, id); err != nil {
		return freshSession{}, err
	}
	identity, err := rp.mapIdentity(ctx, rp.newIdentity(id, tokens, claims))
	if err != nil {
		return freshSession{}, err
	}
	if err := rp.claimLogin(ctx, rp.sessions.store.Replay, tx); errors.Is(err, oidckit.ErrConsumed) {
		return freshSession{}, errLoginFinished
	} else if err != nil {
		return freshSession{}, storeDown(err)
	}
	return rp.createSession(ctx, identity, tokens)
}

// takeUp gives the browser a session that a login has brought.
func (rp *RelyingParty) takeUp(ctx context.Context, tx *transaction, fresh freshSession) error {
	if err := rp.endRenewed(ctx, tx, fresh); err != nil {
		return err
	}
	if err := rp.giveSession(ctx, fresh.handle); err != nil {
		return err
	}
	told := false
	defer func() {
		// A sink that panics has perhaps not heard of it: nobody stays signed in.
		if !told {
			rp.undoLogin(ctx)
		}
	}()
	rp.event(ctx, oidckit.Event{Name: oidckit.EventLoginSucceeded, Subject: fresh.subject, SessionID: fresh.sessionID})
	told = true
	return nil
}

// undoLogin ends the session that this request has begun.
func (rp *RelyingParty) undoLogin(ctx context.Context) {
	handle := rp.sessions.GetString(ctx, rp.handleKey)
	if err := errors.Join(rp.endSession(ctx, oidckit.HashToken(handle)), rp.forgetHandle(ctx)); err != nil {
		rp.cfg.Logger.Error().Err(err).Msg("a session that nobody has a cookie for could not be ended")
	}
}
