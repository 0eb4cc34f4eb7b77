package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Config is what a DB is made of. It is not validated: the stores are the ones
// with a configuration of their own.
type Config struct {
	DB      *sql.DB
	Dialect Dialect
	Schema  Schema
	Logger  zerolog.Logger
}

// DB runs the statements of one component. It is safe for concurrent use and
// shares its *sql.DB with whoever else has it.
type DB struct {
	db      *sql.DB
	dialect Dialect
	schema  Schema
	log     zerolog.Logger

	// writer is held by the one goroutine that writes to SQLite. The file has
	// one writer anyway; waiting here is fair and quick, where SQLite's own way
	// is to sleep and try again. It is nil for PostgreSQL.
	writer chan struct{}

	migration gate
	texts     sync.Map // query text → text with the dialect's placeholders
	sweeps    map[string]*sweep
}

// New returns a DB. It makes no call.
func New(cfg Config) *DB {
	d := &DB{db: cfg.DB, dialect: cfg.Dialect, schema: cfg.Schema, log: cfg.Logger, sweeps: make(map[string]*sweep)}
	if cfg.Dialect == SQLite {
		d.writer = make(chan struct{}, 1)
	}
	for _, table := range cfg.Schema.Ending {
		d.sweeps[table] = &sweep{query: sweepQuery(cfg.Dialect, table)}
	}
	return d
}

// Dialect returns the dialect.
func (d *DB) Dialect() Dialect { return d.dialect }

// Runner runs statements: *DB each for itself, *Tx in a transaction.
type Runner interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// read runs a statement to its end and calls scan for each row. Where the
	// statement has to be run again it calls reset before: what an attempt that
	// failed has returned never happened.
	read(ctx context.Context, query string, args []any, reset func(), scan func(Row) error) error
}

// Row is a row of a result.
type Row interface{ Scan(dest ...any) error }

// One runs a statement that returns at most one row, scans it into dest, and
// reports whether there was one.
func One(ctx context.Context, r Runner, query string, dest []any, args ...any) (bool, error) {
	found := false
	err := r.read(ctx, query, args, func() { found = false }, func(row Row) error {
		found = true
		return row.Scan(dest...)
	})
	return found && err == nil, err
}

// All runs a statement and returns what scan makes of each row.
func All[T any](ctx context.Context, r Runner, query string, scan func(Row) (T, error), args ...any) ([]T, error) {
	var all []T
	err := r.read(ctx, query, args, func() { all = all[:0] }, func(row Row) error {
		v, err := scan(row)
		all = append(all, v)
		return err
	})
	return all, err
}

// Exec implements Runner. A statement that the database refused for what
// others were doing is run again, up to three times.
func (d *DB) Exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = d.attempt(ctx, func(ctx context.Context) (err error) {
		unlock, err := d.lock(ctx, query)
		if err != nil {
			return err
		}
		defer unlock()
		n, err = exec(ctx, d.db, d.text(query), args)
		return err
	})
	return n, err
}

func (d *DB) read(ctx context.Context, query string, args []any, reset func(), scan func(Row) error) error {
	return d.attempt(ctx, func(ctx context.Context) error {
		reset()
		unlock, err := d.lock(ctx, query)
		if err != nil {
			return err
		}
		defer unlock()
		return queryRows(ctx, d.db, d.text(query), args, scan)
	})
}

// lock waits until this goroutine may run a query.
func (d *DB) lock(ctx context.Context, query string) (unlock func(), err error) {
	if d.writer == nil || strings.HasPrefix(query, "SELECT") {
		return func() {}, nil
	}
	select {
	case d.writer <- struct{}{}:
		return func() { <-d.writer }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Now is the time as columns have it: microseconds since 1970.
func Now() int64 { return time.Now().UnixMicro() }

// text returns a query with the dialect's placeholders. Queries are constants
// or built from few parts, so that there are few of them.
func (d *DB) text(query string) string {
	if d.dialect != PostgreSQL {
		return query
	}
	if t, ok := d.texts.Load(query); ok {
		return t.(string)
	}
	t := d.dialect.placeholders(query)
	d.texts.Store(query, t)
	return t
}

// handle is what *sql.DB, *sql.Tx and *sql.Conn have in common.
type handle interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func exec(ctx context.Context, h handle, query string, args []any) (int64, error) {
	result, err := h.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// queryRows reads to the end even where one row is expected: only then has a
// statement that writes been committed, or its failure been told.
func queryRows(ctx context.Context, h handle, query string, args []any, scan func(Row) error) error {
	rows, err := h.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	var failed error
	for rows.Next() {
		if failed == nil {
			failed = scan(rows)
		}
	}
	return errors.Join(failed, rows.Err(), rows.Close())
}
