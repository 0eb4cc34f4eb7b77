package rpsql_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpsql"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/storetest"
)

// TestTwoReplicas uses one key 50 times at once over two replicas that make
// the schema at that moment.
func TestTwoReplicas(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		sets := []rpstore.Set{d.replica(t).Open("app"), d.replica(t).Open("app")}
		errs := make([]error, 50)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				<-start
				errs[i] = sets[i%2].Replay.UseOnce(t.Context(), "jti", time.Now().Add(time.Minute))
			})
		}
		close(start)
		wg.Wait()
		if err := storetest.OneWinner(errs, oidckit.ErrConsumed); err != nil {
			t.Error(err)
		}
	})
}

// TestBearerValuesAreNotKept looks for what a browser carries in every column.
func TestBearerValuesAreNotKept(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		db := d.connect(t)
		set := newStore(t, db, d.dialect).Open("app")
		token, key := secret.Token(), secret.Token()
		if err := errors.Join(
			set.BrowserSessions.PutBrowserSession(t.Context(), token, []byte("value"), time.Now().Add(time.Hour)),
			set.Replay.UseOnce(t.Context(), key, time.Now().Add(time.Hour)),
		); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"browser_session", "replay"} {
			text := dump(t, db, "oidckit_rp_"+table)
			if !strings.Contains(text, "app") {
				t.Errorf("table %s holds no row of the tenant: %s", table, text)
			}
			if strings.Contains(text, token) || strings.Contains(text, key) {
				t.Errorf("table %s holds a bearer value in clear", table)
			}
		}
	})
}

func dump(t *testing.T, db *sql.DB, table string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for rows.Next() {
		values := make([]any, len(columns))
		dest := make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestUnreadableRecords shows FLT-39.
func TestUnreadableRecords(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		db := d.connect(t)
		var log bytes.Buffer
		store, err := rpsql.New(rpsql.Config{DB: db, Dialect: d.dialect, Logger: zerolog.New(&log)})
		if err != nil {
			t.Fatal(err)
		}
		set, soon := store.Open("app"), time.Now().Add(time.Hour)
		session := storetest.Fill(&rpstore.Session{})
		session.ExpiresAt = soon
		if err := errors.Join(
			set.Sessions.CreateSession(t.Context(), session),
			set.BrowserSessions.PutBrowserSession(t.Context(), "token", []byte("value"), soon),
		); err != nil {
			t.Fatal(err)
		}
		for _, update := range []string{
			`UPDATE oidckit_rp_session SET doc = '9 {}'`,
			`UPDATE oidckit_rp_browser_session SET value = '*'`,
		} {
			if _, err := db.ExecContext(t.Context(), update); err != nil {
				t.Fatal(err)
			}
		}
		_, err = set.Sessions.Session(t.Context(), session.Handle)
		if !errors.Is(err, oidckit.ErrNotFound) {
			t.Errorf("Session: got error %v, want %v", err, oidckit.ErrNotFound)
		}
		_, err = set.BrowserSessions.BrowserSession(t.Context(), "token")
		if !errors.Is(err, oidckit.ErrNotFound) {
			t.Errorf("BrowserSession: got error %v, want %v", err, oidckit.ErrNotFound)
		}
		if n := strings.Count(log.String(), "cannot be read"); n != 2 {
			t.Errorf("logged %q, want two lines", log.String())
		}
		// What cannot be read can be ended.
		if n, err := set.Sessions.EndSessions(t.Context(), rpstore.SessionSelector{Subject: session.Subject}); err != nil || n != 1 {
			t.Errorf("EndSessions: got %d, %v, want 1", n, err)
		}
	})
}

// FLT-60: a session of the release before, which knew nothing of refreshes, is
// read as one that nobody refreshes.
func TestSessionOfTheReleaseBefore(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		db := d.connect(t)
		set := newStore(t, db, d.dialect).Open("app")
		session := storetest.Fill(&rpstore.Session{})
		session.ExpiresAt = time.Now().Add(time.Hour)
		if err := set.Sessions.CreateSession(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		const before = `1 {"iss":"i","client_id":"c","sub":"s","identity":"aQ==","sealed_tokens":"dA==","created_at":"2026-01-02T03:04:05Z",
			"seen_at":"2026-01-02T03:04:05Z","expires_at":"2027-01-02T03:04:05Z"}`
		if _, err := db.ExecContext(t.Context(), `UPDATE oidckit_rp_session SET doc = '`+before+`'`); err != nil {
			t.Fatal(err)
		}
		got, err := set.Sessions.Session(t.Context(), session.Handle)
		if err != nil || got.Subject != "s" || string(got.SealedTokens) != "t" {
			t.Fatalf("got %+v, %v", got, err)
		}
		if !got.TokensExpireAt.IsZero() || !got.RefreshAt.IsZero() || got.RefreshState != rpstore.RefreshIdle {
			t.Errorf("it says something of refreshes: %+v", got)
		}
	})
}

// TestDatabaseDownAtFirst starts over a database that cannot be opened, which
// then can, without a restart.
func TestDatabaseDownAtFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	db, err := sql.Open("sqlite", sqliteDSN(filepath.Join(dir, "test.db")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	set := newStore(t, db, rpsql.SQLite).Open("app")
	if _, err := set.BrowserSessions.BrowserSession(t.Context(), "token"); err == nil || errors.Is(err, oidckit.ErrNotFound) {
		t.Errorf("while the database is down: got error %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := set.BrowserSessions.BrowserSession(t.Context(), "token"); !errors.Is(err, oidckit.ErrNotFound) {
		t.Errorf("when the database is back: got error %v, want %v", err, oidckit.ErrNotFound)
	}
}

// TestSweep removes what has ended and nothing else.
func TestSweep(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		store := d.replica(t)
		set := store.Open("app")
		put := func(token string, expires time.Time) {
			t.Helper()
			if err := set.BrowserSessions.PutBrowserSession(t.Context(), token, []byte("value"), expires); err != nil {
				t.Fatal(err)
			}
		}
		put("live", time.Now().Add(time.Hour))
		for i := range 20 {
			put(fmt.Sprint(i), time.Now().Add(-time.Hour))
		}
		if n, err := store.Sweep(t.Context()); err != nil || n != 20 {
			t.Errorf("Sweep: removed %d, %v, want 20", n, err)
		}
		if _, err := set.BrowserSessions.BrowserSession(t.Context(), "live"); err != nil {
			t.Errorf("a live value after Sweep: %v", err)
		}
	})
}

// TestNewReportsEveryProblem checks the configuration.
func TestNewReportsEveryProblem(t *testing.T) {
	_, err := rpsql.New(rpsql.Config{})
	if err == nil || !strings.Contains(err.Error(), "Config.DB") || !strings.Contains(err.Error(), "Config.Dialect") {
		t.Errorf("New of the zero Config: got error %v, want both fields named", err)
	}
}
