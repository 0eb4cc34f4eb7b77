package keys

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// lookAgainEvery spaces the loads for which a caller waits: anybody can make up a
// kid that is not known.
const lookAgainEvery = time.Second

// ErrNotOurs says that a token was not signed with a key of this issuer.
var ErrNotOurs = errors.New("keys: not signed by a key of this issuer")

// Verify checks that one of the issuer's published keys has signed the token. A
// key that is not known may be one that another replica has just put in force.
func (m *Manager) Verify(ctx context.Context, j *jose.JWS) error {
	s, err := m.current(ctx)
	if err != nil {
		return err
	}
	k := s.find(j.Header.KeyID)
	if k == nil {
		if s, err = m.lookAgain(ctx, s); err != nil {
			return err
		}
		k = s.find(j.Header.KeyID)
	}
	if k == nil || k.record.Algorithm != j.Header.Algorithm || j.Verify(k.record.Algorithm, k.public) != nil {
		return ErrNotOurs
	}
	return nil
}

// again is when the keys were read last because one was missing.
type again struct {
	sync.Mutex
	at time.Time
}

// lookAgain returns a snapshot that is newer than the one that was seen, where
// there is one or it is time to read it.
func (m *Manager) lookAgain(ctx context.Context, seen *snapshot) (*snapshot, error) {
	m.again.Lock()
	defer m.again.Unlock()
	if s := m.snapshot.Load(); s != seen || time.Since(m.again.at) < lookAgainEvery {
		return s, nil
	}
	s, err := m.load(ctx)
	// Those who have waited for it do not begin another one.
	m.again.at = time.Now()
	return s, err
}
