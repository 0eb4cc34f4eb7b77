package sqldb

import (
	"context"
	"errors"
	"testing"
	"time"
)

// stateError is an error of a PostgreSQL driver.
type stateError string

func (e stateError) Error() string    { return "state " + string(e) }
func (e stateError) SQLState() string { return string(e) }

// codeError is an error of an SQLite driver.
type codeError int

func (e codeError) Error() string { return "code" }
func (e codeError) Code() int     { return int(e) }

func TestErrorClasses(t *testing.T) {
	for _, row := range []struct {
		name              string
		err               error
		unique, transient bool
	}{
		{"no error", nil, false, false},
		{"unique_violation", stateError("23505"), true, false},
		{"serialization_failure", stateError("40001"), false, true},
		{"deadlock_detected", stateError("40P01"), false, true},
		{"not_null_violation", stateError("23502"), false, false},
		{"admin_shutdown", stateError("57P01"), false, false},
		{"SQLITE_BUSY", codeError(5), false, true},
		{"SQLITE_BUSY_SNAPSHOT", codeError(5 | 2<<8), false, true},
		{"SQLITE_LOCKED_SHAREDCACHE", codeError(6 | 1<<8), false, true},
		{"SQLITE_CONSTRAINT_UNIQUE", codeError(19 | 8<<8), true, false},
		{"SQLITE_CONSTRAINT_PRIMARYKEY", codeError(19 | 6<<8), true, false},
		{"SQLITE_CONSTRAINT_NOTNULL", codeError(19 | 5<<8), false, false},
		{"SQLITE_FULL", codeError(13), false, false},
		{"wrapped", errors.Join(nil, stateError("40001")), false, true},
		{"text of a driver without codes, unique", errors.New("UNIQUE constraint failed: item.id"), true, false},
		{"text of a driver without codes, busy", errors.New("database is locked"), false, true},
		{"any other", errors.New("broken pipe"), false, false},
	} {
		if got := IsUnique(row.err); got != row.unique {
			t.Errorf("%s: IsUnique is %v", row.name, got)
		}
		if got := isTransient(row.err); got != row.transient {
			t.Errorf("%s: isTransient is %v", row.name, got)
		}
	}
}

// TestTxRetries shows FLT-31: at most three retries of the whole transaction,
// then the error; never a part of one.
func TestTxRetries(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		db := d.open(t, items())
		for _, row := range []struct {
			name     string
			failures int
			err      error
			attempts int
			ok       bool
		}{
			{"no failure", 0, nil, 1, true},
			{"three serialization failures", 3, stateError("40001"), 4, true},
			{"a deadlock and a success", 1, stateError("40P01"), 2, true},
			{"busy for ever", 100, codeError(5), 4, false},
			{"a failure of another kind", 100, stateError("23502"), 1, false},
		} {
			attempts := 0
			err := db.Tx(t.Context(), func(tx *Tx) error {
				attempts++
				if _, err := tx.Exec(t.Context(), "INSERT INTO item (id, ends_at) VALUES (?, ?)", row.name, 1); err != nil {
					return err
				}
				if attempts <= row.failures {
					return row.err
				}
				return nil
			})
			if attempts != row.attempts || (err == nil) != row.ok {
				t.Errorf("%s: %d attempts and error %v, want %d", row.name, attempts, err, row.attempts)
			}
			var n int
			if _, err := One(t.Context(), db, "SELECT count(*) FROM item WHERE id = ?", []any{&n}, row.name); err != nil || (n == 1) != row.ok || n > 1 {
				t.Errorf("%s: %d rows are left, %v", row.name, n, err)
			}
		}
	})
}

// TestTxEndsWithItsContext leaves no transaction open when the caller goes in
// the middle of it.
func TestTxEndsWithItsContext(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		db := d.open(t, items())
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			err := db.Tx(ctx, func(tx *Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO item (id, ends_at) VALUES (?, ?)", "half", 1)
				cancel()
				return err
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("a transaction whose caller has gone: got error %v, want %v", err, context.Canceled)
			}
		}
		var n int
		if _, err := One(t.Context(), db, "SELECT count(*) FROM item", []any{&n}); err != nil || n != 0 {
			t.Errorf("%d rows are left, %v", n, err)
		}
		if _, err := db.Exec(t.Context(), "INSERT INTO item (id, ends_at) VALUES (?, ?)", "whole", 1); err != nil {
			t.Errorf("a write afterwards: %v", err)
		}
	})
}

// TestTxPanics gives the connection and the lock back when fn panics (FLT-55).
func TestTxPanics(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		db := d.open(t, items())
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			db.Tx(t.Context(), func(tx *Tx) error {
				if _, err := tx.Exec(t.Context(), "INSERT INTO item (id, ends_at) VALUES (?, ?)", "half", 1); err != nil {
					return err
				}
				panic("fn")
			})
		}()
		var n int
		if _, err := One(t.Context(), db, "SELECT count(*) FROM item", []any{&n}); err != nil || n != 0 {
			t.Errorf("%d rows are left, %v", n, err)
		}
		if _, err := db.Exec(t.Context(), "INSERT INTO item (id, ends_at) VALUES (?, ?)", "whole", 1); err != nil {
			t.Errorf("a write afterwards: %v", err)
		}
	})
}

// TestBusySQLite holds the lock of a database whose writers do not wait.
func TestBusySQLite(t *testing.T) {
	d := sqliteDatabase(t, "busy_timeout(0)")
	db := d.open(t, items())
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	holder, err := d.connect(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if _, err := holder.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	write := func() error {
		_, err := db.Exec(t.Context(), "INSERT INTO item (id, ends_at) VALUES (?, ?)", "busy", 1)
		return err
	}
	if err := write(); !isTransient(err) {
		t.Errorf("a write while another holds the lock: got error %v", err)
	}
	if err := db.Tx(t.Context(), func(*Tx) error { t.Error("fn was called without the lock"); return nil }); !isTransient(err) {
		t.Errorf("a transaction while another holds the lock: got error %v", err)
	}
	if _, err := holder.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Errorf("a write when the lock is free: %v", err)
	}
	if err := write(); !IsUnique(err) {
		t.Errorf("a second row with the same key: got error %v, want a unique violation", err)
	}
}

// TestWritersWaitNoLongerThanTheirContext queues behind a writer of the same
// process.
func TestWritersWaitNoLongerThanTheirContext(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		db := d.open(t, items())
		insert := "INSERT INTO item (id, ends_at) VALUES (?, ?)"
		err := db.Tx(t.Context(), func(tx *Tx) error {
			if _, err := tx.Exec(t.Context(), insert, "one", 1); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := db.Exec(ctx, insert, "one", 1); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a write behind a transaction: got error %v, want %v", err, context.DeadlineExceeded)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
