package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/oidckit/oidckit"
)

// maxCallback bounds the query of an authorization response, in bytes.
const maxCallback = 16 << 10

// authorizationResponse is what the issuer has sent the person back with
// (RFC 6749 §4.1.2, RFC 9207 §2).
type authorizationResponse struct {
	state, code, errorCode string
	issuer                 string
	hasIssuer              bool
}

// serveCallback ends a login: every check stands before the step that it
// guards, and the session comes last.
func (rp *RelyingParty) serveCallback(w http.ResponseWriter, r *http.Request) error {
	resp, malformed := parseAuthorizationResponse(r.URL.RawQuery)
	// RFC 6749 §10.12, RFC 9700 §4.7
	tx, err := rp.openLogin(r, resp.state)
	if err == nil {
		rp.forgetLogin(w, tx.state)
	}
	switch {
	case malformed != nil:
		f := refuse("malformed_response", malformed)
		if tx != nil {
			f.returnTo = tx.returnTo
		}
		return f
	case err != nil:
		return &failure{status: http.StatusBadRequest, reason: "unknown_state", cause: err,
			message: "This sign-in was not started in this browser, or was finished before. Please start again."}
	}
	if err := rp.finishLogin(r, tx, resp); err != nil {
		f := *asFailure(err)
		f.returnTo = tx.returnTo
		return &f
	}
	redirect(w, http.StatusSeeOther, tx.returnTo)
	return nil
}

func (rp *RelyingParty) finishLogin(r *http.Request, tx *transaction, resp authorizationResponse) error {
	ctx := r.Context()
	if tx.expired(time.Now()) {
		return &failure{status: http.StatusBadRequest, reason: "login_expired",
			message: "Signing in took too long. Please start again."}
	}
	m, err := rp.issuer(ctx)
	if err != nil {
		return upstream(err)
	}
	if err := rp.checkIssuer(m, resp); err != nil {
		return err
	}
	if resp.errorCode != "" {
		return peerRefused(resp.errorCode)
	}
	if resp.code == "" {
		return refuse("malformed_response", errors.New("handlers: no code in the response"))
	}
	if err := rp.sessions.ready(ctx); err != nil {
		return storeDown(err)
	}
	if err := rp.claimLogin(ctx, rp.redeeming, tx); errors.Is(err, oidckit.ErrConsumed) {
		return errLoginFinished
	}
	return rp.redeem(ctx, m, tx, resp.code)
}

var errLoginFinished = &failure{status: http.StatusBadRequest, reason: "replayed_response",
	message: "This sign-in was finished before. Please start again."}

// claimLogin spends a login. It is asked twice. First of this replica's memory,
// before the code is sent: a code that is sent twice makes the issuer revoke
// what the first one brought (RFC 6749 §4.1.2). Then of the store, which all
// replicas share and where only a login that the issuer has vouched for may
// leave a row: a stranger's would fill it.
func (rp *RelyingParty) claimLogin(ctx context.Context, replay oidckit.ReplayStore, tx *transaction) error {
	return replay.UseOnce(ctx, "login:"+rp.id+":"+nameHash(22, tx.state), tx.created.Add(loginLifetime+leeway))
}

// checkIssuer refuses an answer that comes from another issuer than the one
// the login was started at.
func (rp *RelyingParty) checkIssuer(m *oidckit.ProviderMetadata, resp authorizationResponse) error {
	// RFC 9207 §2.4: compared as a string, whatever the metadata says
	if resp.hasIssuer && resp.issuer != rp.cfg.Issuer {
		return refuse("foreign_issuer", nil)
	}
	// RFC 9207 §2.4: demanded where the issuer says that it sends it
	if m.AuthorizationResponseIssParameterSupported && !resp.hasIssuer {
		return refuse("missing_issuer", nil)
	}
	return nil
}

// redeem turns the code into a session.
func (rp *RelyingParty) redeem(ctx context.Context, m *oidckit.ProviderMetadata, tx *transaction, code string) error {
	tokens, err := rp.exchange(ctx, m, tx, code)
	if err != nil {
		return err
	}
	id, err := rp.checkIDToken(ctx, tx, tokens)
	if err != nil {
		return err
	}
	claims, err := rp.withUserinfo(ctx, m, tokens, id)
	if err != nil {
		return err
	}
	identity, err := rp.mapIdentity(ctx, rp.newIdentity(id, tokens, claims))
	if err != nil {
		return err
	}
	if err := rp.claimLogin(ctx, rp.sessions.store.Replay, tx); errors.Is(err, oidckit.ErrConsumed) {
		return errLoginFinished
	} else if err != nil {
		return storeDown(err)
	}
	if err := rp.startSession(ctx, identity, tokens); err != nil {
		return err
	}
	told := false
	defer func() {
		// A sink that panics has perhaps not heard of it: nobody stays signed in.
		if !told {
			rp.undoLogin(ctx)
		}
	}()
	rp.event(ctx, oidckit.Event{Name: oidckit.EventLoginSucceeded, Subject: identity.Subject, SessionID: identity.SessionID})
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

// parseAuthorizationResponse reads the query strictly: what was sent twice
// could be read two ways. Beside an error it returns the state, where there is
// one, so that its login ends here.
func parseAuthorizationResponse(rawQuery string) (authorizationResponse, error) {
	var resp authorizationResponse
	if len(rawQuery) > maxCallback {
		return resp, errors.New("handlers: the response is too large")
	}
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return resp, errors.New("handlers: the response does not parse")
	}
	if states := q["state"]; len(states) == 1 {
		resp.state = states[0]
	}
	for _, values := range q {
		// RFC 6749 §3.1: parameters MUST NOT be included more than once
		if len(values) > 1 {
			return resp, errors.New("handlers: a parameter is repeated")
		}
	}
	resp.code, resp.errorCode = q.Get("code"), q.Get("error")
	resp.issuer, resp.hasIssuer = q.Get("iss"), q.Has("iss")
	if q.Has("error") && resp.errorCode == "" {
		resp.errorCode = "invalid"
	}
	return resp, nil
}
