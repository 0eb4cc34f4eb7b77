package browsertest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/page"
)

// pageServer shows our forms and answers a post by a redirect to a client on
// another origin, as an issuer does.
func pageServer(t *testing.T) *httptest.Server {
	client := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<p id=there>" + r.URL.Query().Get("got") + "</p>"))
	}))
	t.Cleanup(client.Close)
	elsewhere := strings.Replace(client.URL, "127.0.0.1", "localhost", 1)

	mux := http.NewServeMux()
	show := func(p page.Page) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := page.Write(w, http.StatusOK, p); err != nil {
				t.Error(err)
			}
		}
	}
	hidden := []page.Field{{Name: "interaction", Value: "i"}}
	mux.Handle("GET /login", show(page.Login{Client: page.Client{Name: "Webapp"}, Action: "/login", Hidden: hidden}))
	mux.Handle("GET /again", show(page.Login{Client: page.Client{Name: "Webapp"}, Action: "/login", Username: "alice", Error: "That user name and password do not match."}))
	mux.Handle("GET /consent", show(page.Consent{Client: page.Client{Name: "Webapp"}, UserName: "alice", Action: "/consent", Hidden: hidden,
		Scopes: []page.ScopeLine{{Name: "openid", Description: "Know who you are"}, {Name: "email", Description: "Read your e-mail address"}}}))
	mux.Handle("GET /choose", show(page.Choose{Client: page.Client{Name: "Webapp"}, UserName: "alice", Action: "/login", Hidden: hidden}))
	mux.Handle("GET /account", show(page.Account{UserName: "alice", Action: "/account",
		Allowed: []page.Allowed{
			{Client: page.Client{Name: "Webapp"}, Scopes: []page.ScopeLine{{Name: "openid"}}, Withdraw: page.Field{Name: "withdraw", Value: "w1"}},
			{Client: page.Client{Name: strings.Repeat("long", 30)}, Withdraw: page.Field{Name: "withdraw", Value: "w2"}},
		},
		Sessions: []page.Session{{Here: true, End: page.Field{Name: "end", Value: "e1"}}}}))
	mux.Handle("GET /logout", show(page.Logout{ClientName: "Webapp", UserName: "alice", Action: "/logout", Hidden: hidden}))
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		got := r.PostFormValue("username") + r.PostFormValue("decision") + r.PostFormValue("logout") +
			r.PostFormValue("account") + r.PostFormValue("withdraw") + r.PostFormValue("end")
		if r.Header.Get("Origin") == "null" {
			got = "null origin"
		}
		http.Redirect(w, r, elsewhere+"/?got="+got, http.StatusSeeOther)
	})
	srv := httptest.NewServer(http.NewCrossOriginProtection().Handler(mux))
	t.Cleanup(srv.Close)
	return srv
}

// The policy of our own pages must not hold back what they are for: the form,
// its Origin, and the redirect to a client on another origin.
func TestPagesInABrowser(t *testing.T) {
	b := New(t)
	srv := pageServer(t)

	b.Open(srv.URL + "/login")
	if got := b.Focus(); got != "username" {
		t.Errorf("the focus is on %s, want username", got)
	}
	// The keyboard alone: type, tab, type, enter.
	b.Keys("alice\tsecret")
	b.Press("\r")
	if got := b.Text("#there"); got != "alice" {
		t.Errorf("the client got %q", got)
	}

	b.Open(srv.URL + "/again")
	if got := b.Focus(); got != "password" {
		t.Errorf("after a wrong password the focus is on %s", got)
	}
	if got := b.Text("[role=alert]"); !strings.Contains(got, "do not match") {
		t.Errorf("the alert reads %q", got)
	}

	for selector, want := range map[string]string{
		"button[name=decision][value=allow]": "allow",
		"button[name=decision][value=deny]":  "deny",
	} {
		b.Open(srv.URL + "/consent")
		b.Click(selector)
		if got := b.Text("#there"); got != want {
			t.Errorf("consent: the client got %q, want %q", got, want)
		}
	}

	// The keyboard alone reaches every button, in the order of the page.
	for i, want := range []string{"continue", "other"} {
		b.Open(srv.URL + "/choose")
		b.Keys(strings.Repeat("\t", i+1))
		b.Press("\r")
		if got := b.Text("#there"); got != want {
			t.Errorf("choice: the client got %q, want %q", got, want)
		}
	}
	for i, want := range []string{"w1", "w2", "e1"} {
		b.Open(srv.URL + "/account")
		b.Keys(strings.Repeat("\t", i+1))
		b.Press("\r")
		if got := b.Text("#there"); got != want {
			t.Errorf("account: button %d sent %q, want %q", i, got, want)
		}
	}

	b.Open(srv.URL + "/logout")
	b.Click("button[name=logout]")
	if got := b.Text("#there"); got != "yes" {
		t.Errorf("logout: the client got %q", got)
	}
}

// In a narrow window nothing is cut off, and the dark is dark.
func TestPagesFitTheWindow(t *testing.T) {
	b := New(t)
	srv := pageServer(t)
	for _, path := range []string{"/login", "/again", "/consent", "/choose", "/account", "/logout"} {
		for _, width := range []int64{280, 1200} {
			b.Window(width, 600, false)
			b.Open(srv.URL + path)
			over := Eval[float64](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth")
			if over > 0 {
				t.Errorf("%s at %d: %v pixels stick out", path, width, over)
			}
		}
		colour := map[bool]string{}
		for _, dark := range []bool{false, true} {
			b.Window(600, 600, dark)
			b.Open(srv.URL + path)
			colour[dark] = Eval[string](b, `getComputedStyle(document.querySelector(".card")).backgroundColor`)
		}
		if colour[true] == colour[false] {
			t.Errorf("%s looks the same in the dark: %s", path, colour[true])
		}
	}
}
