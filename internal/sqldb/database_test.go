package sqldb

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/oidckit/oidckit/internal/secret"
)

// database is an empty database that several programs can open.
type database struct {
	dialect Dialect
	driver  string
	dsn     string
}

// databases runs a test over SQLite and, where there is one, PostgreSQL.
func databases(t *testing.T, test func(t *testing.T, d database)) {
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteDatabase(t, "busy_timeout(20000)")) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, postgresDatabase(t)) })
}

func sqliteDatabase(t *testing.T, pragma string) database {
	t.Helper()
	return database{SQLite, "sqlite", "file:" + filepath.Join(t.TempDir(), "test.db") + "?_pragma=" + pragma}
}

// postgresDatabase makes a schema of the test's own.
func postgresDatabase(t *testing.T) database {
	t.Helper()
	dsn := os.Getenv("OIDCKIT_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("OIDCKIT_TEST_POSTGRES is not set: PostgreSQL not tested")
	}
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := `sqldb_` + strings.ToLower(strings.NewReplacer("-", "_").Replace(secret.ID()))
	if _, err := admin.Exec(`CREATE SCHEMA ` + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(`DROP SCHEMA ` + name + ` CASCADE`); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return database{PostgreSQL, "pgx", dsn + " search_path=" + name}
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return database{PostgreSQL, "pgx", u.String()}
}

// connect opens the database as one program does.
func (d database) connect(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(8)
	t.Cleanup(func() { db.Close() })
	return db
}

func (d database) open(t *testing.T, schema Schema) *DB {
	t.Helper()
	return New(Config{DB: d.connect(t), Dialect: d.dialect, Schema: schema})
}

// items is a schema to test with.
func items() Schema {
	return Schema{
		Component: "items",
		Steps:     []string{"CREATE TABLE item (id TEXT PRIMARY KEY, ends_at BIGINT NOT NULL);\nCREATE INDEX item_ends ON item (ends_at);\n"},
		Oldest:    1,
		Ending:    []string{"item"},
	}
}
