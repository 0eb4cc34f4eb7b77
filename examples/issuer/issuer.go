package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opredis"
	"github.com/oidckit/oidckit/provider/opsql"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	_ "modernc.org/sqlite"
)

// openStores opens the databases without waiting for them: one that is down is
// answered with 503 until it is back. What it returns closes them.
func openStores(s *settings, logger zerolog.Logger) (opstore.Set, func() error, error) {
	set, closeDB, err := openDurable(s, logger)
	if s.redis == nil || err != nil {
		return set, closeDB, err
	}
	// The client knows no other way to say it.
	redis.SetLogger(redisLog{logger})
	client := redis.NewClient(s.redis)
	closeAll := func() error { return errors.Join(client.Close(), closeDB()) }
	sessions, err := opredis.New(opredis.Config{Client: client})
	if err != nil {
		return set, closeAll, fmt.Errorf("-redis: %w", err)
	}
	set.Sessions = sessions.Open(s.issuer)
	return set, closeAll, nil
}

// openDurable opens what must survive.
func openDurable(s *settings, logger zerolog.Logger) (opstore.Set, func() error, error) {
	if s.db == "memory" {
		return opstore.NewMemory().Open(s.issuer), nothing, nil
	}
	db, dialect, err := openDatabase(s.db)
	if err != nil {
		return opstore.Set{}, nothing, errors.New("-db: not a data source name")
	}
	store, err := opsql.New(opsql.Config{DB: db, Dialect: dialect, Logger: logger})
	if err != nil {
		return opstore.Set{}, db.Close, err
	}
	return store.Open(s.issuer), db.Close, nil
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

func nothing() error { return nil }

// newProvider makes the issuer. The users are those of the config: they are
// kept in memory, and the database holds what they do.
func newProvider(ctx context.Context, s *settings, stores opstore.Set, logger zerolog.Logger) (*provider.Provider, []demoUser, error) {
	users := provider.NewAccounts(opstore.NewMemory().Open(s.issuer).Users)
	pc := provider.Config{
		Issuer: s.issuer, Secrets: s.secrets, Stores: stores, Users: users, Name: issuerName,
		Languages: []provider.Language{provider.English(), provider.German()},
		Outbound:  provider.Outbound{AllowLoopback: s.allowLoopback, RootCAs: s.roots},
		Logger:    logger, Events: events(logger),
	}
	configErr := s.config.apply(&pc, s.secrets)
	if s.preset != presetStandard {
		legacy(&pc).Preset = provider.Preset(s.preset)
	}
	p, err := provider.New(pc)
	if err := errors.Join(configErr, err); err != nil {
		return nil, nil, err
	}
	if pc.Registration != nil && pc.Registration.AllowAnonymous && !s.onLoopback() {
		logger.Warn().Msg("whoever reaches the issuer may register clients: set features.registration")
	}
	var demo []demoUser
	for i, u := range s.config.Users {
		if s.config.demo {
			u.Password = demoPassword(s.secrets, u.Username)
			demo = append(demo, demoUser{u.Username, u.Password})
		}
		if _, err := users.Create(ctx, u.account(subjectOf(s.secrets, u.Username))); err != nil {
			return nil, nil, fmt.Errorf("users[%d]: %w", i, err)
		}
	}
	return p, demo, nil
}
