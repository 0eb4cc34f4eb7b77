package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// beginSilent opens a page of a session whose tokens are lost and returns the
// callback address of the silent login, unopened.
func (f *refreshing) beginSilent(t *testing.T) string {
	t.Helper()
	page := f.step(f.app.URL + "/me?tab=2")
	silent := f.step(page.Header.Get("Location"))
	back := f.step(silent.Header.Get("Location"))
	if f.p.lastRequest().Get("prompt") != "none" || back.StatusCode != http.StatusFound {
		t.Fatalf("%d, asked for %v", back.StatusCode, f.p.lastRequest())
	}
	return back.Header.Get("Location")
}

// ATK-129: a logout wins against a silent login that is under way, which nobody
// has asked for: the page that it was for asks for a login like any other.
func TestLogoutDuringSilentLogin(t *testing.T) {
	for name, logout := range map[string]func(t *testing.T, f *refreshing){
		"the person's": func(t *testing.T, f *refreshing) { f.post(f.app.URL+"/auth/logout", nil, f.app.URL) },
		"elsewhere": func(t *testing.T, f *refreshing) {
			if n, err := f.rp.EndSessions(t.Context(), handlers.SessionSelector{Subject: "alice"}); n != 1 || err != nil {
				t.Error(n, err)
			}
		},
		// The store is asked once more when the session is put in the place of the
		// other one.
		"at the last moment": func(t *testing.T, f *refreshing) {
			f.stores.replay.before = func() {
				f.rp.EndSessions(t.Context(), handlers.SessionSelector{Subject: "alice"})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLost(t)
			callback := f.beginSilent(t)
			f.take()
			logout(t, f)
			res := f.step(callback)
			if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/me?tab=2" || f.loggedIn(f.app) != "" {
				t.Errorf("%d to %s, logged in: %q", res.StatusCode, res.Header.Get("Location"), f.loggedIn(f.app))
			}
			if n, _ := f.rp.EndSessions(t.Context(), handlers.SessionSelector{}); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
			if names := f.names(); slices.Contains(names, oidckit.EventLoginSucceeded) || !slices.Contains(names, oidckit.EventLoginFailed) {
				t.Errorf("events %v", names)
			}
		})
	}
}

// The same where the answer is posted, and the logout comes before or after the
// post.
func TestLogoutDuringPostedSilentLogin(t *testing.T) {
	for name, late := range map[string]bool{"before the post": false, "after the post": true} {
		t.Run(name, func(t *testing.T) {
			p, s := newIDP(t), newStores()
			a := newApp(t, p, options{session: func(c *handlers.SessionConfig) { c.Store = s.set() },
				config: func(c *handlers.Config) { c.ResponseMode = "form_post" }})
			f := &refreshing{a, a.browser(), p, s, oidckit.TokenHash{}}
			f.finishPost(a, f.beginPost(a, "/me"))
			f.key = *s.sessions.created.Load()
			handlers.Change(t, a.rp, f.key, func(s *rpstore.Session) { s.RefreshState, s.RefreshAt = rpstore.RefreshLost, time.Now() })
			page := f.step(a.URL + "/me?tab=2")
			silent := f.step(page.Header.Get("Location"))
			_, form, ok := oidctest.Form(f.step(silent.Header.Get("Location")).body)
			if !ok {
				t.Fatal("no form")
			}
			logout := func() { f.post(a.URL+"/auth/logout", url.Values{}, a.URL) }
			if !late {
				logout()
			}
			res := f.postBack(a, form)
			if late {
				logout()
				res = f.step(res.Header.Get("Location"))
			}
			if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/me?tab=2" || f.loggedIn(a) != "" {
				t.Errorf("%d to %s, logged in: %q", res.StatusCode, res.Header.Get("Location"), f.loggedIn(a))
			}
			if n, _ := a.rp.EndSessions(t.Context(), handlers.SessionSelector{}); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
		})
	}
}

// Two tabs may be on their way when the tokens are lost: the second one finds the
// session of the first.
func TestSilentLoginsOfTwoTabs(t *testing.T) {
	f := newLost(t)
	first := f.beginSilent(t)
	handlers.Change(t, f.rp, f.key, func(s *rpstore.Session) { s.RefreshAt = time.Now() })
	second := f.beginSilent(t)
	for _, callback := range []string{first, second} {
		if res := f.step(callback); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/me?tab=2" || f.loggedIn(f.app) != "alice" {
			t.Errorf("%d to %s, logged in: %q", res.StatusCode, res.Header.Get("Location"), f.loggedIn(f.app))
		}
	}
	if n, _ := f.rp.EndSessions(t.Context(), handlers.SessionSelector{}); n != 1 {
		t.Errorf("%d sessions are left", n)
	}
}
