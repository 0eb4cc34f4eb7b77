package rpsql_test

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/oidckit/oidckit/handlers/rpsql"
	"github.com/oidckit/oidckit/internal/secret"
)

// database is an empty database that several replicas can open.
type database struct {
	dialect rpsql.Dialect
	driver  string
	dsn     string
}

// databases runs a test over SQLite and, where there is one, PostgreSQL.
func databases(t *testing.T, test func(t *testing.T, d database)) {
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteDatabase(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, postgresDatabase(t)) })
}

func sqliteDatabase(t testing.TB) database {
	t.Helper()
	return database{rpsql.SQLite, "sqlite", sqliteDSN(filepath.Join(t.TempDir(), "test.db"))}
}

func sqliteDSN(path string) string {
	return "file:" + path + "?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
}

// postgresDatabase makes a schema of the test's own.
func postgresDatabase(t testing.TB) database {
	t.Helper()
	dsn := os.Getenv("OIDCKIT_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("OIDCKIT_TEST_POSTGRES is not set: PostgreSQL not tested")
	}
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := `rpsql_` + strings.ToLower(strings.NewReplacer("-", "_").Replace(secret.ID()))
	if _, err := admin.Exec(`CREATE SCHEMA ` + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(`DROP SCHEMA ` + name + ` CASCADE`); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	return database{rpsql.PostgreSQL, "pgx", withParameter(t, dsn, "search_path", name)}
}

func withParameter(t testing.TB, dsn, name, value string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return dsn + " " + name + "=" + value
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// connect opens the database as one replica does.
func (d database) connect(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(12)
	db.SetMaxIdleConns(12)
	t.Cleanup(func() { db.Close() })
	return db
}

// replica is a store with connections of its own.
func (d database) replica(t testing.TB) *rpsql.Store {
	t.Helper()
	return newStore(t, d.connect(t), d.dialect)
}

func newStore(t testing.TB, db *sql.DB, dialect rpsql.Dialect) *rpsql.Store {
	t.Helper()
	s, err := rpsql.New(rpsql.Config{DB: db, Dialect: dialect})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
