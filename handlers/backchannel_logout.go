package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/wire"
)

const (
	backchannelLogoutRoute = "/backchannel-logout"
	paramLogoutToken       = "logout_token"
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
// between both lets the issuer try again. A token that names a person alone is
// spent first, for sent again it would end what they have begun since.
func (rp *RelyingParty) endAsTold(ctx context.Context, token *client.LogoutToken) error {
	sel := rpstore.SessionSelector{Subject: token.Subject, SessionID: token.SessionID}
	spend := func() error {
		return rp.sessions.store.Replay.UseOnce(ctx, "logout:"+rp.id+":"+token.ID, token.Expires)
	}
	if token.SessionID == "" {
		if err := spend(); err != nil {
			return err
		}
		_, err := rp.endSessions(ctx, sel)
		return err
	}
	if _, err := rp.endSessions(ctx, sel); err != nil {
		return err
	}
	return spend()
}
