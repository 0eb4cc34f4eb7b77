package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// onlyGood takes the token "good".
var onlyGood = verifierFunc(func(token string) (*oidckit.Identity, error) {
	switch token {
	case "good":
		return alice, nil
	case "down":
		return nil, errors.New("canary")
	}
	return nil, oidckit.NewError(oidckit.InvalidToken, "the access token is not valid")
})

// who writes the subject of the request's identity, or "nobody".
func who(w http.ResponseWriter, r *http.Request) {
	subject := "nobody"
	if id, ok := oidckit.IdentityFromContext(r.Context()); ok {
		subject = id.Subject
	}
	w.Write([]byte(subject))
}

// A route for everybody: no credentials pass, bad ones do not.
func TestOptional(t *testing.T) {
	b := middleware.Bearer{Verifier: onlyGood, Optional: true}
	page := b.Require(http.HandlerFunc(who))
	scoped := b.Require(middleware.RequireScope("orders:read")(http.HandlerFunc(who)))
	for _, row := range []struct {
		name          string
		h             http.Handler
		authorization []string
		status        int
		body          string
	}{
		{"nobody", page, nil, 200, "nobody"},
		{"another scheme", page, []string{"Basic x"}, 200, "nobody"},
		{"a good token", page, []string{"Bearer good"}, 200, "alice"},
		{"a bad token", page, []string{"Bearer bad"}, 401, ""},
		{"a token that cannot be checked", page, []string{"Bearer down"}, 503, ""},
		{"ATK-145 a malformed header", page, []string{"Bearer"}, 400, ""},
		{"ATK-143 two headers", page, []string{"Bearer good", "Bearer good"}, 400, ""},
		{"a scheme that is not taken", page, []string{"DPoP good"}, 401, ""},
		{"a scope, nobody", scoped, nil, 401, ""},
		{"a scope", scoped, []string{"Bearer good"}, 200, "alice"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header["Authorization"] = row.authorization
			resp := serve(row.h, r)
			got := body(t, resp)
			if resp.StatusCode != row.status || row.body != "" && got != row.body {
				t.Errorf("status %d: %s", resp.StatusCode, got)
			}
			// RFC 9111 §4.1: what nobody gets is not what alice gets
			if row.status == 200 && resp.Header.Get("Vary") != "Authorization" {
				t.Errorf("Vary %q", resp.Header.Get("Vary"))
			}
			// RFC 6750 §3.1: no error code for who has sent no token
			if c := resp.Header.Get("WWW-Authenticate"); row.authorization == nil && strings.Contains(c, "error") {
				t.Errorf("challenge %s", c)
			}
		})
	}
	resp := serve(scoped, httptest.NewRequest(http.MethodGet, "/", nil))
	if got, want := resp.Header.Get("WWW-Authenticate"), `Bearer realm="api", scope="orders:read"`; got != want {
		t.Errorf("challenge %s, want %s", got, want)
	}
}

// RFC 9728 §5.1: every challenge says where to learn more.
func TestResourceMetadataInChallenges(t *testing.T) {
	const url = "https://api.example/.well-known/oauth-protected-resource"
	h := middleware.Bearer{Verifier: onlyGood, ResourceMetadata: url}.Require(middleware.RequireScope("orders:write")(http.HandlerFunc(who)))
	for authorization, status := range map[string]int{"": 401, "Bearer bad": 401, "Bearer good": 403, "Bearer": 400} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		resp := serve(h, r)
		if c := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != status || !strings.Contains(c, `resource_metadata="`+url+`"`) {
			t.Errorf("%q: %d %s", authorization, resp.StatusCode, c)
		}
	}
}

// A script of another origin can read why it was refused.
func TestChallengeIsExposed(t *testing.T) {
	h := middleware.RequireBearer(onlyGood)(http.HandlerFunc(who))
	for origin, want := range map[string]string{"": "", "https://app.example": "WWW-Authenticate, DPoP-Nonce"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		resp := serve(h, r)
		if got := resp.Header.Get("Access-Control-Expose-Headers"); got != want {
			t.Errorf("origin %q: exposed %q", origin, got)
		}
		if resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("the guard lets an origin read: that is for the app's CORS middleware to say")
		}
	}
}
