package middleware_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// exampleTB is for fixtures of an Example, which has no testing.T.
type exampleTB struct {
	testing.TB
	cleanups []func()
}

func (*exampleTB) Helper()             {}
func (*exampleTB) Fatal(args ...any)   { log.Fatal(args...) }
func (e *exampleTB) Cleanup(fn func()) { e.cleanups = append(e.cleanups, fn) }
func (e *exampleTB) close() {
	for _, fn := range e.cleanups {
		fn()
	}
}

// call sends a request and prints status, challenge and body.
func call(h http.Handler, method, path, token string) {
	r := httptest.NewRequest(method, path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"), w.Body)
}

// An API that takes an issuer's access tokens.
func ExampleRequireBearer() {
	tb := &exampleTB{}
	defer tb.close()
	issuer := newIssuer(tb)

	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{
		Issuer:   issuer.URL,
		Audience: "https://api.example",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	bearer := middleware.RequireBearer(v)

	mux := http.NewServeMux()
	mux.Handle("GET /hello", bearer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := oidckit.IdentityFromContext(r.Context())
		fmt.Fprintf(w, "Hello, %s.", id.Subject)
	})))

	call(mux, "GET", "/hello", issuer.token(tb))
	call(mux, "GET", "/hello", "")
	call(mux, "GET", "/hello", "no.such.token")
	// Output:
	// 200  Hello, alice.
	// 401 Bearer realm="api" {"error_description":"a bearer token is required"}
	// 401 Bearer realm="api", error="invalid_token", error_description="the access token is not valid" {"error":"invalid_token","error_description":"the access token is not valid"}
}

// Routes of one API that need different scopes.
func ExampleRequireScope() {
	tb := &exampleTB{}
	defer tb.close()
	issuer := newIssuer(tb)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: issuer.URL, Audience: "https://api.example"})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	bearer := middleware.RequireBearer(v)
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "orders") })

	mux := http.NewServeMux()
	mux.Handle("GET /orders", bearer(middleware.RequireScope("orders:read")(orders)))
	mux.Handle("POST /orders", bearer(middleware.RequireScope("orders:write")(orders)))

	token := issuer.token(tb, map[string]any{"scope": "openid orders:read"})
	call(mux, "GET", "/orders", token)
	call(mux, "POST", "/orders", token)
	// Output:
	// 200  orders
	// 403 Bearer realm="api", error="insufficient_scope", error_description="the token does not have the scope this needs", scope="orders:write" {"error":"insufficient_scope","error_description":"the token does not have the scope this needs"}
}

// The long form names the realm and says where refusals are reported.
func ExampleBearer() {
	revoked := oidckit.NewError(oidckit.InvalidToken, "the access token was revoked")
	bearer := middleware.Bearer{
		// Any type with the method Verify will do.
		Verifier: verifierFunc(func(string) (*oidckit.Identity, error) { return nil, revoked }),
		Realm:    "orders",
	}.Require
	call(bearer(http.NotFoundHandler()), "GET", "/", "opaque")
	// Output:
	// 401 Bearer realm="orders", error="invalid_token", error_description="the access token was revoked" {"error":"invalid_token","error_description":"the access token was revoked"}
}

// A handler behind a guard is tested without one: the test says who calls.
func Example_handlerUnderTest() {
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, ok := oidckit.IdentityFromContext(r.Context())
		if !ok {
			http.Error(w, "not behind a guard", http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "orders of %s", id.Subject)
	})
	route := middleware.RequireScope("orders:read")(orders)

	for _, scope := range []oidckit.Scope{{"orders:read"}, {"openid"}} {
		r := httptest.NewRequest("GET", "/orders", nil)
		ctx := oidckit.ContextWithIdentity(r.Context(), &oidckit.Identity{Subject: "alice", Scope: scope})
		w := httptest.NewRecorder()
		route.ServeHTTP(w, r.WithContext(ctx))
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 orders of alice
	// 403 {"error":"insufficient_scope","error_description":"the token does not have the scope this needs"}
}
