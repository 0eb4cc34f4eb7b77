package middleware_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/dpop"
	"github.com/oidckit/oidckit/internal/dpop/dpoptest"
	"github.com/oidckit/oidckit/middleware"
)

// tokenOf stands for a verifier: whatever the token, it has these claims.
func tokenOf(claims string) middleware.Verifier {
	return verifierFunc(func(string) (*oidckit.Identity, error) {
		return &oidckit.Identity{Subject: "alice", Claims: oidckit.Claims(claims)}, nil
	})
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	name := "stranger"
	if id, ok := oidckit.IdentityFromContext(r.Context()); ok {
		name = id.Subject
	}
	fmt.Fprintf(w, "Hello, %s.", name)
})

// show prints a line without spaces at its end.
func show(parts ...any) { fmt.Println(strings.TrimSpace(fmt.Sprintln(parts...))) }

// Either of two scopes will do.
func ExampleRequireAnyScope() {
	bearer := middleware.RequireBearer(onlyGood) // the token "good" has the scope orders:read
	call(bearer(middleware.RequireAnyScope("orders:read", "orders:admin")(hello)), "GET", "/orders", "good")
	// Output:
	// 200  Hello, alice.
}

// A route for one tenant: the condition sees the claim as the type it takes.
func ExampleRequireClaim() {
	tenant := middleware.RequireClaim("tenant", func(v string) bool { return v == "acme" })
	for _, claims := range []string{`{"tenant":"acme"}`, `{"tenant":"other"}`} {
		bearer := middleware.RequireBearer(tokenOf(claims))
		call(bearer(tenant(hello)), "GET", "/", "token")
	}
	// Output:
	// 200  Hello, alice.
	// 403 Bearer realm="api", error="insufficient_scope", error_description="the token does not have the claims this needs" {"error":"insufficient_scope","error_description":"the token does not have the claims this needs"}
}

// A condition over several claims.
func ExampleRequireClaims() {
	type claims struct {
		Groups   []string `json:"groups"`
		Verified bool     `json:"email_verified"`
	}
	staff := middleware.RequireClaims(func(c claims) bool { return c.Verified && slices.Contains(c.Groups, "staff") })
	bearer := middleware.RequireBearer(tokenOf(`{"email_verified":true,"groups":["staff"]}`))
	call(bearer(staff(hello)), "GET", "/", "token")
	// Output:
	// 200  Hello, alice.
}

// A handler reads its own claims.
func ExampleClaims() {
	type claims struct {
		Tenant string `json:"tenant"`
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := middleware.Claims[claims](r.Context())
		if err != nil {
			http.Error(w, "claims", http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, "tenant ", c.Tenant)
	})
	call(middleware.RequireBearer(tokenOf(`{"tenant":"acme"}`))(handler), "GET", "/", "token")
	// Output:
	// 200  tenant acme
}

// Roles of a realm, as Keycloak puts them into tokens.
func ExampleRequireRole() {
	bearer := middleware.RequireBearer(tokenOf(`{"realm_access":{"roles":["user","editor"]}}`))
	call(bearer(middleware.RequireRole("realm_access.roles", "editor")(hello)), "GET", "/", "token")
	call(bearer(middleware.RequireAnyRole("realm_access.roles", "admin", "owner")(hello)), "GET", "/", "token")
	// Output:
	// 200  Hello, alice.
	// 403 Bearer realm="api", error="insufficient_scope", error_description="the token does not have the role this needs" {"error":"insufficient_scope","error_description":"the token does not have the role this needs"}
}

// Roles in a claim whose name is a URL, in one string.
func ExampleRoleClaim() {
	roles := middleware.RoleClaim{Path: []string{"https://example.com/roles"}, AllowString: true}
	bearer := middleware.RequireBearer(tokenOf(`{"https://example.com/roles":"user editor"}`))
	call(bearer(roles.Require("editor")(hello)), "GET", "/", "token")
	// Output:
	// 200  Hello, alice.
}

// A transfer needs a second factor, used in the last five minutes (RFC 9470).
// The client sends the person to log in again with what the challenge says.
func ExampleStepUp() {
	stepUp := middleware.StepUp{ACRValues: []string{"mfa"}, MaxAge: 5 * time.Minute}.Require
	for _, id := range []oidckit.Identity{
		{Subject: "alice", ACR: "mfa", AuthTime: time.Now().Add(-time.Minute)},
		{Subject: "alice", ACR: "pwd", AuthTime: time.Now().Add(-time.Hour)},
	} {
		bearer := middleware.RequireBearer(verifierFunc(func(string) (*oidckit.Identity, error) { return &id, nil }))
		r := httptest.NewRequest("POST", "/transfer", nil)
		r.Header.Set("Authorization", "Bearer token")
		w := httptest.NewRecorder()
		bearer(stepUp(hello)).ServeHTTP(w, r)
		show(w.Code, w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// 200
	// 401 Bearer realm="api", error="insufficient_user_authentication", error_description="a stronger or more recent authentication is needed", acr_values="mfa", max_age="300"
}

// A context of the issuer's that is good enough.
func ExampleRequireACR() {
	bearer := middleware.RequireBearer(verifierFunc(func(string) (*oidckit.Identity, error) {
		return &oidckit.Identity{Subject: "alice", ACR: "urn:example:silver"}, nil
	}))
	call(bearer(middleware.RequireACR("urn:example:gold", "urn:example:silver")(hello)), "GET", "/", "token")
	// Output:
	// 200  Hello, alice.
}

// A person who has just come back from a login.
func ExampleRequireAuthAge() {
	bearer := middleware.RequireBearer(verifierFunc(func(string) (*oidckit.Identity, error) {
		return &oidckit.Identity{Subject: "alice", AuthTime: time.Now().Add(-time.Second)}, nil
	}))
	call(bearer(middleware.RequireAuthAge(time.Minute)(hello)), "GET", "/", "token")
	// Output:
	// 200  Hello, alice.
}

// A page for everybody that knows those who have a token.
func ExampleBearer_optional() {
	optional := middleware.Bearer{Verifier: onlyGood, Optional: true}.Require
	call(optional(hello), "GET", "/", "")
	call(optional(hello), "GET", "/", "good")
	call(optional(hello), "GET", "/", "bad")
	// Output:
	// 200  Hello, stranger.
	// 200  Hello, alice.
	// 401 Bearer realm="api", error="invalid_token", error_description="the access token is not valid" {"error":"invalid_token","error_description":"the access token is not valid"}
}

// One route for people with a session and for programs with a token.
func ExampleRequireSessionOrBearer() {
	var sessions middleware.SessionAuthenticator = cookieSessions{} // a *handlers.RelyingParty, in an app
	route := middleware.RequireSessionOrBearer(sessions, middleware.Bearer{Verifier: onlyGood})(hello)

	call(route, "GET", "/orders", "good")
	call(route, "GET", "/orders", "")

	browser := httptest.NewRequest("GET", "/orders", nil)
	browser.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	route.ServeHTTP(w, browser)
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output:
	// 200  Hello, alice.
	// 401 Bearer realm="api" {"error":"login_required","error_description":"nobody is logged in","login_url":"/auth/login?return_to="}
	// 302 /auth/login?return_to=%2Forders
}

// Tokens that are of no use to who steals them: each request proves that its
// sender has the key that the token is bound to.
func ExampleNewDPoP() {
	client := dpoptest.NewKey(&exampleTB{})
	verifier := verifierFunc(func(string) (*oidckit.Identity, error) {
		return &oidckit.Identity{Subject: "alice", Confirmation: &oidckit.Confirmation{JWKThumbprint: client.Thumbprint()}}, nil
	})
	d, err := middleware.NewDPoP(middleware.DPoPConfig{
		Origin:   "https://api.example",
		Required: true,
		// Replay: a store that all replicas share
	})
	if err != nil {
		log.Fatal(err)
	}
	orders := middleware.Bearer{Verifier: verifier, DPoP: d}.Require(hello)

	proof := client.Proof("GET", "https://api.example/orders", map[string]any{"ath": dpop.TokenHash("token")})
	for range 2 {
		r := httptest.NewRequest("GET", "/orders", nil)
		r.Header.Set("Authorization", "DPoP token")
		r.Header.Set("DPoP", proof)
		w := httptest.NewRecorder()
		orders.ServeHTTP(w, r)
		show(w.Code, w.Header().Get("WWW-Authenticate"))
	}
	call(orders, "GET", "/orders", "token")
	// Output:
	// 200
	// 401 DPoP realm="api", error="invalid_dpop_proof", error_description="the DPoP proof was used before", algs="PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"
	// 401 DPoP realm="api", error="invalid_token", error_description="the access token is bound to a key and came without its proof", algs="PS256 PS384 PS512 ES256 ES384 ES512 EdDSA" {"error":"invalid_token","error_description":"the access token is bound to a key and came without its proof"}
}

// Tokens that are bound to the client's certificate, behind an nginx with
// proxy_set_header X-Ssl-Cert $ssl_client_escaped_cert.
func ExampleNewMTLS() {
	m, err := middleware.NewMTLS(middleware.MTLSConfig{
		TrustedProxies:    []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		CertificateHeader: "X-Ssl-Cert",
		CertificateFormat: middleware.CertificateEscapedPEM,
	})
	if err != nil {
		log.Fatal(err)
	}
	orders := middleware.Bearer{Verifier: onlyGood, MTLS: m}.Require(hello)
	call(orders, "GET", "/orders", "good") // a plain bearer token is taken unless MTLSConfig.Required says otherwise
	// Output:
	// 200  Hello, alice.
}

// A client that was refused finds out where to get a token: an MCP client, for
// one.
func ExampleNewResourceMetadata() {
	metadata, err := middleware.NewResourceMetadata(oidckit.ResourceMetadata{
		Resource:             "https://api.example/mcp",
		AuthorizationServers: []string{"https://issuer.example"},
		ScopesSupported:      []string{"orders:read"},
	})
	if err != nil {
		log.Fatal(err)
	}
	bearer := middleware.Bearer{Verifier: onlyGood, ResourceMetadata: metadata.URL()}.Require
	mux := http.NewServeMux()
	metadata.Mount(mux)
	mux.Handle("/mcp", bearer(hello))

	call(mux, "POST", "/mcp", "")
	call(mux, "GET", "/.well-known/oauth-protected-resource/mcp", "")
	// Output:
	// 401 Bearer realm="api", resource_metadata="https://api.example/.well-known/oauth-protected-resource/mcp" {"error_description":"a bearer token is required"}
	// 200  {"resource":"https://api.example/mcp","authorization_servers":["https://issuer.example"],"scopes_supported":["orders:read"],"bearer_methods_supported":["header"]}
}

// CORS middleware stands before the guard: a preflight carries no token, and
// must not be asked for one. The guard adds to what scripts may read: the
// challenge, and the nonce of DPoP.
func Example_cors() {
	cors := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Vary", "Origin")
			if r.Header.Get("Origin") == "https://app.example" {
				w.Header().Set("Access-Control-Allow-Origin", "https://app.example")
			}
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				w.Header().Set("Access-Control-Allow-Headers", "Authorization, DPoP")
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	handler := cors(middleware.RequireBearer(onlyGood)(hello))

	for _, method := range []string{"OPTIONS", "GET"} {
		r := httptest.NewRequest(method, "/orders", nil)
		r.Header.Set("Origin", "https://app.example")
		if method == "OPTIONS" {
			r.Header.Set("Access-Control-Request-Method", "GET")
			r.Header.Set("Access-Control-Request-Headers", "authorization")
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		h := w.Header()
		show(w.Code, h.Get("Access-Control-Allow-Origin"), h.Get("Access-Control-Expose-Headers"))
	}
	// Output:
	// 204 https://app.example
	// 401 https://app.example WWW-Authenticate, DPoP-Nonce
}
