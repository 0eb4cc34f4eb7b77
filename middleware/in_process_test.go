package middleware_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

// An API and its issuer in one process: the verifier reaches the issuer
// without the network, and before either of them listens.
func ExampleNewJWTVerifier_inProcess() {
	const issuer, api = "https://issuer.example", "https://api.example"
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		log.Fatal(err)
	}
	op, err := provider.New(provider.Config{
		Issuer: issuer, Secrets: secrets, Stores: opstore.NewMemory().Open(issuer),
		Clients: []oidckit.ClientMetadata{{ClientID: "job", ClientSecret: "the secret of the job", Scope: "orders:read",
			GrantTypes: []string{oidckit.GrantTypeClientCredentials}}},
		Resources: []provider.Resource{{Resource: api, Scopes: []string{"orders:read"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer op.Close()
	local := &http.Client{Transport: op.LocalTransport(nil)}

	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: issuer, Audience: api, HTTPClient: local})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	orders := middleware.RequireBearer(v)(middleware.RequireScope("orders:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := oidckit.IdentityFromContext(r.Context())
		fmt.Fprintf(w, "orders for %s", id.ClientID)
	})))

	call(orders, "GET", "/orders", clientToken(local, issuer, "job", "the secret of the job", "orders:read"))
	// Output:
	// 200  orders for job
}

// The issuer's events feed the deny list of an API in the same process: a token
// that its client takes back is refused from the next request on.
func ExampleJWTVerifier_Observe() {
	const issuer, api = "https://issuer.example", "https://api.example"
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		log.Fatal(err)
	}
	var v *middleware.JWTVerifier
	op, err := provider.New(provider.Config{
		Issuer: issuer, Secrets: secrets, Stores: opstore.NewMemory().Open(issuer),
		Clients: []oidckit.ClientMetadata{{ClientID: "job", ClientSecret: "the secret of the job", Scope: "orders:read",
			GrantTypes: []string{oidckit.GrantTypeClientCredentials}}},
		Resources:  []provider.Resource{{Resource: api, Scopes: []string{"orders:read"}}},
		Revocation: &provider.Revocation{},
		Events: func(ctx context.Context, e oidckit.Event) {
			v.Observe(ctx, e)
			if e.Name == oidckit.EventTokenRevoked {
				fmt.Println("revoked a token of", e.ClientID)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer op.Close()
	local := &http.Client{Transport: op.LocalTransport(nil)}
	v, err = middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: issuer, Audience: api, HTTPClient: local})
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	orders := middleware.RequireBearer(v)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "orders") }))

	token := clientToken(local, issuer, "job", "the secret of the job", "orders:read")
	call(orders, "GET", "/orders", token)
	req, err := http.NewRequest(http.MethodPost, issuer+"/revoke", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("job", url.QueryEscape("the secret of the job"))
	res, err := local.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	res.Body.Close()
	call(orders, "GET", "/orders", token)
	// Output:
	// 200  orders
	// revoked a token of job
	// 401 Bearer realm="api", error="invalid_token", error_description="the access token is not valid" {"error":"invalid_token","error_description":"the access token is not valid"}
}

// clientToken gets a token with the client's own secret (RFC 6749 §4.4).
func clientToken(client *http.Client, issuer, id, secret, scope string) string {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}
	req, err := http.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	res, err := client.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		log.Fatal(res.Status, err)
	}
	return answer.AccessToken
}
