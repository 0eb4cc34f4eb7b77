package provider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

// An issuer with one client and one user, on a mux beside other routes.
func Example() {
	const issuer = "https://login.example.com"
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		log.Fatal(err)
	}
	stores := opstore.NewMemory().Open(issuer)
	p, err := provider.New(provider.Config{
		Issuer:  issuer,
		Secrets: secrets,
		Stores:  stores,
		Clients: []oidckit.ClientMetadata{{
			ClientID:     "app",
			ClientSecret: "a long random text",
			RedirectURIs: []string{"https://app.example.com/auth/callback"},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	_, err = provider.NewAccounts(stores.Users).Create(context.Background(), provider.Account{
		Username: "alice", Password: "correct horse battery staple",
		Claims: map[string]any{"name": "Alice Example", "email": "alice@example.com", "email_verified": true},
	})
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	p.Mount(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Hello.") })

	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, issuer+"/.well-known/openid-configuration", nil))
	var metadata oidckit.ProviderMetadata
	if err := json.Unmarshal(rec.Body.Bytes(), &metadata); err != nil {
		log.Fatal(err)
	}
	fmt.Println(metadata.AuthorizationEndpoint)
	fmt.Println(metadata.GrantTypesSupported)
	// Output:
	// https://login.example.com/authorize
	// [authorization_code refresh_token client_credentials]
}

// All problems of a config are reported together, each by its field.
func ExampleNew() {
	_, err := provider.New(provider.Config{
		Issuer:    "http://login.example.com/",
		Clients:   []oidckit.ClientMetadata{{ClientID: "app", RedirectURIs: []string{"javascript:alert(1)"}}},
		Lifetimes: provider.Lifetimes{Code: -1},
	})
	for line := range strings.Lines(err.Error()) {
		if !strings.Contains(line, "opstore.Set") {
			fmt.Print(line)
		}
	}
	// Output:
	// provider: config: Issuer: "http://login.example.com/" must be https (http only on a loopback host)
	// Secrets: no key
	// Lifetimes.Code is -1ns, must be 1s to 10m0s
	// Clients[0] ("app"): client_secret is missing (token_endpoint_auth_method is client_secret_basic)
	// Clients[0] ("app"): redirect_uris: "javascript:alert(1)" has a scheme that is neither https nor a private-use one such as com.example.app
}

// An app in the issuer's process talks to it without a way through the
// network.
func ExampleProvider_LocalTransport() {
	p := exampleProvider(provider.Config{})
	defer p.Close()
	client := &http.Client{Transport: p.LocalTransport(nil)}
	res, err := client.Get(p.Issuer() + "/jwks")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	fmt.Println(res.Status, res.Header.Get("Content-Type"))
	// Output: 200 OK application/json
}

// exampleProvider fills in what an example is not about.
func exampleProvider(cfg provider.Config) *provider.Provider {
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		log.Fatal(err)
	}
	cfg.Issuer, cfg.Secrets = "https://login.example.com", secrets
	cfg.Stores = opstore.NewMemory().Open(cfg.Issuer)
	cfg.Clients = []oidckit.ClientMetadata{{
		ClientID: "app", ClientSecret: "a long random text", RedirectURIs: []string{"https://app.example.com/auth/callback"},
	}}
	p, err := provider.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return p
}

// directory is the app's own user database.
type directory struct{}

func (directory) Claims(_ context.Context, subject string) (oidckit.Claims, error) {
	if subject != "u-1" {
		return nil, oidckit.ErrNotFound
	}
	return oidckit.Claims(`{"name":"Alice Example"}`), nil
}

func (directory) CheckPassword(context.Context, string, string) (oidckit.Authentication, error) {
	return oidckit.Authentication{}, oidckit.ErrUnauthenticated
}

// The app's own login page: it says for whom it asks, checks the person in its
// own way, and hands the outcome to the issuer.
func ExampleProvider_CompleteLogin() {
	p := exampleProvider(provider.Config{LoginURL: "/signin", Users: directory{}, TrustedClients: []string{"app"}})
	defer p.Close()
	mux := http.NewServeMux()
	p.Mount(mux)
	signIn := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		login, err := p.LoginRequest(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		switch {
		case r.Method != http.MethodPost:
			fmt.Fprintf(w, `<p>Sign in to %s <form method="post"><input name="request" value="%s"> …`,
				html.EscapeString(login.ClientName), html.EscapeString(login.ID))
			return
		case r.PostFormValue("cancel") != "":
			err = p.FailLogin(w, r, login.ID, oidckit.NewError(oidckit.AccessDenied, "the user went away"))
		case r.PostFormValue("pin") == "2468":
			err = p.CompleteLogin(w, r, login.ID, oidckit.Authentication{Subject: "u-1", AMR: []string{"pin"}})
		}
		if err != nil {
			http.Error(w, "This did not work.", http.StatusServiceUnavailable)
		}
	})
	// Another site's page must not be able to send the form.
	mux.Handle("/signin", http.NewCrossOriginProtection().Handler(signIn))

	visit := func(method, target string, form url.Values) *http.Response {
		r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r)
		return rec.Result()
	}
	res := visit(http.MethodGet, "https://login.example.com/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {"https://app.example.com/auth/callback"}, "scope": {"openid"},
		"state": {"s-1"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode(), nil)
	page, err := res.Location()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(page.Path)
	res = visit(http.MethodPost, page.Path, url.Values{"request": {page.Query().Get("request")}, "pin": {"2468"}})
	callback, err := res.Location()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(callback.Host+callback.Path, callback.Query().Get("state"), callback.Query().Has("code"))
	res = visit(http.MethodPost, page.Path, url.Values{"request": {page.Query().Get("request")}, "cancel": {"yes"}})
	callback, err = res.Location()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(callback.Query().Get("error"))
	// Output:
	// /signin
	// app.example.com/auth/callback s-1 true
	// access_denied
}
