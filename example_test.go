package oidckit_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

func init() {
	os.Setenv("OIDCKIT_SECRET", oidckit.GenerateSecret())
	os.Setenv("ALICE_PASSWORD", "correct horse battery staple")
}

// listenAndServe stands for http.ListenAndServe: it asks what a stranger would
// ask first, and prints the answer.
func listenAndServe(addr string, handler http.Handler) {
	path := map[string]string{
		"localhost:9000": "/.well-known/openid-configuration", "localhost:8081": "/me", "localhost:8082": "/orders",
	}[addr]
	r := httptest.NewRequest(http.MethodGet, "http://"+addr+path, nil)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	answer := []string{path, fmt.Sprint(w.Code)}
	if target, err := url.Parse(w.Header().Get("Location")); err == nil && target.Path != "" {
		answer = append(answer, "to", target.Path)
	}
	if challenge := w.Header().Get("WWW-Authenticate"); challenge != "" {
		answer = append(answer, challenge)
	}
	if body := w.Body.String(); strings.Contains(body, `"issuer":"http://localhost:9000"`) {
		answer = append(answer, "issuer http://localhost:9000")
	}
	fmt.Println(strings.Join(answer, " "))
}

// A web app: people log in at an issuer, and a page is for them only.
func Example_app() {
	const base = "http://localhost:8081"
	secrets, err := oidckit.ParseSecrets(os.Getenv("OIDCKIT_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := handlers.NewSessions(handlers.SessionConfig{
		Secrets: secrets,
		Store:   rpstore.NewMemory().Open(base),
		BaseURL: base,
	})
	if err != nil {
		log.Fatal(err)
	}
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer:   "http://localhost:9000",
		ClientID: "webapp",
		BaseURL:  base,
		Scopes:   oidckit.Scope{"openid", "profile", "email"},
		Sessions: sessions,
	})
	if err != nil {
		log.Fatal(err)
	}

	me := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := oidckit.IdentityFromContext(r.Context())
		fmt.Fprintln(w, "Hello,", id.Claims.Text("name"))
	})
	mux := http.NewServeMux()
	rp.Mount(mux) // /auth/login, /auth/callback, /auth/logout
	mux.Handle("GET /me", middleware.RequireAuth(rp)(me))
	listenAndServe("localhost:8081", sessions.LoadAndSave(mux))
	// Output: /me 302 to /auth/login
}

// An API: it takes the access tokens of one issuer that were made for it.
func Example_api() {
	verifier, err := middleware.NewJWTVerifier(middleware.JWTConfig{
		Issuer:   "http://localhost:9000",
		Audience: "http://localhost:8082",
	})
	if err != nil {
		log.Fatal(err)
	}

	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := oidckit.IdentityFromContext(r.Context())
		fmt.Fprintln(w, "The orders of", id.Subject)
	})
	bearer := middleware.RequireBearer(verifier)
	mux := http.NewServeMux()
	mux.Handle("GET /orders", bearer(middleware.RequireScope("orders:read")(orders)))
	listenAndServe("localhost:8082", mux)
	// Output: /orders 401 Bearer realm="api"
}

// An issuer: it has its own users, and tells apps and APIs who they are.
func Example_issuer() {
	const issuer = "http://localhost:9000"
	secrets, err := oidckit.ParseSecrets(os.Getenv("OIDCKIT_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	stores := opstore.NewMemory().Open(issuer)
	_, err = provider.NewAccounts(stores.Users).Create(context.Background(), provider.Account{
		Username: "alice",
		Password: os.Getenv("ALICE_PASSWORD"),
		Claims:   map[string]any{"name": "Alice Example", "email": "alice@example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	p, err := provider.New(provider.Config{
		Issuer:  issuer,
		Secrets: secrets,
		Stores:  stores,
		Clients: []oidckit.ClientMetadata{{
			ClientID:                "webapp",
			ClientName:              "The web app",
			TokenEndpointAuthMethod: oidckit.AuthMethodNone,
			RedirectURIs:            []string{"http://localhost:8081/auth/callback"},
			PostLogoutRedirectURIs:  []string{"http://localhost:8081/auth/logged-out"},
		}},
		Scopes:    map[string]string{"orders:read": "Read your orders"},
		Resources: []provider.Resource{{Resource: "http://localhost:8082", Scopes: []string{"orders:read"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	listenAndServe("localhost:9000", p)
	// Output: /.well-known/openid-configuration 200 issuer http://localhost:9000
}
