package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"
)

// rollbackTimeout bounds a rollback, which runs when the context of its
// transaction may have ended.
const rollbackTimeout = 5 * time.Second

// Tx is a transaction that writes. It is for one goroutine.
type Tx struct {
	db     *DB
	handle handle
	// deadline is that of the whole transaction, which its statements share.
	deadline time.Time
}

// newTx returns a transaction whose context has a deadline.
func (d *DB) newTx(ctx context.Context, h handle) *Tx {
	deadline, _ := ctx.Deadline()
	return &Tx{db: d, handle: h, deadline: deadline}
}

// Exec implements Runner.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	ctx, cancel := context.WithDeadline(ctx, t.deadline)
	defer cancel()
	return exec(ctx, t.handle, t.db.text(query), args)
}

// read does not run the statement again: that is for the whole transaction.
func (t *Tx) read(ctx context.Context, query string, args []any, _ func(), scan func(Row) error) error {
	ctx, cancel := context.WithDeadline(ctx, t.deadline)
	defer cancel()
	return queryRows(ctx, t.handle, t.db.text(query), args, scan)
}

// Tx runs fn in a transaction: committed where fn returns nil, undone where it
// returns an error, which Tx returns as it is. A transaction that the database
// refused for what others were doing (serialization failure, deadlock, busy) is
// run again as a whole, up to three times: fn starts from nothing each time.
//
// On SQLite it is BEGIN IMMEDIATE: it takes the write lock before it reads,
// since one that wants it later can be refused for good.
func (d *DB) Tx(ctx context.Context, fn func(*Tx) error) error {
	return d.attempt(ctx, func(ctx context.Context) error { return d.transact(ctx, fn) })
}

func (d *DB) transact(ctx context.Context, fn func(*Tx) error) error {
	if d.dialect == SQLite {
		return d.transactImmediate(ctx, fn)
	}
	// What waits for a lock must see what the one before it has done.
	tx, err := d.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := fn(d.newTx(ctx, tx)); err != nil {
		return err
	}
	return tx.Commit()
}

// transactImmediate speaks to a connection of its own: database/sql begins
// SQLite transactions without the lock, unless the driver is told otherwise
// when it is opened.
func (d *DB) transactImmediate(ctx context.Context, fn func(*Tx) error) error {
	const begin = "BEGIN IMMEDIATE"
	unlock, err := d.lock(ctx, begin)
	if err != nil {
		return err
	}
	defer unlock()
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			rollback(ctx, conn)
		}
	}()
	if err := fn(d.newTx(ctx, conn)); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

// rollback undoes a transaction, or takes its connection out of use: one that
// goes back with its transaction open would hold the lock for ever.
func rollback(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil && !errors.Is(err, driver.ErrBadConn) {
		conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}
