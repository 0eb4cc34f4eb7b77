package middleware_test

import (
	"encoding/json"
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

// ATK-147: other forms of a scope count where an issuer's settings say so, and
// for that issuer alone.
func TestScopeAsOthersWriteIt(t *testing.T) {
	strict, arrays, scp := newIssuer(t), newIssuer(t), newIssuer(t)
	g, _ := newAPIOf(t, middleware.JWTConfig{Audience: audience, Issuers: []middleware.JWTIssuer{
		{Issuer: strict.URL}, {Issuer: arrays.URL, AllowScopeArray: true}, {Issuer: scp.URL, ScopeClaim: "scp"}}})
	g.handler = g.bearer(middleware.RequireScope("read", "write")(http.HandlerFunc(g.serve)))
	for _, row := range []struct {
		name             string
		claims           map[string]any
		strict, arr, scp bool
	}{
		{"a string", map[string]any{"scope": "write read"}, true, true, false},
		{"an array", map[string]any{"scope": []string{"read", "x", "write"}}, false, true, false},
		{"an array with a repeated one", map[string]any{"scope": []string{"read", "read", "write"}}, false, true, false},
		{"an array without one", map[string]any{"scope": []string{"read", "writer"}}, false, false, false},
		{"an array of two in one", map[string]any{"scope": []string{"read write"}}, false, false, false},
		{"an array with an empty one", map[string]any{"scope": []string{"read", "", "write"}}, false, false, false},
		{"an array that holds a number", map[string]any{"scope": []any{"read", "write", 1}}, false, false, false},
		{"nested arrays", map[string]any{"scope": [][]string{{"read", "write"}}}, false, false, false},
		{"an object", map[string]any{"scope": map[string]bool{"read": true, "write": true}}, false, false, false},
		{"an empty array", map[string]any{"scope": []string{}}, false, false, false},
		{"scp, a string", map[string]any{"scope": nil, "scp": "read write"}, false, false, true},
		{"scp, an array", map[string]any{"scope": nil, "scp": []string{"read", "write"}}, false, false, true},
		{"scp, and scope grants nothing", map[string]any{"scope": "write", "scp": []string{"read"}}, false, false, false},
		{"scp null", map[string]any{"scope": "read write", "scp": json.RawMessage("null")}, true, true, false},
		{"scp a number", map[string]any{"scope": nil, "scp": 1}, false, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			for iss, ok := range map[*testIssuer]bool{strict: row.strict, arrays: row.arr, scp: row.scp} {
				token := "Bearer " + iss.token(t, row.claims)
				for range 2 {
					resp := g.get(token)
					if ok {
						g.wantServed(t, resp)
						continue
					}
					if !strings.Contains(resp.Header.Get("WWW-Authenticate"), `scope="read write"`) {
						t.Errorf("challenge %q", resp.Header.Get("WWW-Authenticate"))
					}
					g.wantRefused(t, resp, 403, "insufficient_scope")
				}
			}
		})
	}
	for field, cfg := range map[string]middleware.JWTConfig{
		"ScopeClaim":      {Issuer: strict.URL, Audience: audience, ScopeClaim: "scope"},
		"AllowScopeArray": {Issuer: strict.URL, Audience: audience, ScopeClaim: "scp", AllowScopeArray: true},
	} {
		if _, err := middleware.NewJWTVerifier(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
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
