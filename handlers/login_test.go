package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

func TestLoginAndBack(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	b := a.browser()
	got := b.open(a.URL + "/me?tab=2&x=%2Fa")
	if got.StatusCode != http.StatusOK || got.body != "sub=alice sid=sid-1 name=Alice Adams query=tab=2&x=%2Fa" {
		t.Fatalf("after login: %d %s", got.StatusCode, got.body)
	}
	if got.Request.URL.String() != a.URL+"/me?tab=2&x=%2Fa" {
		t.Errorf("came back to %s", got.Request.URL)
	}
	if names := b.cookies(a); len(names) != 1 || !strings.HasPrefix(names[0], "__Host-session-") {
		t.Errorf("cookies after login: %v", names)
	}
	events := a.take()
	if len(events) != 1 || events[0].Name != oidckit.EventLoginSucceeded || events[0].Subject != "alice" {
		t.Errorf("events: %v", events)
	}
	// RFC 6749 §2.3.1
	id, pw, _ := (&http.Request{Header: p.exchange}).BasicAuth()
	if id != clientID || pw != url.QueryEscape(clientSecret) {
		t.Errorf("client authentication: %q %q", id, pw)
	}
	if p.form.Has("client_secret") || p.form.Has("client_id") {
		t.Error("basic authentication repeats itself in the body")
	}
}

// What a login sends, and what it does not (ATK-079, ATK-113).
func TestAuthorizationRequest(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{config: func(c *handlers.Config) { c.Resource = "https://api.example/" }})
	for name, metadata := range map[string]func(map[string]any){
		"ATK-079 S256 not named":   nil,
		"ATK-079 plain only":       func(m map[string]any) { m["code_challenge_methods_supported"] = []string{"plain"} },
		"the endpoint has a query": func(m map[string]any) { m["authorization_endpoint"] = p.URL + "/authorize?tenant=a" },
	} {
		t.Run(name, func(t *testing.T) {
			p.play(script{metadata: metadata})
			a.build(p, options{config: func(c *handlers.Config) { c.Resource = "https://api.example/" }})
			res := a.browser().step(a.URL + "/auth/login?return_to=/me&scope=admin&prompt=none&redirect_uri=https://evil.example&request_uri=https://evil.example&max_age=1&state=x&nonce=y")
			u, err := url.Parse(res.Header.Get("Location"))
			if err != nil || !strings.HasPrefix(u.String(), p.URL+"/authorize?") {
				t.Fatalf("Location %q", u)
			}
			q := u.Query()
			for name, want := range map[string]string{
				"response_type": "code", "client_id": clientID, "redirect_uri": a.URL + "/auth/callback", "scope": "openid profile email",
				"code_challenge_method": "S256", "resource": "https://api.example/", "prompt": "", "request_uri": "", "max_age": "",
			} {
				if q.Get(name) != want {
					t.Errorf("%s = %q, want %q", name, q.Get(name), want)
				}
			}
			for _, name := range []string{"state", "nonce"} {
				if len(q.Get(name)) < 22 {
					t.Errorf("%s = %q", name, q.Get(name))
				}
			}
			if len(q.Get("code_challenge")) != 43 {
				t.Errorf("code_challenge = %q", q.Get("code_challenge"))
			}
			if strings.Contains(name, "query") && q.Get("tenant") != "a" {
				t.Error("the endpoint's own query was dropped")
			}
			checkSensitive(t, res)
		})
	}
}

// checkSensitive implements ATK-132.
func checkSensitive(t *testing.T, res answer) {
	t.Helper()
	if cc := strings.Join(res.Header.Values("Cache-Control"), ","); !strings.Contains(cc, "no-store") {
		t.Errorf("Cache-Control: %q", cc)
	}
	if rp := res.Header.Get("Referrer-Policy"); rp != "no-referrer" && rp != "same-origin" {
		t.Errorf("Referrer-Policy: %q", rp)
	}
}

// ATK-096: what is no local target leads to the app's start page.
func TestReturnTargets(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	for raw, want := range map[string]string{
		"/me?a=b": "/me?a=b", "//e": "/", `/\e`: "/", "/\t/e": "/", "/\n/e": "/", "https:e": "/", "https:/e": "/", "http:///e": "/", "/%09/e": "/",
		"/%5ce": "/", "/.//e": "/", "javascript:alert(1)": "/", "data:,x": "/", `\\e`: "/", " //e": "/", "/\u2028/e": "/", "@e": "/", "": "/",
	} {
		res := a.browser()
		back := res.step(res.begin(a, raw))
		if back.StatusCode != http.StatusSeeOther || back.Header.Get("Location") != want {
			t.Errorf("return_to %q: %d to %q, want %q", raw, back.StatusCode, back.Header.Get("Location"), want)
		}
		checkSensitive(t, back)
	}
	// Two targets are none.
	b := a.browser()
	b.open(a.URL + "/auth/login?return_to=/me&return_to=//e")
	if got := b.loggedIn(a); got != "alice" {
		t.Errorf("logged in as %q", got)
	}
}

// ATK-094, RFC 9110 §9.2.1: HEAD and its kin neither start nor end a login.
func TestMethods(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	b := a.browser()
	callback := b.begin(a, "/me")
	for _, path := range []string{"/auth/login", "/auth/callback", "/auth/logged-out"} {
		for _, method := range []string{"HEAD", "OPTIONS", "PUT", "POST", "DELETE"} {
			address := a.URL + path
			if path == "/auth/callback" {
				address = callback
			}
			b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			allow := "GET"
			if path == "/auth/login" {
				// A POST may start one: OpenID Connect Core 1.0 §4.
				if allow = "GET, POST"; method == "POST" {
					continue
				}
			}
			res := b.do(method, address, nil, nil)
			if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != allow || len(res.Cookies()) != 0 {
				t.Errorf("%s %s: %d, Allow %q, %d cookies", method, path, res.StatusCode, res.Header.Get("Allow"), len(res.Cookies()))
			}
		}
	}
	form, _ := url.Parse(callback)
	if res := b.post(a.URL+"/auth/callback", form.Query(), ""); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("form_post: %d", res.StatusCode)
	}
	if res := b.step(callback); res.StatusCode != http.StatusSeeOther {
		t.Errorf("the login was consumed: %d %s", res.StatusCode, res.body)
	}
	if res := b.do(http.MethodHead, a.URL+"/auth/logout", nil, nil); res.StatusCode != http.StatusMethodNotAllowed || b.loggedIn(a) != "alice" {
		t.Errorf("HEAD logout: %d", res.StatusCode)
	}
}

func TestClientAuthentication(t *testing.T) {
	rows := []struct {
		name      string
		method    string
		secret    string
		supported []string
		want      string
	}{
		{"default with a secret", "", clientSecret, nil, "basic"},
		{"Discovery §3 both named", "", clientSecret, []string{"client_secret_post", "client_secret_basic"}, "basic"},
		{"only post named", "", clientSecret, []string{"client_secret_post"}, "post"},
		{"configured post", "client_secret_post", clientSecret, []string{"client_secret_basic"}, "post"},
		{"configured basic", "client_secret_basic", clientSecret, []string{"client_secret_post"}, "basic"},
		{"public client", "", "", nil, "none"},
		{"public client, configured", "none", "", nil, "none"},
	}
	p := newIDP(t)
	a := newApp(t, p, options{})
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p.play(script{metadata: func(m map[string]any) {
				if row.supported != nil {
					m["token_endpoint_auth_methods_supported"] = row.supported
				}
			}})
			a.build(p, options{config: func(c *handlers.Config) { c.ClientSecret, c.TokenEndpointAuthMethod = row.secret, row.method }})
			b := a.browser()
			b.open(a.URL + "/me")
			if b.loggedIn(a) != "alice" {
				t.Fatal("not logged in")
			}
			basic := p.exchange.Get("Authorization") != ""
			if basic != (row.want == "basic") || p.form.Has("client_secret") != (row.want == "post") || p.form.Has("client_id") == basic {
				t.Errorf("basic %v, form %v", basic, p.form)
			}
			if row.want == "post" && p.form.Get("client_secret") != clientSecret {
				t.Error("the secret was changed on its way")
			}
		})
	}
}
