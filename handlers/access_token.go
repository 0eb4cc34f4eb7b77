package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
)

var errTokensUnreadable = errors.New("handlers: a session's tokens cannot be opened")

// AccessToken returns the access token of the request's session, to call an
// API in the person's name (RFC 6750 §2.1). It returns ErrUnauthenticated
// where there is no session, or its token has expired: a new login brings
// another. Any other error says that this could not be found out. It needs
// Sessions.LoadAndSave around the route.
//
// The token is a secret: it goes into the Authorization header of a call to
// that API, and nowhere else.
func (rp *RelyingParty) AccessToken(r *http.Request) (string, error) {
	if _, err := rp.Authenticate(r); err != nil {
		return "", err
	}
	ctx := r.Context()
	key := oidckit.HashToken(rp.sessions.GetString(ctx, rp.handleKey))
	s, err := rp.sessions.store.Sessions.Session(ctx, key)
	if errors.Is(err, oidckit.ErrNotFound) {
		return "", oidckit.ErrUnauthenticated
	}
	if err != nil {
		return "", err
	}
	if s == nil || s.Handle != key || s.Issuer != rp.cfg.Issuer || s.ClientID != rp.cfg.ClientID {
		return "", errForeignSession
	}
	plain, err := rp.tokens.Open(s.SealedTokens, rp.tokensPlace(key))
	if err != nil {
		return "", errTokensUnreadable
	}
	tokens, ok := decodeTokens(plain)
	if !ok {
		return "", errTokensUnreadable
	}
	if tokens.AccessToken == "" || (!tokens.Expires.IsZero() && !time.Now().Before(tokens.Expires)) {
		return "", oidckit.ErrUnauthenticated
	}
	return tokens.AccessToken, nil
}
