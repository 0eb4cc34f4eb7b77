package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// versionTable holds the version of each component's schema. It is shared by
// the components, so its shape never changes.
const versionTable = `CREATE TABLE IF NOT EXISTS oidckit_schema (
	component TEXT PRIMARY KEY,
	version BIGINT NOT NULL,
	oldest BIGINT NOT NULL
)`

// advisoryLock is the number of the lock that migrations take on PostgreSQL:
// "oidckit" in ASCII.
const advisoryLock = 0x6f6964636b6974

// Schema is the tables of one component.
type Schema struct {
	// Component names it in the version table.
	Component string
	// Steps are scripts, each taking the schema from the version that is its
	// index to the next. Statements end with a semicolon at the end of a line.
	Steps []string
	// Oldest is the first version whose programs work on what the steps make,
	// so that replicas of two releases can run side by side and a release can
	// be taken back.
	Oldest int64
	// Ending names the tables whose rows end at their column ends_at.
	Ending []string
}

// Migrate brings the schema to the program's version. Every call does that
// first; calling it oneself is for those who want to fail early. After a
// success it returns nil at once.
func (d *DB) Migrate(ctx context.Context) error {
	ctx, cancel := bounded(ctx, migrateTimeout)
	defer cancel()
	return d.migration.pass(ctx, d.migrate)
}

func (d *DB) migrate(ctx context.Context) error {
	// Looking first lets a program without the right to create tables run on a
	// schema that others have made.
	if version, oldest, err := d.version(ctx, d.db); err == nil && d.current(version, oldest) == nil {
		return nil
	}
	err := retry(ctx, func() error { return d.transact(ctx, func(tx *Tx) error { return d.upgrade(ctx, tx) }) })
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("migrate schema %s: %w", d.schema.Component, err)
	}
	return err
}

// upgrade runs the missing steps. Replicas that start at once do it one after
// the other, and all but the first find nothing to do.
func (d *DB) upgrade(ctx context.Context, tx *Tx) error {
	if d.dialect == PostgreSQL {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(?)", int64(advisoryLock)); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, versionTable); err != nil {
		return err
	}
	version, oldest, err := d.version(ctx, tx.handle)
	if err != nil {
		return err
	}
	err = d.current(version, oldest)
	if !errors.Is(err, errBehind) {
		return err
	}
	for _, step := range d.schema.Steps[version:] {
		for statement := range strings.SplitSeq(step, ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO oidckit_schema (component, version, oldest) VALUES (?, ?, ?)
		ON CONFLICT (component) DO UPDATE SET version = excluded.version, oldest = excluded.oldest`,
		d.schema.Component, int64(len(d.schema.Steps)), d.schema.Oldest)
	return err
}

// version returns the version of the schema in the database, 0 where there is
// none, and the oldest one whose programs work on it.
func (d *DB) version(ctx context.Context, h handle) (version, oldest int64, err error) {
	err = queryRows(ctx, h, d.text("SELECT version, oldest FROM oidckit_schema WHERE component = ?"),
		[]any{d.schema.Component}, func(row Row) error { return row.Scan(&version, &oldest) })
	return version, oldest, err
}

var errBehind = errors.New("the schema is older than the program")

// current returns nil where the program can work on a schema as it is.
func (d *DB) current(version, oldest int64) error {
	switch own := int64(len(d.schema.Steps)); {
	case version < own:
		return errBehind
	case oldest > own:
		return fmt.Errorf("the schema has version %d, which programs of version %d and later understand; this one has version %d", version, oldest, own)
	default:
		return nil
	}
}
