package provider_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Clients register themselves with a token that the operator has given them
// (RFC 7591), and each manages what it has registered (RFC 7592).
func ExampleRegistration() {
	const issuer = "https://login.example.com"
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		log.Fatal(err)
	}
	p, err := provider.New(provider.Config{
		Issuer: issuer, Secrets: secrets, Stores: opstore.NewMemory().Open(issuer),
		Registration: &provider.Registration{
			InitialAccessTokens: []oidckit.TokenHash{oidckit.HashToken("for-partners")},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	register := func(token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, issuer+"/register", strings.NewReader(`{
			"client_name": "Partner", "redirect_uris": ["https://partner.example/callback"]
		}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		rec := httptest.NewRecorder()
		p.ServeHTTP(rec, r)
		return rec
	}
	fmt.Println("another token:", register("guessed").Code)
	rec := register("for-partners")
	var client oidckit.ClientMetadata
	if err := json.Unmarshal(rec.Body.Bytes(), &client); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the token:", rec.Code, client.ClientName, client.GrantTypes, client.ResponseTypes)
	// Output:
	// another token: 401
	// the token: 201 Partner [authorization_code] [code]
}

// Operators manage clients over a REST API, behind a guard of the app's own:
// middleware.RequireBearer with middleware.RequireScope, or as here.
func ExampleClientAdmin() {
	const issuer = "https://login.example.com"
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		log.Fatal(err)
	}
	guard := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, password, _ := r.BasicAuth(); password != "for the example only" {
				http.Error(w, "operators only", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	p, err := provider.New(provider.Config{
		Issuer: issuer, Secrets: secrets, Stores: opstore.NewMemory().Open(issuer),
		ClientAdmin: &provider.ClientAdmin{Path: "/ops/clients", Guard: guard},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	mux := http.NewServeMux()
	p.Mount(mux)
	p.MountClientAdmin(mux)

	r := httptest.NewRequest(http.MethodPost, issuer+"/ops/clients", strings.NewReader(`{
		"client_id": "shop", "redirect_uris": ["https://shop.example/callback"]
	}`))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("operator", "for the example only")
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, r)
	var client oidckit.ClientMetadata
	if err := json.Unmarshal(rec.Body.Bytes(), &client); err != nil {
		log.Fatal(err)
	}
	fmt.Println(rec.Code, client.ClientID, client.TokenEndpointAuthMethod, rec.Header().Get("ETag"))
	// Output:
	// 201 shop client_secret_basic "1"
}
