package middleware_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// cookieSessions knows people by a cookie.
type cookieSessions struct{}

func (cookieSessions) Authenticate(r *http.Request) (*oidckit.Identity, error) {
	c, err := r.Cookie("session")
	switch {
	case err != nil:
		return nil, oidckit.ErrUnauthenticated
	case c.Value == "down":
		return nil, errors.New("canary")
	}
	return &oidckit.Identity{Subject: c.Value, Scope: oidckit.Scope{"openid"}}, nil
}

func (cookieSessions) LoginURL(_ *http.Request, req oidckit.LoginRequest) string {
	q := url.Values{"return_to": {req.ReturnTo}}
	if req.MaxAge != nil {
		q.Set("max_age", req.MaxAge.String())
	}
	return "/auth/login?" + q.Encode()
}

// One route for people and programs: a token alone decides where there is one,
// and who has neither is asked in a way that fits.
func TestSessionOrBearer(t *testing.T) {
	bearer := middleware.Bearer{Verifier: onlyGood}
	route := middleware.RequireSessionOrBearer(cookieSessions{}, bearer)
	page := route(http.HandlerFunc(who))
	scoped := route(middleware.RequireScope("orders:read")(http.HandlerFunc(who)))
	aged := route(middleware.RequireAuthAge(time.Minute)(http.HandlerFunc(who)))
	bearer.Optional = true
	optional := middleware.RequireSessionOrBearer(cookieSessions{}, bearer)
	public := optional(http.HandlerFunc(who))
	asked := optional(middleware.RequireScope("orders:read")(http.HandlerFunc(who)))
	for _, row := range []struct {
		name                  string
		h                     http.Handler
		authorization, cookie string
		navigates             bool
		status                int
		body, challenge       string
		login                 bool
	}{
		{"a session", page, "", "bob", true, 200, "bob", "", false},
		{"a session, by a script", page, "", "bob", false, 200, "bob", "", false},
		{"a token", page, "Bearer good", "", false, 200, "alice", "", false},
		{"a token beside a session", page, "Bearer good", "bob", false, 200, "alice", "", false},
		{"a bad token beside a session", page, "Bearer bad", "bob", true, 401, "", "invalid_token", false},
		{"a malformed token beside a session", page, "Bearer", "bob", true, 400, "", "invalid_request", false},
		{"a token that cannot be checked, beside a session", page, "Bearer down", "bob", false, 503, "", "", false},
		{"a scheme that is not taken, beside a session", page, "DPoP good", "bob", false, 401, "", "Bearer", false},
		{"another scheme beside a session", page, "Basic x", "bob", false, 200, "bob", "", false},
		{"neither, a person", page, "", "", true, 302, "", "", true},
		{"neither, a program", page, "", "", false, 401, "", `Bearer realm="api"`, true},
		{"the session cannot be checked", page, "", "down", false, 503, "", "", false},
		{"a session without the scope", scoped, "", "bob", false, 403, "", "", false},
		{"a token with the scope", scoped, "Bearer good", "", false, 200, "alice", "", false},
		{"an old session, a person", aged, "", "bob", true, 302, "", "", true},
		{"an old token", aged, "Bearer good", "bob", true, 401, "", "insufficient_user_authentication", false},
		{"optional, neither", public, "", "", true, 200, "nobody", "", false},
		{"optional, a session", public, "", "bob", true, 200, "bob", "", false},
		{"optional, a bad token", public, "Bearer bad", "bob", true, 401, "", "invalid_token", false},
		{"optional, neither, and a scope is needed", asked, "", "", false, 401, "", `scope="orders:read"`, true},
		{"optional, a person, and a scope is needed", asked, "", "", true, 302, "", "", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/page?a=1", nil)
			if row.authorization != "" {
				r.Header.Set("Authorization", row.authorization)
			}
			if row.cookie != "" {
				r.AddCookie(&http.Cookie{Name: "session", Value: row.cookie})
			}
			if row.navigates {
				r.Header.Set("Sec-Fetch-Mode", "navigate")
			}
			resp := serve(row.h, r)
			text := body(t, resp)
			challenge := resp.Header.Get("WWW-Authenticate")
			if resp.StatusCode != row.status || row.body != "" && text != row.body || !strings.Contains(challenge, row.challenge) {
				t.Fatalf("status %d, challenge %s: %s", resp.StatusCode, challenge, text)
			}
			if row.status == 401 && challenge == "" || row.challenge == "" && challenge != "" {
				t.Errorf("challenge %q with status %d", challenge, row.status)
			}
			// RFC 9111 §4.1: what nobody gets without credentials varies by both
			if vary := strings.Join(resp.Header["Vary"], ","); text == "nobody" && (!strings.Contains(vary, "Cookie") || !strings.Contains(vary, "Authorization")) {
				t.Errorf("Vary %q", vary)
			}
			if row.login {
				checkLogin(t, resp, text)
			}
		})
	}
}

func checkLogin(t *testing.T, resp *http.Response, text string) {
	t.Helper()
	if resp.StatusCode == http.StatusFound {
		if to := resp.Header.Get("Location"); !strings.HasPrefix(to, "/auth/login?") || !strings.Contains(to, url.QueryEscape("/page?a=1")) {
			t.Errorf("sent to %s", to)
		}
		return
	}
	var doc struct {
		LoginURL string `json:"login_url"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || !strings.HasPrefix(doc.LoginURL, "/auth/login?") {
		t.Errorf("body %s", text)
	}
}

// Where programs are expected, who says nothing of a page is one.
func TestWhoAsksForPage(t *testing.T) {
	h := middleware.RequireSessionOrBearer(cookieSessions{}, middleware.Bearer{Verifier: onlyGood})(http.HandlerFunc(who))
	for _, row := range []struct {
		name, method, header, value string
		status                      int
	}{
		{"a browser", "GET", "Sec-Fetch-Mode", "navigate", 302},
		{"an older browser", "GET", "Accept", "Text/HTML,application/xhtml+xml,*/*;q=0.8", 302},
		{"a browser's script", "GET", "Sec-Fetch-Mode", "cors", 401},
		{"a program", "GET", "User-Agent", "Go-http-client/1.1", 401},
		{"a program that takes anything", "GET", "Accept", "*/*", 401},
		{"a program that takes JSON", "GET", "Accept", "application/json", 401},
		{"a program's form", "POST", "Accept", "text/html", 401},
		{"a form in a frame", "POST", "Sec-Fetch-Mode", "navigate", 401},
		{"a form", "POST", "Sec-Fetch-Dest", "document", 303},
	} {
		r := httptest.NewRequest(row.method, "/", nil)
		r.Header.Set(row.header, row.value)
		if row.value == "document" {
			r.Header.Set("Sec-Fetch-Mode", "navigate")
		}
		resp := serve(h, r)
		if resp.StatusCode != row.status || (row.status == 401) != (resp.Header.Get("WWW-Authenticate") == `Bearer realm="api"`) {
			t.Errorf("%s: status %d, challenge %q", row.name, resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
		}
	}
}

// ATK-341: what is missing closes its own half.
func TestSessionOrBearerFailsClosed(t *testing.T) {
	noSessions := middleware.RequireSessionOrBearer(nil, middleware.Bearer{Verifier: onlyGood})(http.HandlerFunc(who))
	noVerifier := middleware.RequireSessionOrBearer(cookieSessions{}, middleware.Bearer{})(http.HandlerFunc(who))
	for _, row := range []struct {
		h             http.Handler
		authorization string
		status        int
	}{{noSessions, "", 503}, {noSessions, "Bearer good", 200}, {noVerifier, "Bearer good", 503}, {noVerifier, "", 401}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if row.authorization != "" {
			r.Header.Set("Authorization", row.authorization)
		}
		if resp := serve(row.h, r); resp.StatusCode != row.status {
			t.Errorf("%q: status %d, want %d", row.authorization, resp.StatusCode, row.status)
		}
	}
}
