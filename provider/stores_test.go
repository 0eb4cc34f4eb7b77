package provider_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
)

// spyStores is a memory store that remembers which codes it was given.
type spyStores struct {
	opstore.Codes
	mu    sync.Mutex
	codes map[oidckit.TokenHash]opstore.Code
}

func (s *spyStores) open(issuer string) opstore.Set {
	set := opstore.NewMemory().Open(issuer)
	s.Codes, s.codes = set.Codes, map[oidckit.TokenHash]opstore.Code{}
	set.Codes = s
	return set
}

func (s *spyStores) CreateCode(ctx context.Context, c *opstore.Code) error {
	s.mu.Lock()
	s.codes[c.Hash] = *c
	s.mu.Unlock()
	return s.Codes.CreateCode(ctx, c)
}

var errDown = errors.New("the store is down")

// switchedUsers are people who can all be disabled at once.
type switchedUsers struct {
	provider.Users
	gone atomic.Bool
}

func (u *switchedUsers) Claims(ctx context.Context, subject string) (oidckit.Claims, error) {
	if u.gone.Load() {
		return nil, oidckit.ErrNotFound
	}
	return u.Users.Claims(ctx, subject)
}

func (u *switchedUsers) CheckPassword(ctx context.Context, username, password string) (oidckit.Authentication, error) {
	if u.gone.Load() {
		return oidckit.Authentication{}, oidckit.ErrUnauthenticated
	}
	return u.Users.CheckPassword(ctx, username, password)
}

// brokenUsers are people whose directory can be down.
type brokenUsers struct {
	provider.Users
	down atomic.Bool
}

func (u *brokenUsers) Claims(ctx context.Context, subject string) (oidckit.Claims, error) {
	if u.down.Load() {
		return nil, errDown
	}
	return u.Users.Claims(ctx, subject)
}

func (u *brokenUsers) CheckPassword(ctx context.Context, username, password string) (oidckit.Authentication, error) {
	if u.down.Load() {
		return oidckit.Authentication{}, errDown
	}
	return u.Users.CheckPassword(ctx, username, password)
}

// spyKeys remembers how keys are stored.
type spyKeys struct {
	next   opstore.Keys
	sealed [][]byte
}

func (s *spyKeys) Keys(ctx context.Context) ([]opstore.SigningKey, error) { return s.next.Keys(ctx) }

func (s *spyKeys) DeleteKey(ctx context.Context, id string) error { return s.next.DeleteKey(ctx, id) }

func (s *spyKeys) CreateKey(ctx context.Context, k *opstore.SigningKey) error {
	s.sealed = append(s.sealed, k.SealedKey)
	return s.next.CreateKey(ctx, k)
}
