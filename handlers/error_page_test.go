package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/handlers"
)

// An app shows pages of its own. They are told what is safe to show, and go
// out with the status and the headers of the failure.
func TestErrorPage(t *testing.T) {
	p := newIDP(t)
	var told []handlers.ErrorPage
	a := newApp(t, p, options{config: func(c *handlers.Config) {
		c.ErrorPage = func(w http.ResponseWriter, _ *http.Request, e handlers.ErrorPage) {
			told = append(told, e)
			fmt.Fprintf(w, "our page: %s", e.Message)
		}
	}})
	b := a.browser()
	for _, row := range []struct {
		name, address string
		script        script
		want          handlers.ErrorPage
	}{
		{name: "unknown state", address: a.URL + "/auth/callback?state=canary&code=canary", want: handlers.ErrorPage{
			Status: 400, Reason: "unknown_state", RetryURL: a.URL + "/auth/login", RetryLabel: "Start again",
			Message: "This sign-in was not started in this browser, or was finished before. Please start again.",
		}},
		{name: "the issuer's text", script: raw("/token", 400, "application/json", `{"error":"invalid_grant","error_description":"canary"}`), want: handlers.ErrorPage{
			Status: 400, Reason: "code_refused", RetryURL: a.URL + "/auth/login?return_to=%2Fme", RetryLabel: "Start again",
			Message: "Signing in did not work. Nothing was changed; please start again.",
		}},
		{name: "a foreign logout", address: a.URL + "/auth/logged-out?state=canary", want: handlers.ErrorPage{
			Status: 400, Reason: "foreign_logout_state", RetryURL: "/", RetryLabel: "Continue",
			Message: "This address belongs to a sign-out that was not started in this browser.",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p.play(row.script)
			told = nil
			if row.address == "" {
				row.address = b.begin(a, "/me")
			}
			res := b.step(row.address)
			if len(told) != 1 || told[0] != row.want {
				t.Fatalf("told %+v, want %+v", told, row.want)
			}
			if res.StatusCode != row.want.Status || res.body != "our page: "+row.want.Message {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
			checkSensitive(t, res)
			if res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%v", res.Header)
			}
		})
	}
}

// FLT-55: an app's page that writes nothing or panics leaves the person with
// the built-in one; one that breaks off is cut off.
func TestErrorPageThatFails(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	show := func(page func(http.ResponseWriter)) func(*handlers.Config) {
		return func(c *handlers.Config) {
			c.ErrorPage = func(w http.ResponseWriter, _ *http.Request, _ handlers.ErrorPage) { page(w) }
		}
	}
	for name, page := range map[string]func(http.ResponseWriter){
		"nothing": func(http.ResponseWriter) {},
		"panics": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "5")
			w.Header().Set("Content-Type", "text/canary")
			panic("canary")
		},
	} {
		a.build(p, options{config: show(page)})
		res := a.browser().step(a.URL + "/auth/callback?state=x&code=y")
		if res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "Start again") || strings.Contains(res.Header.Get("Content-Type"), "canary") {
			t.Errorf("%s: %d %v %s", name, res.StatusCode, res.Header, res.body)
		}
		checkSensitive(t, res)
	}
	a.build(p, options{config: show(func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusTeapot)
		panic("canary")
	})})
	b := a.browser()
	if res, err := b.Get(a.URL + "/auth/callback?state=x&code=y"); err == nil {
		res.Body.Close()
		t.Errorf("half a page is passed off as a whole: %d", res.StatusCode)
	}
	if strings.Contains(a.logs.String(), "canary") {
		t.Error("the log has the panic's value")
	}
}
