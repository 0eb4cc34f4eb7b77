package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/wire"
)

// paramRenew asks the login route for a silent login. It says nothing secret:
// without a session that lost its tokens, the login is one like any other.
const paramRenew = "renew"

// silentInterval is the least time between two silent logins of a session: an
// issuer that is down would get every page, and the person none.
const silentInterval = 30 * time.Second

// errOtherPerson is a silent login that has found somebody else at the issuer.
var errOtherPerson = &failure{status: http.StatusBadRequest, reason: "another_person",
	message: "Somebody else is signed in at the sign-in service now. Please sign in again."}

// errNothingToRenew is a silent login whose session has ended while it was under
// way: by a logout, or by the silent login of another tab.
var errNothingToRenew = &failure{status: http.StatusBadRequest, reason: "nothing_to_renew",
	message: "You were signed out meanwhile. Please sign in again."}

// renewAt is when the person who opens a page is sent to the issuer.
func renewAt(s *rpstore.Session) time.Time {
	if s.RefreshState != rpstore.RefreshLost {
		return time.Time{}
	}
	return s.RefreshAt
}

func (s checkedSession) isToRenew(r *http.Request) bool {
	return !s.renewAt.IsZero() && !time.Now().Before(s.renewAt) && wire.IsNavigation(r)
}

// admit lets a request of a session through, unless a page is opened and the
// session is to be renewed on the way. What a person sends, and what the page
// that they have before them asks for, is served: nothing they are doing is lost.
func admit(r *http.Request, s checkedSession) (*oidckit.Identity, error) {
	if s.isToRenew(r) {
		return nil, oidckit.ErrUnauthenticated
	}
	return s.identity, nil
}

// isToRenew reports whether Authenticate has just turned a request away for its
// session to be renewed.
func (rp *RelyingParty) isToRenew(r *http.Request) bool {
	if r == nil {
		return false
	}
	key, err := rp.sessionOf(r)
	if err != nil {
		return false
	}
	checked, ok := rp.checked.known(key, time.Now())
	if !ok {
		// It took long to find out, or a logout came between.
		s, err := rp.readSession(r.Context(), key)
		if err != nil {
			return false
		}
		checked.renewAt = renewAt(s)
	}
	return checked.isToRenew(r)
}

// beginSilently makes the login that req asks for one that shows nothing, where
// this browser has a session to renew, and returns which. The hint says whose it
// is.
func (rp *RelyingParty) beginSilently(r *http.Request, req *oidckit.LoginRequest) (renews oidckit.TokenHash, hint string) {
	if r.URL.Query().Get(paramRenew) == "" {
		return renews, ""
	}
	key, err := rp.sessionOf(r)
	if err != nil {
		return renews, ""
	}
	ctx := r.Context()
	s, err := rp.readSession(ctx, key)
	if err != nil || s.RefreshState != rpstore.RefreshLost {
		return renews, ""
	}
	s.RefreshAt = time.Now().Add(silentInterval)
	if err := rp.updateSession(ctx, s); err != nil && !errors.Is(err, oidckit.ErrConflict) {
		rp.cfg.Logger.Warn().Err(err).Msg("the beginning of a silent login could not be stored")
	}
	rp.checked.drop(key)
	if rp.cfg.OAuth2 != nil {
		// RFC 6749 knows no prompt: the provider may show what it likes.
		return renews, ""
	}
	req.Prompt = []string{oidckit.PromptNone}
	// OpenID Connect Core 1.0 §3.1.2.1: with prompt=none the hint should be there
	if t, err := rp.openTokens(s); err == nil && len(t.IDToken) <= maxHint {
		hint = t.IDToken
	}
	return key, hint
}

// silentRefusals say that there is something to show (OpenID Connect Core 1.0
// §3.1.2.6).
var silentRefusals = []oidckit.ErrorCode{
	oidckit.LoginRequired, oidckit.InteractionRequired, oidckit.ConsentRequired, oidckit.AccountSelectionRequired,
}

// endSilently goes on after a silent login that has failed: with one that is not
// silent where the issuer wants to show something, once, for that one ends with
// a page. The session is still there. Where it is not, the page that was asked
// for decides who may see it.
func (rp *RelyingParty) endSilently(w http.ResponseWriter, r *http.Request, f *failure) error {
	again := oidckit.LoginRequest{ReturnTo: f.returnTo}
	code, _ := errors.AsType[oidckit.ErrorCode](f.cause)
	switch {
	case f.reason == errNothingToRenew.reason:
		rp.report(r.Context(), "callback", f)
		redirect(w, http.StatusSeeOther, f.returnTo)
		return nil
	case f.reason == errOtherPerson.reason:
		// OpenID Connect Core 1.0 §3.1.2.1: without it the issuer would answer as it
		// just has, and the one at work would become another without a word.
		again.Prompt = []string{oidckit.PromptLogin}
	case !slices.Contains(silentRefusals, code):
		f.signedIn = true
		return f
	}
	rp.report(r.Context(), "callback", f)
	return rp.beginLogin(w, r, again, oidckit.TokenHash{}, "")
}

// checkSamePerson keeps a silent login from making another person of the one
// who is at work in this browser. The session is that of the login: where the
// issuer's page posts the answer, no cookie says which it is.
func (rp *RelyingParty) checkSamePerson(ctx context.Context, tx *transaction, id *client.IDToken) error {
	if !tx.silent() {
		return nil
	}
	s, err := rp.readSession(ctx, tx.renews)
	switch {
	case errors.Is(err, oidckit.ErrUnauthenticated):
		return errNothingToRenew
	case err != nil:
		return storeDown(err)
	case s.Subject != id.Subject:
		return errOtherPerson
	}
	return nil
}

// endRenewed ends the session that a silent login puts another in the place of.
// Where it is gone a logout was faster, which wins: nobody has asked to be logged
// in again.
func (rp *RelyingParty) endRenewed(ctx context.Context, tx *transaction, fresh freshSession) error {
	if !tx.silent() {
		return nil
	}
	n, err := rp.sessions.store.Sessions.EndSessions(ctx, rpstore.SessionSelector{Handle: tx.renews})
	rp.checked.drop(tx.renews)
	if err == nil && n > 0 {
		return nil
	}
	if endErr := rp.endSession(ctx, oidckit.HashToken(fresh.handle)); endErr != nil {
		rp.cfg.Logger.Error().Err(endErr).Msg("a session that nobody has a cookie for could not be ended")
	}
	if err != nil {
		return storeDown(err)
	}
	return errNothingToRenew
}
