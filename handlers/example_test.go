package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/middleware"
)

// exampleSessions stands for the two lines that every app begins with.
func exampleSessions() *handlers.Sessions {
	secrets, _ := oidckit.ParseSecrets(oidckit.GenerateSecret())
	sessions, err := handlers.NewSessions(handlers.SessionConfig{
		Secrets: secrets, Store: rpstore.NewMemory().Open("shop"), BaseURL: "https://shop.example",
	})
	if err != nil {
		panic(err)
	}
	return sessions
}

// A page that only people with a session get to see.
func ExampleNewRelyingParty() {
	sessions := exampleSessions()
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer:   "https://id.example",
		ClientID: "shop",
		BaseURL:  "https://shop.example",
		Sessions: sessions,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()

	mux := http.NewServeMux()
	rp.Mount(mux)
	mux.Handle("GET /orders", middleware.RequireAuth(rp)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := oidckit.IdentityFromContext(r.Context())
		fmt.Fprintln(w, "Orders of", id.Claims.Text("name"))
	})))
	app := sessions.LoadAndSave(mux)

	// A person who is not logged in is sent to log in, and comes back.
	r := httptest.NewRequest("GET", "https://shop.example/orders?page=2", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))

	// A script is told.
	r.Header.Set("Accept", "application/json")
	w = httptest.NewRecorder()
	app.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 302 https://shop.example/auth/login?return_to=%2Forders%3Fpage%3D2
	// 401 {"error":"login_required","error_description":"nobody is logged in","login_url":"https://shop.example/auth/login"}
}

// All problems of a config are reported together, each with its field.
func ExampleNewRelyingParty_problems() {
	_, err := handlers.NewRelyingParty(handlers.Config{Issuer: "http://id.example", BaseURL: "https://shop.example"})
	fmt.Println(err)
	// Output:
	// Config.Issuer must be https (http only on a loopback host)
	// Config.ClientID is empty
	// Config.Sessions is nil
}

// A login that takes no older one than five minutes: the address carries the
// wish sealed, and the answer is checked against it.
func ExampleRelyingParty_LoginURL() {
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: "https://id.example", ClientID: "shop", BaseURL: "https://shop.example", Sessions: exampleSessions(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()
	fiveMinutes := 5 * time.Minute
	address := rp.LoginURL(nil, oidckit.LoginRequest{ReturnTo: "/pay", MaxAge: &fiveMinutes})
	u, _ := url.Parse(address)
	fmt.Println(u.Path, u.Query().Get("return_to"), u.Query().Has("request"), strings.Contains(address, "300"))
	// Output: /auth/login /pay true false
}

// An app keeps values of its own beside the session.
func ExampleSessions() {
	sessions := exampleSessions()
	app := sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			sessions.Put(r.Context(), "colour", "green")
			return
		}
		fmt.Fprint(w, "colour: ", sessions.GetString(r.Context(), "colour"))
	}))

	w := httptest.NewRecorder()
	app.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	cookie := w.Result().Cookies()[0]
	fmt.Println(strings.HasPrefix(cookie.Name, "__Host-"), cookie.Secure, cookie.HttpOnly)

	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(cookie)
	w = httptest.NewRecorder()
	app.ServeHTTP(w, r)
	fmt.Println(w.Body)
	// Output:
	// true true true
	// colour: green
}

// An app that registers itself: what the issuer answers is kept, and makes the
// relying party at every start.
func ExampleRegister() {
	cfg := handlers.Config{Issuer: "https://id.example", BaseURL: "https://shop.example", Sessions: exampleSessions()}
	m := cfg.ClientMetadata()
	m.ClientName = "The shop"
	reg, err := handlers.Register(context.Background(), handlers.RegistrationRequest{
		Issuer: cfg.Issuer, Metadata: m,
		HTTPClient: answering(`{"client_id":"s6BhdRkqt3","client_secret":"shh","client_secret_expires_at":0}`),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg.ClientID, cfg.ClientSecret = reg.ClientID, reg.ClientSecret
	rp, err := handlers.NewRelyingParty(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()
	fmt.Println(m.RedirectURIs, reg.ClientID)
	// Output: [https://shop.example/auth/callback] s6BhdRkqt3
}

// answering stands for an issuer that registers clients.
func answering(registration string) *http.Client {
	return &http.Client{Transport: roundTrip(func(r *http.Request) *http.Response {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, registration)
		} else {
			fmt.Fprint(w, `{"issuer":"https://id.example","registration_endpoint":"https://id.example/register"}`)
		}
		return w.Result()
	})}
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// The app's own forms are protected from other sites.
func ExampleRelyingParty_CrossOriginProtection() {
	sessions := exampleSessions()
	rp, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: "https://id.example", ClientID: "shop", BaseURL: "https://shop.example", Sessions: sessions,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rp.Close()
	mux := http.NewServeMux()
	rp.Mount(mux)
	mux.Handle("GET /auth/me", rp.Me())
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ordered") })
	app := rp.CrossOriginProtection().Handler(sessions.LoadAndSave(mux))

	for _, origin := range []string{"https://shop.example", "https://evil.example"} {
		r := httptest.NewRequest("POST", "https://shop.example/orders", nil)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		fmt.Println(origin, w.Code)
	}
	// Output:
	// https://shop.example 200
	// https://evil.example 403
}

// An app that lets in only people of its own company.
func ExampleConfig() {
	cfg := handlers.Config{
		Issuer: "https://id.example", ClientID: "shop", BaseURL: "https://shop.example", Sessions: exampleSessions(),
		Scopes: oidckit.Scope{"openid", "email"},
		MapIdentity: func(_ context.Context, id oidckit.Identity) (oidckit.Identity, error) {
			if !id.Claims.Bool("email_verified") || !strings.HasSuffix(id.Claims.Text("email"), "@shop.example") {
				return id, errors.New("not one of us")
			}
			return id, nil
		},
	}
	_, err := cfg.MapIdentity(context.Background(), oidckit.Identity{Claims: oidckit.Claims(`{"email":"eve@shop.example","email_verified":"true"}`)})
	fmt.Println(err)
	// Output: not one of us
}
