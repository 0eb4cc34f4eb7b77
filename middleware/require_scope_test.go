package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// ATK-147: a scope is one of the tokens of a string, whole and exact.
func TestScopeOfToken(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	g.handler = g.bearer(middleware.RequireScope("read")(http.HandlerFunc(g.serve)))
	for _, row := range []struct {
		name  string
		scope any
		ok    bool
	}{
		{"exact", "read", true},
		{"among others", "openid read write", true},
		{"longer", "reader", false},
		{"with a suffix", "read:all", false},
		{"upper case", "READ", false},
		{"tab between", "write\tread", false},
		{"array", []string{"read"}, false},
		{"object", map[string]bool{"read": true}, false},
		{"spaces around", " read ", false},
		{"two spaces", "write  read", false},
		{"none", nil, false},
		{"empty", "", false},
		{"number", 1, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp := g.get("Bearer " + iss.token(t, map[string]any{"scope": row.scope}))
			if row.ok {
				g.wantServed(t, resp)
				return
			}
			if !strings.Contains(resp.Header.Get("WWW-Authenticate"), `scope="read"`) {
				t.Errorf("challenge %q does not say what is needed", resp.Header.Get("WWW-Authenticate"))
			}
			g.wantRefused(t, resp, 403, "insufficient_scope")
			if _, event := g.reported(); event.Subject != "alice" || event.ClientID != "webapp" {
				t.Errorf("event %+v", event)
			}
		})
	}
}

// sessionGuard is a guard that answers as one for people does.
type sessionGuard struct{ asked oidckit.Challenge }

func (s *sessionGuard) Challenge(w http.ResponseWriter, r *http.Request, c oidckit.Challenge) {
	s.asked = c
	http.Redirect(w, r, "/auth/login", http.StatusSeeOther)
}

func TestRequireScope(t *testing.T) {
	passed := false
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true })
	session := &sessionGuard{}
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	ctx := request.Context()
	reader := request.WithContext(oidckit.ContextWithIdentity(ctx, &oidckit.Identity{Scope: oidckit.Scope{"orders:read", "orders:write"}}))
	nobody := request.WithContext(oidckit.ContextWithIdentity(ctx, &oidckit.Identity{}))
	person := request.WithContext(oidckit.ContextWithChallenger(ctx, &oidckit.Identity{}, session))
	absent := request.WithContext(oidckit.ContextWithChallenger(ctx, nil, session))

	for _, row := range []struct {
		name   string
		guard  func(http.Handler) http.Handler
		r      *http.Request
		status int
	}{
		{"has it", middleware.RequireScope("orders:read"), reader, 200},
		{"has all", middleware.RequireScope("orders:read", "orders:write"), reader, 200},
		{"has all, written as one", middleware.RequireScope("orders:write orders:read"), reader, 200},
		{"lacks one", middleware.RequireScope("orders:read", "orders:delete"), reader, 403},
		{"an identity put in by a guard of the app's", middleware.RequireScope("orders:read"), nobody, 403},
		{"behind a session", middleware.RequireScope("orders:read", "email"), person, 303},
		{"ATK-341 no guard before", middleware.RequireScope("orders:read"), request, 500},
		{"any of several", middleware.RequireAnyScope("orders:delete", "orders:read"), reader, 200},
		{"any of several, written as one", middleware.RequireAnyScope("orders:delete orders:read"), reader, 200},
		{"none of several", middleware.RequireAnyScope("orders:delete", "orders"), reader, 403},
		{"ATK-341 a challenger without identity", middleware.RequireScope("orders:read"), absent, 303},
		{"ATK-341 none to choose from", middleware.RequireAnyScope(), reader, 500},
		{"ATK-341 no scope named", middleware.RequireScope(), reader, 500},
		{"ATK-341 an empty scope named", middleware.RequireScope(""), reader, 500},
		{"ATK-341 no scope token", middleware.RequireScope(`a"b`), reader, 500},
	} {
		t.Run(row.name, func(t *testing.T) {
			passed = false
			resp := serve(row.guard(next), row.r)
			if resp.StatusCode != row.status || passed != (row.status == 200) {
				t.Errorf("status %d, passed %v", resp.StatusCode, passed)
			}
		})
	}
	for r, code := range map[*http.Request]oidckit.ErrorCode{person: oidckit.InsufficientScope, absent: oidckit.LoginRequired} {
		serve(middleware.RequireScope("orders:read", "email")(next), r)
		if session.asked.Scope.String() != "orders:read email" || session.asked.Err.Code != code {
			t.Errorf("the session's guard was asked for %+v, want %s", session.asked, code)
		}
	}
}
