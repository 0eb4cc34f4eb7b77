package handlers_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/middleware"
)

func askMe(rp *handlers.RelyingParty, method string, cookie *http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://app.example/auth/me", nil)
	r.Header.Set("Accept", "application/json")
	if cookie != nil {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	rp.Me().ServeHTTP(w, r)
	return w
}

// A single-page app learns who is signed in, and gets no token with it.
func TestMe(t *testing.T) {
	sessions := newSessions(t, nil)
	rp := offlineParty(t, sessions)
	defer rp.Close()
	cookie := handlers.PlantSession(t, rp, sessions, "alice")
	w := askMe(rp, http.MethodGet, cookie)
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, name := range []string{"expires_at", "auth_time"} {
		if n, ok := got[name].(float64); !ok || n < 1e9 {
			t.Errorf("%s = %v", name, got[name])
		}
		delete(got, name)
	}
	if want := (map[string]any{
		"iss": "https://id.example", "sub": "alice", "name": "Alice Adams", "email": "alice@example.com", "acr": "silver", "amr": []any{"pwd"},
		"claims": map[string]any{"sub": "alice", "name": "Alice Adams", "email": "alice@example.com", "email_verified": true},
	}); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	if h := w.Header(); h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("Vary") != "Cookie" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", h)
	}
	if w := askMe(rp, http.MethodHead, cookie); w.Code != http.StatusOK {
		t.Errorf("HEAD: %d", w.Code)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if w := askMe(rp, method, cookie); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" || strings.Contains(w.Body.String(), "alice") {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
}

// Who is not signed in is told as RequireAuth tells it.
func TestMeOfNobody(t *testing.T) {
	sessions := newSessions(t, nil)
	rp := offlineParty(t, sessions)
	defer rp.Close()
	w := askMe(rp, http.MethodGet, nil)
	guarded := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "https://app.example/orders", nil)
	r.Header.Set("Accept", "application/json")
	sessions.LoadAndSave(middleware.RequireAuth(rp)(http.NotFoundHandler())).ServeHTTP(guarded, r)
	if w.Code != http.StatusUnauthorized || w.Body.String() != guarded.Body.String() || guarded.Code != w.Code ||
		!strings.Contains(w.Body.String(), `"login_url":"https://app.example/auth/login"`) || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s, a guard %s", w.Code, w.Body, guarded.Body)
	}
	if len(w.Result().Cookies()) != 0 {
		t.Error("asking sets a cookie")
	}
}

// What is about the token stays here, what MapIdentity has added goes out.
func TestMeAfterALogin(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	h := http.Handler(a.rp.Me())
	b := a.browser()
	b.open(a.URL + "/me")
	a.handler.Store(&h)
	res := b.step(a.URL + "/")
	for _, secret := range []string{"canary", "nonce", "at_hash", "exp\"", "eyJ"} {
		if strings.Contains(res.body, secret) {
			t.Errorf("the answer has %s: %s", secret, res.body)
		}
	}
	if !strings.Contains(res.body, `"sub":"alice"`) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

// OWASP ASVS 5.0 16.5.2: a store that does not answer has signed nobody out.
func TestMeWhileTheStoreIsDown(t *testing.T) {
	p := newIDP(t)
	a, s := watchedApp(t, p)
	b := a.browser()
	b.open(a.URL + "/me")
	h := http.Handler(a.rp.Me())
	a.handler.Store(&h)
	s.browser.down.Store(true)
	res := b.step(a.URL + "/")
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(res.body, string(oidckit.ServerError)) || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}
