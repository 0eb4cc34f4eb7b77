package handlers_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// within runs f in a request of the browser's session.
func within(a *app, b *browser, f func(r *http.Request)) {
	a.t.Helper()
	before := a.handler.Load()
	defer a.handler.Store(before)
	h := a.sessions.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f(r) }))
	a.handler.Store(&h)
	b.step(a.URL + "/within")
}

// A source outlives its request, refreshes what has ended, and ends with the
// session.
func TestTokenSource(t *testing.T) {
	f := newRefreshing(t, nil)
	var source *handlers.TokenSource
	within(f.app, f.browser, func(r *http.Request) {
		var err error
		if source, err = f.rp.TokenSource(r); err != nil {
			t.Error(err)
		}
	})
	if token, err := source.Token(t.Context()); err != nil || !strings.HasPrefix(token, canaryAccess) {
		t.Fatalf("%q, %v", token, err)
	}
	f.p.play(script{tokens: func(answer map[string]any) { answer["access_token"] = canaryAccess + "-second" }})
	f.due(t, true)
	if token, err := source.Token(t.Context()); err != nil || token != canaryAccess+"-second" {
		t.Errorf("after their end: %q, %v", token, err)
	}
	f.p.play(tokenAnswer(503, "{}"))
	f.due(t, true)
	if token, err := source.Token(t.Context()); err == nil || errors.Is(err, oidckit.ErrUnauthenticated) || token != "" {
		t.Errorf("while the issuer is down: %q, %v", token, err)
	}
	f.post(f.app.URL+"/auth/logout", nil, f.app.URL)
	if token, err := source.Token(t.Context()); !errors.Is(err, oidckit.ErrUnauthenticated) || token != "" {
		t.Errorf("after the logout: %q, %v", token, err)
	}
	within(f.app, f.app.browser(), func(r *http.Request) {
		if s, err := f.rp.TokenSource(r); !errors.Is(err, oidckit.ErrUnauthenticated) || s != nil {
			t.Errorf("nobody's: %v, %v", s, err)
		}
	})
}

// RFC 6750 §5.3: the client sends its token to the API and nowhere else,
// wherever the API or the app's own code points it.
func TestClientKeepsItsTokenToTheAPI(t *testing.T) {
	f := newRefreshing(t, nil)
	var got []string
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.URL.Path+" "+r.Header.Get("Authorization"))
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		}
	})
	api, other := httptest.NewServer(serve), httptest.NewServer(serve)
	defer api.Close()
	defer other.Close()
	var client *http.Client
	within(f.app, f.browser, func(r *http.Request) {
		var err error
		if client, err = f.rp.Client(r, api.URL+"/v1"); err != nil {
			t.Error(err)
		}
		for _, bad := range []string{"", "api", "http://api.example/v1", "https://api.example/v1?x=1", "https://u:p@api.example/", "https://api.example/#f"} {
			if c, err := f.rp.Client(r, bad); err == nil || c != nil {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
	host := strings.TrimPrefix(api.URL, "http://")
	for _, row := range []struct {
		url  string
		sent int
		ok   bool
	}{
		{api.URL + "/v1", 1, true},
		{api.URL + "/v1/", 1, true},
		{api.URL + "/v1/things?of=x%2Fy", 1, true},
		{api.URL + "/v1/a%2Fb", 1, true},
		{api.URL + "/v1/a?to=/v1/b", 2, true},
		{api.URL, 0, false},
		{api.URL + "/", 0, false},
		{api.URL + "/v10", 0, false},
		{api.URL + "/v1/../admin", 0, false},
		{api.URL + "/v1/%2e%2e/admin", 0, false},
		{api.URL + "/v1/..%2fadmin", 0, false},
		{api.URL + "/v1/%252e%252e/admin", 0, false},
		{api.URL + `/v1/..%5cadmin`, 0, false},
		{api.URL + "/v1/..;/admin", 0, false},
		{api.URL + "/v1/%2e%2e;x=1/admin", 0, false},
		{api.URL + "/v1/..%3b/admin", 0, false},
		{other.URL + "/v1", 0, false},
		{"https://" + host + "/v1", 0, false},
		{"http://user@" + host + "/v1", 0, false},
		{"http://" + host + ".example/v1", 0, false},
		{api.URL + "/v1/a?to=" + other.URL + "/v1", 1, false},
		{api.URL + "/v1/a?to=/admin", 1, false},
	} {
		got = nil
		res, err := client.Get(row.url)
		if err == nil {
			res.Body.Close()
		}
		if (err == nil) != row.ok || len(got) != row.sent {
			t.Errorf("%s: %v, requests %v", row.url, err, got)
		}
		for _, g := range got {
			if !strings.Contains(g, " Bearer "+canaryAccess) {
				t.Errorf("%s: %q", row.url, g)
			}
		}
		if err != nil && strings.Contains(err.Error(), canaryAccess) {
			t.Errorf("%s: the error holds the token", row.url)
		}
	}
	// Another name of the host would be served by another one.
	req, _ := http.NewRequest(http.MethodGet, api.URL+"/v1", nil)
	req.Host = "other.example"
	if _, err := client.Do(req); err == nil {
		t.Error("another Host")
	}
	if req.Header.Get("Authorization") != "" {
		t.Error("the caller's request was changed")
	}
	f.post(f.app.URL+"/auth/logout", nil, f.app.URL)
	if _, err := client.Post(api.URL+"/v1", "text/plain", strings.NewReader("x")); !errors.Is(err, oidckit.ErrUnauthenticated) {
		t.Errorf("after the logout: %v", err)
	}
}
