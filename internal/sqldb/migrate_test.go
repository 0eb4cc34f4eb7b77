package sqldb

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

// version2 is items with a step more, which programs of version 1 can live
// with or not.
func version2(oldest int64) Schema {
	s := items()
	s.Steps = append(s.Steps, "ALTER TABLE item ADD COLUMN note TEXT NOT NULL DEFAULT '';\n")
	s.Oldest = oldest
	return s
}

// TestMigrateFromEarlierVersion shows FLT-60: the schema of N-1 is accepted by
// N, and N-1 works beside and after N where N says so.
func TestMigrateFromEarlierVersion(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		ctx := t.Context()
		before := d.open(t, items())
		if _, err := before.Exec(ctx, "INSERT INTO item (id, ends_at) VALUES (?, ?)", "old", 1); err != nil {
			t.Fatal(err)
		}
		after := d.open(t, version2(1))
		var note string
		if found, err := One(ctx, after, "SELECT note FROM item WHERE id = ?", []any{&note}, "old"); err != nil || !found {
			t.Fatalf("a row of version 1 under version 2: found %v, %v", found, err)
		}
		// Beside, as it runs already, and started anew.
		for name, db := range map[string]*DB{"running": before, "restarted": d.open(t, items())} {
			if _, err := db.Exec(ctx, "INSERT INTO item (id, ends_at) VALUES (?, ?)", name, 1); err != nil {
				t.Errorf("version 1, %s, on the schema of version 2: %v", name, err)
			}
		}
		if err := d.open(t, version2(2)).Migrate(ctx); err != nil {
			t.Errorf("version 2 on its own schema: %v", err)
		}
	})
}

// TestMigrateRefusesWhatItCannotRead starts a program on a schema that says it
// is too new for it.
func TestMigrateRefusesWhatItCannotRead(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		if err := d.open(t, version2(2)).Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := d.open(t, items()).Exec(t.Context(), "DELETE FROM item")
		if err == nil || !strings.Contains(err.Error(), "version 2") {
			t.Errorf("version 1 on a schema for version 2 and later: got error %v", err)
		}
	})
}

// TestMigrateAtOnce starts many programs of two components and two versions at
// once.
func TestMigrateAtOnce(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		other := Schema{Component: "other", Steps: []string{"CREATE TABLE other (id TEXT PRIMARY KEY);\n"}, Oldest: 1}
		var all []*DB
		for range 3 {
			all = append(all, d.open(t, items()), d.open(t, version2(1)), d.open(t, other))
		}
		errs := make([]error, len(all))
		var wg sync.WaitGroup
		for i, db := range all {
			wg.Go(func() { errs[i] = db.Migrate(t.Context()) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		versions, err := All(t.Context(), all[0], "SELECT component, version FROM oidckit_schema ORDER BY component", func(row Row) (v struct {
			component string
			version   int64
		}, err error) {
			err = row.Scan(&v.component, &v.version)
			return v, err
		})
		if err != nil || len(versions) != 2 || versions[0].version != 2 || versions[1].version != 1 {
			t.Errorf("version table: got %v, %v", versions, err)
		}
	})
}

// TestFailedStepLeavesNothing breaks off a migration in the middle and mends
// it.
func TestFailedStepLeavesNothing(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		broken := items()
		broken.Steps = []string{broken.Steps[0] + "CREATE NONSENSE;\n"}
		db := d.open(t, broken)
		if err := db.Migrate(t.Context()); err == nil {
			t.Fatal("a step that is no SQL passes")
		}
		if err := d.open(t, items()).Migrate(t.Context()); err != nil {
			t.Errorf("the mended step after a broken one: %v", err)
		}
	})
}

// TestGate shows that callers who meet share one attempt, that a failure is
// tried again by the next, and that one who gives up leaves the others going.
func TestGate(t *testing.T) {
	var g gate
	down := errors.New("down")
	if err := g.pass(t.Context(), func(context.Context) error { return down }); err != down {
		t.Fatalf("first attempt: got error %v, want %v", err, down)
	}

	calls, entered, proceed := 0, make(chan struct{}), make(chan struct{})
	lead := make(chan error, 1)
	go func() {
		lead <- g.pass(t.Context(), func(context.Context) error {
			calls++
			close(entered)
			<-proceed
			return context.Canceled
		})
	}()
	<-entered
	follow := make(chan error, 1)
	go func() {
		follow <- g.pass(t.Context(), func(context.Context) error {
			calls++
			return nil
		})
	}()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.pass(gone, func(context.Context) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who gives up: got error %v", err)
	}
	close(proceed)
	if err := <-lead; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller who led: got error %v", err)
	}
	if err := <-follow; err != nil {
		t.Errorf("the caller who followed: %v", err)
	}
	if err := g.pass(t.Context(), func(context.Context) error { return down }); err != nil || calls != 2 {
		t.Errorf("an open gate: got error %v after %d calls", err, calls)
	}
}
