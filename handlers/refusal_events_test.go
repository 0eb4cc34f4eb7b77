package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// ASVS 5.0 §16.3.1: whatever a route refuses is one event, which names the
// issuer and the cause and nothing that was sent.
func TestEveryRefusalIsAnEvent(t *testing.T) {
	p := newIDP(t)
	build := func() *app {
		return newApp(t, p, options{config: func(c *handlers.Config) {
			c.FrontchannelLogout, c.ResponseMode = true, "form_post"
			c.ClientKeys, c.RequestObjects = []handlers.ClientKey{appKey("ES256")}, &handlers.RequestObjects{ByReference: true}
		}})
	}
	form := func(name string) url.Values { return url.Values{name: {"canary"}} }
	for name, row := range map[string]struct {
		method, path, origin string
		form                 url.Values
		script               script
		status               int
		want                 oidckit.EventName
	}{
		"login, the issuer is down": {method: "GET", path: "login", script: script{serve: func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}}, status: 502, want: oidckit.EventLoginFailed},
		"login that another started":  {method: "GET", path: "login?iss=canary", status: 400, want: oidckit.EventLoginFailed},
		"callback of nobody":          {method: "POST", path: "callback", form: form("state"), status: 400, want: oidckit.EventLoginFailed},
		"continue of nobody":          {method: "GET", path: "continue?state=canary", status: 400, want: oidckit.EventLoginFailed},
		"request object of nobody":    {method: "GET", path: "request-object/canary", status: 404, want: oidckit.EventLoginFailed},
		"logout by another site":      {method: "POST", path: "logout", origin: "https://canary.example", form: form("x"), status: 403, want: oidckit.EventLogoutRefused},
		"return of another logout":    {method: "GET", path: "logged-out?state=canary", status: 400, want: oidckit.EventLogoutRefused},
		"frame of another issuer":     {method: "GET", path: "frontchannel-logout?iss=canary&sid=canary", status: 200, want: oidckit.EventLogoutRefused},
		"logout token that is none":   {method: "POST", path: "backchannel-logout", form: form("logout_token"), status: 400, want: oidckit.EventLogoutRefused},
		"no logout token":             {method: "POST", path: "backchannel-logout", form: form("x"), status: 400, want: oidckit.EventLogoutRefused},
		"a method that asks nothing":  {method: "HEAD", path: "login", status: 405},
		"a page that refuses nothing": {method: "GET", path: "logout", status: 200},
	} {
		p.play(row.script)
		a := build()
		b := a.browser()
		b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		res := b.do(row.method, a.URL+"/auth/"+row.path, row.form, func(r *http.Request) {
			if navigation(r); row.origin != "" {
				r.Header.Set("Origin", row.origin)
			}
		})
		events := a.take()
		if res.StatusCode != row.status || (row.want == "") != (len(events) == 0) || len(events) > 1 {
			t.Errorf("%s: %d, events %v: %s", name, res.StatusCode, events, res.body)
			continue
		}
		checkHeaders(t, name, res)
		for _, e := range events {
			if e.Name != row.want || e.Err == nil || e.Issuer != p.URL || e.ClientID != clientID || strings.Contains(e.Err.Error(), "canary") {
				t.Errorf("%s: %v", name, e)
			}
		}
	}
}

// checkHeaders is the matrix of headers that every answer of a route has
// (ATK-336).
func checkHeaders(t *testing.T, name string, res answer) {
	t.Helper()
	h := res.Header
	if h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Server") != "" {
		t.Errorf("%s: headers %v", name, h)
	}
	page := strings.HasPrefix(h.Get("Content-Type"), "text/html")
	if policy := h.Get("Content-Security-Policy"); page != strings.Contains(policy, "default-src 'none'") || page && !strings.Contains(policy, "frame-ancestors ") {
		t.Errorf("%s: policy %q of %q", name, policy, h.Get("Content-Type"))
	}
	if page && h.Get("Referrer-Policy") == "" {
		t.Errorf("%s: no Referrer-Policy", name)
	}
}

// ATK-336: what goes well has the same headers.
func TestHeadersOfALogin(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	b := a.browser()
	login := b.step(a.URL + "/auth/login")
	callback := b.step(b.step(login.Header.Get("Location")).Header.Get("Location"))
	checkHeaders(t, "login", login)
	checkHeaders(t, "callback", callback)
	checkHeaders(t, "logout page", b.step(a.URL+"/auth/logout"))
	out := b.post(a.URL+"/auth/logout", nil, a.URL)
	checkHeaders(t, "logout", out)
	to, err := out.Location()
	if err != nil {
		t.Fatal(err)
	}
	checkHeaders(t, "logged-out", b.step(a.URL+"/auth/logged-out?state="+to.Query().Get("state")))
}
