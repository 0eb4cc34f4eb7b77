package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// SessionSelector names sessions of a relying party: those that match every
// field that is set. The zero value means all of them.
type SessionSelector struct {
	// Subject is whose sessions: a person logged out everywhere.
	Subject string
	// SessionID is the issuer's sid.
	SessionID string
}

// EndSessions ends the sessions that people have through this relying party,
// and returns how many there were. It reaches this replica at once and every
// other one within a second. Where people come through several issuers, each has
// a relying party of its own: to end all that came from one provider is to end
// all of its sessions. The issuer is not told.
func (rp *RelyingParty) EndSessions(ctx context.Context, sel SessionSelector) (int, error) {
	return rp.endSessions(ctx, rpstore.SessionSelector{Subject: sel.Subject, SessionID: sel.SessionID})
}

func (rp *RelyingParty) endSessions(ctx context.Context, sel rpstore.SessionSelector) (int, error) {
	// Two relying parties of one app share a store.
	sel.Issuer, sel.ClientID = rp.cfg.Issuer, rp.cfg.ClientID
	n, err := rp.sessions.store.Sessions.EndSessions(ctx, sel)
	if n > 0 || err != nil {
		// Not for every stranger who makes up a sid: looking through all that is
		// remembered costs, and what is being looked up would not be kept.
		rp.checked.dropMatching(sel)
	}
	if n > 0 {
		rp.event(ctx, oidckit.Event{Name: oidckit.EventSessionEnded, Subject: sel.Subject, SessionID: sel.SessionID})
	}
	return n, err
}

// EndSession ends the session of the request, here and in the browser, for an
// app that signs people out in a handler of its own: after an account was
// closed, for one. Nobody being signed in is no error. The issuer's session goes
// on, but for the refresh token, which is revoked. The app refuses what another
// site has sent before it calls. It needs Sessions.LoadAndSave around the route,
// and comes before anything is written.
func (rp *RelyingParty) EndSession(r *http.Request) error {
	if rp == nil || rp.sessions == nil {
		return errNotConstructed
	}
	if err := rp.sessions.ready(r.Context()); err != nil {
		return err
	}
	_, err := rp.endBrowserSession(r.Context())
	if errors.Is(err, oidckit.ErrUnauthenticated) {
		return nil
	}
	return err
}
