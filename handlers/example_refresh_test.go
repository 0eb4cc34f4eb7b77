package handlers_test

import (
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
