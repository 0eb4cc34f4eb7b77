package provider_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// ASVS 5.0 §7.4.2: disabled means disabled on every path. Each row holds
// something that was good before, and is called afterwards; nothing of it comes
// back when the user may sign in again.
func TestDisabledOnEveryPath(t *testing.T) {
	rc := newReceiver(t, nil)
	cfg := told(rc)
	configure := cfg.Configure
	cfg.Configure = func(c *provider.Config) {
		configure(c)
		c.Introspection = &provider.Introspection{}
	}
	f := newFixture(t, cfg)
	web := f.tokens()
	plain := f.token(codeForm(f.code()))
	code, offlineCode := f.code(), f.code("scope", "openid offline_access")
	_, login := f.sub(t).loginPage()
	own := &appLogin{}
	own.begin(f.sub(t))
	active := func(token string) bool {
		_, doc := f.introspect("web", token)
		return doc["active"] == true
	}
	again := map[string]func(t *testing.T) bool{
		"the session in the browser":         func(*testing.T) bool { return f.signedIn() },
		"an access token":                    func(*testing.T) bool { return f.alive(plain.Access) },
		"an access token with offline":       func(*testing.T) bool { return f.alive(web.Access) },
		"an access token, introspected":      func(*testing.T) bool { return active(plain.Access) },
		"the one with offline, introspected": func(*testing.T) bool { return active(web.Access) },
		"a refresh token, introspected":      func(*testing.T) bool { return active(web.Refresh) },
	}
	paths := map[string]func(t *testing.T) bool{
		"a refresh token":     func(*testing.T) bool { return f.token(refreshForm(web.Refresh)).status == http.StatusOK },
		"a code":              func(*testing.T) bool { return f.token(codeForm(code)).status == http.StatusOK },
		"a code with offline": func(*testing.T) bool { return f.token(codeForm(offlineCode)).status == http.StatusOK },
		"the password, on a page from before": func(t *testing.T) bool {
			return f.sub(t).browse(http.MethodPost, "/login", login).status == http.StatusSeeOther
		},
		"CompleteLogin of the app's own page": func(*testing.T) bool { return own.complete(f.op.Provider) },
	}
	for name, works := range again {
		if !works(t) {
			t.Fatalf("%s does not work to begin with", name)
		}
		paths[name] = works
	}
	if err := f.op.Provider.DisableUser(t.Context(), oidctest.Subject); err != nil {
		t.Fatal(err)
	}
	for name, works := range paths {
		t.Run(name, func(t *testing.T) {
			if works(t) {
				t.Error("works for a user who is disabled")
			}
		})
	}
	checkLogoutToken(t, f, rc.wait(t), "web", plain.ID)
	if e, ok := f.watch.last(oidckit.EventUserDisabled); !ok || e.Subject != oidctest.Subject {
		t.Errorf("event: %+v", e)
	}
	if err := f.op.Provider.EnableUser(t.Context(), oidctest.Subject); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"the session in the browser", "a refresh token", "a code", "a code with offline"} {
		if paths[name](t) {
			t.Errorf("%s is back", name)
		}
	}
	if g := f.sub(t); g.authorize().Get("code") == "" {
		t.Error("no login after EnableUser")
	}
	if e, ok := f.watch.last(oidckit.EventUserEnabled); !ok || e.Subject != oidctest.Subject {
		t.Errorf("event: %+v", e)
	}
}

// appLogin is an app's own login page, of which one request waits.
type appLogin struct{ id string }

func (a *appLogin) begin(f *fixture) {
	_, form := f.loginPage()
	a.id = form.Get("request")
}

// complete reports whether the client gets a code.
func (a *appLogin) complete(p *provider.Provider) bool {
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/login", nil)
	err := p.CompleteLogin(rec, r, a.id, oidckit.Authentication{Subject: oidctest.Subject, Time: time.Now()})
	return err == nil && (len(rec.Result().Cookies()) > 0 || strings.Contains(rec.Header().Get("Location"), "code="))
}

func TestDisableUserThatIsNone(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	for _, subject := range []string{"nobody", ""} {
		if err := f.op.Provider.DisableUser(t.Context(), subject); !errors.Is(err, oidckit.ErrNotFound) {
			t.Errorf("%q: %v", subject, err)
		}
	}
}

// An operator sees and ends what a user has, and nobody else's.
func TestOperatorEndsSessionsAndGrants(t *testing.T) {
	rc := newReceiver(t, nil)
	f := newFixture(t, told(rc))
	p, ctx := f.op.Provider, t.Context()
	bob := f.sub(t)
	bob.browser.Username = "bob"
	bobs := bob.tokens()
	var mine []tokenResponse
	for range 3 {
		mine = append(mine, f.sub(t).tokens())
	}
	alice := opstore.SessionSelector{Subject: oidctest.Subject}
	var seen []string
	for after := ""; ; after = seen[len(seen)-1] {
		page, err := p.ListSessions(ctx, alice, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page {
			seen = append(seen, s.ID)
			if s.Subject != oidctest.Subject || s.Handle != (oidckit.TokenHash{}) || len(s.Clients) != 1 {
				t.Errorf("%+v", s)
			}
		}
		if len(page) < 2 {
			break
		}
	}
	if len(seen) != 3 {
		t.Fatalf("sessions %q", seen)
	}
	sid := claims(t, mine[0].ID)["sid"].(string)
	if n, err := p.EndSessions(ctx, opstore.SessionSelector{ID: sid}); n != 1 || err != nil {
		t.Errorf("EndSessions: %d %v", n, err)
	}
	checkLogoutToken(t, f, rc.wait(t), "web", mine[0].ID)
	if n, err := p.EndSessions(ctx, alice); n != 2 || err != nil {
		t.Errorf("EndSessions: %d %v", n, err)
	}
	rc.wait(t)
	rc.wait(t)
	for _, none := range []opstore.SessionSelector{alice, {}, {ID: sid}} {
		if n, err := p.EndSessions(ctx, none); n != 0 || err != nil {
			t.Errorf("EndSessions(%+v): %d %v", none, n, err)
		}
	}
	// offline_access outlives the session.
	grants, err := p.ListGrants(ctx, opstore.GrantSelector{Subject: oidctest.Subject}, "", 10)
	if err != nil || len(grants) != 3 || !f.alive(mine[0].Access) {
		t.Fatalf("grants %+v %v", grants, err)
	}
	if n, err := p.RevokeGrants(ctx, opstore.GrantSelector{Subject: oidctest.Subject}); n != 3 || err != nil {
		t.Errorf("RevokeGrants: %d %v", n, err)
	}
	for _, tokens := range mine {
		if f.alive(tokens.Access) || f.token(refreshForm(tokens.Refresh)).Error != "invalid_grant" {
			t.Error("a token of a revoked grant works")
		}
	}
	if !bob.signedIn() || !f.alive(bobs.Access) || f.token(refreshForm(bobs.Refresh)).status != http.StatusOK {
		t.Error("another user is out as well")
	}
	if e, ok := f.watch.last(oidckit.EventGrantRevoked); !ok || e.ClientID != "web" || e.Subject != oidctest.Subject || e.SessionID == "" {
		t.Errorf("event: %+v", e)
	}
	if n, err := p.RevokeGrants(ctx, opstore.GrantSelector{}); n != 0 || err != nil {
		t.Errorf("RevokeGrants of nothing: %d %v", n, err)
	}
	if consents, err := p.ListConsents(ctx, oidctest.Subject, "", 10); err != nil || len(consents) != 1 || consents[0].ClientID != "web" {
		t.Errorf("consents %+v %v", consents, err)
	}
}

// More sessions than one call of the store lists.
func TestOperatorEndsManySessions(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	for i := range 250 {
		err := f.op.Stores.Sessions.CreateSession(t.Context(), &opstore.Session{
			ID: fmt.Sprint("s", i), Handle: oidckit.HashToken(fmt.Sprint(i)), Subject: "many", ExpiresAt: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := f.op.Provider.EndSessions(t.Context(), opstore.SessionSelector{Subject: "many"}); n != 250 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}

// Whatever step of ending a session fails, a second call ends it, and the
// client is told: a crash in between loses nothing.
func TestEndingASessionInPieces(t *testing.T) {
	for _, verb := range []string{"ListSessions", "CreateDeliveries", "Revoke", "ListGrants", "RevokeGrants", "EndSessions"} {
		for _, what := range []fault{failsBefore, failsAfter} {
			t.Run(fmt.Sprint(verb, what), func(t *testing.T) {
				rc := newReceiver(t, nil)
				stores := &faults{}
				cfg := told(rc)
				cfg.Stores = stores.open
				f := newFixture(t, cfg)
				id := f.token(codeForm(f.code())).ID
				sid := claims(t, id)["sid"].(string)
				if verb == "RevokeGrants" {
					f.op.Stores.Grants.CreateGrant(t.Context(), &opstore.Grant{
						ID: "g", ExpiresAt: time.Now().Add(time.Hour), Authorization: opstore.Authorization{SessionID: sid},
					}, &opstore.RefreshToken{ExpiresAt: time.Now().Add(time.Hour)})
				}
				stores.tell(verb, what)
				if _, err := f.op.Provider.EndSessions(t.Context(), opstore.SessionSelector{ID: sid}); !errors.Is(err, errDown) {
					t.Fatalf("%v", err)
				}
				stores.tell(verb, works)
				left, err := f.op.Provider.EndSessions(t.Context(), opstore.SessionSelector{ID: sid})
				if err != nil {
					t.Fatal(err)
				}
				if verb == "EndSessions" && what == failsAfter {
					// It has ended, and what was stored before will be sent.
					all, err := stores.set.Deliveries.ClaimDeliveries(t.Context(), 10, time.Now())
					if left != 0 || err != nil || len(all) != 0 || stores.count("CreateDeliveries") != 1 || stores.count("DeleteDelivery") != 0 {
						t.Errorf("%d %v", left, err)
					}
					return
				}
				checkLogoutToken(t, f, rc.wait(t), "web", id)
				if f.signedIn() {
					t.Error("signed in")
				}
			})
		}
	}
}

// A client that comes while a session ends is told as well: the session ends
// only as it was read.
func TestClientThatComesMeanwhile(t *testing.T) {
	rc := newReceiver(t, nil)
	stores := &faults{}
	cfg := told(rc)
	cfg.Stores = stores.open
	f := newFixture(t, cfg)
	id := f.token(codeForm(f.code())).ID
	sid := claims(t, id)["sid"].(string)
	find := func() opstore.Session {
		list, err := stores.set.Sessions.ListSessions(context.Background(), opstore.SessionSelector{ID: sid}, "", 1)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v", err)
		}
		return list[0]
	}
	stores.mu.Lock()
	stores.first["EndSessions"] = func() {
		s := find()
		s.Clients = append(s.Clients, "other")
		if err := stores.set.Sessions.UpdateSession(context.Background(), &s); err != nil {
			t.Error(err)
		}
	}
	stores.mu.Unlock()
	if n, err := f.op.Provider.EndSessions(t.Context(), opstore.SessionSelector{ID: sid}); n != 1 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	rc.wait(t)
	rc.wait(t)
	f.waitEvents(oidckit.EventLogoutDelivered, 2)
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if len(rc.calls) != 2 || rc.calls[0].path == rc.calls[1].path {
		t.Errorf("%+v", rc.calls)
	}
}

// What another call has ended, that call tells: ours takes its part back.
func TestSessionThatAnotherCallEnds(t *testing.T) {
	rc := newReceiver(t, nil)
	stores := &faults{}
	cfg := told(rc)
	cfg.Stores = stores.open
	f := newFixture(t, cfg)
	sid := claims(t, f.token(codeForm(f.code())).ID)["sid"].(string)
	stores.mu.Lock()
	stores.first["EndSessions"] = func() {
		if _, err := stores.set.Sessions.EndSessions(context.Background(), opstore.SessionSelector{ID: sid}); err != nil {
			t.Error(err)
		}
	}
	stores.mu.Unlock()
	if n, err := f.op.Provider.EndSessions(t.Context(), opstore.SessionSelector{ID: sid}); n != 0 || err != nil || stores.count("DeleteDelivery") != 1 {
		t.Errorf("%d %v, %d taken back", n, err, stores.count("DeleteDelivery"))
	}
}

// A login that was under way when the user was disabled leaves nothing to come
// back to.
func TestEnabledUserStartsAnew(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	if err := f.op.Provider.DisableUser(t.Context(), oidctest.Subject); err != nil {
		t.Fatal(err)
	}
	if _, err := provider.NewAccounts(f.op.Stores.Users).Claims(t.Context(), oidctest.Subject); !errors.Is(err, oidckit.ErrNotFound) {
		t.Errorf("the account is not marked: %v", err)
	}
	late := &opstore.Session{ID: "late", Handle: oidckit.HashToken("late"), Subject: oidctest.Subject, ExpiresAt: time.Now().Add(time.Hour)}
	if err := f.op.Stores.Sessions.CreateSession(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if err := f.op.Provider.EnableUser(t.Context(), oidctest.Subject); err != nil {
		t.Fatal(err)
	}
	if _, err := f.op.Stores.Sessions.Session(t.Context(), late.Handle); !errors.Is(err, oidckit.ErrNotFound) {
		t.Errorf("the session is back: %v", err)
	}
}

// Calls at once end a session once, and its client is told once.
func TestLogoutsAtOnce(t *testing.T) {
	rc := newReceiver(t, nil)
	f := newFixture(t, told(rc))
	sid := claims(t, f.token(codeForm(f.code())).ID)["sid"].(string)
	counts := make(chan int, 20)
	for range cap(counts) {
		go func() {
			n, err := f.op.Provider.EndSessions(context.Background(), opstore.SessionSelector{ID: sid})
			if err != nil {
				n = 100
			}
			counts <- n
		}()
	}
	total := 0
	for range cap(counts) {
		total += <-counts
	}
	if total != 1 {
		t.Errorf("ended %d times", total)
	}
	rc.wait(t)
	f.waitEvents(oidckit.EventLogoutDelivered, 1)
	if rc.count() != 1 {
		t.Errorf("told %d times", rc.count())
	}
}
