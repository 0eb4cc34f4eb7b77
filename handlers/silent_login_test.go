package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// lost has the answer of a refresh dropped after the issuer has done it.
func newLost(t *testing.T) *refreshing {
	t.Helper()
	f := newRefreshing(t, nil)
	f.p.play(loseAnswer(f.p))
	f.due(t, false)
	f.status(t)
	f.reaches(t, rpstore.RefreshLost)
	f.p.play(script{})
	handlers.Forget(f.rp, f.key)
	return f
}

// A refresh whose answer was lost: the token is not sent again, what the person
// sends is served, and the next page comes back to itself through the issuer,
// which shows nothing (OpenID Connect Core 1.0 §3.1.2.1, prompt=none).
func TestLostAnswer(t *testing.T) {
	f := newLost(t)
	page := f.app.URL + "/me?tab=2&x=%2Fa"
	if res := f.post(page, url.Values{"work": {"of an hour"}}, f.app.URL); res.StatusCode != http.StatusOK {
		t.Errorf("a form: %d", res.StatusCode)
	}
	if res := f.do(http.MethodGet, page, nil, nil); res.StatusCode != http.StatusOK {
		// Without headers of a browser a GET may be a navigation: ask as fetch does.
		fetch := func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") }
		if res = f.do(http.MethodGet, page, nil, fetch); res.StatusCode != http.StatusOK {
			t.Errorf("a fetch: %d", res.StatusCode)
		}
	}
	asked := len(f.p.requests)
	res := f.open(page)
	if res.StatusCode != http.StatusOK || !strings.HasSuffix(res.body, "query=tab=2&x=%2Fa") {
		t.Fatalf("the page: %d %s", res.StatusCode, res.body)
	}
	request := f.p.lastRequest()
	if len(f.p.requests) != asked+1 || request.Get("prompt") != "none" || request.Get("id_token_hint") == "" {
		t.Errorf("asked the issuer %d times, last for %v", len(f.p.requests)-asked, request)
	}
	if *f.stores.sessions.created.Load() == f.key || f.p.replay != 0 || f.alive(t) {
		t.Errorf("the session is not a new one, or a refresh token was sent %d times too many", f.p.replay)
	}
	if names := f.names(); !slices.Equal(names, []oidckit.EventName{oidckit.EventTokensLost, oidckit.EventLoginSucceeded}) {
		t.Errorf("events %v", names)
	}
	if token, err := tokenOf(f.app, f.browser); err != nil || !strings.HasPrefix(token, canaryAccess) {
		t.Errorf("AccessToken: %q, %v", token, err)
	}
}

// A silent login that the issuer wants to show something for becomes one that is
// not silent, by itself and once.
func TestSilentLoginRefused(t *testing.T) {
	for _, code := range []string{"login_required", "interaction_required", "consent_required", "account_selection_required"} {
		t.Run(code, func(t *testing.T) {
			f := newLost(t)
			f.p.play(script{respond: func(q url.Values) {
				if f.p.lastRequest().Get("prompt") == "none" {
					q.Del("code")
					q.Set("error", code)
				}
			}})
			asked := len(f.p.requests)
			if res := f.open(f.app.URL + "/me?tab=2"); res.StatusCode != http.StatusOK || !strings.HasSuffix(res.body, "query=tab=2") {
				t.Fatalf("%d %s", res.StatusCode, res.body)
			}
			if n := len(f.p.requests) - asked; n != 2 || f.p.lastRequest().Has("prompt") {
				t.Errorf("%d requests, the last for prompt %q", n, f.p.lastRequest().Get("prompt"))
			}
			// An issuer that always wants more gets a person a page, not a loop.
			f = newLost(t)
			f.p.play(script{respond: func(q url.Values) {
				q.Del("code")
				q.Set("error", code)
			}})
			if res := f.open(f.app.URL + "/me"); res.StatusCode != http.StatusBadRequest || f.loggedIn(f.app) != "alice" {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
		})
	}
}

// Somebody else at the issuer does not become the one whose work lies open.
func TestSilentLoginOfAnotherPerson(t *testing.T) {
	f := newLost(t)
	f.p.mu.Lock()
	f.p.subject = "mallory"
	f.p.mu.Unlock()
	res := f.step(f.app.URL + "/me")
	res = f.step(res.Header.Get("Location"))
	res = f.step(res.Header.Get("Location"))
	callback := f.step(res.Header.Get("Location"))
	target, _ := url.Parse(callback.Header.Get("Location"))
	// The issuer would answer a login that shows nothing as it just has.
	if callback.StatusCode != http.StatusFound || target.Path != "/authorize" || target.Query().Get("prompt") != "login" {
		t.Errorf("%d to %s", callback.StatusCode, target)
	}
	if f.loggedIn(f.app) != "alice" {
		t.Error("the silent login has changed who is logged in")
	}
}

// OAuth 2.0 Form Post Response Mode §2: the answer to a silent login comes
// without the cookie of the session that it renews, and is held against it all
// the same.
func TestSilentLoginByFormPost(t *testing.T) {
	for subject, same := range map[string]bool{"alice": true, "mallory": false} {
		p, s := newIDP(t), newStores()
		a := newApp(t, p, options{session: func(c *handlers.SessionConfig) { c.Store = s.set() },
			config: func(c *handlers.Config) { c.ResponseMode = "form_post" }})
		f := &refreshing{a, a.browser(), p, s, oidckit.TokenHash{}}
		f.finishPost(a, f.beginPost(a, "/me"))
		f.key = *s.sessions.created.Load()
		handlers.Change(t, a.rp, f.key, func(s *rpstore.Session) { s.RefreshState, s.RefreshAt = rpstore.RefreshLost, time.Now() })
		p.mu.Lock()
		p.subject = subject
		p.mu.Unlock()
		page := f.step(a.URL + "/me?tab=2")
		silent := f.step(page.Header.Get("Location"))
		_, form, ok := oidctest.Form(f.step(silent.Header.Get("Location")).body)
		if !ok || p.lastRequest().Get("prompt") != "none" {
			t.Fatalf("asked for %v", p.lastRequest())
		}
		res := f.finishPost(a, form)
		if back := res.Header.Get("Location") == "/me?tab=2"; back != same || f.alive(t) == same || f.loggedIn(a) != "alice" {
			t.Errorf("%s: %d to %s, logged in %q", subject, res.StatusCode, res.Header.Get("Location"), f.loggedIn(a))
		}
	}
}

// An issuer that is down: a page with a way on, and the session is still there.
func TestSilentLoginWhileTheIssuerIsDown(t *testing.T) {
	f := newLost(t)
	f.p.play(script{respond: func(q url.Values) {
		q.Del("code")
		q.Set("error", "temporarily_unavailable")
	}})
	res := f.open(f.app.URL + "/me?tab=2")
	if res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, `href="/me?tab=2"`) {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	asked := len(f.p.requests)
	if res := f.open(f.app.URL + "/me?tab=2"); res.StatusCode != http.StatusOK || len(f.p.requests) != asked {
		t.Errorf("the way on: %d after %d more requests", res.StatusCode, len(f.p.requests)-asked)
	}
	// Later it is tried again.
	handlers.Change(t, f.rp, f.key, func(s *rpstore.Session) {
		if in := time.Until(s.RefreshAt); s.RefreshState != rpstore.RefreshLost || in < 20*time.Second || in > 31*time.Second {
			t.Errorf("%s, again in %v", s.RefreshState, in)
		}
		s.RefreshAt = time.Now()
	})
	f.p.play(script{})
	if res := f.open(f.app.URL + "/me?tab=2"); res.StatusCode != http.StatusOK || len(f.p.requests) != asked+1 {
		t.Errorf("later: %d after %d more requests", res.StatusCode, len(f.p.requests)-asked)
	}
}

// The route for silent logins does nothing for those who have nothing to renew.
func TestRenewWithoutALostSession(t *testing.T) {
	f := newRefreshing(t, nil)
	for name, b := range map[string]*browser{"a session": f.browser, "nobody": f.app.browser()} {
		res := b.step(f.app.URL + "/auth/login?return_to=%2Fme&renew=1")
		if strings.Contains(res.Header.Get("Location"), "prompt=") || strings.Contains(res.Header.Get("Location"), "hint") {
			t.Errorf("%s: %s", name, res.Header.Get("Location"))
		}
	}
}

// A replica that dies in the middle of a refresh leaves a lease: while it runs
// the session waits or is served, then its tokens count as lost. A clock that
// is set back does not make a lease of years.
func TestRefreshLease(t *testing.T) {
	for _, row := range []struct {
		name    string
		lease   time.Duration
		wait    time.Duration
		expired bool
		want    int
		form    int
	}{
		{"running", 15 * time.Second, 0, false, 200, 200},
		{"running, expired", 20 * time.Second, 0, true, 503, 503},
		{"run out", 15 * time.Second, 15 * time.Second, false, 302, 200},
		{"run out, expired", 15 * time.Second, 15 * time.Second, true, 302, 200},
		{"run out while waited for", 5 * time.Second, 0, true, 302, 200},
		{"clock a day ahead", 15 * time.Second, 24 * time.Hour, true, 302, 200},
		{"clock set back", 24 * time.Hour, 0, true, 302, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newStores()
			// scs starts a sweeper that never ends: not in the bubble.
			sessions := newSessions(t, func(c *handlers.SessionConfig) {
				c.Store, c.Lifetime, c.IdleTimeout = s.set(), 48*time.Hour, 48*time.Hour
			})
			rp := offlineParty(t, sessions)
			defer rp.Close()
			synctest.Test(t, func(t *testing.T) {
				cookie := handlers.PlantSession(t, rp, sessions, "alice")
				handlers.Change(t, rp, *s.sessions.created.Load(), func(s *rpstore.Session) {
					s.RefreshState, s.RefreshAt, s.TokensExpireAt = rpstore.RefreshRunning, time.Now().Add(row.lease), time.Now().Add(time.Hour)
					if row.expired {
						s.TokensExpireAt = time.Now()
					}
				})
				time.Sleep(row.wait)
				h := sessions.LoadAndSave(middleware.RequireAuth(rp)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
				ask := func(method string) *httptest.ResponseRecorder {
					r := httptest.NewRequest(method, "/me?tab=2", nil)
					r.AddCookie(cookie)
					if method == http.MethodGet {
						navigation(r)
					}
					w := httptest.NewRecorder()
					h.ServeHTTP(w, r)
					return w
				}
				got := ask(http.MethodGet)
				renews := strings.Contains(got.Header().Get("Location"), "renew=1")
				if got.Code != row.want || renews != (row.want == 302) {
					t.Errorf("a page: %d to %s, want %d", got.Code, got.Header().Get("Location"), row.want)
				}
				if row.want == 503 {
					return
				}
				if got := ask(http.MethodPost); got.Code != row.form {
					t.Errorf("a form: %d, want %d", got.Code, row.form)
				}
			})
		})
	}
}
