package middleware_test

import (
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// An API whose tokens only their issuer can read.
func ExampleNewIntrospectionVerifier() {
	tb := &exampleTB{}
	defer tb.close()
	issuer := newIntrospector(tb)

	v, err := middleware.NewIntrospectionVerifier(middleware.IntrospectionConfig{
		Issuer:       issuer.URL,
		Audience:     "https://api.example",
		ClientID:     "orders-api",
		ClientSecret: "from the environment, not from here",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	bearer := middleware.RequireBearer(v)

	mux := http.NewServeMux()
	mux.Handle("GET /hello", bearer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := oidckit.IdentityFromContext(r.Context())
		fmt.Fprintf(w, "Hello, %s alias %s.", id.Subject, id.Claims.Text("username"))
	})))

	call(mux, "GET", "/hello", goodToken)
	call(mux, "GET", "/hello", goodToken)
	call(mux, "GET", "/hello", "revoked-long-ago")
	fmt.Println("the issuer was asked", issuer.calls.Load(), "times")
	// Output:
	// 200  Hello, alice alias alice@example.com.
	// 200  Hello, alice alias alice@example.com.
	// 401 Bearer realm="api", error="invalid_token", error_description="the access token is not valid" {"error":"invalid_token","error_description":"the access token is not valid"}
	// the issuer was asked 2 times
}

// A session that was logged out need not wait for the cache, nor for the
// issuer.
func ExampleIntrospectionVerifier_Revoke() {
	tb := &exampleTB{}
	defer tb.close()
	issuer := newIntrospector(tb)
	v, err := middleware.NewIntrospectionVerifier(middleware.IntrospectionConfig{
		Issuer: issuer.URL, Audience: "https://api.example", ClientID: "orders-api", ClientSecret: "secret",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	orders := middleware.RequireBearer(v)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "orders") }))

	call(orders, "GET", "/", goodToken)
	err = v.Revoke(middleware.Revocation{SessionID: "s-1", Until: time.Now().Add(time.Hour)})
	if err != nil {
		log.Fatal(err)
	}
	call(orders, "GET", "/", goodToken)
	// Output:
	// 200  orders
	// 401 Bearer realm="api", error="invalid_token", error_description="the access token is not valid" {"error":"invalid_token","error_description":"the access token is not valid"}
}
