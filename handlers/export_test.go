package handlers

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/client"
)

// PlantSession logs a person in without an issuer and returns the browser's
// cookie.
func PlantSession(t testing.TB, rp *RelyingParty, s *Sessions, subject string) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	s.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := &client.IDToken{Issuer: rp.cfg.Issuer, Subject: subject, Audience: []string{rp.cfg.ClientID}, SessionID: "sid-1", ACR: "silver", AMR: []string{"pwd"}}
		claims := oidckit.Claims(`{"sub":"` + subject + `","name":"Alice Adams","email":"alice@example.com","email_verified":true}`)
		tokens := &client.Tokens{IDToken: "x", AccessToken: "y"}
		id := rp.newIdentity(token, tokens, claims)
		id.AuthTime = id.IssuedAt
		fresh, err := rp.createSession(r.Context(), &id, tokens)
		if err == nil {
			err = rp.giveSession(r.Context(), fresh.handle)
		}
		if err != nil {
			t.Error(err)
		}
	})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	return cookies[0]
}

// Change changes a stored session behind the relying party's back, which asks
// for it again.
func Change(t testing.TB, rp *RelyingParty, key oidckit.TokenHash, change func(*rpstore.Session)) {
	t.Helper()
	s, err := rp.readSession(t.Context(), key)
	if err == nil {
		change(s)
		err = rp.updateSession(t.Context(), s)
	}
	if err != nil {
		t.Error(err)
	}
	Forget(rp, key)
}

// Forget makes the relying party ask for a session again.
func Forget(rp *RelyingParty, key oidckit.TokenHash) { rp.checked.drop(key) }

// TokensOf opens what a session keeps.
func TokensOf(t testing.TB, rp *RelyingParty, key oidckit.TokenHash) (*rpstore.Session, *client.Tokens) {
	t.Helper()
	s, err := rp.readSession(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := rp.openTokens(s)
	if err != nil {
		t.Fatal(err)
	}
	return s, tokens
}

// EndPlanted ends a planted session, and leaves what the browser has of it.
func EndPlanted(t testing.TB, rp *RelyingParty, s *Sessions, cookie *http.Cookie) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(cookie)
	s.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := rp.endSession(r.Context(), oidckit.HashToken(s.GetString(r.Context(), rp.handleKey))); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

// BearerClient is what OAuth2.Identify gets for an issuer.
func BearerClient(t testing.TB, issuer string, c *http.Client, token string) *http.Client {
	t.Helper()
	own, err := client.New(client.Config{Issuer: issuer, HTTPClient: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.Close() })
	return own.BearerClient(&client.Tokens{AccessToken: token})
}

// Kept reports whether the answer of a look at a session is kept that is under
// way while during runs.
func Kept(rp *RelyingParty, key oidckit.TokenHash, during func()) bool {
	rp.checked.drop(key)
	_, call, _ := rp.checked.look(key, time.Now())
	during()
	call.session.identity = &oidckit.Identity{ExpiresAt: time.Now().Add(time.Hour)}
	rp.checked.finish(key, call)
	_, kept := rp.checked.known(key, time.Now())
	return kept
}
