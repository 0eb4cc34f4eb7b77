package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

var errTokensUnreadable = errors.New("handlers: a session's tokens cannot be opened")

// AccessToken returns the access token of the request's session, to call an
// API in the person's name (RFC 6750 §2.1). It is refreshed before it ends,
// where the issuer has given a refresh token. AccessToken returns
// ErrUnauthenticated where there is no session, or its token has ended and there
// is no other yet: a new login brings one, and so does the next refresh where
// tokens live for less than the 30 seconds that lie between two refreshes. Any
// other error says that this could not be found out. It needs
// Sessions.LoadAndSave around the route.
//
// The token is a secret: it goes into the Authorization header of a call to
// that API, never to a browser and nowhere else. Client sees to that.
func (rp *RelyingParty) AccessToken(r *http.Request) (string, error) {
	source, err := rp.TokenSource(r)
	if err != nil {
		return "", err
	}
	return source.Token(r.Context())
}

// TokenSource gives the access tokens of one session, beyond the request that it
// was made in and while the session lives: to a job that runs on, for one. It is
// safe for concurrent use. It is a secret as its tokens are.
type TokenSource struct {
	rp  *RelyingParty
	key oidckit.TokenHash
}

// TokenSource returns the source of the request's session, with the errors of
// Authenticate. It needs Sessions.LoadAndSave around the route.
func (rp *RelyingParty) TokenSource(r *http.Request) (*TokenSource, error) {
	if _, err := rp.Authenticate(r); err != nil {
		return nil, err
	}
	key, err := rp.sessionOf(r)
	if err != nil {
		return nil, err
	}
	return &TokenSource{rp: rp, key: key}, nil
}

// Token returns an access token that is good now, with the errors of
// AccessToken. Asking counts as use of the session: a job that asks keeps it from
// becoming idle.
func (t *TokenSource) Token(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	s, _, err := t.rp.currentSession(ctx, t.key)
	if errors.Is(err, oidckit.ErrUnauthenticated) {
		return "", oidckit.ErrUnauthenticated
	}
	if err != nil {
		return "", err
	}
	tokens, err := t.rp.openTokens(s)
	if err != nil {
		return "", err
	}
	if tokens.AccessToken == "" || (!tokens.Expires.IsZero() && !time.Now().Before(tokens.Expires)) {
		if s.RefreshState == rpstore.RefreshRunning || s.RefreshState == rpstore.RefreshFailed {
			return "", errGrantUnchecked
		}
		return "", oidckit.ErrUnauthenticated
	}
	return tokens.AccessToken, nil
}
