package handlers_test

import (
	"database/sql"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpsql"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
)

// postgresSet returns stores in a schema of the test's own, one for each
// replica.
func postgresSet(t *testing.T) func() rpstore.Set {
	t.Helper()
	dsn := os.Getenv("OIDCKIT_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("OIDCKIT_TEST_POSTGRES is not set: PostgreSQL not tested")
	}
	open := func(dsn string) *sql.DB {
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	admin := open(dsn)
	name := `rp_` + strings.ToLower(strings.NewReplacer("-", "_").Replace(secret.ID()))
	if _, err := admin.Exec(`CREATE SCHEMA ` + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(`DROP SCHEMA ` + name + ` CASCADE`); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return func() rpstore.Set {
		db := open(u.String())
		db.SetMaxOpenConns(12)
		store, err := rpsql.New(rpsql.Config{DB: db, Dialect: rpsql.PostgreSQL})
		if err != nil {
			t.Fatal(err)
		}
		return store.Open("app")
	}
}

// replicated is an app of two replicas at one address, which take turns.
func replicated(t *testing.T, store func() rpstore.Set) (*refreshing, []*handlers.RelyingParty) {
	t.Helper()
	f := &refreshing{p: newIDP(t), stores: newStores()}
	set := store()
	f.stores.sessions.Sessions = set.Sessions
	f.app = newApp(t, f.p, options{session: func(c *handlers.SessionConfig) {
		c.Store = rpstore.Set{Sessions: f.stores.sessions, BrowserSessions: set.BrowserSessions, Replay: set.Replay}
	}})
	one, first := *f.app.handler.Load(), f.app.rp
	f.app.build(f.p, options{session: func(c *handlers.SessionConfig) { c.Store = store() }})
	two := *f.app.handler.Load()
	var turn atomic.Uint32
	var both http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if turn.Add(1)%2 == 0 {
			two.ServeHTTP(w, r)
			return
		}
		one.ServeHTTP(w, r)
	})
	f.app.handler.Store(&one)
	f.browser = f.app.browser()
	f.browser.open(f.app.URL + "/me")
	f.key = *f.stores.sessions.created.Load()
	f.app.handler.Store(&both)
	return f, []*handlers.RelyingParty{first, f.app.rp}
}

// forgetAll makes both replicas ask the store.
func (f *refreshing) forgetAll(rps []*handlers.RelyingParty) {
	for _, rp := range rps {
		handlers.Forget(rp, f.key)
	}
}

// ATK-126: a hundred requests over two replicas, the moment that the tokens end:
// one refresh, nobody logged out, and every token is the new one.
func TestHundredRequestsAtTheEnd(t *testing.T) {
	memory := func(*testing.T) func() rpstore.Set {
		m := rpstore.NewMemory()
		return func() rpstore.Set { return m.Open("app") }
	}
	for name, store := range map[string]func(*testing.T) func() rpstore.Set{"memory": memory, "PostgreSQL": postgresSet} {
		for _, expired := range []bool{false, true} {
			t.Run(name+map[bool]string{false: "/early", true: "/expired"}[expired], func(t *testing.T) {
				f, rps := replicated(t, store(t))
				f.p.play(script{serve: func(_ http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path == "/token" {
						time.Sleep(100 * time.Millisecond)
					}
					return false
				}})
				f.due(t, expired)
				f.forgetAll(rps)
				f.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				start := make(chan struct{})
				var all sync.WaitGroup
				for range 100 {
					all.Go(func() {
						req, _ := http.NewRequest(http.MethodGet, f.app.URL+"/me", nil)
						navigation(req)
						<-start
						res, err := f.browser.Do(req)
						if err != nil {
							t.Error(err)
							return
						}
						res.Body.Close()
						if res.StatusCode != http.StatusOK || len(res.Header.Values("Set-Cookie")) != 0 {
							t.Errorf("%d, cookies %v", res.StatusCode, res.Header.Values("Set-Cookie"))
						}
					})
				}
				close(start)
				all.Wait()
				f.reaches(t, rpstore.RefreshIdle)
				if n := f.p.count("refresh"); n != 1 || f.p.replay != 0 {
					t.Errorf("%d refreshes, %d with a spent token", n, f.p.replay)
				}
				f.forgetAll(rps)
				for range 2 {
					if who := f.loggedIn(f.app); who != "alice" {
						t.Errorf("logged in: %q", who)
					}
				}
			})
		}
	}
}

// FLT-46: visits that are noted while tokens are refreshed lose none of it, and
// neither brings back the tokens from before.
func TestWritesDuringARefresh(t *testing.T) {
	f, rps := replicated(t, func() func() rpstore.Set {
		m := rpstore.NewMemory()
		return func() rpstore.Set { return m.Open("app") }
	}())
	_, before := handlers.TokensOf(t, f.app.rp, f.key)
	var all sync.WaitGroup
	f.p.play(script{serve: func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			return false
		}
		for i := range 50 {
			all.Go(func() {
				for range 20 {
					s, err := f.stores.sessions.Sessions.Session(t.Context(), f.key)
					if err != nil {
						t.Error(err)
						return
					}
					s.SeenAt = time.Now().Add(time.Duration(i) * time.Millisecond)
					// Whoever comes second has lost nothing: a visit was noted.
					f.stores.sessions.Sessions.UpdateSession(t.Context(), s)
				}
			})
		}
		return false
	}})
	f.due(t, true)
	f.forgetAll(rps)
	if status := f.status(t); status != http.StatusOK {
		t.Fatalf("%d %s", status, f.logs.String())
	}
	all.Wait()
	s, after := handlers.TokensOf(t, f.app.rp, f.key)
	if after.RefreshToken == before.RefreshToken || s.RefreshState != rpstore.RefreshIdle || time.Until(s.TokensExpireAt) < 50*time.Minute {
		t.Errorf("session %+v", s)
	}
	if f.p.count("refresh") != 1 {
		t.Errorf("%d refreshes", f.p.count("refresh"))
	}
}
