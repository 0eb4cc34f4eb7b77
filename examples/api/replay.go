package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpsql"
)

// replayStore remembers used proofs. Without a ReplayStore they are remembered
// in memory, for a program that runs once.
type replayStore struct {
	oidckit.ReplayStore
	close func() error
}

// Close closes what was opened.
func (r *replayStore) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}

// openReplay makes no call: a store that is down delays requests with proofs,
// not the start.
func openReplay(s *settings) (*replayStore, error) {
	switch {
	case s.dpop == dpopOff:
		return &replayStore{}, nil
	case s.redis != nil:
		client := redis.NewClient(s.redis)
		return &replayStore{ReplayStore: &redisReplay{client: client, prefix: "api:" + s.resource + ":"}, close: client.Close}, nil
	case s.db == "memory":
		return &replayStore{}, nil
	}
	db, dialect, err := openDatabase(s.db)
	if err != nil {
		return &replayStore{}, errors.New("-db: the address cannot be read")
	}
	store, err := rpsql.New(rpsql.Config{DB: db, Dialect: dialect})
	if err != nil {
		return &replayStore{close: db.Close}, fmt.Errorf("-db: %w", err)
	}
	return &replayStore{ReplayStore: store.Open(s.resource).Replay, close: db.Close}, nil
}

func openDatabase(address string) (*sql.DB, rpsql.Dialect, error) {
	if file, ok := strings.CutPrefix(address, "sqlite:"); ok {
		path := url.URL{Path: filepath.ToSlash(file)}
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
	if !ok || s.dpop == dpopOff || s.redis != nil {
		return nil
	}
	made, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("-db: %w", err)
	}
	return made.Close()
}

// redisReplay is an oidckit.ReplayStore over one Redis. A Redis that loses what
// it has just written, in a crash or a failover, lets a proof be used again
// within its minute: appendfsync always is what prevents the former.
type redisReplay struct {
	client *redis.Client
	prefix string
}

// replayFloor is how long a key is remembered at least.
const replayFloor = 2 * time.Minute

// UseOnce implements oidckit.ReplayStore: of all calls for a key Redis lets one
// set it.
func (r *redisReplay) UseOnce(ctx context.Context, key string, expires time.Time) error {
	options := redis.SetArgs{Mode: "NX", TTL: max(time.Until(expires), replayFloor)}
	err := r.client.SetArgs(ctx, r.prefix+oidckit.HashToken(key).String(), "1", options).Err()
	if errors.Is(err, redis.Nil) {
		return oidckit.ErrConsumed
	}
	return err
}
