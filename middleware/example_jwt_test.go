package middleware_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// greet is guarded by the examples.
var greet = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	id, _ := oidckit.IdentityFromContext(r.Context())
	fmt.Fprintf(w, "Hello, %s.", id.Subject)
})

// Two issuers: one as it should be, and one that predates RFC 9068 and calls
// the API by another name. Neither's settings count for the other.
func ExampleJWTConfig_issuers() {
	tb := &exampleTB{}
	defer tb.close()
	staff, partners := newIssuer(tb), newIssuer(tb)

	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{
		Audience: "https://api.example",
		Issuers: []middleware.JWTIssuer{
			{Issuer: staff.URL, Algorithms: []string{"ES256"}},
			{Issuer: partners.URL, Audience: "orders-api", AllowTypJWT: true},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	api := middleware.RequireBearer(v)(greet)

	call(api, "GET", "/", staff.token(tb))
	call(api, "GET", "/", partners.sign(tb, "ES256", "JWT", partners.claims(map[string]any{"aud": "orders-api"})))
	call(api, "GET", "/", partners.token(tb))
	// Output:
	// 200  Hello, alice.
	// 200  Hello, alice.
	// 401 Bearer realm="api", error="invalid_token", error_description="the access token is not valid" {"error":"invalid_token","error_description":"the access token is not valid"}
}

// A provider of many tenants, of which an API serves those it has as
// customers.
func ExampleTenants() {
	tb := &exampleTB{}
	defer tb.close()
	login := newTenantProvider(tb)
	customers := map[string]bool{"t-1": true}

	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{
		Issuer:   login.URL + "/{tenant}/v2.0",
		Audience: "https://api.example",
		Tenants: middleware.Tenants{
			Allow: func(_ context.Context, tenant string) (bool, error) { return customers[tenant], nil },
			Claim: "tid",
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	api := middleware.RequireBearer(v)(greet)

	call(api, "GET", "/", login.token(tb, "t-1", "t-1"))
	call(api, "GET", "/", login.token(tb, "t-2", "t-2"))
	// Output:
	// 200  Hello, alice.
	// 401 Bearer realm="api", error="invalid_token", error_description="the access token is not valid" {"error":"invalid_token","error_description":"the access token is not valid"}
}

// Keys from a file that some other process keeps up to date.
func ExampleKeySource() {
	tb := &exampleTB{}
	defer tb.close()
	issuer := newIssuer(tb)
	file := filepath.Join(os.TempDir(), "oidckit-example-jwks.json")
	if err := os.WriteFile(file, marshal(tb, issuer.keys...), 0o600); err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file)

	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{
		Issuer:   issuer.URL,
		Audience: "https://api.example",
		Keys:     middleware.KeySource{JWKSFile: file},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	// For those who want to fail early.
	if err := v.Check(context.Background()); err != nil {
		log.Fatal(err)
	}
	call(middleware.RequireBearer(v)(greet), "GET", "/", issuer.token(tb))
	// Output:
	// 200  Hello, alice.
}

// A user is locked out: what was issued before is refused from the next
// request on, until it has expired anyway.
func ExampleJWTVerifier_Revoke() {
	tb := &exampleTB{}
	defer tb.close()
	issuer := newIssuer(tb)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: issuer.URL, Audience: "https://api.example"})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	api := middleware.RequireBearer(v)(greet)
	token := issuer.token(tb)
	call(api, "GET", "/", token)

	const longestLife = time.Hour
	if err := v.Revoke(middleware.Revocation{Subject: "alice", Until: time.Now().Add(longestLife)}); err != nil {
		log.Fatal(err)
	}
	call(api, "GET", "/", token)
	// Output:
	// 200  Hello, alice.
	// 401 Bearer realm="api", error="invalid_token", error_description="the access token is not valid" {"error":"invalid_token","error_description":"the access token is not valid"}
}

// How old the keys are, for a page that a monitor reads.
func ExampleJWTVerifier_KeyStates() {
	tb := &exampleTB{}
	defer tb.close()
	issuer := newIssuer(tb)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: issuer.URL, Audience: "https://api.example"})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	status := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, s := range v.KeyStates() {
			io.WriteString(w, fmt.Sprintf("%d keys, %d failures", s.Keys, s.Failures))
		}
	})
	call(status, "GET", "/status", "")
	call(middleware.RequireBearer(v)(greet), "GET", "/", issuer.token(tb))
	call(status, "GET", "/status", "")
	// Output:
	// 200  0 keys, 0 failures
	// 200  Hello, alice.
	// 200  1 keys, 0 failures
}
