package middleware_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

// Who is let through without a session, who is known there, and what remains of
// that while nobody can be known.
func TestSessionOptionalAndPublic(t *testing.T) {
	whole := middleware.Session{Authenticator: cookieSessions{}, Public: []string{"GET /{$}", "/static/"}}
	optional := middleware.Session{Authenticator: cookieSessions{}, Optional: true}
	page := http.Handler(http.HandlerFunc(who))
	scoped := middleware.RequireScope("orders:read")(page)
	aged := middleware.RequireAuthAge(time.Minute)(page)
	for _, row := range []struct {
		name, path, cookie string
		h                  http.Handler
		status             int
		body               string
	}{
		{"public, nobody", "/", "", whole.Require(page), 200, "nobody"},
		{"public, a person", "/", "bob", whole.Require(page), 200, "bob"},
		{"FLT-57 public, the store is down", "/", "down", whole.Require(page), 200, "nobody"},
		{"FLT-57 not public, the store is down", "/me", "down", whole.Require(page), 503, ""},
		{"not public, nobody", "/me", "", whole.Require(page), 302, ""},
		{"not public, a person", "/me", "bob", whole.Require(page), 200, "bob"},
		{"public, a scope is needed of nobody", "/", "", whole.Require(scoped), 302, ""},
		{"public, a scope is needed of a person", "/", "bob", whole.Require(scoped), 403, ""},
		{"public, a scope is needed and the store is down", "/", "down", whole.Require(scoped), 503, ""},
		{"public, a recent login is needed of nobody", "/", "", whole.Require(aged), 302, ""},
		{"public, a recent login is needed and the store is down", "/", "down", whole.Require(aged), 503, ""},
		{"optional, nobody", "/me", "", optional.Require(page), 200, "nobody"},
		{"optional, a person", "/me", "bob", optional.Require(page), 200, "bob"},
		{"FLT-57 optional, the store is down", "/me", "down", optional.Require(page), 503, ""},
		{"optional, a scope is needed of nobody", "/me", "", optional.Require(scoped), 302, ""},
		{"ATK-341 no authenticator", "/me", "", middleware.Session{}.Require(page), 503, ""},
		{"ATK-341 no authenticator, optional", "/me", "", middleware.Session{Optional: true}.Require(page), 503, ""},
		{"ATK-341 no authenticator, public", "/", "", middleware.Session{Public: []string{"/"}}.Require(page), 503, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := request("GET", row.path, "Accept", html)
			if row.cookie != "" {
				r.AddCookie(&http.Cookie{Name: "session", Value: row.cookie})
			}
			resp := serve(row.h, r)
			text := body(t, resp)
			if resp.StatusCode != row.status || row.body != "" && text != row.body || strings.Contains(text, "canary") {
				t.Errorf("status %d: %s", resp.StatusCode, text)
			}
			// RFC 9111 §4.1: what nobody gets is not what bob gets, and what
			// bob gets while he cannot be known is not to be kept
			if vary := strings.Join(resp.Header["Vary"], ","); !strings.Contains(vary, "Cookie") {
				t.Errorf("Vary %q", vary)
			}
			if row.cookie != "" && resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q", resp.Header.Get("Cache-Control"))
			}
		})
	}
}
