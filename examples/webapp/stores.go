package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/oidckit/oidckit/handlers/rpsql"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// stores is where the sessions are.
type stores struct {
	set   rpstore.Set
	redis scs.Store
	close []func() error
}

// openStores makes no call: a database that is down delays logins, not the
// start.
func openStores(s *settings, logger zerolog.Logger) (*stores, error) {
	st := &stores{}
	if s.redis != nil {
		client := redis.NewClient(s.redis)
		st.close = append(st.close, client.Close)
		st.redis = goredisstore.NewWithPrefix(client, "webapp:"+s.baseURL+":")
	}
	if s.db == "memory" {
		st.set = rpstore.NewMemory().Open(s.baseURL)
		return st, nil
	}
	driver, source, dialect := "pgx", s.db, rpsql.PostgreSQL
	if file, ok := strings.CutPrefix(s.db, "sqlite:"); ok {
		path := url.URL{Path: filepath.ToSlash(file)}
		driver, dialect = "sqlite", rpsql.SQLite
		// The settings that rpsql asks for.
		source = "file:" + path.EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return st, fmt.Errorf("-db: %s address cannot be read", driver)
	}
	st.close = append(st.close, db.Close)
	store, err := rpsql.New(rpsql.Config{DB: db, Dialect: dialect, Logger: logger})
	if err != nil {
		return st, fmt.Errorf("-db: %w", err)
	}
	st.set = store.Open(s.baseURL)
	return st, nil
}

// createDatabase makes a SQLite file that only its owner can read.
func (s *settings) createDatabase() error {
	file, ok := strings.CutPrefix(s.db, "sqlite:")
	if !ok {
		return nil
	}
	made, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("-db: %w", err)
	}
	return made.Close()
}

// Close closes what was opened.
func (s *stores) Close() error {
	var errs []error
	for _, end := range s.close {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}
