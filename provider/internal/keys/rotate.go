package keys

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/opstore"
)

// createDue makes the keys that the schedule asks for and reports whether the
// store has changed. Of replicas that come at once one wins the generation;
// the others read what it wrote.
func (m *Manager) createDue(ctx context.Context, records []opstore.SigningKey, now time.Time) (bool, error) {
	made := false
	for _, alg := range m.own() {
		newest := newestOf(records, alg)
		activeAt, generation := now, int64(1)
		if newest != nil {
			generation = newest.Generation + 1
		}
		// Where no key may sign, a next one is not waited for.
		if signs(records, alg, now) {
			if now.Before(newest.RetireAt.Add(-m.cfg.PublishAhead)) {
				continue
			}
			activeAt = later(newest.RetireAt, now.Add(m.cfg.PublishAhead))
		}
		if err := m.create(ctx, alg, generation, activeAt); err != nil {
			return made, err
		}
		made = true
	}
	return made, nil
}

func newestOf(records []opstore.SigningKey, alg string) *opstore.SigningKey {
	var newest *opstore.SigningKey
	for i := range records {
		if r := &records[i]; r.Algorithm == alg && (newest == nil || r.Generation > newest.Generation) {
			newest = r
		}
	}
	return newest
}

// signs reports whether a key of the algorithm may sign now.
func signs(records []opstore.SigningKey, alg string, now time.Time) bool {
	return slices.ContainsFunc(records, func(r opstore.SigningKey) bool {
		return r.Algorithm == alg && !r.ActiveAt.After(now) && now.Before(r.ExpiresAt)
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// maxGenerations bounds the search for a free generation after revocations.
const maxGenerations = 1000

func (m *Manager) create(ctx context.Context, alg string, generation int64, activeAt time.Time) error {
	private, err := jose.GenerateKey(alg)
	if err != nil {
		return err
	}
	der, err := jose.MarshalPrivateKey(private)
	if err != nil {
		return err
	}
	kid := secret.ID()
	rec := &opstore.SigningKey{
		ID: kid, Algorithm: alg,
		SealedKey: m.cfg.Box.Seal(der, m.aad(kid, alg)),
		CreatedAt: time.Now(),
		ActiveAt:  activeAt,
		RetireAt:  activeAt.Add(m.cfg.RotateEvery),
		ExpiresAt: activeAt.Add(m.cfg.RotateEvery + m.cfg.Retain + m.cfg.PublishAhead),
	}
	for range maxGenerations {
		rec.Generation = generation
		err = m.cfg.Store.CreateKey(ctx, rec)
		if err == nil {
			m.cfg.Events.Send(ctx, oidckit.Event{Name: oidckit.EventKeyCreated, Issuer: m.cfg.Issuer})
			m.cfg.Logger.Info().Str("kid", kid).Str("alg", alg).Time("active_at", activeAt).Msg("signing key created")
			return nil
		}
		if !errors.Is(err, oidckit.ErrConflict) {
			return err
		}
		// Another replica came first, unless the generation is one that was
		// revoked and so left a gap.
		records, err := m.cfg.Store.Keys(ctx)
		if err != nil {
			return err
		}
		if newest := newestOf(records, alg); newest != nil && newest.Generation >= generation {
			return nil
		}
		generation++
	}
	return err
}

// Rotate makes a new key for each algorithm come into force at the end of
// PublishAhead, whatever the schedule says.
func (m *Manager) Rotate(ctx context.Context) error {
	records, err := m.cfg.Store.Keys(ctx)
	if err != nil {
		return err
	}
	for _, alg := range m.own() {
		generation, activeAt := int64(1), time.Now()
		if newest := newestOf(records, alg); newest != nil {
			generation, activeAt = newest.Generation+1, activeAt.Add(m.cfg.PublishAhead)
		}
		if err := m.create(ctx, alg, generation, activeAt); err != nil {
			return err
		}
	}
	return m.Reload(ctx)
}

// Revoke takes a key out of the published set at once; a new one signs from
// now on. Other replicas follow within 15 seconds.
func (m *Manager) Revoke(ctx context.Context, kid string) error {
	records, err := m.cfg.Store.Keys(ctx)
	if err != nil {
		return err
	}
	for _, rec := range records {
		if rec.ID != kid {
			continue
		}
		// The successor first: there is never a moment without a key.
		if slices.Contains(m.own(), rec.Algorithm) {
			if err := m.create(ctx, rec.Algorithm, newestOf(records, rec.Algorithm).Generation+1, time.Now()); err != nil {
				return err
			}
		}
		if err := m.cfg.Store.DeleteKey(ctx, kid); err != nil {
			return err
		}
		m.cfg.Events.Send(ctx, oidckit.Event{Name: oidckit.EventKeyRevoked, Issuer: m.cfg.Issuer})
		return m.Reload(ctx)
	}
	return oidckit.ErrNotFound
}
