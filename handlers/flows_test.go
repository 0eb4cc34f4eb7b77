package handlers_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/middleware"
)

// ATK-086: a login belongs to the browser that has started it.
func TestSessionSwapping(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	attacker, victim := a.browser(), a.browser()
	callback := attacker.begin(a, "/me")
	if res := victim.step(callback); res.StatusCode != http.StatusBadRequest || len(victim.cookies(a)) != 0 {
		t.Errorf("the victim's browser finished the attacker's login: %d", res.StatusCode)
	}
	// A login of its own does not help either.
	victim.begin(a, "/me")
	if res := victim.step(callback); res.StatusCode != http.StatusBadRequest || victim.loggedIn(a) != "" {
		t.Errorf("with a login under way: %d", res.StatusCode)
	}
	if p.count("/token") != 0 {
		t.Error("a code was sent")
	}
	if res := attacker.step(callback); res.StatusCode != http.StatusSeeOther {
		t.Errorf("the attacker's own: %d", res.StatusCode)
	}
}

// A callback that comes twice gets a page, and its code is not sent again,
// even where the cookie is still there.
func TestReplayedCallback(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	b := a.browser()
	callback := b.begin(a, "/me")
	u, _ := url.Parse(a.URL)
	kept := b.Jar.Cookies(u)
	if res := b.step(callback); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("first: %d", res.StatusCode)
	}
	if res := b.step(callback); res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "/auth/login") {
		t.Errorf("second: %d %s", res.StatusCode, res.body)
	}
	if b.loggedIn(a) != "alice" {
		t.Error("the second callback has ended the session of the first")
	}
	thief := a.browser()
	for _, c := range kept {
		c.Path = "/"
		c.Secure = true
	}
	thief.Jar.SetCookies(u, kept)
	if res := thief.step(callback); res.StatusCode != http.StatusBadRequest || thief.loggedIn(a) != "" || !strings.Contains(a.logs.String(), "replayed_response") {
		t.Errorf("with the cookie kept: %d", res.StatusCode)
	}
	if n := p.count("/token"); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

// A callback that comes again on another replica starts no second session,
// even where the issuer redeems a code twice.
func TestReplayedCallbackOnAnotherReplica(t *testing.T) {
	p := newIDP(t)
	store := rpstore.NewMemory().Open("app")
	o := options{session: func(c *handlers.SessionConfig) { c.Store = store }}
	a := newApp(t, p, o)
	b := a.browser()
	callback := b.begin(a, "/me")
	u, _ := url.Parse(a.URL)
	kept := b.Jar.Cookies(u)
	p.mu.Lock()
	codes := maps.Clone(p.codes)
	p.mu.Unlock()
	if res := b.step(callback); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("first: %d", res.StatusCode)
	}
	p.mu.Lock()
	p.codes = codes
	p.mu.Unlock()
	a.build(p, o)
	thief := a.browser()
	for _, c := range kept {
		c.Path, c.Secure = "/", true
	}
	thief.Jar.SetCookies(u, kept)
	if res := thief.step(callback); res.StatusCode != http.StatusBadRequest || thief.loggedIn(a) != "" || !strings.Contains(a.logs.String(), "replayed_response") {
		t.Errorf("on the other replica: %d", res.StatusCode)
	}
	if n := p.count("/token"); n != 2 {
		t.Errorf("%d exchanges: the replica was not another one", n)
	}
}

// Twenty tabs at once: every login is finished, and the cookies stay below
// what servers take.
func TestTwentyTabs(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	b := a.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	// All requests are out before the first cookie is stored.
	locations := make([]string, 20)
	var cookies []*http.Cookie
	for i := range locations {
		req, _ := http.NewRequest(http.MethodGet, a.URL+fmt.Sprintf("/auth/login?return_to=%%2Fme%%3Ftab%%3D%d", i), nil)
		res, err := b.Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		locations[i] = res.Header.Get("Location")
		cookies = append(cookies, res.Cookies()...)
	}
	u, _ := url.Parse(a.URL)
	b.Jar.SetCookies(u, cookies)
	for i, location := range locations {
		if n := b.cookieBytes(a); n >= 4096 {
			t.Errorf("tab %d: the cookies have %d bytes", i, n)
		}
		res := b.open(location)
		if want := fmt.Sprintf("query=tab=%d", i); !strings.HasSuffix(res.body, want) {
			t.Fatalf("tab %d: %d %s", i, res.StatusCode, res.body)
		}
	}
	if names := b.cookies(a); len(names) != 1 {
		t.Errorf("cookies left: %v", names)
	}
	// One after the other, never finished: the oldest go.
	for i := range 60 {
		b.step(a.URL + fmt.Sprintf("/auth/login?return_to=/%s", strings.Repeat("x", i*20)))
		if n := b.cookieBytes(a); n >= 4096 {
			t.Fatalf("after %d starts the cookies have %d bytes", i, n)
		}
	}
	if res := b.step(b.begin(a, "/me")); res.StatusCode != http.StatusSeeOther {
		t.Errorf("the newest login: %d", res.StatusCode)
	}
}

// ATK-088: logins of many people at once, on one relying party.
func TestManyPeopleAtOnce(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	var codes sync.Map
	p.play(script{
		respond: func(q url.Values) {
			// The nonce of each login tells whose it is.
			codes.Store(q.Get("code"), q.Get("state"))
		},
		claims: func(c map[string]any) { c["sub"] = fmt.Sprint("user-", c["nonce"]) },
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 12 {
				b := a.browser()
				login := b.step(a.URL + "/auth/login?return_to=/me")
				u, _ := url.Parse(login.Header.Get("Location"))
				b.open(u.String())
				if got, want := b.loggedIn(a), "user-"+u.Query().Get("nonce"); got != want {
					t.Errorf("logged in as %s, want %s", got, want)
				}
			}
		})
	}
	wg.Wait()
}

// A login renews the session's id and ends the one before (OWASP ASVS 5.0
// 7.2.4, ATK-124).
func TestSessionIsRenewed(t *testing.T) {
	p := newIDP(t)
	store := rpstore.NewMemory().Open("app")
	a := newApp(t, p, options{session: func(c *handlers.SessionConfig) { c.Store = store }})
	b := a.browser()
	b.open(a.URL + "/me")
	u, _ := url.Parse(a.URL)
	old := b.Jar.Cookies(u)
	b.step(b.begin(a, "/me"))
	fresh := b.Jar.Cookies(u)
	if len(old) != 1 || len(fresh) != 1 || old[0].Value == fresh[0].Value {
		t.Fatalf("the id was not renewed: %v %v", old, fresh)
	}
	thief := a.browser()
	old[0].Path, old[0].Secure = "/", true
	thief.Jar.SetCookies(u, old)
	if got := thief.loggedIn(a); got != "" {
		t.Errorf("the old id is still %s", got)
	}
	if n, _ := store.Sessions.EndSessions(t.Context(), rpstore.SessionSelector{Subject: "alice"}); n != 1 {
		t.Errorf("%d sessions, want the newest only", n)
	}
}

// Fixation: an id that a stranger has planted is not the one of the session.
func TestPlantedSessionID(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	b := a.browser()
	b.open(a.URL + "/me")
	name := b.cookies(a)[0]
	u, _ := url.Parse(a.URL)
	victim := a.browser()
	victim.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: strings.Repeat("A", 43), Path: "/", Secure: true}})
	victim.open(a.URL + "/me")
	if c := victim.Jar.Cookies(u); len(c) != 1 || c[0].Value == strings.Repeat("A", 43) || victim.loggedIn(a) != "alice" {
		t.Errorf("cookies: %v", c)
	}
}

// ATK-055 and step-up: what a guard asks for is asked of the issuer and
// checked.
func TestStepUp(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	now := time.Now().Unix()
	fiveMinutes, fresh := 5*time.Minute, time.Duration(0)
	for _, row := range []struct {
		name   string
		req    oidckit.LoginRequest
		claims script
		ok     bool
		sent   url.Values
	}{
		{"max_age, recent", oidckit.LoginRequest{MaxAge: &fiveMinutes}, claim("auth_time", now-200), true, url.Values{"max_age": {"300"}}},
		{"max_age 0, now", oidckit.LoginRequest{MaxAge: &fresh}, script{}, true, url.Values{"max_age": {"0"}}},
		{"max_age 0, an hour ago", oidckit.LoginRequest{MaxAge: &fresh}, claim("auth_time", now-3600), false, nil},
		{"ATK-055 missing", oidckit.LoginRequest{MaxAge: &fiveMinutes}, claim("auth_time", nil), false, nil},
		{"ATK-055 too old", oidckit.LoginRequest{MaxAge: &fiveMinutes}, claim("auth_time", now-400), false, nil},
		{"ATK-055 text", oidckit.LoginRequest{MaxAge: &fiveMinutes}, claim("auth_time", "now"), false, nil},
		{"acr as asked", oidckit.LoginRequest{ACRValues: []string{"gold", "silver"}}, script{}, true, url.Values{"acr_values": {"gold silver"}}},
		{"ATK-056 acr lower", oidckit.LoginRequest{ACRValues: []string{"gold"}}, script{}, false, nil},
		{"ATK-056 no acr", oidckit.LoginRequest{ACRValues: []string{"gold"}}, claim("acr", nil), false, nil},
		{"prompt, hint, languages", oidckit.LoginRequest{Prompt: []string{"login"}, LoginHint: "a@b.example", UILocales: []string{"de", "en"}}, script{}, true,
			url.Values{"prompt": {"login"}, "login_hint": {"a@b.example"}, "ui_locales": {"de en"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p.play(row.claims)
			row.req.ReturnTo = "/me?x=1"
			b := a.browser()
			address := a.rp.LoginURL(nil, row.req)
			if !strings.HasPrefix(address, a.URL+"/auth/login?") || strings.Contains(address, "gold") || strings.Contains(address, "example.%40") {
				t.Errorf("login address %s", address)
			}
			res := b.open(address)
			if (b.loggedIn(a) == "alice") != row.ok || row.ok != strings.HasSuffix(res.body, "query=x=1") {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
			for name, want := range row.sent {
				if got := p.lastRequest().Get(name); got != want[0] {
					t.Errorf("%s = %q, want %q", name, got, want[0])
				}
			}
		})
	}
	// What was not sealed by us asks for nothing.
	p.play(script{})
	a.browser().open(a.URL + "/auth/login?request=AAAA")
	if q := p.lastRequest(); q.Has("max_age") || q.Has("prompt") {
		t.Errorf("a foreign request was taken: %v", q)
	}
}

// Two relying parties on one manager, under two prefixes: each has its own
// person, and a logout at one leaves the other.
func TestTwoRelyingParties(t *testing.T) {
	p, q := newIDP(t), newIDP(t)
	q.subject = "bob"
	a := newApp(t, p, options{})
	second, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: q.URL, ClientID: clientID, BaseURL: a.URL, Prefix: "/staff", Sessions: a.sessions,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	mux := http.NewServeMux()
	a.rp.Mount(mux)
	second.Mount(mux)
	mux.Handle("/me", middleware.RequireAuth(a.rp)(http.HandlerFunc(serveMe)))
	mux.Handle("/staff/me", middleware.RequireAuth(second)(http.HandlerFunc(serveMe)))
	h := a.sessions.LoadAndSave(mux)
	a.handler.Store(&h)
	b := a.browser()
	if got := b.open(a.URL + "/me").body; !strings.HasPrefix(got, "sub=alice") {
		t.Fatal(got)
	}
	if got := b.open(a.URL + "/staff/me").body; !strings.HasPrefix(got, "sub=bob") {
		t.Fatal(got)
	}
	if b.loggedIn(a) != "alice" {
		t.Error("the second login has ended the first")
	}
	b.post(a.URL+"/staff/logout", url.Values{}, a.URL)
	if b.loggedIn(a) != "alice" {
		t.Error("the second's logout has ended the first")
	}
	if got := b.step(a.URL + "/staff/me"); got.StatusCode != http.StatusFound {
		t.Errorf("after logout: %d", got.StatusCode)
	}
	// A transaction of one is nothing to the other (ATK-090).
	other := a.browser()
	callback := strings.Replace(other.begin(a, "/me"), "/auth/", "/staff/", 1)
	if res := other.step(callback); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a callback at the other relying party: %d", res.StatusCode)
	}
}

// Under a path, with the proxy that strips it and with one that does not; no
// address comes from a request's headers.
func TestUnderAPath(t *testing.T) {
	p := newIDP(t)
	for name, strip := range map[string]bool{"kept": false, "stripped": true} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, p, options{path: "/app"})
			inner := *a.handler.Load()
			if strip {
				mux := http.NewServeMux()
				mux.Handle("/auth/", a.rp)
				mux.Handle("/me", middleware.RequireAuth(a.rp)(http.HandlerFunc(serveMe)))
				// A proxy changes the request line and the Host.
				inner = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.Host, r.RequestURI = "backend.internal:8080", strings.TrimPrefix(r.RequestURI, "/app")
					r.Header.Set("X-Forwarded-Host", "evil.example")
					http.StripPrefix("/app", a.sessions.LoadAndSave(mux)).ServeHTTP(w, r)
				})
			}
			a.handler.Store(&inner)
			b := a.browser()
			res := b.open(a.URL + "/app/me?x=1")
			if res.StatusCode != http.StatusOK || res.Request.URL.RequestURI() != "/app/me?x=1" {
				t.Fatalf("%d at %s: %s", res.StatusCode, res.Request.URL, res.body)
			}
			if got := p.lastRequest().Get("redirect_uri"); got != a.URL+"/app/auth/callback" {
				t.Errorf("redirect_uri %s", got)
			}
			// A form leads back to its page, be it another app's of this origin.
			for page, want := range map[string]string{"/app/me?x=1": "/app/me?x=1", "/other/form?x=1": "/other/form?x=1", "": "/app/"} {
				stranger := a.browser()
				res := stranger.post(a.URL+"/app/me", url.Values{"x": {"1"}}, a.URL, navigation, func(r *http.Request) {
					r.Header.Set("Sec-Fetch-Site", "same-origin")
					if page != "" {
						r.Header.Set("Referer", a.URL+page)
					}
				})
				callback := stranger.step(stranger.step(res.Header.Get("Location")).Header.Get("Location")).Header.Get("Location")
				if back := stranger.step(callback); back.Header.Get("Location") != want {
					t.Errorf("a form on %q leads to %q, %d", page, back.Header.Get("Location"), res.StatusCode)
				}
			}
			// What a person opens is under the base, whatever page had the link.
			r := httptest.NewRequest(http.MethodGet, "/me", nil)
			r.Header.Set("Referer", a.URL+"/me")
			if got := a.rp.LoginURL(r, oidckit.LoginRequest{ReturnTo: "/me"}); got != a.URL+"/app/auth/login?return_to=%2Fapp%2Fme" {
				t.Errorf("LoginURL %s", got)
			}
			out := b.post(a.URL+"/app/auth/logout", url.Values{}, a.URL)
			if out.StatusCode != http.StatusSeeOther || !strings.HasPrefix(out.Header.Get("Location"), p.URL) {
				t.Errorf("logout: %d %s", out.StatusCode, out.body)
			}
		})
	}
}

// On http loopback the cookies are plain, and everything works.
func TestPlainLoopback(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{plain: true, config: func(c *handlers.Config) { c.Prefix = "/" }})
	b := a.browser()
	if got := b.open(a.URL + "/me"); !strings.HasPrefix(got.body, "sub=alice") {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	for _, name := range b.cookies(a) {
		if strings.HasPrefix(name, "__Host-") {
			t.Errorf("cookie %s over http", name)
		}
	}
	if got := p.lastRequest().Get("redirect_uri"); got != a.URL+"/callback" {
		t.Errorf("redirect_uri %s", got)
	}
}

// 10 000 visitors who never come back leave nothing behind.
func TestVisitorsLeaveNothing(t *testing.T) {
	p := newIDP(t)
	store := rpstore.NewMemory().Open("app")
	a := newApp(t, p, options{session: func(c *handlers.SessionConfig) {
		c.Store = store
		c.Store.Sessions, c.Store.BrowserSessions, c.Store.Replay = refuseWrites{t, store.Sessions}, refuseBrowser{t, store.BrowserSessions}, refuseReplay{t}
	}})
	h := *a.handler.Load()
	for i := range 10_000 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/auth/login?return_to=/me", nil))
		if w.Code != http.StatusFound {
			t.Fatalf("visitor %d: %d", i, w.Code)
		}
	}
	// Nor do those who come back with a code of their own making.
	p.play(script{serve: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			return false
		}
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return true
	}})
	for range 20 {
		b := a.browser()
		if res := b.step(b.begin(a, "/me")); res.StatusCode != http.StatusBadRequest {
			t.Fatalf("a code that the issuer refuses: %d %s", res.StatusCode, res.body)
		}
	}
}
