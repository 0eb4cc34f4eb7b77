package middleware_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// door is a SessionAuthenticator that answers as it is told.
type door struct {
	id  *oidckit.Identity
	err error
}

func (d door) Authenticate(*http.Request) (*oidckit.Identity, error) { return d.id, d.err }

func (d door) LoginURL(_ *http.Request, req oidckit.LoginRequest) string {
	q := url.Values{"return_to": {req.ReturnTo}}
	if req.MaxAge != nil {
		q.Set("max_age", req.MaxAge.String())
	}
	if len(req.ACRValues) > 0 {
		q.Set("acr", strings.Join(req.ACRValues, " "))
	}
	return "https://app.example/auth/login?" + q.Encode()
}

var (
	nobodyIn = door{err: oidckit.ErrUnauthenticated}
	aliceIn  = door{id: &oidckit.Identity{Subject: "alice", Scope: oidckit.Scope{"openid"}}}
)

// visit sends a request through a guard; ran tells whether it got through.
func visit(guard func(http.Handler) http.Handler, r *http.Request) (res *http.Response, body string, ran bool) {
	w := httptest.NewRecorder()
	guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ran = true
		if id, ok := oidckit.IdentityFromContext(r.Context()); ok {
			io.WriteString(w, id.Subject)
		}
	})).ServeHTTP(w, r)
	return w.Result(), w.Body.String(), ran
}

func request(method, target string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

const html = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"

// ATK-133: a person is sent to log in, everything else is told.
func TestRequireAuthWithoutSession(t *testing.T) {
	rows := []struct {
		name     string
		r        *http.Request
		redirect bool
	}{
		{"navigation", request("GET", "/me?tab=2&x=%2Fa", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", html), true},
		{"navigation without fetch metadata", request("GET", "/me?tab=2&x=%2Fa", "Accept", html), true},
		{"Accept in parts", request("GET", "/me?tab=2&x=%2Fa", "Accept", "application/json;q=0.1, Text/HTML;q=1"), true},
		{"fetch", request("GET", "/me", "Sec-Fetch-Mode", "cors", "Accept", "*/*"), false},
		{"fetch that accepts HTML", request("GET", "/me", "Sec-Fetch-Mode", "same-origin", "Accept", html), false},
		{"XHR", request("GET", "/me", "X-Requested-With", "XMLHttpRequest", "Accept", html), false},
		{"API", request("GET", "/me", "Accept", "application/json"), false},
		{"nothing said", request("GET", "/me?tab=2&x=%2Fa"), true},
		{"anything accepted", request("GET", "/me?tab=2&x=%2Fa", "Accept", "*/*"), true},
		{"JSON before anything", request("GET", "/me", "Accept", "application/json, text/plain, */*"), false},
		{"an image or anything", request("GET", "/me", "Accept", "image/avif,image/webp,*/*;q=0.8"), false},
		{"text/htmlx", request("GET", "/me", "Accept", "text/htmlx"), false},
		{"POST of a form", request("POST", "/me", "Sec-Fetch-Mode", "navigate", "Accept", html), false},
		{"HEAD", request("HEAD", "/me", "Sec-Fetch-Mode", "navigate", "Accept", html), false},
		{"frame", request("GET", "/me", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", html), false},
		{"image", request("GET", "/me", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image", "Accept", "image/*"), false},
		{"prefetch", request("GET", "/me", "Sec-Fetch-Mode", "navigate", "Sec-Purpose", "prefetch;prerender", "Accept", html), false},
		{"form in a frame", request("POST", "/me", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", html), false},
		{"fetch that posts a form", request("POST", "/me", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Content-Type", "application/x-www-form-urlencoded", "Accept", html), false},
		{"XHR that posts a form", request("POST", "/me", "X-Requested-With", "XMLHttpRequest", "Content-Type", "application/x-www-form-urlencoded", "Accept", html), false},
		{"EventSource", request("GET", "/me", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "text/event-stream"), false},
		{"WebSocket", request("GET", "/me", "Sec-Fetch-Mode", "websocket", "Upgrade", "websocket", "Connection", "Upgrade"), false},
		{"WebSocket without fetch metadata", request("GET", "/me", "Upgrade", "websocket", "Accept", html), false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			res, body, ran := visit(middleware.RequireAuth(nobodyIn), row.r)
			if ran {
				t.Fatal("the handler has run")
			}
			if res.Header.Get("Cache-Control") != "no-store" || !strings.Contains(strings.Join(res.Header.Values("Vary"), ","), "Sec-Fetch-Mode") {
				t.Errorf("headers %v", res.Header)
			}
			if row.redirect {
				if want := "https://app.example/auth/login?return_to=%2Fme%3Ftab%3D2%26x%3D%252Fa"; res.StatusCode != http.StatusFound || res.Header.Get("Location") != want {
					t.Errorf("%d to %s", res.StatusCode, res.Header.Get("Location"))
				}
				return
			}
			var answer struct {
				Error    string `json:"error"`
				LoginURL string `json:"login_url"`
			}
			if err := json.Unmarshal([]byte(body), &answer); res.StatusCode != http.StatusUnauthorized || err != nil || answer.Error != "login_required" ||
				answer.LoginURL != "https://app.example/auth/login?return_to=" || res.Header.Get("Location") != "" || res.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
			}
		})
	}
}

func TestRequireAuthWithSession(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
		res, body, ran := visit(middleware.RequireAuth(aliceIn), request(method, "/me"))
		if !ran || res.StatusCode != http.StatusOK || body != "alice" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s %v", method, res.StatusCode, body, res.Header)
		}
	}
	// The app may say otherwise.
	w := httptest.NewRecorder()
	middleware.RequireAuth(aliceIn)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private, max-age=60")
	})).ServeHTTP(w, request("GET", "/me"))
	if got := w.Header().Get("Cache-Control"); got != "private, max-age=60" {
		t.Errorf("Cache-Control %q", got)
	}
}

// What could not be checked is neither let through nor sent to log in
// (ATK-341, FLT-57).
func TestRequireAuthFailsClosed(t *testing.T) {
	for name, a := range map[string]middleware.SessionAuthenticator{
		"store down":           door{err: errors.New("canary: connection refused")},
		"value and error":      door{id: aliceIn.id, err: errors.New("canary")},
		"nothing and no error": door{},
		"nil":                  nil,
	} {
		for _, header := range [][]string{{"Accept", html}, {"Accept", "application/json"}} {
			res, body, ran := visit(middleware.RequireAuth(a), request("GET", "/me", header...))
			if ran || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || strings.Contains(body, "canary") ||
				res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Location") != "" {
				t.Errorf("%s, %v: %d %v %s", name, header, res.StatusCode, res.Header, body)
			}
		}
	}
}

// The guards after it redirect a person to a stronger login and refuse what
// no login can bring.
func TestSessionChallenge(t *testing.T) {
	age, seconds := 5*time.Minute, 30*time.Second
	weak := oidckit.NewError(oidckit.InsufficientUserAuthentication, "a stronger login is needed")
	rows := []struct {
		name      string
		challenge oidckit.Challenge
		page      int
		program   int
		location  string
		body      []string
	}{
		{"acr", oidckit.Challenge{Err: weak, ACRValues: []string{"gold"}}, 302, 401, "acr=gold&return_to=%2Fpay%3Fx%3D1", []string{`"insufficient_user_authentication"`, `"acr_values":["gold"]`, "acr=gold"}},
		{"max_age", oidckit.Challenge{Err: weak, MaxAge: &age}, 302, 401, "max_age=4m0s", []string{`"max_age":300`, "max_age=4m0s"}},
		{"max_age of seconds", oidckit.Challenge{Err: weak, MaxAge: &seconds}, 302, 401, "max_age=0s", []string{`"max_age":30`}},
		{"scope", oidckit.Challenge{Err: oidckit.NewError(oidckit.InsufficientScope, "a scope is missing"), Scope: oidckit.Scope{"orders"}}, 403, 403, "", []string{`"insufficient_scope"`}},
		{"no error named", oidckit.Challenge{}, 403, 403, "", []string{`"access_denied"`}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			guard := func(next http.Handler) http.Handler {
				return middleware.RequireAuth(aliceIn)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					ch, ok := oidckit.ChallengerFromContext(r.Context())
					if !ok {
						t.Fatal("no challenger")
					}
					ch.Challenge(w, r, row.challenge)
				}))
			}
			res, _, _ := visit(guard, request("GET", "/pay?x=1", "Accept", html))
			if res.StatusCode != row.page || !strings.Contains(res.Header.Get("Location"), row.location) || (row.location == "") != (res.Header.Get("Location") == "") {
				t.Errorf("page: %d to %s", res.StatusCode, res.Header.Get("Location"))
			}
			res, body, _ := visit(guard, request("GET", "/pay?x=1", "Accept", "application/json"))
			if res.StatusCode != row.program || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("program: %d %v", res.StatusCode, res.Header)
			}
			for _, want := range row.body {
				if !strings.Contains(body, want) {
					t.Errorf("%s lacks %s", body, want)
				}
			}
		})
	}
}

// A router that strips a prefix does not lose it.
func TestReturnTargetUnderStripPrefix(t *testing.T) {
	r := request("GET", "/app/me?x=1", "Accept", html)
	w := httptest.NewRecorder()
	http.StripPrefix("/app", middleware.RequireAuth(nobodyIn)(http.NotFoundHandler())).ServeHTTP(w, r)
	if got := w.Header().Get("Location"); !strings.HasSuffix(got, "return_to=%2Fapp%2Fme%3Fx%3D1") {
		t.Errorf("to %s", got)
	}
}
