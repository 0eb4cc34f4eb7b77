package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// withClaims is a request whose identity has a claims document.
func withClaims(claims string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	return r.WithContext(oidckit.ContextWithIdentity(r.Context(), &oidckit.Identity{Claims: oidckit.Claims(claims)}))
}

// guardRow is a guard's verdict on a request.
type guardRow struct {
	name   string
	guard  func(http.Handler) http.Handler
	r      *http.Request
	status int
}

func runGuards(t *testing.T, rows []guardRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			passed := false
			next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true })
			resp := serve(row.guard(next), row.r)
			if resp.StatusCode != row.status || passed != (row.status == 200) {
				t.Errorf("status %d, passed %v: %s", resp.StatusCode, passed, body(t, resp))
			}
		})
	}
}

func TestRequireClaim(t *testing.T) {
	type address struct {
		Country string `json:"country"`
	}
	verified := middleware.RequireClaim("email_verified", func(v bool) bool { return v })
	acme := middleware.RequireClaim("tenant", func(v string) bool { return v == "acme" })
	adult := middleware.RequireClaim("age", func(v int) bool { return v >= 18 })
	home := middleware.RequireClaim("address", func(v address) bool { return v.Country == "CH" })
	url := middleware.RequireClaim("https://example.com/tier", func(v string) bool { return v == "gold" })
	anything := middleware.RequireClaim("x", func(any) bool { return true })
	both := middleware.RequireClaims(func(c struct {
		Tenant string `json:"tenant"`
		Age    int    `json:"age"`
	}) bool {
		return c.Tenant == "acme" && c.Age >= 18
	})
	plain := httptest.NewRequest(http.MethodGet, "/", nil)
	runGuards(t, []guardRow{
		{"true", verified, withClaims(`{"email_verified":true}`), 200},
		{"false", verified, withClaims(`{"email_verified":false}`), 403},
		{"true as a string", verified, withClaims(`{"email_verified":"true"}`), 403},
		{"a string", acme, withClaims(`{"tenant":"acme"}`), 200},
		{"another string", acme, withClaims(`{"tenant":"acme "}`), 403},
		{"another case of the name", acme, withClaims(`{"Tenant":"acme"}`), 403},
		{"absent", acme, withClaims(`{}`), 403},
		{"no claims at all", acme, withClaims(``), 403},
		{"null", middleware.RequireClaim("tenant", func(v string) bool { return v == "" }), withClaims(`{"tenant":null}`), 403},
		{"an array", acme, withClaims(`{"tenant":["acme"]}`), 403},
		{"deeper", acme, withClaims(`{"a":{"tenant":"acme"}}`), 403},
		{"a number", adult, withClaims(`{"age":18}`), 200},
		{"a smaller number", adult, withClaims(`{"age":17}`), 403},
		{"a number as a string", adult, withClaims(`{"age":"18"}`), 403},
		{"an object", home, withClaims(`{"address":{"country":"CH"}}`), 200},
		{"another object", home, withClaims(`{"address":{"Country":"CH"}}`), 403},
		{"a name that is a URL", url, withClaims(`{"https://example.com/tier":"gold"}`), 200},
		{"whatever it is", anything, withClaims(`{"x":[1]}`), 200},
		{"null is nothing", anything, withClaims(`{"x":null}`), 403},
		{"several claims", both, withClaims(`{"tenant":"acme","age":18}`), 200},
		{"one of several", both, withClaims(`{"tenant":"acme"}`), 403},
		{"several, no claims", both, withClaims(``), 403},
		{"several, of another type", both, withClaims(`{"tenant":"acme","age":"18"}`), 403},
		{"ATK-341 no guard before", acme, plain, 500},
		{"ATK-341 no name", middleware.RequireClaim("", func(string) bool { return true }), withClaims(`{"":""}`), 500},
		{"ATK-341 no condition", middleware.RequireClaim[string]("x", nil), withClaims(`{"x":"x"}`), 500},
		{"ATK-341 no condition on several", middleware.RequireClaims[any](nil), withClaims(`{"x":"x"}`), 500},
	})
}

func TestRequireRole(t *testing.T) {
	const keycloak = `{"realm_access":{"roles":["admin","user"]},"resource_access":{"shop":{"roles":["seller"]}},"roles":"admin user","https://example.com/roles":["admin"]}`
	admin := middleware.RequireRole("realm_access.roles", "admin")
	text := middleware.RoleClaim{Claim: "roles", AllowString: true}
	runGuards(t, []guardRow{
		{"nested", admin, withClaims(keycloak), 200},
		{"nested deeper", middleware.RequireRole("resource_access.shop.roles", "seller"), withClaims(keycloak), 200},
		{"all", middleware.RequireRole("realm_access.roles", "admin", "user"), withClaims(keycloak), 200},
		{"not all", middleware.RequireRole("realm_access.roles", "admin", "seller"), withClaims(keycloak), 403},
		{"any", middleware.RequireAnyRole("realm_access.roles", "seller", "user"), withClaims(keycloak), 200},
		{"not any", middleware.RequireAnyRole("realm_access.roles", "seller", "buyer"), withClaims(keycloak), 403},
		{"another claim's role", middleware.RequireRole("realm_access.roles", "seller"), withClaims(keycloak), 403},
		{"a path of names with dots", middleware.RoleClaim{Path: []string{"https://example.com/roles"}}.Require("admin"), withClaims(keycloak), 200},
		{"any by a path", middleware.RoleClaim{Path: []string{"realm_access", "roles"}}.RequireAny("x", "user"), withClaims(keycloak), 200},
		{"a name with dots is split", middleware.RequireRole("https://example.com/roles", "admin"), withClaims(keycloak), 403},
		{"a prefix of a role", middleware.RequireRole("realm_access.roles", "adm"), withClaims(keycloak), 403},
		{"another case", middleware.RequireRole("realm_access.roles", "Admin"), withClaims(keycloak), 403},
		{"a string, not asked for", middleware.RequireRole("roles", "admin"), withClaims(keycloak), 403},
		{"a string", text.Require("admin"), withClaims(keycloak), 200},
		{"all of a string", text.Require("admin", "user"), withClaims(keycloak), 200},
		{"a part of a string", text.Require("adm"), withClaims(keycloak), 403},
		{"a string with a space is no role", text.Require("admin user"), withClaims(keycloak), 403},
		{"a string that is the role, not asked for", middleware.RequireRole("r", "admin"), withClaims(`{"r":"admin"}`), 403},
		{"an array, where a string is allowed", text.Require("admin"), withClaims(`{"roles":["admin"]}`), 200},
		{"an array with something else", admin, withClaims(`{"realm_access":{"roles":[1,"admin"]}}`), 200},
		{"an object", admin, withClaims(`{"realm_access":{"roles":{"admin":true}}}`), 403},
		{"an array of arrays", admin, withClaims(`{"realm_access":{"roles":[["admin"]]}}`), 403},
		{"null", admin, withClaims(`{"realm_access":{"roles":null}}`), 403},
		{"nothing on the way", admin, withClaims(`{"realm_access":["roles"]}`), 403},
		{"absent", admin, withClaims(`{}`), 403},
		{"no claims", admin, withClaims(``), 403},
		{"ATK-341 no guard before", admin, httptest.NewRequest(http.MethodGet, "/", nil), 500},
		{"ATK-341 no claim", middleware.RequireRole("", "admin"), withClaims(keycloak), 500},
		{"ATK-341 an empty name in the path", middleware.RequireRole("realm_access.", "admin"), withClaims(keycloak), 500},
		{"ATK-341 no role", middleware.RequireRole("realm_access.roles"), withClaims(keycloak), 500},
		{"ATK-341 no role to choose from", middleware.RequireAnyRole("realm_access.roles"), withClaims(keycloak), 500},
		{"ATK-341 an empty role", middleware.RequireRole("realm_access.roles", ""), withClaims(keycloak), 500},
	})
}

func TestClaims(t *testing.T) {
	type claims struct {
		Tenant string   `json:"tenant"`
		Groups []string `json:"groups"`
	}
	got, err := middleware.Claims[claims](withClaims(`{"tenant":"acme","groups":["a"],"Tenant":"evil","more":1}`).Context())
	if err != nil || got.Tenant != "acme" || len(got.Groups) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := middleware.Claims[claims](withClaims(`{"tenant":1}`).Context()); err == nil {
		t.Error("a claim of another type is no error")
	}
	if _, err := middleware.Claims[claims](t.Context()); !errors.Is(err, oidckit.ErrUnauthenticated) {
		t.Errorf("without an identity: %v", err)
	}
	all, err := middleware.Claims[map[string]any](withClaims(`{"a":1}`).Context())
	if err != nil || all["a"] == nil {
		t.Errorf("%v, %v", all, err)
	}
}

// The refusal behind a bearer guard is 403 insufficient_scope, without the
// reason (RFC 6750 §3.1).
func TestClaimChallenge(t *testing.T) {
	g := fakeAPI(anyToken(new(string)))
	for _, guard := range []func(http.Handler) http.Handler{
		middleware.RequireClaim("tenant", func(string) bool { return true }), middleware.RequireRole("roles", "admin"),
	} {
		g.handler = middleware.Bearer{Verifier: anyToken(new(string)), Events: g.event}.Require(guard(http.HandlerFunc(g.serve)))
		g.wantRefused(t, g.get("Bearer t"), 403, "insufficient_scope")
		if _, event := g.reported(); event.Subject != "alice" {
			t.Errorf("event %+v", event)
		}
	}
}
