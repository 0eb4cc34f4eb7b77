package opredis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

const (
	defaultTimeout = 200 * time.Millisecond
	maxTimeout     = 5 * time.Second
	defaultPrefix  = "oidckit:op:"
)

// Config is what a Store is made of.
type Config struct {
	// Client is the way to the server; redis.NewFailoverClient makes one too.
	// The caller opens and closes it. Its ContextTimeoutEnabled must be set:
	// without it a server that stalls is waited for as long as the client
	// pleases. Required.
	Client *redis.Client
	// Prefix begins every key: apps that share a server have one each. Default
	// "oidckit:op:".
	Prefix string
	// Timeout bounds each call, with all its retries. Default 200 ms, at most 5 s.
	Timeout time.Duration
}

// Store keeps the sessions of several issuers. It is safe for concurrent use
// and starts nothing.
type Store struct {
	client  *redis.Client
	prefix  string
	timeout time.Duration
}

// New returns a store. It makes no call to the server.
func New(cfg Config) (*Store, error) {
	var errs []error
	switch {
	case cfg.Client == nil:
		errs = append(errs, errors.New("opredis.Config.Client is nil"))
	case !cfg.Client.Options().ContextTimeoutEnabled:
		errs = append(errs, errors.New("opredis.Config.Client: ContextTimeoutEnabled is not set in its options"))
	}
	if cfg.Timeout < 0 || cfg.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("opredis.Config.Timeout is %v, must be up to %v", cfg.Timeout, maxTimeout))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s := &Store{client: cfg.Client, prefix: cfg.Prefix, timeout: cfg.Timeout}
	if s.prefix == "" {
		s.prefix = defaultPrefix
	}
	if s.timeout == 0 {
		s.timeout = defaultTimeout
	}
	return s, nil
}

// Open returns the sessions of an issuer. Issuers share the server and nothing
// else.
func (s *Store) Open(issuer string) opstore.Sessions {
	// A hash has one length: no issuer's keys begin with those of another.
	sum := sha256.Sum256([]byte(issuer))
	return &sessions{store: s, realm: s.prefix + hex.EncodeToString(sum[:12]) + ":"}
}

// run runs a script under the timeout.
func (s *Store) run(ctx context.Context, verb string, script *redis.Script, keys []string, args ...any) *redis.Cmd {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	cmd := script.Run(bounded, s.client, keys, args...)
	err := cmd.Err()
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return cmd
	case ctx.Err() != nil:
		err = ctx.Err()
	default:
		err = fmt.Errorf("opredis: %s: %w", verb, err)
	}
	cmd.SetErr(err)
	return cmd
}

var errReply = errors.New("opredis: the server's answer is not understood")

// outcome is what a script says about a write.
func outcome(cmd *redis.Cmd) error {
	n, err := cmd.Int()
	if err != nil {
		return err
	}
	switch n {
	case 1:
		return nil
	case 0:
		return oidckit.ErrConflict
	case -1:
		return oidckit.ErrNotFound
	}
	return errReply
}
