package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"github.com/oidckit/oidckit/handlers/rpsql"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/provider/opsql"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// stores is what the issuer and the app keep: tables of their own in one
// SQLite file.
type stores struct {
	db       *sql.DB
	provider opstore.Set
	app      rpstore.Set
}

// openStores opens the file, or makes one that only its owner can read.
func openStores(ctx context.Context, file, issuer, app string, logger zerolog.Logger) (_ *stores, err error) {
	made, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := made.Close(); err != nil {
		return nil, err
	}
	path := url.URL{Path: filepath.ToSlash(file)}
	// The settings that opsql asks for: writers wait for each other, readers
	// wait for nobody, and what was said to be spent is spent after a power cut.
	db, err := sql.Open("sqlite", "file:"+path.EscapedPath()+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	op, err := opsql.New(opsql.Config{DB: db, Dialect: opsql.SQLite, Logger: logger})
	if err != nil {
		return nil, err
	}
	rp, err := rpsql.New(rpsql.Config{DB: db, Dialect: rpsql.SQLite, Logger: logger})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(op.Migrate(ctx), rp.Migrate(ctx)); err != nil {
		return nil, err
	}
	return &stores{db: db, provider: op.Open(issuer), app: rp.Open(app)}, nil
}

// Close closes the file.
func (s *stores) Close() error {
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}
