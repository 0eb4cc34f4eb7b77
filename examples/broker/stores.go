package main

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/oidckit/oidckit/handlers/rpsql"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/provider/opredis"
	"github.com/oidckit/oidckit/provider/opsql"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	_ "modernc.org/sqlite"
)

// stores is where everything is that must survive.
type stores struct {
	issuer opstore.Set
	broker rpstore.Set
	close  []func() error
}

// openStores opens the databases without waiting for them: one that is down is
// answered with 503 until it is back.
func openStores(s *settings, logger zerolog.Logger) (*stores, error) {
	st := &stores{issuer: opstore.NewMemory().Open(s.issuer), broker: rpstore.NewMemory().Open(s.issuer)}
	var errs []error
	if s.db != "memory" {
		errs = append(errs, st.openDurable(s, logger))
	}
	if s.redis != nil {
		// The client knows no other way to say it.
		redis.SetLogger(redisLog{logger})
		client := redis.NewClient(s.redis)
		st.close = append(st.close, client.Close)
		sessions, err := opredis.New(opredis.Config{Client: client})
		if err != nil {
			errs = append(errs, fmt.Errorf("-redis: %w", err))
		} else {
			st.issuer.Sessions = sessions.Open(s.issuer)
		}
	}
	return st, errors.Join(errs...)
}

// openDurable opens the one database that issuer and broker share.
func (st *stores) openDurable(s *settings, logger zerolog.Logger) error {
	db, dialect, err := openDatabase(s.db)
	if err != nil {
		return errors.New("-db: not a data source name")
	}
	st.close = append(st.close, db.Close)
	op, err := opsql.New(opsql.Config{DB: db, Dialect: dialect, Logger: logger})
	if err != nil {
		return err
	}
	rp, err := rpsql.New(rpsql.Config{DB: db, Dialect: dialect, Logger: logger})
	if err != nil {
		return err
	}
	st.issuer, st.broker = op.Open(s.issuer), rp.Open(s.issuer)
	return nil
}

// shutDown closes what was opened.
func (st *stores) shutDown(logger zerolog.Logger) {
	var errs []error
	for _, end := range st.close {
		errs = append(errs, end())
	}
	if err := errors.Join(errs...); err != nil {
		logger.Warn().Err(err).Msg("closing the stores")
	}
}

func openDatabase(address string) (*sql.DB, opsql.Dialect, error) {
	if file, ok := strings.CutPrefix(address, "sqlite:"); ok {
		db, err := sql.Open("sqlite", sqliteDSN(file))
		return db, opsql.SQLite, err
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		return nil, opsql.PostgreSQL, err
	}
	// Several replicas share what the server has: 100 connections by default.
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(10)
	db.SetConnMaxIdleTime(time.Minute)
	return db, opsql.PostgreSQL, nil
}

// createDatabase makes the file of a new SQLite database, for its owner only.
func createDatabase(db string) error {
	file, ok := strings.CutPrefix(db, "sqlite:")
	if !ok {
		return nil
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("-db: %w", err)
	}
	return f.Close()
}

// sqliteDSN opens a file so that writers wait for each other and a spent code
// stays spent after a power cut.
func sqliteDSN(file string) string {
	path := (&url.URL{Path: file}).EscapedPath()
	return "file:" + path + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
}
