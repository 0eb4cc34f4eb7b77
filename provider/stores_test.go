package provider_test

import (
	"context"
	"errors"
	"sync"

	"github.com/oidckit/oidckit"
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
