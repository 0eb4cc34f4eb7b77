package rpsql

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/oidckit/oidckit/handlers/rpstore"
)

// TestProvidersAreFoundByIndexes asks the database how it would look: for a few
// providers it must not walk through all of a tenant's.
func TestProvidersAreFoundByIndexes(t *testing.T) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store, err := New(Config{DB: db, Dialect: SQLite})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	providers := identityProviders{&realm{db: store.db, tenant: "app"}}
	type sel = rpstore.IdentityProviderSelector
	for _, row := range []struct {
		sel   sel
		query string
		all   bool
	}{
		{sel{}, listMany, true},
		{sel{Shown: true}, listMany, false},
		{sel{Identifier: "a"}, listFew, false},
		{sel{Default: true}, listFew, false},
		{sel{Domain: "a"}, listFew, false},
		{sel{Domain: "a", Shown: true}, listFew, false},
	} {
		where, args := providers.where(row.sel)
		listed := append(args, 10, 0)
		if row.query == listMany {
			listed = append([]any{"app"}, listed...)
		}
		plans := [][]string{
			plan(t, db, countProviders+where, args...),
			plan(t, db, fmt.Sprintf(row.query, where), listed...),
		}
		for _, steps := range plans {
			walks := 0
			for _, step := range steps {
				if strings.HasPrefix(step, "SCAN") || strings.HasSuffix(step, "(tenant=?)") && !strings.Contains(step, "provider_default") {
					walks++
				}
			}
			if len(steps) == 0 || walks > 1 || walks == 1 && !row.all {
				t.Errorf("%+v: %q", row.sel, steps)
			}
		}
	}
}

func plan(t *testing.T, db *sql.DB, query string, args ...any) (steps []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
