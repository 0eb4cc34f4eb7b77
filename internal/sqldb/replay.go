package sqldb

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
)

// replayFloor is how long a key is remembered at least: a caller that accepts
// what has just expired must not accept it twice.
const replayFloor = 2 * time.Minute

// Replay is an oidckit.ReplayStore over a table with the columns realm, hash
// and ends_at.
type Replay struct {
	db           *DB
	realm, table string
	query        string
}

// NewReplay returns the store of one realm.
func NewReplay(db *DB, table, realm string) *Replay {
	return &Replay{db: db, realm: Key(realm), table: table, query: `INSERT INTO ` + table + ` (realm, hash, ends_at) VALUES (?, ?, ?)
		ON CONFLICT (realm, hash) DO UPDATE SET ends_at = excluded.ends_at WHERE ` + table + `.ends_at <= ?`}
}

// UseOnce implements oidckit.ReplayStore.
func (r *Replay) UseOnce(ctx context.Context, key string, expires time.Time) error {
	now := Now()
	ends := max(expires.UnixMicro(), now+replayFloor.Microseconds())
	n, err := r.db.Exec(ctx, r.query, r.realm, oidckit.HashToken(key).String(), ends, now)
	if err != nil {
		return err
	}
	if n == 0 {
		return oidckit.ErrConsumed
	}
	r.db.Wrote(ctx, r.table)
	return nil
}
