package handlers_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

func watchedApp(t *testing.T, p *idp) (*app, *stores) {
	s := newStores()
	return newApp(t, p, options{session: func(c *handlers.SessionConfig) { c.Store = s.set() }}), s
}

// Reading writes nothing, and asks for the session once a second.
func TestReadOnlyRequests(t *testing.T) {
	p := newIDP(t)
	a, s := watchedApp(t, p)
	b := a.browser()
	b.open(a.URL + "/me")
	s.browser.writes.Store(0)
	s.sessions.writes.Store(0)
	s.sessions.reads.Store(0)
	s.browser.reads.Store(0)
	start := time.Now()
	for range 50 {
		if res := b.step(a.URL + "/me"); res.StatusCode != http.StatusOK || len(res.Header.Values("Set-Cookie")) != 0 || res.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", res.StatusCode, res.Header)
		}
	}
	if w := s.browser.writes.Load() + s.sessions.writes.Load(); w != 0 {
		t.Errorf("%d writes", w)
	}
	if r, most := s.sessions.reads.Load(), int32(time.Since(start)/time.Second)+1; r > most {
		t.Errorf("%d looks at the session, want %d at most", r, most)
	}
	if r := s.browser.reads.Load(); r != 50 {
		t.Errorf("%d reads of the browser's session for 50 requests", r)
	}
}

// A store that is down: public routes work, guards answer 503, nobody is
// logged out, and it recovers.
func TestStoresDown(t *testing.T) {
	p := newIDP(t)
	a, s := watchedApp(t, p)
	b := a.browser()
	b.open(a.URL + "/me")
	u, _ := url.Parse(a.URL)
	cookie := b.Jar.Cookies(u)[0].Value

	s.browser.down.Store(true)
	if res := b.step(a.URL + "/"); res.StatusCode != http.StatusOK || !strings.HasPrefix(res.body, "page /") || len(res.Header.Values("Set-Cookie")) != 0 {
		t.Errorf("public route: %d %s", res.StatusCode, res.body)
	}
	for _, header := range []func(*http.Request){navigation, func(r *http.Request) { r.Header.Set("Accept", "application/json") }} {
		res := b.do(http.MethodGet, a.URL+"/me", nil, header)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || strings.Contains(res.body, "refused") {
			t.Errorf("guard: %d %s", res.StatusCode, res.body)
		}
	}
	if res := b.post(a.URL+"/auth/logout", url.Values{}, a.URL); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("logout: %d", res.StatusCode)
	}
	s.browser.down.Store(false)
	if b.loggedIn(a) != "alice" || b.Jar.Cookies(u)[0].Value != cookie {
		t.Error("the person was logged out")
	}

	other := a.browser()
	for name, down := range map[string]func(bool){
		"sessions": s.sessions.down.Store, "replay": s.replay.down.Store, "browser's sessions, writing": s.browser.readOnly.Store,
	} {
		callback := other.begin(a, "/me")
		down(true)
		res := other.step(callback)
		down(false)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Location") != "" || len(other.cookies(a)) > 0 {
			t.Errorf("callback without %s: %d %v", name, res.StatusCode, res.Header)
		}
		if other.loggedIn(a) != "" {
			t.Errorf("logged in without %s", name)
		}
	}
	if !strings.Contains(a.logs.String(), "connection refused") {
		t.Error("the log does not say why")
	}
	if other.open(a.URL + "/me"); other.loggedIn(a) != "alice" {
		t.Error("it does not recover")
	}
}

// FLT-57: a store that breaks its contract opens nothing.
func TestStoreThatBreaksItsContract(t *testing.T) {
	p := newIDP(t)
	for name, row := range map[string]struct {
		wrong  func() (*rpstore.Session, error)
		status int
	}{
		"nothing and no error": {func() (*rpstore.Session, error) { return nil, nil }, http.StatusServiceUnavailable},
		"another session": {func() (*rpstore.Session, error) {
			return &rpstore.Session{Issuer: p.URL, ClientID: clientID, ExpiresAt: time.Now().Add(time.Hour), SeenAt: time.Now()}, nil
		}, http.StatusServiceUnavailable},
		"value and error":    {func() (*rpstore.Session, error) { return &rpstore.Session{}, errDown }, http.StatusServiceUnavailable},
		"one that has ended": {nil, http.StatusFound},
	} {
		t.Run(name, func(t *testing.T) {
			a, s := watchedApp(t, p)
			b := a.browser()
			b.step(b.begin(a, "/me"))
			s.sessions.wrong, s.sessions.expire = row.wrong, row.wrong == nil
			if res := b.step(a.URL + "/me"); res.StatusCode != row.status {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
		})
	}
}

// ATK-129's kin: a session that was ended elsewhere stays ended, whatever the
// browser's session says.
func TestEndedElsewhere(t *testing.T) {
	p := newIDP(t)
	a, s := watchedApp(t, p)
	b := a.browser()
	b.open(a.URL + "/me")
	if n, err := s.sessions.EndSessions(t.Context(), rpstore.SessionSelector{SessionID: "sid-1"}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for b.loggedIn(a) != "" {
		if time.Now().After(deadline) {
			t.Fatal("the session is still believed in")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if n := s.browser.writes.Load(); n != 1 {
		t.Errorf("%d writes of the browser's session, want the login's", n)
	}
}

// ATK-130: absolute and idle limits hold while the cookie is valid; use keeps a
// session alive, with a write every tenth of the idle time at most.
func TestLifetimes(t *testing.T) {
	s := newStores()
	// scs starts a goroutine of its own, which does not belong into the bubble.
	sessions := newSessions(t, func(c *handlers.SessionConfig) {
		c.Store, c.Lifetime, c.IdleTimeout = s.set(), 10*time.Hour, time.Hour
	})
	synctest.Test(t, func(t *testing.T) {
		rp := offlineParty(t, sessions)
		defer rp.Close()
		visit := func(cookie *http.Cookie) error {
			_, err := authenticate(rp, sessions, cookie)
			return err
		}
		begin := func() *http.Cookie { return handlers.PlantSession(t, rp, sessions, "alice") }

		cookie := begin()
		s.sessions.writes.Store(0)
		for range 60 {
			time.Sleep(5 * time.Minute)
			if err := visit(cookie); err != nil {
				t.Fatalf("in use: %v", err)
			}
		}
		if w := s.sessions.writes.Load(); w < 25 || w > 50 {
			t.Errorf("%d touches in 5 hours of an hour's idle time", w)
		}
		time.Sleep(61 * time.Minute)
		if err := visit(cookie); !errors.Is(err, oidckit.ErrUnauthenticated) {
			t.Errorf("idle: %v", err)
		}

		cookie = begin()
		for range 19 {
			time.Sleep(30 * time.Minute)
			if err := visit(cookie); err != nil {
				t.Fatalf("before the end: %v", err)
			}
		}
		time.Sleep(31 * time.Minute)
		if err := visit(cookie); !errors.Is(err, oidckit.ErrUnauthenticated) {
			t.Errorf("absolute: %v", err)
		}
	})
}

// Requests that come together share one look at the store, and the one that
// goes away takes nothing from the others (FLT-53).
func TestOneLookForAll(t *testing.T) {
	p := newIDP(t)
	a, s := watchedApp(t, p)
	b := a.browser()
	b.step(b.begin(a, "/me"))
	release, arrived := make(chan struct{}), make(chan struct{}, 1)
	inner := s.sessions.Sessions
	s.sessions.Sessions = gated{inner, arrived, release}
	s.sessions.reads.Store(0)
	u, _ := url.Parse(a.URL)
	cookie := b.Jar.Cookies(u)[0]
	var wg sync.WaitGroup
	visit := func(ctx context.Context, want error, asking chan<- struct{}) {
		r := httptest.NewRequest(http.MethodGet, "/me", nil).WithContext(ctx)
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		a.sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asking != nil {
				close(asking)
			}
			if _, err := a.rp.Authenticate(r); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
	gone, cancel := context.WithCancel(t.Context())
	first := make(chan struct{})
	go func() { defer close(first); visit(gone, nil, nil) }()
	<-arrived
	waiting, leave := context.WithCancel(t.Context())
	left, asking := make(chan struct{}), make(chan struct{})
	go func() { defer close(left); visit(waiting, context.Canceled, asking) }()
	<-asking
	for range 50 {
		wg.Go(func() { visit(t.Context(), nil, nil) })
	}
	leave()
	<-left
	cancel()
	close(release)
	wg.Wait()
	<-first
	if n := s.sessions.reads.Load(); n != 1 {
		t.Errorf("%d looks", n)
	}
}

// gated holds reads until it is released, and ends them with their context.
type gated struct {
	rpstore.Sessions
	arrived, release chan struct{}
}

func (g gated) Session(ctx context.Context, key oidckit.TokenHash) (*rpstore.Session, error) {
	select {
	case g.arrived <- struct{}{}:
	default:
	}
	select {
	case <-g.release:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return g.Sessions.Session(ctx, key)
}

// FLT-55: a store that panics costs its own request only.
func TestStoreThatPanics(t *testing.T) {
	p := newIDP(t)
	a, s := watchedApp(t, p)
	b := a.browser()
	callback := b.begin(a, "/me")
	s.replay.panics.Store(true)
	res := b.step(callback)
	s.replay.panics.Store(false)
	if res.StatusCode != http.StatusInternalServerError || strings.Contains(res.body, "canary") || strings.Contains(a.logs.String(), "canary") || len(b.cookies(a)) != 0 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if b.open(a.URL + "/me"); b.loggedIn(a) != "alice" {
		t.Error("it does not recover")
	}
}

// A session that this replica ends is over at once, though the browser still
// has its handle.
func TestEndedHere(t *testing.T) {
	sessions := newSessions(t, nil)
	rp := offlineParty(t, sessions)
	defer rp.Close()
	cookie := handlers.PlantSession(t, rp, sessions, "alice")
	if id, err := authenticate(rp, sessions, cookie); err != nil || id.Subject != "alice" {
		t.Fatal(id, err)
	}
	handlers.EndPlanted(t, rp, sessions, cookie)
	if id, err := authenticate(rp, sessions, cookie); !errors.Is(err, oidckit.ErrUnauthenticated) {
		t.Errorf("%v %v", id, err)
	}
}

// A route that LoadAndSave does not wrap is closed (ATK-341).
func TestWithoutLoadAndSave(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	if id, err := a.rp.Authenticate(httptest.NewRequest(http.MethodGet, "/me", nil)); id != nil || err == nil || errors.Is(err, oidckit.ErrUnauthenticated) {
		t.Errorf("%v %v", id, err)
	}
	// Whoever forgets it has to be able to find out.
	if !strings.Contains(a.logs.String(), "LoadAndSave does not wrap this route") {
		t.Errorf("logs %s", a.logs.String())
	}
	if id, err := new(handlers.RelyingParty).Authenticate(httptest.NewRequest(http.MethodGet, "/me", nil)); id != nil || err == nil {
		t.Errorf("zero value: %v %v", id, err)
	}
}
