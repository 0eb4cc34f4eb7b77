package handlers_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

func TestLogout(t *testing.T) {
	p := newIDP(t)
	store := rpstore.NewMemory().Open("app")
	a := newApp(t, p, options{
		config:  func(c *handlers.Config) { c.PostLogoutReturnTo = "/bye?x=1" },
		session: func(c *handlers.SessionConfig) { c.Store = store },
	})
	b := a.browser()
	b.open(a.URL + "/me")
	// A link or an image asks, and ends nothing.
	ask := b.step(a.URL + "/auth/logout")
	if ask.StatusCode != http.StatusOK || !strings.Contains(ask.body, `name="logout"`) || !strings.Contains(ask.body, `method="post" action="/auth/logout"`) || b.loggedIn(a) != "alice" {
		t.Fatalf("GET: %d %s", ask.StatusCode, ask.body)
	}
	a.take()
	u, _ := url.Parse(a.URL)
	kept := b.Jar.Cookies(u)
	out := b.post(a.URL+"/auth/logout", url.Values{"logout": {"yes"}}, a.URL)
	checkSensitive(t, out)
	target, err := url.Parse(out.Header.Get("Location"))
	if out.StatusCode != http.StatusSeeOther || err != nil || !strings.HasPrefix(target.String(), p.URL+"/logout?") {
		t.Fatalf("POST: %d %s", out.StatusCode, target)
	}
	q := target.Query()
	if strings.Count(q.Get("id_token_hint"), ".") != 2 || q.Get("client_id") != clientID || q.Get("post_logout_redirect_uri") != a.URL+"/auth/logged-out" || len(q.Get("state")) < 22 {
		t.Errorf("request: %v", q)
	}
	events := a.take()
	if len(events) != 1 || events[0].Name != oidckit.EventLogout || events[0].Subject != "alice" {
		t.Errorf("events: %v", events)
	}
	if b.loggedIn(a) != "" {
		t.Error("still logged in")
	}
	if n, err := store.Sessions.EndSessions(t.Context(), rpstore.SessionSelector{Subject: "alice"}); n != 0 || err != nil {
		t.Errorf("%d sessions are left in the store, %v", n, err)
	}
	// OWASP ASVS 5.0 7.4.1: the cookie that somebody kept is worth nothing.
	thief := a.browser()
	for _, c := range kept {
		c.Path, c.Secure = "/", true
	}
	thief.Jar.SetCookies(u, kept)
	if thief.loggedIn(a) != "" {
		t.Error("the old cookie still works")
	}
	// ATK-141: with the state home, without it or with another a page.
	for query, want := range map[string]int{"state=forged": 400, "state=": 400, "state=a&state=" + q.Get("state"): 400, "": 200, "state=forged&post_logout_redirect_uri=https://evil.example&return_to=//evil.example": 400} {
		res := b.step(a.URL + "/auth/logged-out?" + query)
		if res.StatusCode != want || res.Header.Get("Location") != "" || strings.Contains(res.body, "evil") || !strings.Contains(res.body, `href="/bye?x=1"`) {
			t.Errorf("%q: %d %s", query, res.StatusCode, res.body)
		}
	}
	home := b.step(a.URL + "/auth/logged-out?state=" + q.Get("state"))
	if home.StatusCode != http.StatusSeeOther || home.Header.Get("Location") != "/bye?x=1" || len(b.cookies(a)) != 0 {
		t.Errorf("return: %d %s %v", home.StatusCode, home.Header.Get("Location"), b.cookies(a))
	}
	if again := b.step(a.URL + "/auth/logged-out?state=" + q.Get("state")); again.StatusCode != http.StatusBadRequest {
		t.Errorf("the state serves twice: %d", again.StatusCode)
	}
}

// A post from another site signs nobody out.
func TestCrossSiteLogout(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	b := a.browser()
	b.open(a.URL + "/me")
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for name, header := range map[string]func(*http.Request){
		"another origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"cross-site":     func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"same-site":      func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"null origin":    func(r *http.Request) { r.Header.Set("Origin", "null") },
	} {
		if res := b.do(http.MethodPost, a.URL+"/auth/logout", url.Values{}, header); res.StatusCode != http.StatusForbidden || b.loggedIn(a) != "alice" {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}

// FLT-20: whatever the issuer does, the local session ends.
func TestLogoutWithoutTheIssuer(t *testing.T) {
	p := newIDP(t)
	for name, row := range map[string]struct {
		script script
		status int
	}{
		"no end_session_endpoint": {script{metadata: func(m map[string]any) { delete(m, "end_session_endpoint") }}, http.StatusSeeOther},
		"issuer down":             {raw("/.well-known/openid-configuration", 503, "text/html", ""), http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, p, options{})
			b := a.browser()
			p.play(script{})
			b.open(a.URL + "/me")
			// A relying party on the same sessions that has no metadata yet, as
			// after a restart.
			p.play(row.script)
			restarted, err := handlers.NewRelyingParty(handlers.Config{
				Issuer: p.URL, ClientID: clientID, ClientSecret: clientSecret, BaseURL: a.URL, Sessions: a.sessions,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer restarted.Close()
			var h http.Handler = restarted
			loggedIn := b.loggedIn(a)
			old := *a.handler.Load()
			a.handler.Store(&h)
			res := b.post(a.URL+"/auth/logout", url.Values{}, a.URL)
			a.handler.Store(&old)
			if loggedIn != "alice" || res.StatusCode != row.status || b.loggedIn(a) != "" {
				t.Errorf("%d, logged in as %q: %s", res.StatusCode, b.loggedIn(a), res.body)
			}
			if row.status == http.StatusSeeOther && res.Header.Get("Location") != "/" {
				t.Errorf("to %s", res.Header.Get("Location"))
			}
			if row.status == http.StatusOK && !strings.Contains(res.body, "Signed out") {
				t.Errorf("page %s", res.body)
			}
		})
	}
}

// Signing out twice, or without a session, is no fault.
func TestLogoutWithoutSession(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	res := a.browser().post(a.URL+"/auth/logout", url.Values{}, a.URL)
	u, _ := url.Parse(res.Header.Get("Location"))
	if res.StatusCode != http.StatusSeeOther || u.Query().Has("id_token_hint") || u.Query().Get("client_id") != clientID {
		t.Errorf("%d %s", res.StatusCode, u)
	}
	if len(a.take()) != 0 {
		t.Error("a logout of nobody was reported")
	}
}

// I4: no token, code, secret or cookie reaches a log or a page.
func TestNothingLeaks(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	b := a.browser()
	var pages []string
	callback := b.begin(a, "/me")
	pages = append(pages, b.step(callback).body, b.step(callback).body, b.open(a.URL+"/me").body)
	secrets := []string{"canary"}
	u, _ := url.Parse(a.URL)
	for _, c := range b.Jar.Cookies(u) {
		secrets = append(secrets, c.Value)
	}
	pages = append(pages, b.post(a.URL+"/auth/logout", url.Values{}, a.URL).body)
	p.play(claim("iss", "https://evil.example"))
	pages = append(pages, b.open(a.URL+"/me").body)
	pages = append(pages, a.logs.String())
	for _, e := range a.take() {
		for err := e.Err; err != nil; err = errors.Unwrap(err) {
			pages = append(pages, err.Error())
		}
	}
	for _, text := range pages {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%q holds %q", text, s)
			}
		}
	}
}
