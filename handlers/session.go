package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
)

// handleKeyPrefix names what the browser's session holds for a relying party:
// the handle of the session proper.
const handleKeyPrefix = "oidckit."

// checkInterval is how long a replica believes that a session is still there.
const checkInterval = time.Second

// checkTimeout bounds a look at the store, which several requests may wait for.
const checkTimeout = 5 * time.Second

var errNotConstructed = errors.New("handlers: a RelyingParty that NewRelyingParty did not make")

var errForeignSession = errors.New("handlers: the session store returned another session than the one asked for")

// freshSession is a session that no browser has yet.
type freshSession struct{ handle, subject, sessionID string }

func (rp *RelyingParty) createSession(ctx context.Context, id *oidckit.Identity, tokens *client.Tokens) (freshSession, error) {
	handle := secret.Token()
	key := oidckit.HashToken(handle)
	s := &rpstore.Session{
		Handle: key, Issuer: id.Issuer, ClientID: id.ClientID, Subject: id.Subject, SessionID: id.SessionID,
		Identity: encodeIdentity(id), SealedTokens: rp.tokens.Seal(encodeTokens(tokens), rp.tokensPlace(key)),
		CreatedAt: id.IssuedAt, SeenAt: id.IssuedAt, ExpiresAt: id.ExpiresAt,
	}
	schedule(s, tokens, time.Now())
	if err := rp.sessions.store.Sessions.CreateSession(ctx, s); err != nil {
		return freshSession{}, storeDown(err)
	}
	return freshSession{handle: handle, subject: id.Subject, sessionID: id.SessionID}, nil
}

// giveSession gives the browser the session of a handle, and a new id. A session
// that this browser had here before ends.
func (rp *RelyingParty) giveSession(ctx context.Context, handle string) error {
	previous := rp.sessions.GetString(ctx, rp.handleKey)
	// OWASP ASVS 5.0 7.2.4: a new id at login, and the old one dies
	if err := rp.sessions.RenewToken(ctx); err != nil {
		return storeDown(errors.Join(err, rp.endSession(ctx, oidckit.HashToken(handle))))
	}
	rp.sessions.Put(ctx, rp.handleKey, handle)
	if previous == "" {
		return nil
	}
	if err := rp.endSession(ctx, oidckit.HashToken(previous)); err != nil {
		// Its handle was in the browser's old session only, which is gone.
		rp.cfg.Logger.Warn().Err(err).Msg("the session before this login could not be ended")
	}
	return nil
}

// endSession ends one session, here at once and elsewhere within
// checkInterval.
func (rp *RelyingParty) endSession(ctx context.Context, key oidckit.TokenHash) error {
	_, err := rp.sessions.store.Sessions.EndSessions(ctx, rpstore.SessionSelector{Handle: key})
	rp.checked.drop(key)
	return err
}

// tokensPlace binds sealed tokens to their session.
func (rp *RelyingParty) tokensPlace(key oidckit.TokenHash) []byte {
	return append([]byte(rp.id), key[:]...)
}

// openTokens opens what a session keeps sealed.
func (rp *RelyingParty) openTokens(s *rpstore.Session) (*client.Tokens, error) {
	plain, err := rp.tokens.Open(s.SealedTokens, rp.tokensPlace(s.Handle))
	if err != nil {
		return nil, errTokensUnreadable
	}
	tokens, ok := decodeTokens(plain)
	if !ok {
		return nil, errTokensUnreadable
	}
	return tokens, nil
}

// Authenticate returns who the request's session belongs to: ErrUnauthenticated
// where there is none, any other error where that could not be found out. It
// needs Sessions.LoadAndSave around the route. The store is asked at most once
// a second for each session; the identity is shared and must not be modified.
//
// A session with a refresh token follows its grant. Its tokens are refreshed
// shortly before they end, once over all replicas; an issuer that has ended the
// grant ends the session, and one that cannot be asked is an error from their
// end on, unless Config.AllowStaleSession. Where nobody knows what became of a
// refresh, the next page that is opened is ErrUnauthenticated and LoginURL leads
// through a login that shows nothing (prompt=none); all other requests of the
// session go on. A page that is open to everybody shows nobody signed in until
// then.
func (rp *RelyingParty) Authenticate(r *http.Request) (*oidckit.Identity, error) {
	key, err := rp.sessionOf(r)
	switch {
	case errors.Is(err, errNotConstructed):
		wire.ReportSetup(r, nil, "session", err)
	case errors.Is(err, errNotLoaded):
		wire.ReportSetup(r, &rp.cfg.Logger, "session", err)
	}
	if err != nil {
		return nil, err
	}
	session, call, leads := rp.checked.look(key, time.Now())
	switch {
	case session.identity != nil:
		return admit(r, session)
	case leads:
		rp.lead(r.Context(), key, call)
	default:
		select {
		case <-call.done:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if call.err == nil {
		return admit(r, call.session)
	}
	if errors.Is(call.err, errSessionEnded) {
		// Nobody is logged in by this cookie any more.
		if err := rp.forgetHandle(r.Context()); err != nil {
			rp.cfg.Logger.Warn().Err(err).Msg("what the browser has of an ended session could not be removed")
		}
		return nil, oidckit.ErrUnauthenticated
	}
	return nil, call.err
}

// sessionOf returns the key of the request's session.
func (rp *RelyingParty) sessionOf(r *http.Request) (oidckit.TokenHash, error) {
	if rp == nil || rp.sessions == nil {
		return oidckit.TokenHash{}, errNotConstructed
	}
	ctx := r.Context()
	if err := rp.sessions.ready(ctx); err != nil {
		return oidckit.TokenHash{}, err
	}
	handle := rp.sessions.GetString(ctx, rp.handleKey)
	if handle == "" {
		return oidckit.TokenHash{}, oidckit.ErrUnauthenticated
	}
	return oidckit.HashToken(handle), nil
}

// lead asks the store for everybody who waits: without the cancellation of the
// one who happened to come first.
func (rp *RelyingParty) lead(ctx context.Context, key oidckit.TokenHash, call *sessionCall) {
	finished := false
	defer func() {
		// A store that panics takes its own request with it, not the others.
		if !finished {
			call.err = errors.New("handlers: the session store panicked")
		}
		rp.checked.finish(key, call)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
	defer cancel()
	var s *rpstore.Session
	if s, call.session.identity, call.err = rp.currentSession(ctx, key); call.err == nil {
		call.session.renewAt = renewAt(s)
	}
	finished = true
	if call.err != nil && !errors.Is(call.err, oidckit.ErrUnauthenticated) && !errors.Is(call.err, errGrantUnchecked) {
		rp.cfg.Logger.Error().Err(call.err).Msg("a session could not be checked")
		rp.event(ctx, oidckit.Event{Name: oidckit.EventStoreUnavailable, Err: call.err})
	}
}

// readSession returns a session of this relying party as it is stored.
func (rp *RelyingParty) readSession(ctx context.Context, key oidckit.TokenHash) (*rpstore.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	s, err := rp.sessions.store.Sessions.Session(ctx, key)
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil, oidckit.ErrUnauthenticated
	}
	if err != nil {
		return nil, err
	}
	if s == nil || s.Handle != key || s.Issuer != rp.cfg.Issuer || s.ClientID != rp.cfg.ClientID {
		return nil, errForeignSession
	}
	return s, nil
}

func (rp *RelyingParty) updateSession(ctx context.Context, s *rpstore.Session) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return rp.sessions.store.Sessions.UpdateSession(ctx, s)
}

// currentSession reads a session, lets it follow its grant and keeps it alive.
func (rp *RelyingParty) currentSession(ctx context.Context, key oidckit.TokenHash) (*rpstore.Session, *oidckit.Identity, error) {
	s, err := rp.readSession(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	if !now.Before(s.ExpiresAt) || now.Sub(s.SeenAt) > rp.sessions.idle {
		if err := rp.endSession(ctx, key); err != nil {
			rp.cfg.Logger.Warn().Err(err).Msg("an expired session could not be ended")
		}
		return nil, nil, oidckit.ErrUnauthenticated
	}
	id, err := decodeIdentity(s.Identity)
	if err != nil || id.Issuer != s.Issuer || id.Subject != s.Subject {
		rp.cfg.Logger.Error().Msg("a session's identity cannot be read")
		return nil, nil, oidckit.ErrUnauthenticated
	}
	if s, err = rp.follow(ctx, s); err != nil {
		return nil, nil, err
	}
	if now.Sub(s.SeenAt) > rp.sessions.idle/10 {
		err = rp.touch(ctx, s, now)
	}
	return s, id, err
}

// touch notes that the session is in use. That another replica was faster is
// as good; a store that only reads does not log anybody out.
func (rp *RelyingParty) touch(ctx context.Context, s *rpstore.Session, now time.Time) error {
	s.SeenAt = now
	switch err := rp.updateSession(ctx, s); {
	case err == nil, errors.Is(err, oidckit.ErrConflict):
	case errors.Is(err, oidckit.ErrNotFound):
		return oidckit.ErrUnauthenticated
	default:
		rp.cfg.Logger.Warn().Err(err).Msg("a session could not be kept alive")
	}
	return nil
}
