package handlers_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// tokenOf asks AccessToken in the name of a browser.
func tokenOf(a *app, b *browser) (token string, err error) {
	a.t.Helper()
	before := a.handler.Load()
	defer a.handler.Store(before)
	h := a.sessions.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { token, err = a.rp.AccessToken(r) }))
	a.handler.Store(&h)
	b.step(a.URL + "/token")
	return token, err
}

func TestAccessToken(t *testing.T) {
	p := newIDP(t)
	a, s := watchedApp(t, p)
	b := a.browser()
	if token, err := tokenOf(a, b); !errors.Is(err, oidckit.ErrUnauthenticated) || token != "" {
		t.Errorf("nobody logged in: %q, %v", token, err)
	}
	b.open(a.URL + "/me")
	if token, err := tokenOf(a, b); err != nil || !strings.HasPrefix(token, canaryAccess) {
		t.Errorf("logged in: %q, %v", token, err)
	}

	s.sessions.down.Store(true)
	if token, err := tokenOf(a, b); err == nil || errors.Is(err, oidckit.ErrUnauthenticated) || token != "" {
		t.Errorf("store down: %q, %v", token, err)
	}
	s.sessions.down.Store(false)
	s.sessions.wrong = func() (*rpstore.Session, error) { return &rpstore.Session{}, nil }
	if token, err := tokenOf(a, b); err == nil || token != "" {
		t.Errorf("a store that returns another session: %q, %v", token, err)
	}
	s.sessions.wrong = nil

	b.post(a.URL+"/auth/logout", nil, a.URL)
	if token, err := tokenOf(a, b); !errors.Is(err, oidckit.ErrUnauthenticated) || token != "" {
		t.Errorf("logged out: %q, %v", token, err)
	}
}

// RFC 6749 §5.1: expires_in is the token's own end, whatever the session's.
func TestAccessTokenExpires(t *testing.T) {
	p := newIDP(t)
	p.play(script{tokens: func(answer map[string]any) { answer["expires_in"] = 0 }})
	a := newApp(t, p, options{})
	b := a.browser()
	b.open(a.URL + "/me")
	if b.loggedIn(a) != "alice" {
		t.Fatal("the login was refused: there is no session whose token could have expired")
	}
	if token, err := tokenOf(a, b); !errors.Is(err, oidckit.ErrUnauthenticated) || token != "" {
		t.Errorf("expired: %q, %v", token, err)
	}
}
