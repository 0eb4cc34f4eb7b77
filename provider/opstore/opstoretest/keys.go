package opstoretest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func keyChecks() []check {
	return []check{
		{Name: "keys are returned with every field, by algorithm and generation", Run: keyFields},
		{Name: "a taken ID or generation is a conflict, and stores nothing", Run: keyConflict},
		{Name: "of replicas that rotate at once exactly one wins", Run: keyRace},
		{Name: "an expired key is not returned", Run: keyExpired},
		{Name: "a deleted key is gone, its generation stays taken", Run: keyDelete},
		{Name: "keys are copied in and out", Run: keyCopies},
		{Name: "an ended context stops the call and changes nothing", Run: keyCancelled},
	}
}

func newKey(algorithm string, generation int64) *opstore.SigningKey {
	k := storetest.Fill(&opstore.SigningKey{})
	k.Algorithm, k.Generation = algorithm, generation
	k.ExpiresAt = time.Now().Add(time.Hour)
	return k
}

func keysAre(ctx context.Context, s opstore.Set, want ...*opstore.SigningKey) error {
	got, err := s.Keys.Keys(ctx)
	if err != nil {
		return err
	}
	if len(got) != len(want) {
		return fmt.Errorf("Keys returned %d keys, want %d", len(got), len(want))
	}
	for i := range got {
		if err := storetest.Same(fmt.Sprintf("Keys[%d]", i), &got[i], want[i]); err != nil {
			return err
		}
	}
	return nil
}

func keyFields(ctx context.Context, s opstore.Set) error {
	if err := keysAre(ctx, s); err != nil {
		return err
	}
	want := []*opstore.SigningKey{newKey("ES256", 1), newKey("ES256", 2), newKey("ES256", 10), newKey("RS256", 1)}
	for _, i := range []int{2, 3, 0, 1} {
		if err := storetest.Want("CreateKey", s.Keys.CreateKey(ctx, want[i]), nil); err != nil {
			return err
		}
	}
	return keysAre(ctx, s, want...)
}

func keyConflict(ctx context.Context, s opstore.Set) error {
	k := newKey("ES256", 1)
	sameID := newKey("ES256", 2)
	sameID.ID = k.ID
	next := newKey("ES256", 2)
	return storetest.First(
		s.Keys.CreateKey(ctx, k),
		storetest.Want("CreateKey with a taken ID", s.Keys.CreateKey(ctx, sameID), oidckit.ErrConflict),
		storetest.Want("CreateKey with a taken generation", s.Keys.CreateKey(ctx, newKey("ES256", 1)), oidckit.ErrConflict),
		keysAre(ctx, s, k),
		storetest.Want("CreateKey of the generation that failed for its ID", s.Keys.CreateKey(ctx, next), nil),
		keysAre(ctx, s, k, next),
	)
}

func keyRace(ctx context.Context, s opstore.Set) error {
	var all []*opstore.SigningKey
	return storetest.Repeat(func() error {
		keys := make([]*opstore.SigningKey, storetest.Racers)
		errs := storetest.Race(func(i int) error {
			keys[i] = newKey("ES256", int64(len(all)+1))
			return s.Keys.CreateKey(ctx, keys[i])
		})
		if err := storetest.OneWinner(errs, oidckit.ErrConflict); err != nil {
			return err
		}
		all = append(all, keys[slices.Index(errs, nil)])
		return keysAre(ctx, s, all...)
	})
}

func keyExpired(ctx context.Context, s opstore.Set) error {
	k, live := newKey("ES256", 1), newKey("ES256", 2)
	k.ExpiresAt = time.Now().Add(-time.Second)
	return storetest.First(
		s.Keys.CreateKey(ctx, k),
		s.Keys.CreateKey(ctx, live),
		keysAre(ctx, s, live),
		storetest.Want("DeleteKey of an expired key", s.Keys.DeleteKey(ctx, k.ID), oidckit.ErrNotFound),
		storetest.Want("CreateKey with an expired key's generation", s.Keys.CreateKey(ctx, newKey("ES256", 1)), oidckit.ErrConflict),
	)
}

func keyDelete(ctx context.Context, s opstore.Set) error {
	k, other := newKey("ES256", 1), newKey("RS256", 1)
	return storetest.First(
		s.Keys.CreateKey(ctx, k),
		s.Keys.CreateKey(ctx, other),
		storetest.Want("DeleteKey", s.Keys.DeleteKey(ctx, k.ID), nil),
		keysAre(ctx, s, other),
		storetest.Want("second DeleteKey", s.Keys.DeleteKey(ctx, k.ID), oidckit.ErrNotFound),
		storetest.Want("DeleteKey of no key", s.Keys.DeleteKey(ctx, "\x00\xff"), oidckit.ErrNotFound),
		storetest.Want("CreateKey with a deleted key's generation", s.Keys.CreateKey(ctx, newKey("ES256", 1)), oidckit.ErrConflict),
		storetest.Want("CreateKey of the next generation", s.Keys.CreateKey(ctx, newKey("ES256", 2)), nil),
	)
}

func keyCopies(ctx context.Context, s opstore.Set) error {
	k := newKey("ES256", 1)
	want := storetest.Clone(k)
	if err := s.Keys.CreateKey(ctx, k); err != nil {
		return err
	}
	storetest.Clobber(k)
	for range 2 {
		got, err := s.Keys.Keys(ctx)
		if err != nil {
			return err
		}
		if err := storetest.Same("Keys", &got[0], want); err != nil {
			return err
		}
		storetest.Clobber(&got[0])
	}
	return nil
}

func keyCancelled(ctx context.Context, s opstore.Set) error {
	gone := storetest.Cancelled(ctx)
	k := newKey("ES256", 1)
	create := s.Keys.CreateKey(gone, k)
	if err := s.Keys.CreateKey(ctx, k); err != nil {
		return err
	}
	_, list := s.Keys.Keys(gone)
	return storetest.First(
		storetest.Want("CreateKey", create, context.Canceled),
		storetest.Want("Keys", list, context.Canceled),
		storetest.Want("DeleteKey", s.Keys.DeleteKey(gone, k.ID), context.Canceled),
		keysAre(ctx, s, k),
	)
}
