package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/secret"
)

const (
	logoutCookie = "logout-"
	// maxHint keeps the address of a logout within what servers take; without
	// the hint the issuer asks the person.
	maxHint = 6 << 10
	// logoutPatience is how long a logout waits for an issuer's metadata.
	logoutPatience = 3 * time.Second
)

// serveLogout ends the session on POST, and asks on GET: a link or an image
// must not sign anybody out.
func (rp *RelyingParty) serveLogout(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodGet {
		rp.show(w, http.StatusOK, page.Logout{
			Action: rp.site.Base.Path + strings.TrimSuffix(rp.cfg.Prefix, "/") + "/logout", ReturnURL: rp.home,
		})
		return nil
	}
	if err := rp.origins.Check(r); err != nil {
		return &failure{status: http.StatusForbidden, reason: "cross_origin", cause: err,
			message: "This request came from another site, so you were not signed out."}
	}
	ctx := r.Context()
	if err := rp.sessions.ready(ctx); err != nil {
		return storeDown(err)
	}
	hint, err := rp.endBrowserSession(ctx)
	if err != nil {
		return storeDown(err)
	}
	if rp.cfg.LocalLogout {
		redirect(w, http.StatusSeeOther, rp.home)
		return nil
	}
	rp.leave(ctx, w, hint)
	return nil
}

// endBrowserSession ends the session and what the browser has of it, and
// returns the ID token that tells the issuer whose session it was.
func (rp *RelyingParty) endBrowserSession(ctx context.Context) (hint string, err error) {
	handle := rp.sessions.GetString(ctx, rp.handleKey)
	if handle == "" {
		return "", nil
	}
	key := oidckit.HashToken(handle)
	s, err := rp.sessions.store.Sessions.Session(ctx, key)
	if err != nil && !errors.Is(err, oidckit.ErrNotFound) {
		return "", err
	}
	if err := rp.endSession(ctx, key); err != nil {
		return "", err
	}
	if err := rp.forgetHandle(ctx); err != nil {
		return "", err
	}
	if s == nil || s.Issuer != rp.cfg.Issuer || s.ClientID != rp.cfg.ClientID {
		return "", nil
	}
	rp.event(ctx, oidckit.Event{Name: oidckit.EventLogout, Subject: s.Subject, SessionID: s.SessionID})
	if plain, err := rp.tokens.Open(s.SealedTokens, rp.tokensPlace(key)); err == nil {
		if t, ok := decodeTokens(plain); ok {
			rp.revokeByGet(ctx, t)
			rp.revokeGrant(ctx, t)
			if len(t.IDToken) <= maxHint {
				hint = t.IDToken
			}
		}
	}
	return hint, nil
}

// forgetHandle destroys the browser's session, unless another relying party of
// this app has somebody logged in through it.
func (rp *RelyingParty) forgetHandle(ctx context.Context) error {
	for _, name := range rp.sessions.Keys(ctx) {
		if strings.HasPrefix(name, handleKeyPrefix) && name != rp.handleKey {
			rp.sessions.Remove(ctx, rp.handleKey)
			return rp.sessions.RenewToken(ctx)
		}
	}
	return rp.sessions.Destroy(ctx)
}

// leave sends the person on to the issuer's logout, or home where it has none.
// Nothing that goes wrong here brings the session back.
func (rp *RelyingParty) leave(ctx context.Context, w http.ResponseWriter, hint string) {
	ctx, cancel := context.WithTimeout(ctx, logoutPatience)
	defer cancel()
	m, err := rp.client.Published(ctx)
	if err != nil {
		rp.cfg.Logger.Warn().Err(err).Msg("signed out here only: the issuer's metadata is not available")
		rp.show(w, http.StatusOK, page.SignedOut{ReturnURL: rp.home, Message: "You are signed out of this app. " +
			"The sign-in service could not be reached, so you may still be signed in there."})
		return
	}
	target, err := safeurl.Endpoint(m.EndSessionEndpoint)
	if err != nil {
		redirect(w, http.StatusSeeOther, rp.home)
		return
	}
	if rp.cfg.legacy().LogoutByGet {
		redirect(w, http.StatusSeeOther, rp.legacyLogoutURL(target))
		return
	}
	state := secret.ID()
	http.SetCookie(w, rp.site.Cookie(rp.logoutCookieName(), state, int(cookies.Lifetime/time.Second)))
	redirect(w, http.StatusSeeOther, rp.endSessionURL(target, hint, state))
}

// endSessionURL implements OpenID Connect RP-Initiated Logout 1.0 §2.
func (rp *RelyingParty) endSessionURL(target *url.URL, hint, state string) string {
	q := target.Query()
	if hint != "" {
		q.Set("id_token_hint", hint)
	}
	q.Set("client_id", rp.cfg.ClientID)
	q.Set("post_logout_redirect_uri", rp.url("/logged-out"))
	q.Set("state", state)
	target.RawQuery = q.Encode()
	return target.String()
}

func (rp *RelyingParty) logoutCookieName() string {
	return rp.site.Name(logoutCookie + cookies.NameHash(8, rp.id))
}

// serveLoggedOut is where the issuer sends the person back. Only the state of
// a logout of this browser leads on by itself (OpenID Connect RP-Initiated
// Logout 1.0 §3); whoever comes by another way gets a page.
func (rp *RelyingParty) serveLoggedOut(w http.ResponseWriter, r *http.Request) error {
	name := rp.logoutCookieName()
	cookies := r.CookiesNamed(name)
	states := r.URL.Query()["state"]
	switch {
	case len(states) == 0:
		rp.show(w, http.StatusOK, page.SignedOut{ReturnURL: rp.home})
	case len(states) == 1 && len(cookies) == 1 && secret.Equal(states[0], cookies[0].Value):
		http.SetCookie(w, rp.site.Cookie(name, "", -1))
		redirect(w, http.StatusSeeOther, rp.home)
	default:
		return &failure{status: http.StatusBadRequest, reason: "foreign_logout_state",
			message: "This address belongs to a sign-out that was not started in this browser."}
	}
	return nil
}
