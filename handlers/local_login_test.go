package handlers_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

func newLocal(t *testing.T, base string) (*handlers.LocalLogin, *handlers.Sessions) {
	t.Helper()
	sessions := newSessions(t, nil)
	l, err := handlers.NewLocalLogin(handlers.LocalLoginConfig{Sessions: sessions, BaseURL: base, LoginPath: "/signin"})
	if err != nil {
		t.Fatal(err)
	}
	return l, sessions
}

// A login page of the app's own learns what a guard asks for, and nobody can
// take a part of it away.
func TestLocalLoginRequests(t *testing.T) {
	// Outside of the bubble: scs starts a sweeper that nothing ends.
	l, _ := newLocal(t, "https://app.example")
	synctest.Test(t, func(t *testing.T) {
		age := time.Minute
		address, err := url.Parse(l.LoginURL(nil, oidckit.LoginRequest{ReturnTo: "/me?a=b", MaxAge: &age, ACRValues: []string{"gold"}, EssentialACR: true, LoginHint: "alice@example.com"}))
		if err != nil || address.Path != "/signin" || len(address.Query()) != 1 {
			t.Fatalf("%v %v", address, err)
		}
		sealed := address.Query().Get("request")
		form := httptest.NewRequest(http.MethodPost, "/signin", strings.NewReader(address.RawQuery))
		form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, r := range map[string]*http.Request{"query": httptest.NewRequest(http.MethodGet, address.String(), nil), "form": form} {
			req, err := l.LoginRequest(r)
			if err != nil || req.ID != sealed || req.ReturnTo != "/me?a=b" || *req.MaxAge != age || len(req.ACRValues) != 1 || !req.EssentialACR || req.LoginHint != "alice@example.com" {
				t.Errorf("%s: %+v %v", name, req, err)
			}
		}
		for name, query := range map[string]string{"nothing": "", "junk": "request=junk", "cut": "request=" + sealed[:len(sealed)-2], "huge": "request=" + strings.Repeat("A", 10_000)} {
			if _, err := l.LoginRequest(httptest.NewRequest(http.MethodGet, "/signin?"+query, nil)); !isInvalidRequest(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		time.Sleep(time.Hour + time.Second)
		if _, err := l.LoginRequest(httptest.NewRequest(http.MethodGet, address.String(), nil)); !isInvalidRequest(err) {
			t.Errorf("after an hour: %v", err)
		}
	})
	for _, target := range []string{"//evil.example", "https://evil.example", `/\evil`, ""} {
		address := l.LoginURL(nil, oidckit.LoginRequest{ReturnTo: target})
		req, err := l.LoginRequest(httptest.NewRequest(http.MethodGet, address, nil))
		if err != nil || req.ReturnTo != "/" {
			t.Errorf("%q leads to %+v, %v", target, req, err)
		}
	}
}

func isInvalidRequest(err error) bool {
	e, ok := errors.AsType[*oidckit.Error](err)
	return ok && e.Code == oidckit.InvalidRequest
}

// Who is signed in has a session of the app's, with what is known of them, and
// who is not gets a page.
func TestLocalLogin(t *testing.T) {
	l, sessions := newLocal(t, "https://app.example")
	var outcome func(w http.ResponseWriter, r *http.Request) error
	h := sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := outcome(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
		}
	}))
	do := func(cookie *http.Cookie, fn func(w http.ResponseWriter, r *http.Request) error) *http.Response {
		outcome = fn
		r := httptest.NewRequest(http.MethodPost, "/signin", nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	request, err := url.Parse(l.LoginURL(nil, oidckit.LoginRequest{ReturnTo: "/me"}))
	if err != nil {
		t.Fatal(err)
	}
	id := request.Query().Get("request")
	complete := func(id string, auth oidckit.Authentication) *http.Response {
		return do(nil, func(w http.ResponseWriter, r *http.Request) error { return l.CompleteLogin(w, r, id, auth) })
	}
	res := complete(id, oidckit.Authentication{Subject: "alice", ACR: "gold", Claims: oidckit.Claims(`{"name":"Alice","iss":"https://evil.example","sub":"mallory"}`)})
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/me" || len(res.Cookies()) != 1 || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	cookie := res.Cookies()[0]
	do(cookie, func(_ http.ResponseWriter, r *http.Request) error {
		who, err := l.Authenticate(r)
		if err != nil || who.Subject != "alice" || who.Issuer != "https://app.example" || who.ACR != "gold" || who.AuthTime.IsZero() ||
			who.Claims.Text("name") != "Alice" || who.Claims.Text("sub") != "alice" || who.Claims.Text("iss") != "https://app.example" {
			t.Errorf("%+v %v", who, err)
		}
		return nil
	})
	for name, res := range map[string]*http.Response{
		"a junk request":  complete("junk", oidckit.Authentication{Subject: "alice"}),
		"no subject":      complete(id, oidckit.Authentication{}),
		"claims are none": complete(id, oidckit.Authentication{Subject: "alice", Claims: oidckit.Claims(`[]`)}),
		"claims are huge": complete(id, oidckit.Authentication{Subject: "alice", Claims: oidckit.Claims(`{"x":"` + strings.Repeat("x", 200<<10) + `"}`)}),
	} {
		if res.StatusCode != http.StatusTeapot || len(res.Cookies()) != 0 {
			t.Errorf("%s: %d %v", name, res.StatusCode, res.Header)
		}
	}
	res = do(nil, func(w http.ResponseWriter, r *http.Request) error { return l.FailLogin(w, r, id, oidckit.AccessDenied) })
	if res.StatusCode != http.StatusForbidden || len(res.Cookies()) != 0 {
		t.Errorf("failed: %d", res.StatusCode)
	}
	do(cookie, func(_ http.ResponseWriter, r *http.Request) error {
		if err := l.EndSession(r); err != nil {
			t.Error(err)
		}
		return nil
	})
	do(cookie, func(_ http.ResponseWriter, r *http.Request) error {
		if who, err := l.Authenticate(r); !errors.Is(err, oidckit.ErrUnauthenticated) {
			t.Errorf("after its end: %v %v", who, err)
		}
		return nil
	})
}

func TestLocalLoginConfig(t *testing.T) {
	_, err := handlers.NewLocalLogin(handlers.LocalLoginConfig{BaseURL: "http://app.example", LoginPath: "https://evil.example", Prefix: "x", PostLogoutReturnTo: "//x"})
	for _, field := range []string{"BaseURL", "Sessions", "LoginPath", "Prefix", "PostLogoutReturnTo"} {
		if err == nil || !strings.Contains(err.Error(), "LocalLoginConfig."+field) {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
}
