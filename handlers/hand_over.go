package handlers

import (
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
)

// A login whose answer is posted by the issuer's page ends in two steps. The
// post comes from another site, so that it has no session cookie: the session
// that this browser had could neither be ended nor keep what an app has put
// into it. The post is therefore answered with a redirect to a page of our own,
// to which browsers send all cookies, and the new session goes there in one that
// is sealed and good for a minute.

const (
	handOverPath     = "/continue"
	handOverCookie   = "login-to-"
	handOverLifetime = time.Minute
	handOverVersion  = 1
)

var errNotHandedOver = errors.New("handlers: no session was handed over")

func (rp *RelyingParty) handOverCookieName(state string) string {
	return rp.site.cookieName(handOverCookie + nameHash(8, rp.id, state))
}

func (rp *RelyingParty) handOverPlace(state string, stamp []byte) []byte {
	return slices.Concat([]byte("continue"), rp.loginPlace(state, stamp))
}

// handOver answers the post of a login that has succeeded.
func (rp *RelyingParty) handOver(w http.ResponseWriter, tx *transaction, fresh freshSession) {
	rec := record{handOverVersion}
	rec.text(fresh.handle)
	rec.text(tx.returnTo)
	rec.text(string(tx.renews[:]))
	stamp := binary.BigEndian.AppendUint32(make([]byte, 0, stampBytes), uint32(time.Now().Unix()))
	value := append(stamp, rp.logins.Seal(rec, rp.handOverPlace(tx.state, stamp))...)
	http.SetCookie(w, rp.site.cookie(rp.handOverCookieName(tx.state), base64url.EncodeToString(value), int(handOverLifetime/time.Second)))
	redirect(w, http.StatusSeeOther, rp.url(handOverPath)+"?state="+url.QueryEscape(tx.state))
}

// serveContinue ends such a login: the browser gets its session.
func (rp *RelyingParty) serveContinue(w http.ResponseWriter, r *http.Request) error {
	tx, handle, err := rp.openHandOver(r)
	if err != nil {
		return &failure{status: http.StatusBadRequest, reason: "unknown_state", cause: err,
			message: "This sign-in was not started in this browser, or was finished before. Please start again."}
	}
	http.SetCookie(w, rp.site.cookie(rp.handOverCookieName(tx.state), "", -1))
	return rp.goOn(w, r, tx, rp.acceptHandOver(r, tx, handle))
}

// openHandOver finds what was handed over under the state in the query.
func (rp *RelyingParty) openHandOver(r *http.Request) (tx *transaction, handle string, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["state"]) != 1 {
		return nil, "", errNotHandedOver
	}
	tx = &transaction{state: q.Get("state")}
	cookies := r.CookiesNamed(rp.handOverCookieName(tx.state))
	if len(cookies) != 1 {
		return nil, "", errNotHandedOver
	}
	raw, ok := decodeText(cookies[0].Value)
	if !ok || len(raw) < stampBytes {
		return nil, "", errNotHandedOver
	}
	stamp := raw[:stampBytes]
	plain, err := rp.logins.Open(raw[stampBytes:], rp.handOverPlace(tx.state, stamp))
	if err != nil {
		return nil, "", errNotHandedOver
	}
	rec := recordReader{s: string(plain)}
	version := rec.byte()
	handle, tx.returnTo = rec.text(), rec.text()
	renews := rec.text()
	copy(tx.renews[:], renews)
	tx.created = time.Unix(int64(binary.BigEndian.Uint32(stamp)), 0)
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
	err := rp.sessions.store.Replay.UseOnce(ctx, "continue:"+rp.id+":"+nameHash(22, tx.state), tx.created.Add(handOverLifetime+client.Leeway))
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
