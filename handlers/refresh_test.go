package handlers_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// refreshing is an app with somebody logged in whose session has a refresh
// token.
type refreshing struct {
	*app
	*browser
	p      *idp
	stores *stores
	key    oidckit.TokenHash
}

func newRefreshing(t *testing.T, edit func(*handlers.Config)) *refreshing {
	t.Helper()
	p, s := newIDP(t), newStores()
	a := newApp(t, p, options{session: func(c *handlers.SessionConfig) { c.Store = s.set() }, config: edit})
	b := a.browser()
	b.open(a.URL + "/me")
	f := &refreshing{a, b, p, s, *s.sessions.created.Load()}
	f.take()
	return f
}

// due makes the tokens due, and their end pass where expired is set.
func (f *refreshing) due(t *testing.T, expired bool) {
	t.Helper()
	handlers.Change(t, f.rp, f.key, func(s *rpstore.Session) {
		s.RefreshAt = time.Now().Add(-time.Second)
		if expired {
			s.TokensExpireAt = time.Now().Add(-time.Second)
		}
	})
}

// reaches waits until the session is in a state, and returns it.
func (f *refreshing) reaches(t *testing.T, state rpstore.RefreshState) *rpstore.Session {
	t.Helper()
	for range 500 {
		s, err := f.stores.sessions.Sessions.Session(t.Context(), f.key)
		if err != nil {
			t.Fatal(err)
		}
		if due := s.RefreshAt.Before(time.Now()); s.RefreshState == state && (state != rpstore.RefreshIdle || !due) {
			return s
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the session is never %q", state)
	return nil
}

// alive reports whether the session is still there.
func (f *refreshing) alive(t *testing.T) bool {
	t.Helper()
	_, err := f.stores.sessions.Sessions.Session(t.Context(), f.key)
	if err != nil && !errors.Is(err, oidckit.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func (f *refreshing) names() []oidckit.EventName {
	var out []oidckit.EventName
	for _, e := range f.take() {
		out = append(out, e.Name)
	}
	return out
}

// status opens the guarded page and follows nothing.
func (f *refreshing) status(t *testing.T) int {
	t.Helper()
	return f.step(f.app.URL + "/me?tab=2").StatusCode
}

// tokenAnswer is an issuer whose token endpoint always answers this.
func tokenAnswer(status int, body string) script {
	return script{serve: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write([]byte(body))
		return true
	}}
}

// loseAnswer is an issuer that does what it is asked, and whose answer is lost.
func loseAnswer(p *idp) script {
	return script{serve: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			p.serveToken(httptest.NewRecorder(), r, script{})
			panic(http.ErrAbortHandler)
		}
		return false
	}}
}

// receive fails the test where nothing comes.
func receive[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s", what)
	}
	return v
}

// RFC 6749 §6: tokens are refreshed behind the request that found them due, and
// what came is used; what did not come stays.
func TestRefreshBehind(t *testing.T) {
	f := newRefreshing(t, nil)
	_, before := handlers.TokensOf(t, f.rp, f.key)
	f.p.play(script{tokens: func(answer map[string]any) {
		answer["access_token"] = canaryAccess + "-second"
		delete(answer, "refresh_token")
		delete(answer, "id_token")
		answer["expires_in"] = 600
	}})
	f.due(t, false)
	if status := f.status(t); status != http.StatusOK {
		t.Fatalf("while they are refreshed: %d", status)
	}
	s := f.reaches(t, rpstore.RefreshIdle)
	_, after := handlers.TokensOf(t, f.rp, f.key)
	if after.AccessToken != canaryAccess+"-second" || after.RefreshToken != before.RefreshToken || after.IDToken != before.IDToken {
		t.Errorf("tokens after the refresh: %+v", after)
	}
	early := s.TokensExpireAt.Sub(s.RefreshAt)
	if early < 55*time.Second || early > 65*time.Second {
		t.Errorf("the next one is due %v before the end", early)
	}
	if names := f.names(); !slices.Equal(names, []oidckit.EventName{oidckit.EventTokensRefreshed}) {
		t.Errorf("events %v", names)
	}
	if token, err := tokenOf(f.app, f.browser); err != nil || token != canaryAccess+"-second" {
		t.Errorf("AccessToken: %q, %v", token, err)
	}
}

// ATK-127: a grant that has ended ends the session, with its cookie; an issuer
// that cannot is no reason to log anybody out, and from the tokens' end on
// nobody is let in.
func TestRefreshRefusals(t *testing.T) {
	for _, row := range []struct {
		name    string
		issuer  script
		stale   bool
		valid   int
		expired int
		state   rpstore.RefreshState
		event   oidckit.EventName
	}{
		{"503", tokenAnswer(503, "{}"), false, 200, 503, rpstore.RefreshFailed, oidckit.EventTokensNotRefreshed},
		{"503, stale allowed", tokenAnswer(503, "{}"), true, 200, 200, rpstore.RefreshFailed, oidckit.EventTokensNotRefreshed},
		{"429", tokenAnswer(429, "{}"), false, 200, 503, rpstore.RefreshFailed, oidckit.EventTokensNotRefreshed},
		{"invalid_client", tokenAnswer(401, `{"error":"invalid_client"}`), false, 200, 503, rpstore.RefreshFailed, oidckit.EventTokensNotRefreshed},
		{"another refusal", tokenAnswer(400, `{"error":"invalid_scope"}`), false, 302, 302, rpstore.RefreshLost, oidckit.EventTokensLost},
		{"HTML with 200", tokenAnswer(200, "<p>Sorry"), false, 302, 302, rpstore.RefreshLost, oidckit.EventTokensLost},
		{"504", tokenAnswer(504, "{}"), false, 302, 302, rpstore.RefreshLost, oidckit.EventTokensLost},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newRefreshing(t, func(c *handlers.Config) { c.AllowStaleSession = row.stale })
			f.p.play(row.issuer)
			f.due(t, false)
			if status := f.status(t); status != http.StatusOK {
				t.Errorf("the request that found them due: %d", status)
			}
			f.reaches(t, row.state)
			handlers.Forget(f.rp, f.key)
			if status := f.status(t); status != row.valid {
				t.Errorf("after it: %d, want %d", status, row.valid)
			}
			f.due(t, true)
			if status := f.status(t); status != row.expired {
				t.Errorf("expired: %d, want %d", status, row.expired)
			}
			if s, tokens := handlers.TokensOf(t, f.rp, f.key); s.RefreshState != row.state || tokens.RefreshToken == "" {
				t.Errorf("session %+v", s)
			}
			if names := f.names(); !slices.Contains(names, row.event) {
				t.Errorf("events %v, want %s", names, row.event)
			}
			if strings.Contains(f.logs.String(), "canary") {
				t.Error("a secret is in the log")
			}
		})
	}
}

func TestGrantEnds(t *testing.T) {
	f := newRefreshing(t, nil)
	f.p.play(tokenAnswer(400, `{"error":"invalid_grant"}`))
	f.due(t, true)
	if res := f.step(f.app.URL + "/me"); res.StatusCode != http.StatusFound || !strings.Contains(res.Header.Get("Location"), "/auth/login") || strings.Contains(res.Header.Get("Location"), "renew") {
		t.Errorf("%d to %s", res.StatusCode, res.Header.Get("Location"))
	}
	if names := f.cookies(f.app); len(names) != 0 {
		t.Errorf("cookies left: %v", names)
	}
	if f.alive(t) {
		t.Error("the session is still there")
	}
	if names := f.names(); !slices.Contains(names, oidckit.EventSessionEnded) {
		t.Errorf("events %v", names)
	}
}

// ATK-128, OpenID Connect Core 1.0 §12.2, suite modules refresh-token,
// refresh-token-invalid-issuer, refresh-token-invalid-sub: an ID token that
// comes with a refresh is about the same login, or the session ends.
func TestRefreshedIDTokens(t *testing.T) {
	set := func(name string, v any) func(map[string]any) { return func(c map[string]any) { c[name] = v } }
	for _, row := range []struct {
		name   string
		script script
		lives  bool
	}{
		{"the same", script{}, true},
		{"without nonce", script{claims: func(c map[string]any) { delete(c, "nonce") }}, true},
		{"without auth_time", script{claims: func(c map[string]any) { delete(c, "auth_time") }}, true},
		{"audience in an array", script{claims: set("aud", []string{clientID})}, true},
		{"refresh-token-invalid-issuer", script{claims: set("iss", "https://other.example")}, false},
		{"refresh-token-invalid-sub", script{claims: set("sub", "mallory")}, false},
		{"another audience", script{claims: set("aud", "other")}, false},
		{"one audience more", script{claims: set("aud", []string{clientID, "other"})}, false},
		{"an azp", script{claims: set("azp", clientID)}, false},
		{"another auth_time", script{claims: set("auth_time", time.Now().Unix()-3600)}, false},
		{"another nonce", script{claims: set("nonce", "of another login")}, false},
		{"an old iat", script{claims: set("iat", time.Now().Unix()-3600)}, false},
		{"expired", script{claims: set("exp", time.Now().Unix()-3600)}, false},
		{"at_hash of another token", script{claims: set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")}, false},
		{"typ at+jwt", script{typ: "at+jwt"}, false},
		{"alg none", script{idToken: func(map[string]any) string { return "eyJhbGciOiJub25lIn0.e30." }}, false},
		{"a stranger's signature", script{idToken: func(c map[string]any) string { return signWith(testKeys()["foreign"], "JWT", c) }}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newRefreshing(t, nil)
			f.p.play(row.script)
			f.due(t, true)
			want := http.StatusFound
			if row.lives {
				want = http.StatusOK
			}
			if status := f.status(t); status != want || f.alive(t) != row.lives {
				t.Errorf("%d, %s", status, f.logs.String())
			}
		})
	}
}

// Keys that cannot be had leave the tokens in use, and the ID token aside.
func TestRefreshWhileKeysAreDown(t *testing.T) {
	f := newRefreshing(t, nil)
	_, before := handlers.TokensOf(t, f.rp, f.key)
	other := newSigner("RS256", "kid-later")
	f.p.play(script{
		idToken: func(c map[string]any) string { return signWith(other, "JWT", c) },
		serve: func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/jwks" {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return r.URL.Path == "/jwks"
		},
	})
	f.due(t, true)
	if status := f.status(t); status != http.StatusOK {
		t.Fatalf("%d %s", status, f.logs.String())
	}
	if _, after := handlers.TokensOf(t, f.rp, f.key); after.IDToken != before.IDToken || after.RefreshToken == before.RefreshToken {
		t.Errorf("tokens %+v", after)
	}
}

// ATK-129: a session that was ended while its tokens were refreshed stays ended,
// and what came for it is given back.
func TestLogoutDuringRefresh(t *testing.T) {
	f := newRefreshing(t, nil)
	arrived, goOn, revoked := make(chan bool), make(chan bool), make(chan string, 1)
	f.p.play(script{
		metadata: func(m map[string]any) { m["revocation_endpoint"] = f.p.URL + "/revoke" },
		serve: func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case "/token":
				arrived <- true
				<-goOn
			case "/revoke":
				r.ParseForm()
				revoked <- r.PostForm.Get("token")
				return true
			}
			return false
		},
	})
	a := f.app
	// The metadata without the endpoint is known already.
	a.build(f.p, options{session: func(c *handlers.SessionConfig) { c.Store = f.stores.set() }})
	f.due(t, false)
	if status := f.status(t); status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	receive(t, arrived, "refresh")
	if res := f.post(a.URL+"/auth/logout", nil, a.URL); res.StatusCode != http.StatusSeeOther {
		t.Errorf("logout: %d", res.StatusCode)
	}
	close(goOn)
	if token := receive(t, revoked, "revocation"); !strings.HasPrefix(token, canaryFresh) {
		t.Errorf("revoked: %q", token)
	}
	if f.alive(t) {
		t.Error("the session is back")
	}
	if status := f.status(t); status != http.StatusFound {
		t.Errorf("%d", status)
	}
}

// FLT-53: a refresh outlives the request that began it, and Close waits for it.
func TestRefreshOutlivesItsRequest(t *testing.T) {
	f := newRefreshing(t, nil)
	arrived, goOn := make(chan bool), make(chan bool)
	f.p.play(script{serve: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			close(arrived)
			<-goOn
		}
		return false
	}})
	f.due(t, false)
	f.status(t)
	receive(t, arrived, "refresh")
	closed := make(chan error)
	go func() { closed <- f.rp.Close() }()
	select {
	case <-closed:
		t.Error("closed over a refresh under way")
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	if err := receive(t, closed, "end of Close"); err != nil {
		t.Error(err)
	}
	if s, _ := handlers.TokensOf(t, f.rp, f.key); s.RefreshState != rpstore.RefreshIdle || s.RefreshAt.Before(time.Now()) {
		t.Errorf("session %+v", s)
	}
	// Who is closed refreshes no more, and serves what it can.
	f.due(t, false)
	if status := f.status(t); status != http.StatusOK || f.p.count("refresh") != 1 {
		t.Errorf("%d after %d refreshes", status, f.p.count("refresh"))
	}
}

// FLT-18: whatever the lifetime is, a session is refreshed once in thirty
// seconds at most.
func TestLifetimesOfTokens(t *testing.T) {
	for _, row := range []struct {
		name     string
		lifetime any
		least    time.Duration
		most     time.Duration
	}{
		{"0", 0, 29 * time.Second, 31 * time.Second},
		{"1", 1, 29 * time.Second, 31 * time.Second},
		{"100", 100, 79 * time.Second, 81 * time.Second},
		{"missing", nil, 58 * time.Minute, time.Hour},
		{"10 years", 10 * 365 * 24 * 3600, 29 * 24 * time.Hour, 30 * 24 * time.Hour},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newRefreshing(t, nil)
			f.p.play(script{tokens: func(answer map[string]any) {
				if answer["expires_in"] = row.lifetime; row.lifetime == nil {
					delete(answer, "expires_in")
				}
			}})
			f.due(t, true)
			for range 20 {
				if status := f.status(t); status != http.StatusOK {
					t.Fatalf("%d %s", status, f.logs.String())
				}
				handlers.Forget(f.rp, f.key)
			}
			if n := f.p.count("refresh"); n != 1 {
				t.Errorf("%d refreshes", n)
			}
			s, _ := handlers.TokensOf(t, f.rp, f.key)
			if in := time.Until(s.RefreshAt); in < row.least || in > row.most {
				t.Errorf("the next is in %v", in)
			}
		})
	}
}
