package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// A page that shows what an API answers in the person's name. The client
// refreshes the token where it has to, and sends it nowhere else.
func ExampleRelyingParty_Client() {
	sessions := exampleSessions()
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: "https://id.example", ClientID: "shop", BaseURL: "https://shop.example", Sessions: sessions,
		// With offline_access an issuer gives a refresh token.
		Scopes: oidckit.Scope{"openid", "offline_access"}, Resource: "https://api.example/v1",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()
	orders := sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := rp.Client(r, "https://api.example/v1")
		if errors.Is(err, oidckit.ErrUnauthenticated) {
			http.Error(w, "nobody is signed in", http.StatusUnauthorized)
			return
		}
		if err != nil {
			http.Error(w, "please try again", http.StatusServiceUnavailable)
			return
		}
		answer, err := client.Get("https://api.example/v1/orders")
		if err != nil {
			http.Error(w, "please try again", http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		io.Copy(w, io.LimitReader(answer.Body, 1<<20))
	}))

	w := httptest.NewRecorder()
	orders.ServeHTTP(w, httptest.NewRequest("GET", "/orders", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output: 401 nobody is signed in
}

// A token for a client of one's own, gRPC for instance. It is asked for again for
// each call: it has been refreshed meanwhile, or the session has ended.
func ExampleRelyingParty_TokenSource() {
	sessions := exampleSessions()
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: "https://id.example", ClientID: "shop", BaseURL: "https://shop.example", Sessions: sessions,
		Scopes: oidckit.Scope{"openid", "offline_access"}, Resource: "https://api.example/v1",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()
	report := sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		source, err := rp.TokenSource(r)
		if err != nil {
			http.Error(w, "nobody is signed in", http.StatusUnauthorized)
			return
		}
		// The report may take longer than the request.
		go func() {
			token, err := source.Token(context.Background())
			if err != nil {
				fmt.Println("the report has to wait:", err)
				return
			}
			sendReport(token)
		}()
	}))

	w := httptest.NewRecorder()
	report.ServeHTTP(w, httptest.NewRequest("POST", "/report", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output: 401 nobody is signed in
}

// sendReport stands for a client that takes a token.
func sendReport(token string) { fmt.Println("sent with", len(token), "characters of a token") }
