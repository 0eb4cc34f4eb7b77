package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/oidckit/oidckit/middleware"
	"github.com/redis/go-redis/v9"
)

// The values of -dpop.
const (
	dpopOff     = "off"
	dpopAllow   = "allow"
	dpopRequire = "require"
)

// parseDPoP reads -dpop and where proofs are remembered.
func (s *settings) parseDPoP() (problems []error) {
	switch s.dpop {
	case dpopOff, dpopAllow, dpopRequire:
	default:
		problems = append(problems, fmt.Errorf("-dpop: %q is none of off, allow and require", s.dpop))
		s.dpop = dpopOff
	}
	if err := checkDatabase(s.db); err != nil {
		problems = append(problems, fmt.Errorf("-db: %w", err))
		s.db = "memory"
	}
	if s.redisURL == "" {
		return problems
	}
	o, err := redis.ParseURL(s.redisURL)
	if err != nil {
		return append(problems, errors.New("-redis: is no redis://… address"))
	}
	// What a request waits for.
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = time.Second, 250*time.Millisecond, 250*time.Millisecond, time.Second
	o.ContextTimeoutEnabled = true
	s.redis = o
	return problems
}

func checkDatabase(db string) error {
	if db == "memory" {
		return nil
	}
	if isPostgres(db) {
		// The cause is left out: it repeats parts of the address, which may be a
		// password.
		if _, err := pgx.ParseConfig(db); err != nil {
			return errors.New("is no postgres://… address that can be read")
		}
		return nil
	}
	file, isFile := strings.CutPrefix(db, "sqlite:")
	if !isFile || file == "" {
		// What stands behind the colon may be a password.
		scheme, _, _ := strings.Cut(db, ":")
		return fmt.Errorf("%q is none of sqlite:FILE, postgres://… and memory", scheme)
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder", file)
	}
	_, err := os.Stat(filepath.Dir(file))
	return err
}

func isPostgres(db string) bool {
	return strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://")
}

// newDPoP takes tokens that are bound to a key, for requests to where this API
// is: the origin of its identifier, and of the address that it listens on.
func newDPoP(s *settings, l net.Listener, replay *replayStore) (*middleware.DPoP, error) {
	if s.dpop == dpopOff {
		return nil, nil
	}
	var origins []string
	if u, err := url.Parse(s.resource); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		origins = append(origins, u.Scheme+"://"+u.Host)
	}
	if l != nil {
		if addr, ok := l.Addr().(*net.TCPAddr); ok && addr.IP.IsLoopback() {
			origins = append(origins, "http://"+addr.String(), fmt.Sprintf("http://localhost:%d", addr.Port))
		}
	}
	if len(origins) == 0 {
		return nil, errors.New("-dpop: -resource must be the API's https address")
	}
	d, err := middleware.NewDPoP(middleware.DPoPConfig{
		Required: s.dpop == dpopRequire, Origin: origins[0], Origins: origins[1:], Replay: replay.ReplayStore,
	})
	if err != nil {
		return nil, fmt.Errorf("-dpop: %w", err)
	}
	return d, nil
}
