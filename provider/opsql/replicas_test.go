package opsql_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

const parallel = 50

// TestTwoReplicas spends each kind of one-time record 50 times at once over two
// replicas that start at that moment (targets: one code redeemed 50 times in
// parallel on both: exactly one).
func TestTwoReplicas(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		issuer := storetest.Realm()
		sets := []opstore.Set{d.replica(t).Open(issuer), d.replica(t).Open(issuer)}
		ctx, soon := t.Context(), time.Now().Add(time.Hour)
		code := storetest.Fill(&opstore.Code{})
		code.ExpiresAt, code.KeepUntil = soon, soon
		grant := storetest.Fill(&opstore.Grant{})
		grant.ExpiresAt = soon
		token := &opstore.RefreshToken{Hash: oidckit.HashToken("first"), GrantID: grant.ID, ExpiresAt: soon}
		interaction := storetest.Fill(&opstore.Interaction{})
		interaction.ExpiresAt = soon

		// Both replicas are new: the schema is made while they race.
		race(t, "UseOnce", sets, func(s opstore.Set, _ int) error { return s.Replay.UseOnce(ctx, "key", soon) })

		if err := errors.Join(
			sets[0].Codes.CreateCode(ctx, code),
			sets[0].Grants.CreateGrant(ctx, grant, token),
			sets[0].Interactions.CreateInteraction(ctx, interaction),
		); err != nil {
			t.Fatal(err)
		}
		race(t, "ConsumeCode", sets, func(s opstore.Set, _ int) error {
			_, err := s.Codes.ConsumeCode(ctx, code.Hash)
			return err
		})
		// ATK-239
		race(t, "RotateRefreshToken", sets, func(s opstore.Set, i int) error {
			next := &opstore.RefreshToken{Hash: oidckit.HashToken(string(rune('a' + i))), GrantID: grant.ID, ExpiresAt: soon}
			return s.Grants.RotateRefreshToken(ctx, token.Hash, next, nil, time.Now())
		})
		race(t, "TakeInteraction", sets, func(s opstore.Set, _ int) error {
			_, err := s.Interactions.TakeInteraction(ctx, interaction.Hash, interaction.SessionID)
			if errors.Is(err, oidckit.ErrNotFound) {
				return oidckit.ErrConsumed
			}
			return err
		})
	})
}

func race(t *testing.T, verb string, sets []opstore.Set, call func(s opstore.Set, i int) error) {
	t.Helper()
	errs := make([]error, parallel)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			<-start
			errs[i] = call(sets[i%len(sets)], i)
		})
	}
	close(start)
	wg.Wait()
	if err := storetest.OneWinner(errs, oidckit.ErrConsumed); err != nil {
		t.Errorf("%s: %v", verb, err)
	}
}

// TestReplicasStartAtOnce opens an empty database by many replicas at once.
func TestReplicasStartAtOnce(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		const replicas = 8
		errs := make([]error, replicas)
		var wg sync.WaitGroup
		for i := range replicas {
			store := d.replica(t)
			wg.Go(func() { errs[i] = store.Migrate(t.Context()) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
	})
}
