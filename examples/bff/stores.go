package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

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
	// The memory stands in for what cannot be opened.
	st := &stores{set: rpstore.NewMemory().Open(s.baseURL)}
	if s.redis != nil {
		client := redis.NewClient(s.redis)
		st.close = append(st.close, client.Close)
		st.redis = goredisstore.NewWithPrefix(client, "bff:"+s.baseURL+":")
	}
	if s.db == "memory" {
		return st, nil
	}
	db, dialect, err := openDatabase(s.db)
	if err != nil {
		return st, errors.New("-db: the address cannot be read")
	}
	st.close = append(st.close, db.Close)
	store, err := rpsql.New(rpsql.Config{DB: db, Dialect: dialect, Logger: logger})
	if err != nil {
		return st, fmt.Errorf("-db: %w", err)
	}
	st.set = store.Open(s.baseURL)
	return st, nil
}

func openDatabase(address string) (*sql.DB, rpsql.Dialect, error) {
	if file, ok := strings.CutPrefix(address, "sqlite:"); ok {
		path := url.URL{Path: filepath.ToSlash(file)}
		// The settings that rpsql asks for.
		db, err := sql.Open("sqlite", "file:"+path.EscapedPath()+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
		return db, rpsql.SQLite, err
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		return nil, rpsql.PostgreSQL, err
	}
	// Several replicas share what the server has: 100 connections by default.
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(10)
	db.SetConnMaxIdleTime(time.Minute)
	return db, rpsql.PostgreSQL, nil
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
