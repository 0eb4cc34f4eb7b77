package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
)

// oidcc-client-test-3rd-party-init-login, by GET and POST.
func TestConformanceThirdPartyInitLogin(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		p := newIDP(t)
		a := newApp(t, p, options{})
		b := a.browser()
		params := url.Values{"iss": {p.URL}, "login_hint": {"alice@example.com"}, "target_link_uri": {a.URL + "/me?tab=2"}}
		var login answer
		if method == http.MethodGet {
			login = b.step(a.URL + "/auth/login?" + params.Encode())
		} else {
			login = b.post(a.URL+"/auth/login", params, p.URL)
			if login.StatusCode != http.StatusSeeOther {
				t.Errorf("the form would go on: %d", login.StatusCode)
			}
		}
		callback := b.step(login.Header.Get("Location")).Header.Get("Location")
		if got := p.lastRequest().Get("login_hint"); got != "alice@example.com" {
			t.Errorf("%s: login_hint %q", method, got)
		}
		if res := b.step(callback); res.Header.Get("Location") != "/me?tab=2" || b.loggedIn(a) != "alice" {
			t.Errorf("%s: %d, to %q", method, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

// ATK-112: OpenID Connect Core 1.0 §4.
func TestInitiatedLogins(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{path: "/shop"})
	for _, row := range []struct {
		name string
		set  func(q url.Values)
		// target is where the login leads, empty where it is refused.
		target string
	}{
		{"the issuer alone", func(url.Values) {}, "/shop/"},
		{"empty target", func(q url.Values) { q.Set("target_link_uri", "") }, "/shop/"},
		{"a local path", func(q url.Values) { q.Set("target_link_uri", "/shop/me") }, "/shop/me"},
		{"an address of ours", func(q url.Values) { q.Set("target_link_uri", a.URL+"/shop/me?x=1") }, "/shop/me?x=1"},
		{"the base URL", func(q url.Values) { q.Set("target_link_uri", a.URL+"/shop") }, "/shop"},
		{"ATK-113 further parameters", func(q url.Values) {
			q.Set("scope", "admin")
			q.Set("prompt", "none")
			q.Set("return_to", "/shop/other")
			q.Set("redirect_uri", "https://evil.example")
		}, "/shop/"},
		{"unknown issuer", func(q url.Values) { q.Set("iss", "https://evil.example") }, ""},
		{"issuer with a slash", func(q url.Values) { q.Set("iss", p.URL+"/") }, ""},
		{"empty issuer", func(q url.Values) { q.Set("iss", "") }, ""},
		{"issuer twice", func(q url.Values) { q.Add("iss", p.URL) }, ""},
		{"target twice", func(q url.Values) { q["target_link_uri"] = []string{"/shop/me", "/shop/me"} }, ""},
		{"another site", func(q url.Values) { q.Set("target_link_uri", "https://evil.example/me") }, ""},
		{"another site behind ours", func(q url.Values) { q.Set("target_link_uri", a.URL+".evil.example/shop/me") }, ""},
		{"another site with our name", func(q url.Values) { q.Set("target_link_uri", a.URL+"@evil.example/shop/me") }, ""},
		{"two slashes", func(q url.Values) { q.Set("target_link_uri", "//evil.example/") }, ""},
		{"two slashes behind ours", func(q url.Values) { q.Set("target_link_uri", a.URL+"//evil.example/") }, ""},
		{"another path", func(q url.Values) { q.Set("target_link_uri", a.URL+"/other") }, ""},
		{"out of the path", func(q url.Values) { q.Set("target_link_uri", a.URL+"/shop/../other") }, ""},
		{"a longer name", func(q url.Values) { q.Set("target_link_uri", a.URL+"/shopping") }, ""},
		{"a script", func(q url.Values) { q.Set("target_link_uri", "javascript:alert(1)") }, ""},
		{"a hint that is too long", func(q url.Values) { q.Set("login_hint", strings.Repeat("x", 600)) }, ""},
		{"a hint with a line break", func(q url.Values) { q.Set("login_hint", "a\r\nb") }, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			q := url.Values{"iss": {p.URL}}
			row.set(q)
			a.take()
			b := a.browser()
			login := b.step(a.URL + "/shop/auth/login?" + q.Encode())
			if row.target == "" {
				events := a.take()
				if login.StatusCode != http.StatusBadRequest || len(login.Cookies()) != 0 || len(events) != 1 || events[0].Name != oidckit.EventLoginFailed {
					t.Errorf("%d, cookies %v, events %v", login.StatusCode, login.Cookies(), events)
				}
				checkSensitive(t, login)
				if strings.Contains(login.body, "evil") {
					t.Errorf("the page repeats what it must not: %s", login.body)
				}
				return
			}
			callback := b.step(login.Header.Get("Location")).Header.Get("Location")
			if res := b.step(callback); res.Header.Get("Location") != row.target {
				t.Errorf("leads to %q", res.Header.Get("Location"))
			}
			if got := p.lastRequest(); got.Get("scope") != "openid profile email" || got.Has("prompt") || got.Get("redirect_uri") != a.URL+"/shop/auth/callback" {
				t.Errorf("request %v", got)
			}
		})
	}
	for name, send := range map[string]func(b *browser) answer{
		"no form": func(b *browser) answer {
			return b.do(http.MethodPost, a.URL+"/shop/auth/login?iss="+url.QueryEscape(p.URL), nil, nil)
		},
		"no iss": func(b *browser) answer { return b.post(a.URL+"/shop/auth/login", url.Values{"x": {"y"}}, p.URL) },
		"HEAD": func(b *browser) answer {
			return b.do(http.MethodHead, a.URL+"/shop/auth/login?iss="+url.QueryEscape(p.URL), nil, nil)
		},
	} {
		if res := send(a.browser()); res.StatusCode/100 != 4 || len(res.Cookies()) != 0 {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}
