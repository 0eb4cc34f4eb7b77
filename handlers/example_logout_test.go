package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// An app hears of logouts elsewhere without a line of its own: the issuer calls
// the address that it is registered with. With FrontchannelLogout its page loads
// a frame as well. What is not believed is an event.
func ExampleRelyingParty_Mount() {
	cfg := handlers.Config{
		Issuer: "https://id.example", Metadata: exampleIssuer, ClientID: "shop", BaseURL: "https://shop.example",
		FrontchannelLogout: true, Sessions: exampleSessions(),
		Events: func(_ context.Context, e oidckit.Event) { fmt.Println("event:", e.Name) },
	}
	rp, err := handlers.NewRelyingParty(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()
	mux := http.NewServeMux()
	rp.Mount(mux)
	m := cfg.ClientMetadata()
	fmt.Println(m.BackchannelLogoutURI)
	fmt.Println(m.FrontchannelLogoutURI)

	r := httptest.NewRequest(http.MethodPost, m.BackchannelLogoutURI, strings.NewReader("logout_token=forged"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// https://shop.example/auth/backchannel-logout
	// https://shop.example/auth/frontchannel-logout
	// event: logout.refused
	// 400 {"error":"invalid_request","error_description":"the logout token is not valid"}
}

// A person is signed out everywhere, on all replicas, by an operator who has no
// browser of theirs.
func ExampleRelyingParty_EndSessions() {
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: "https://id.example", ClientID: "shop", BaseURL: "https://shop.example", Sessions: exampleSessions(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()
	n, err := rp.EndSessions(context.Background(), handlers.SessionSelector{Subject: "alice"})
	fmt.Println(n, err)
	// Output: 0 <nil>
}
