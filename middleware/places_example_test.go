package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit/middleware"
)

// Pages for people with a session. A script of the app's own is told where a
// login would be, and sends the person there.
func ExampleRequireAuth() {
	var sessions middleware.SessionAuthenticator = cookieSessions{} // a *handlers.RelyingParty, in an app
	page := middleware.RequireAuth(sessions)(hello)

	for _, cookie := range []string{"", "bob"} {
		r := httptest.NewRequest("GET", "/account?tab=2", nil)
		r.Header.Set("Accept", "text/html")
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "session", Value: cookie})
		}
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		show(w.Code, w.Header().Get("Location"), w.Body)
	}
	r := httptest.NewRequest("GET", "/account", nil)
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 302 /auth/login?return_to=%2Faccount%3Ftab%3D2
	// 200  Hello, bob.
	// 401 {"error":"login_required","error_description":"nobody is logged in","login_url":"/auth/login?return_to="}
}

// One guard around a whole app: what is public is listed, and a route that
// somebody forgets is guarded. A page of the app's that greets people by name is
// for everybody with Public, and with Optional where each route has a guard of
// its own.
func ExampleSession() {
	var sessions middleware.SessionAuthenticator = cookieSessions{} // a *handlers.RelyingParty, in an app
	app := http.NewServeMux()
	app.Handle("/", hello)
	guarded := middleware.Session{
		Authenticator: sessions,
		Public:        []string{"GET /{$}", "GET /posts/{id}", "/static/"},
	}.Require(app)
	optional := middleware.Session{Authenticator: sessions, Optional: true}.Require(hello)

	visit := func(h http.Handler, path, cookie string) {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept", "text/html")
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "session", Value: cookie})
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		show(path, w.Code, w.Header().Get("Location"), w.Body)
	}
	visit(guarded, "/posts/7", "")
	visit(guarded, "/posts/7", "bob")
	visit(guarded, "/posts/7/edit", "")
	visit(guarded, "/static/../account", "")
	visit(optional, "/account", "")
	visit(optional, "/account", "bob")
	// Output:
	// /posts/7 200  Hello, stranger.
	// /posts/7 200  Hello, bob.
	// /posts/7/edit 302 /auth/login?return_to=%2Fposts%2F7%2Fedit
	// /static/../account 302 /auth/login?return_to=%2Fstatic%2F..%2Faccount
	// /account 200  Hello, stranger.
	// /account 200  Hello, bob.
}

// Either of two roles will do.
func ExampleRequireAnyRole() {
	bearer := middleware.RequireBearer(tokenOf(`{"roles":["user","editor"]}`))
	call(bearer(middleware.RequireAnyRole("roles", "editor", "owner")(hello)), "GET", "/", "token")
	// Output:
	// 200  Hello, alice.
}

// A download that a page's form asks for: the form carries the token, which a
// link would leave in histories and logs.
func ExampleBearer_form() {
	download := middleware.Bearer{Verifier: onlyGood, AllowFormToken: true}.Require(hello)
	post := func(authorization string) {
		form := url.Values{"access_token": {"good"}, "file": {"orders.csv"}}
		r := httptest.NewRequest("POST", "/download", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		download.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
	}
	post("")
	post("Bearer good")
	// Output:
	// 200 Hello, alice.
	// 400 {"error":"invalid_request","error_description":"the token was sent in more than one way"}
}

// A WebSocket of a browser, which can send no header, may send the token in the
// query. It then stands in logs: such a token should be good for minutes.
func ExampleBearer_query() {
	socket := middleware.Bearer{Verifier: onlyGood, AllowQueryToken: true}.Require(hello)
	w := httptest.NewRecorder()
	socket.ServeHTTP(w, httptest.NewRequest("GET", "/socket?access_token=good", nil))
	fmt.Println(w.Code, w.Body, w.Header().Get("Cache-Control"))
	// Output:
	// 200 Hello, alice. private
}
