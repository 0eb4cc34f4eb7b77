package opsql_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opsql"
	"github.com/oidckit/oidckit/provider/opstore"
)

// TestDatabaseDownAtFirst starts over a database that cannot be reached, which
// then can, without a restart (FLT-28).
func TestDatabaseDownAtFirst(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "later")
		db, err := sql.Open("sqlite", sqliteDSN(filepath.Join(dir, "test.db")))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		set := newStore(t, db, opsql.SQLite).Open("https://op.example")
		unavailable(t, set)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		available(t, set)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		var line line
		line.cut()
		set := newStore(t, line.connect(t, postgresDatabase(t)), opsql.PostgreSQL).Open("https://op.example")
		unavailable(t, set)
		line.mend()
		available(t, set)
		line.cut()
		unavailable(t, set)
		line.mend()
		available(t, set)
	})
}

// unavailable sees that calls at once fail, and not with an error of the
// contract, which would make a token bad that could not be looked up.
func unavailable(t *testing.T, set opstore.Set) {
	t.Helper()
	for _, err := range storetest.Race(func(i int) error {
		_, err := set.Codes.ConsumeCode(t.Context(), oidckit.HashToken(string(rune(i))))
		return err
	}) {
		if err == nil || errors.Is(err, oidckit.ErrNotFound) || errors.Is(err, oidckit.ErrConsumed) || errors.Is(err, oidckit.ErrConflict) {
			t.Fatalf("a call while the database is down: got error %v", err)
		}
	}
	if err := set.Replay.UseOnce(t.Context(), "key", time.Now().Add(time.Minute)); err == nil || errors.Is(err, oidckit.ErrConsumed) {
		t.Fatalf("UseOnce while the database is down: got error %v", err)
	}
}

func available(t *testing.T, set opstore.Set) {
	t.Helper()
	c := storetest.Fill(&opstore.Code{})
	c.ExpiresAt, c.KeepUntil = time.Now().Add(time.Minute), time.Now().Add(time.Minute)
	if err := set.Codes.CreateCode(t.Context(), c); err != nil {
		t.Fatalf("a call when the database is back: %v", err)
	}
	if _, err := set.Codes.ConsumeCode(t.Context(), c.Hash); err != nil {
		t.Fatalf("a call when the database is back: %v", err)
	}
}

// TestSlowMigration shows that a caller waits no longer than its context lets
// it, whoever is migrating.
func TestSlowMigration(t *testing.T) {
	d := postgresDatabase(t)
	other, err := d.connect(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	// Another replica has begun to make the tables.
	if _, err := other.ExecContext(t.Context(), "CREATE TABLE oidckit_schema (component TEXT PRIMARY KEY, version BIGINT NOT NULL, oldest BIGINT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	set := d.replica(t).Open("https://op.example")
	patient := make(chan error, 1)
	go func() {
		_, err := set.Keys.Keys(t.Context())
		patient <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := set.Keys.Keys(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a caller during a slow migration: got error %v, want %v", err, context.DeadlineExceeded)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-patient; err != nil {
		t.Errorf("a caller with time to wait: %v", err)
	}
}

// line is the network between a pool and its database.
type line struct {
	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

var errDown = errors.New("connection refused")

// connect opens a database whose connections go over the line.
func (l *line) connect(t *testing.T, d database) *sql.DB {
	t.Helper()
	cfg, err := pgx.ParseConfig(d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.down {
			return nil, errDown
		}
		conn, err := dial(ctx, network, addr)
		if err == nil {
			l.conns = append(l.conns, conn)
		}
		return conn, err
	}
	db := stdlib.OpenDB(*cfg)
	t.Cleanup(func() { db.Close() })
	return db
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for _, conn := range l.conns {
		conn.Close()
	}
	l.conns = nil
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}
