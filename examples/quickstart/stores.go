package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
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

// openStores opens the file. What it returns beside an error can be closed.
func openStores(ctx context.Context, file, issuer, app string, logger zerolog.Logger) (*stores, error) {
	path := url.URL{Path: filepath.ToSlash(file)}
	// The settings that opsql asks for: writers wait for each other, readers
	// wait for nobody, and what was said to be spent is spent after a power cut.
	db, err := sql.Open("sqlite", "file:"+path.EscapedPath()+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	st := &stores{db: db}
	if err != nil {
		return st, err
	}
	op, err := opsql.New(opsql.Config{DB: db, Dialect: opsql.SQLite, Logger: logger})
	if err != nil {
		return st, err
	}
	rp, err := rpsql.New(rpsql.Config{DB: db, Dialect: rpsql.SQLite, Logger: logger})
	if err != nil {
		return st, err
	}
	if err := errors.Join(op.Migrate(ctx), rp.Migrate(ctx)); err != nil {
		return st, err
	}
	st.provider, st.app = op.Open(issuer), rp.Open(app)
	return st, nil
}

// Close closes the file.
func (s *stores) Close() error {
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}
