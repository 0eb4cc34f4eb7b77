package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/cookies"
)

// A login whose answer is posted by the issuer's page ends in two steps. The
// post comes from another site, so that it has no session cookie: the session
// that this browser had could neither be ended nor keep what an app has put
// into it. The post is therefore answered with a redirect to a page of our own,
// to which browsers send all cookies, and the new session goes there in one that
// is sealed and good for a minute.

const (
	handOverPath     = "/continue"
	handOverPrefix   = "login-to-"
	handOverLifetime = time.Minute
	handOverVersion  = 1
)

var errNotHandedOver = errors.New("handlers: no session was handed over")

// handOver answers the post of a login that has succeeded.
func (rp *RelyingParty) handOver(w http.ResponseWriter, tx *transaction, fresh freshSession) {
	rec := record{handOverVersion}
	rec.text(fresh.handle)
	rec.text(tx.returnTo)
	rec.text(string(tx.renews[:]))
	http.SetCookie(w, rp.handOvers.Seal(cookies.Pending{State: tx.state, Created: time.Now(), Content: rec}))
	redirect(w, http.StatusSeeOther, rp.url(handOverPath)+"?state="+url.QueryEscape(tx.state))
}

// serveContinue ends such a login: the browser gets its session.
func (rp *RelyingParty) serveContinue(w http.ResponseWriter, r *http.Request) error {
	tx, handle, err := rp.openHandOver(r)
	if err != nil {
		return &failure{status: http.StatusBadRequest, reason: "unknown_state", cause: err,
			message: "This sign-in was not started in this browser, or was finished before. Please start again."}
	}
	rp.handOvers.Forget(w, tx.state)
	return rp.goOn(w, r, tx, rp.acceptHandOver(r, tx, handle))
}

// openHandOver finds what was handed over under the state in the query.
func (rp *RelyingParty) openHandOver(r *http.Request) (tx *transaction, handle string, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["state"]) != 1 {
		return nil, "", errNotHandedOver
	}
	p, err := rp.handOvers.Open(r, q.Get("state"))
	if err != nil {
		return nil, "", errNotHandedOver
	}
	tx = &transaction{state: p.State, created: p.Created}
	rec := recordReader{s: string(p.Content)}
	version := rec.byte()
	handle, tx.returnTo = rec.text(), rec.text()
	renews := rec.text()
	copy(tx.renews[:], renews)
	if version != handOverVersion || !rec.done() || len(renews) != len(tx.renews) {
		return nil, "", errNotHandedOver
	}
	return tx, handle, nil
}

// acceptHandOver ends the session where the browser does not get it: nobody
// else has it.
func (rp *RelyingParty) acceptHandOver(r *http.Request, tx *transaction, handle string) error {
	ctx := r.Context()
	key := oidckit.HashToken(handle)
	err := rp.takeOver(r, tx, handle)
	if err != nil && !errors.Is(err, errLoginFinished) {
		if endErr := rp.endSession(ctx, key); endErr != nil {
			rp.cfg.Logger.Error().Err(endErr).Msg("a session that nobody has a cookie for could not be ended")
		}
	}
	return err
}

func (rp *RelyingParty) takeOver(r *http.Request, tx *transaction, handle string) error {
	ctx := r.Context()
	if age := time.Since(tx.created); age > handOverLifetime || age < -client.Leeway {
		return &failure{status: http.StatusBadRequest, reason: "login_expired",
			message: "Signing in took too long. Please start again."}
	}
	if err := rp.sessions.ready(ctx); err != nil {
		return storeDown(err)
	}
	err := rp.sessions.store.Replay.UseOnce(ctx, "continue:"+rp.id+":"+cookies.NameHash(22, tx.state), tx.created.Add(handOverLifetime+client.Leeway))
	if errors.Is(err, oidckit.ErrConsumed) {
		return errLoginFinished
	}
	if err != nil {
		return storeDown(err)
	}
	s, err := rp.readSession(ctx, oidckit.HashToken(handle))
	if errors.Is(err, oidckit.ErrUnauthenticated) {
		// A logout elsewhere was faster.
		return errLoginFinished
	}
	if err != nil {
		return storeDown(err)
	}
	return rp.takeUp(ctx, tx, freshSession{handle: handle, subject: s.Subject, sessionID: s.SessionID})
}
