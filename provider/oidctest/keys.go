package oidctest

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/opstore"
)

// RotateKeys makes a new key of each algorithm, which signs from now on: an
// issuer that has not waited until others had seen it. The old ones stay
// published. (Provider.RotateKeys does wait.)
func (s *Server) RotateKeys(tb testing.TB) {
	tb.Helper()
	const day = 24 * time.Hour
	m := keys.New(keys.Config{
		Issuer: s.config.Issuer, Store: s.config.Stores.Keys, Box: s.keyBox(), Algorithms: s.algorithms,
		RotateEvery: 90 * day, Retain: day, Logger: s.config.Logger, Events: s.config.Events,
	})
	defer m.Close()
	if err := errors.Join(m.Rotate(tb.Context()), s.Provider.Check(tb.Context())); err != nil {
		tb.Fatal("oidctest: rotating keys: ", err)
	}
}

// RevokeKeyOf takes the key that has signed a token out of the issuer's set, as
// after a theft. A new one signs at once.
func (s *Server) RevokeKeyOf(tb testing.TB, token string) {
	tb.Helper()
	j, err := jose.Parse(token)
	if err == nil {
		err = s.Provider.RevokeKey(tb.Context(), j.Header.KeyID)
	}
	if err != nil {
		tb.Fatal("oidctest: revoking the key of a token: ", err)
	}
}

// keyBox opens what the provider has sealed in its store.
func (s *Server) keyBox() *secret.Box {
	return secret.NewBox(s.config.Secrets, "provider signing keys")
}

// signingKey returns the key that the issuer signs with now.
func (s *Server) signingKey(ctx context.Context, alg string) (kid string, key crypto.Signer, err error) {
	// This makes the keys where there are none.
	if err := s.Provider.Check(ctx); err != nil {
		return "", nil, err
	}
	records, err := s.config.Stores.Keys.Keys(ctx)
	if err != nil {
		return "", nil, err
	}
	var newest *opstore.SigningKey
	for i := range records {
		if r := &records[i]; r.Algorithm == alg && !r.ActiveAt.After(time.Now()) && (newest == nil || r.Generation > newest.Generation) {
			newest = r
		}
	}
	if newest == nil {
		return "", nil, fmt.Errorf("the issuer has no %s key, its algorithms are %q", alg, s.algorithms)
	}
	der, err := s.keyBox().Open(newest.SealedKey, []byte(s.config.Issuer+"\x00"+newest.ID+"\x00"+alg))
	if err != nil {
		return "", nil, err
	}
	key, err = jose.ParsePrivateKey(der)
	return newest.ID, key, err
}

// strangersKey returns a key that is nobody's. It is made once: RSA keys take
// their time.
func (s *Server) strangersKey(alg string) (crypto.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := s.strangers[alg]; key != nil {
		return key, nil
	}
	key, err := jose.GenerateKey(alg)
	if err != nil {
		return nil, err
	}
	s.strangers[alg] = key
	return key, nil
}
