package provider_test

import (
	"database/sql"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opsql"
	"github.com/oidckit/oidckit/provider/opstore"
)

// database is an empty database that several replicas can open, or the memory
// of one process.
type database struct {
	driver  string
	dsn     string
	dialect opsql.Dialect
	memory  *opstore.Memory
}

func sqliteDatabase(t testing.TB) database {
	return database{driver: "sqlite", dsn: sqliteDSN(filepath.Join(t.TempDir(), "op.db")), dialect: opsql.SQLite}
}

func sqliteDSN(path string) string {
	return "file:" + path + "?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
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
	name := "provider_" + strings.ToLower(strings.ReplaceAll(secret.ID(), "-", "_"))
	if _, err := admin.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP SCHEMA " + name + " CASCADE"); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return database{driver: "pgx", dsn: dsn + " search_path=" + name, dialect: opsql.PostgreSQL}
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return database{driver: "pgx", dsn: u.String(), dialect: opsql.PostgreSQL}
}

// databases runs a test over SQLite and, where there is one, PostgreSQL.
func databases(t *testing.T, test func(t *testing.T, d database)) {
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteDatabase(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, postgresDatabase(t)) })
}

// shelves runs a test over memory too.
func shelves(t *testing.T, test func(t *testing.T, d database)) {
	t.Run("memory", func(t *testing.T) { test(t, database{memory: opstore.NewMemory()}) })
	databases(t, test)
}

// connect opens connections as one replica does.
func (d database) connect(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(10)
	db.SetMaxIdleConns(10)
	t.Cleanup(func() { db.Close() })
	return db
}

// open returns the stores of an issuer, over connections of their own.
func (d database) open(t testing.TB, issuer string) opstore.Set {
	t.Helper()
	if d.memory != nil {
		return d.memory.Open(issuer)
	}
	store, err := opsql.New(opsql.Config{DB: d.connect(t), Dialect: d.dialect})
	if err != nil {
		t.Fatal(err)
	}
	return store.Open(issuer)
}

// rounds is n on PostgreSQL, and fewer on SQLite, which has one writer, and in a
// short run.
func (d database) rounds(n int) int {
	if d.dialect == opsql.SQLite {
		n /= 10
	}
	if testing.Short() {
		n /= 10
	}
	return max(n, 1)
}

const replicatedIssuer = "https://op.example"

// replicated is the config that all replicas of the issuer have, but for the
// stores.
func replicated(t testing.TB, configure func(*provider.Config)) provider.Config {
	t.Helper()
	c := provider.Config{
		Issuer: replicatedIssuer, Secrets: newSecrets(t), SigningAlgs: []string{"ES256"},
		Clients: []oidckit.ClientMetadata{webClient, otherClient, publicClient},
		Resources: []provider.Resource{
			{Resource: ordersAPI, Scopes: []string{"orders:read", "orders:write"}}, {Resource: stockAPI, Scopes: []string{"stock:read"}},
		},
	}
	for i := range c.Clients {
		c.Clients[i].IDTokenSignedResponseAlg = "ES256"
	}
	if configure != nil {
		configure(&c)
	}
	return c
}

// newReplica is a process of an issuer: stores, caches and connections are its
// own, and nothing but the database is shared.
func newReplica(t *testing.T, c provider.Config, set opstore.Set) *fixture {
	t.Helper()
	c.Stores = set
	if c.Users == nil {
		c.Users = provider.NewAccountsWith(provider.AccountsConfig{Store: set.Users, AllowWeakHashes: true})
	}
	p := newProvider(t, c)
	client := &http.Client{Transport: p.LocalTransport(nil)}
	return &fixture{
		t: t, client: client, browser: oidctest.NewBrowser(t, c.Issuer, client), base: c.Issuer,
		op: &oidctest.Server{Issuer: c.Issuer, Provider: p, Stores: set},
	}
}

// balanced is two replicas behind one address: each request goes to the one
// that did not get the last.
type balanced struct {
	*fixture
	replicas [2]*fixture
}

func newBalanced(t *testing.T, d database, configure func(*provider.Config)) *balanced {
	t.Helper()
	c := replicated(t, configure)
	b := balance(t, newReplica(t, c, d.open(t, c.Issuer)), newReplica(t, c, d.open(t, c.Issuer)))
	createAlice(t, b.op.Stores)
	return b
}

func balance(t *testing.T, one, other *fixture) *balanced {
	t.Helper()
	client := &http.Client{Transport: &roundRobin{next: []http.RoundTripper{one.client.Transport, other.client.Transport}}}
	front := *one
	front.client, front.browser = client, oidctest.NewBrowser(t, one.base, client)
	return &balanced{&front, [2]*fixture{one, other}}
}

func createAlice(t *testing.T, set opstore.Set) {
	t.Helper()
	_, err := provider.NewAccounts(set.Users).Create(t.Context(), provider.Account{
		Username: oidctest.Username, PasswordHash: aliceHash,
		Claims: map[string]any{"sub": oidctest.Subject, "name": "Alice Example", "email": "alice@example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

type roundRobin struct {
	next []http.RoundTripper
	n    atomic.Int64
}

func (r *roundRobin) RoundTrip(req *http.Request) (*http.Response, error) {
	return r.next[int(r.n.Add(1))%len(r.next)].RoundTrip(req)
}
