package broker_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/handlers/rpsql"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
)

func TestLookupsForLogins(t *testing.T) {
	f := newRegistry(t, nil)
	a := f.create(t, func(p *broker.IdentityProvider) {
		p.Identifier, p.DomainMapping, p.IsDefault = "a", "Example.com, example.org, kelvin.example", true
	})
	b := f.create(t, func(p *broker.IdentityProvider) {
		p.Identifier, p.DomainMapping, p.ShowIDPToUsers = "b", "example.org", false
	})
	f.create(t, func(p *broker.IdentityProvider) { p.Identifier, p.DomainMapping = "c", "AZURE" })
	for address, want := range map[string][]string{
		"ada@example.com": {a.UUID}, "Ada@EXAMPLE.COM": {a.UUID}, "ada@example.org": {a.UUID, b.UUID}, `"a@b"@example.com`: {a.UUID},
		"ada@sub.example.com": nil, "ada@azure": nil, "AZURE": nil, "example.com": nil, "ada@": nil, "": nil, "ada@example.com ": nil, "ada@example.com@": nil, "@example.com": nil,
		"ada@example.com.": nil, "ada@exa\u212aple.com": nil, "ada@\u212aelvin.example": nil,
	} {
		found, err := f.ForEmail(t.Context(), address)
		var got []string
		for _, p := range found {
			got = append(got, p.UUID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q leads to %q, %v, want %q", address, got, err, want)
		}
	}
	if _, total, err := f.Shown(t.Context(), 0, 10); err != nil || total != 2 {
		t.Errorf("%d are shown, %v", total, err)
	}
	if got, err := f.ByIdentifier(t.Context(), b.Identifier); err != nil || got.UUID != b.UUID {
		t.Errorf("%+v, %v", got, err)
	}
	// ATK-276: disabled is disabled on every path.
	a.Disabled = true
	if _, err := f.Replace(t.Context(), *a, 0); err != nil {
		t.Fatal(err)
	}
	routed, err := f.ForEmail(t.Context(), "ada@example.com")
	if err != nil || len(routed) != 0 {
		t.Errorf("a disabled provider is routed to: %v, %v", routed, err)
	}
	if _, total, err := f.Shown(t.Context(), 0, 10); err != nil || total != 1 {
		t.Errorf("%d are shown, %v", total, err)
	}
	for name, err := range map[string]error{
		"Enabled": second(f.Enabled(t.Context(), a.UUID)), "ByIdentifier": second(f.ByIdentifier(t.Context(), a.Identifier)),
		"Default": second(f.Default(t.Context())), "no identifier": second(f.ByIdentifier(t.Context(), "")),
	} {
		if !errors.Is(err, oidckit.ErrNotFound) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	if !b.UsableBy("any") || (&broker.IdentityProvider{AllowedClientIDs: []string{"a"}}).UsableBy("b") || a.UsableBy("any") {
		t.Error("clients are not told apart")
	}
}

// TestReplicasSeeChanges changes records on one replica and looks on the other:
// within a second is at once here.
func TestReplicasSeeChanges(t *testing.T) {
	for name, open := range map[string]func(testing.TB) func() rpstore.IdentityProviders{"SQLite": overSQLite, "PostgreSQL": overPostgreSQL} {
		t.Run(name, func(t *testing.T) {
			replica := open(t)
			one := newRegistry(t, func(c *broker.RegistryConfig) { c.Store = replica() })
			other := newRegistry(t, func(c *broker.RegistryConfig) { c.Store = replica() })
			p := one.create(t, func(p *broker.IdentityProvider) { p.IsDefault = true })
			if got, err := other.Default(t.Context()); err != nil || got.UUID != p.UUID || other.secretOf(t, p.UUID) != "the secret" {
				t.Errorf("a creation: %+v, %v", got, err)
			}
			p.Disabled, p.DomainMapping = true, "example.net"
			if _, err := one.Replace(t.Context(), *p, p.Version); err != nil {
				t.Fatal(err)
			}
			if _, err := other.Enabled(t.Context(), p.UUID); !errors.Is(err, oidckit.ErrNotFound) {
				t.Errorf("a disabled record: %v", err)
			}
			if err := one.Delete(t.Context(), p.UUID, 0); err != nil {
				t.Fatal(err)
			}
			if _, total, err := other.List(t.Context(), 0, 1); err != nil || total != 0 {
				t.Errorf("after the deletion: %d records, %v", total, err)
			}
		})
	}
}

func replicas(t testing.TB, driver, dsn string, dialect rpsql.Dialect) func() rpstore.IdentityProviders {
	return func() rpstore.IdentityProviders {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		store, err := rpsql.New(rpsql.Config{DB: db, Dialect: dialect})
		if err != nil {
			t.Fatal(err)
		}
		return store.Open("app").IdentityProviders
	}
}

func overSQLite(t testing.TB) func() rpstore.IdentityProviders {
	return replicas(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "test.db")+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)", rpsql.SQLite)
}

func overPostgreSQL(t testing.TB) func() rpstore.IdentityProviders {
	dsn := os.Getenv("OIDCKIT_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("OIDCKIT_TEST_POSTGRES is not set: PostgreSQL not tested")
	}
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := "broker_" + strings.ToLower(strings.ReplaceAll(secret.ID(), "-", "_"))
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
		return replicas(t, "pgx", dsn+" search_path="+name, rpsql.PostgreSQL)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return replicas(t, "pgx", u.String(), rpsql.PostgreSQL)
}

// BenchmarkRegistry lists and routes among 10 000 records.
func BenchmarkRegistry(b *testing.B) {
	for name, open := range map[string]func(testing.TB) func() rpstore.IdentityProviders{
		"memory": func(testing.TB) func() rpstore.IdentityProviders {
			return func() rpstore.IdentityProviders { return rpstore.NewMemory().Open("app").IdentityProviders }
		},
		"SQLite": overSQLite,
	} {
		f := newRegistry(b, func(c *broker.RegistryConfig) { c.Store = open(b)() })
		fill(b, f)
		for verb, call := range map[string]func() error{
			"ForEmail": func() error { return second(f.ForEmail(b.Context(), "ada@d9000.example")) },
			"Default":  func() error { return second(f.Default(b.Context())) },
			"Shown":    func() error { _, _, err := f.Shown(b.Context(), 0, 20); return err },
			"List":     func() error { _, _, err := f.List(b.Context(), 9000, 20); return err },
		} {
			b.Run(name+"/"+verb, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := call(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func fill(b *testing.B, f *fixture) {
	b.Helper()
	template, err := f.store.IdentityProvider(b.Context(), f.create(b, nil).UUID)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10_000 {
		p := *template
		p.UUID, p.Identifier, p.Domains, p.Default, p.Version = fmt.Sprint(i), fmt.Sprint("p", i), []string{fmt.Sprintf("d%d.example", i)}, i == 5000, 0
		p.ShowIDPToUsers, p.CreatedAt = i%10 == 0, template.CreatedAt.Add(time.Duration(i)*time.Second)
		if err := f.store.PutIdentityProvider(b.Context(), &p); err != nil {
			b.Fatal(err)
		}
	}
}
