package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/wire"
)

const (
	backchannelLogoutRoute = "/backchannel-logout"
	paramLogoutToken       = "logout_token"
	// logoutTries is how often an issuer may send a token that names a person
	// alone, until their sessions have ended.
	logoutTries = 3
)

// backchannelLogout serves the address that the issuer calls when a session
// there has ended (OpenID Connect Back-Channel Logout 1.0 §2.5). No browser
// comes here, so that answers are for programs.
func (rp *RelyingParty) backchannelLogout() http.Handler {
	return wire.Endpoint(rp.serveBackchannelLogout, wire.Options{
		Logger: rp.cfg.Logger, Name: "backchannel-logout", Methods: []string{http.MethodPost}, Timeout: answerTimeout,
	})
}

func (rp *RelyingParty) serveBackchannelLogout(w http.ResponseWriter, r *http.Request) error {
	wire.NoStore(w.Header())
	ctx := r.Context()
	form, err := wire.Form(w, r)
	raw := form.Get(paramLogoutToken)
	if err == nil && raw == "" {
		err = oidckit.NewError(oidckit.InvalidRequest, "there is no logout_token")
	}
	if err != nil {
		rp.event(ctx, oidckit.Event{Name: oidckit.EventLogoutRefused, Err: err})
		return err
	}
	token, err := rp.client.CheckLogoutToken(ctx, raw)
	if refusal, ok := errors.AsType[*client.Refusal](err); ok {
		return rp.refuseLogout(ctx, refusal)
	}
	if err == nil {
		err = rp.endAsTold(ctx, token)
	}
	if errors.Is(err, oidckit.ErrConsumed) {
		return rp.refuseLogout(ctx, errors.New("handlers: the logout token was used before"))
	}
	if err != nil {
		// The issuer may try again: nothing is known of the session.
		return err
	}
	// §2.8: 200, and nothing else to say
	w.WriteHeader(http.StatusOK)
	return nil
}

// refuseLogout answers as §2.8 has it.
func (rp *RelyingParty) refuseLogout(ctx context.Context, cause error) error {
	rp.event(ctx, oidckit.Event{Name: oidckit.EventLogoutRefused, Err: cause})
	return oidckit.NewError(oidckit.InvalidRequest, "the logout token is not valid").WithCause(cause)
}

// endAsTold ends what a logout token names, once for each token.
//
// A session of the issuer's has a sid of its own, so that to end it twice ends
// no other: it is ended before the token is spent, and a store that fails
// between both lets the issuer try again.
func (rp *RelyingParty) endAsTold(ctx context.Context, token *client.LogoutToken) error {
	sel := rpstore.SessionSelector{Subject: token.Subject, SessionID: token.SessionID}
	if token.SessionID == "" {
		return rp.endOfPerson(ctx, sel, token)
	}
	if _, err := rp.endSessions(ctx, sel); err != nil {
		return err
	}
	return rp.spendLogout(ctx, token, 0)
}

// endOfPerson ends all sessions of a person. A token for that, sent again, would
// end what they have begun since, so that it is spent first; but where the
// sessions could not be ended the issuer sends it again, and must not be told
// that it was used. So a token has a few tries: each spends one, and success all
// that are left.
func (rp *RelyingParty) endOfPerson(ctx context.Context, sel rpstore.SessionSelector, token *client.LogoutToken) error {
	try, err := 0, error(oidckit.ErrConsumed)
	for ; try < logoutTries && errors.Is(err, oidckit.ErrConsumed); try++ {
		err = rp.spendLogout(ctx, token, try)
	}
	if err != nil {
		return err
	}
	if _, err := rp.endSessions(ctx, sel); err != nil {
		return err
	}
	for ; try < logoutTries; try++ {
		if err := rp.spendLogout(ctx, token, try); err != nil && !errors.Is(err, oidckit.ErrConsumed) {
			return err
		}
	}
	return nil
}

func (rp *RelyingParty) spendLogout(ctx context.Context, token *client.LogoutToken, try int) error {
	return rp.sessions.store.Replay.UseOnce(ctx, "logout:"+rp.id+":"+strconv.Itoa(try)+":"+token.ID, token.Expires)
}
