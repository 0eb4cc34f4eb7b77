package opstoretest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func interactionChecks() []check {
	return []check{
		{Name: "an interaction is returned with every field, as often as asked", Run: interactionFields},
		{Name: "a taken hash is a conflict", Run: interactionConflict},
		{Name: "an unknown or expired interaction is not found", Run: interactionNotFound},
		{Name: "exactly one call takes an interaction", Run: interactionRace},
		{Name: "another session's call takes nothing", Run: interactionForeign},
		{Name: "interactions are copied in and out", Run: interactionCopies},
		{Name: "an ended context stops the call and takes nothing", Run: interactionCancelled},
	}
}

func newInteraction() *opstore.Interaction {
	i := storetest.Fill(&opstore.Interaction{})
	i.ExpiresAt = time.Now().Add(time.Minute)
	return i
}

func waiting(ctx context.Context, s opstore.Set) (*opstore.Interaction, error) {
	i := newInteraction()
	return i, storetest.Want("CreateInteraction", s.Interactions.CreateInteraction(ctx, i), nil)
}

func interactionFields(ctx context.Context, s opstore.Set) error {
	i, err := waiting(ctx, s)
	if err != nil {
		return err
	}
	for range 2 {
		got, err := s.Interactions.Interaction(ctx, i.Hash)
		if err := storetest.First(err, storetest.Same("Interaction", got, i)); err != nil {
			return err
		}
	}
	got, err := s.Interactions.TakeInteraction(ctx, i.Hash, i.SessionID)
	return storetest.First(err, storetest.Same("TakeInteraction", got, i))
}

func interactionConflict(ctx context.Context, s opstore.Set) error {
	i, err := waiting(ctx, s)
	if err != nil {
		return err
	}
	again := newInteraction()
	again.Hash = i.Hash
	create := s.Interactions.CreateInteraction(ctx, again)
	got, err := s.Interactions.Interaction(ctx, i.Hash)
	return storetest.First(
		storetest.Want("CreateInteraction with a taken hash", create, oidckit.ErrConflict),
		err,
		storetest.Same("Interaction", got, i),
	)
}

func interactionNotFound(ctx context.Context, s opstore.Set) error {
	expired := newInteraction()
	expired.ExpiresAt = time.Now().Add(-time.Second)
	if err := s.Interactions.CreateInteraction(ctx, expired); err != nil {
		return err
	}
	for _, i := range []*opstore.Interaction{expired, newInteraction()} {
		_, look := s.Interactions.Interaction(ctx, i.Hash)
		_, take := s.Interactions.TakeInteraction(ctx, i.Hash, i.SessionID)
		if err := storetest.First(
			storetest.Want("Interaction", look, oidckit.ErrNotFound),
			storetest.Want("TakeInteraction", take, oidckit.ErrNotFound),
		); err != nil {
			return err
		}
	}
	return storetest.Want("CreateInteraction in an expired one's place", s.Interactions.CreateInteraction(ctx, expired), nil)
}

func interactionRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		i, err := waiting(ctx, s)
		if err != nil {
			return err
		}
		if err := storetest.OneWinner(storetest.Race(func(int) error {
			got, err := s.Interactions.TakeInteraction(ctx, i.Hash, i.SessionID)
			switch {
			case err == nil:
				return storetest.Same("TakeInteraction", got, i)
			case errors.Is(err, oidckit.ErrNotFound):
				return oidckit.ErrConsumed
			}
			return err
		}), oidckit.ErrConsumed); err != nil {
			return err
		}
		_, look := s.Interactions.Interaction(ctx, i.Hash)
		return storetest.Want("Interaction after it was taken", look, oidckit.ErrNotFound)
	})
}

func interactionForeign(ctx context.Context, s opstore.Set) error {
	i, err := waiting(ctx, s)
	if err != nil {
		return err
	}
	for _, session := range []string{"", "other", i.SessionID + " ", i.SessionID + "\x00", "%"} {
		_, take := s.Interactions.TakeInteraction(ctx, i.Hash, session)
		if err := storetest.Want(fmt.Sprintf("TakeInteraction of session %q", session), take, oidckit.ErrNotFound); err != nil {
			return err
		}
	}
	_, take := s.Interactions.TakeInteraction(ctx, i.Hash, i.SessionID)
	_, again := s.Interactions.TakeInteraction(ctx, i.Hash, i.SessionID)
	if errors.Is(again, oidckit.ErrConsumed) {
		again = oidckit.ErrNotFound
	}
	return storetest.First(
		storetest.Want("TakeInteraction of its own session", take, nil),
		storetest.Want("second TakeInteraction", again, oidckit.ErrNotFound),
	)
}

func interactionCopies(ctx context.Context, s opstore.Set) error {
	i := newInteraction()
	want := storetest.Clone(i)
	if err := s.Interactions.CreateInteraction(ctx, i); err != nil {
		return err
	}
	storetest.Clobber(i)
	for range 2 {
		got, err := s.Interactions.Interaction(ctx, want.Hash)
		if err := storetest.First(err, storetest.Same("Interaction", got, want)); err != nil {
			return err
		}
		storetest.Clobber(got)
	}
	return nil
}

func interactionCancelled(ctx context.Context, s opstore.Set) error {
	gone := storetest.Cancelled(ctx)
	i := newInteraction()
	create := s.Interactions.CreateInteraction(gone, i)
	if err := s.Interactions.CreateInteraction(ctx, i); err != nil {
		return err
	}
	_, look := s.Interactions.Interaction(gone, i.Hash)
	_, take := s.Interactions.TakeInteraction(gone, i.Hash, i.SessionID)
	_, after := s.Interactions.TakeInteraction(ctx, i.Hash, i.SessionID)
	return storetest.First(
		storetest.Want("CreateInteraction", create, context.Canceled),
		storetest.Want("Interaction", look, context.Canceled),
		storetest.Want("TakeInteraction", take, context.Canceled),
		storetest.Want("TakeInteraction afterwards", after, nil),
	)
}
