package opstoretest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func revocationChecks() []check {
	return []check{
		{Name: "what was revoked is denied, alone and among others", Run: revocationDenied},
		{Name: "a second call never shortens the time, and can lengthen it", Run: revocationLonger},
		{Name: "a revocation ends", Run: revocationEnds},
		{Name: "IDs are told apart exactly, whatever their bytes", Run: revocationIDs},
		{Name: "calls at once for one ID all succeed", Run: revocationRace},
		{Name: "an ended context stops the call and changes nothing", Run: revocationCancelled},
	}
}

func revokedIs(ctx context.Context, s opstore.Set, want bool, ids ...string) error {
	got, err := s.Revocations.Revoked(ctx, ids...)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("Revoked(%.60q) is %v, want %v", ids, got, want)
	}
	return nil
}

func revocationDenied(ctx context.Context, s opstore.Set) error {
	id, other := opstore.RevokedTokenID("one"), opstore.RevokedGrantID("one")
	return storetest.First(
		revokedIs(ctx, s, false, id, other),
		s.Revocations.Revoke(ctx, id, time.Now().Add(time.Hour)),
		revokedIs(ctx, s, true, id),
		revokedIs(ctx, s, false, other),
		revokedIs(ctx, s, true, other, "third", id),
		revokedIs(ctx, s, false),
	)
}

func revocationLonger(ctx context.Context, s opstore.Set) error {
	past, far := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	return storetest.First(
		s.Revocations.Revoke(ctx, "kept", far),
		s.Revocations.Revoke(ctx, "kept", past),
		revokedIs(ctx, s, true, "kept"),
		s.Revocations.Revoke(ctx, "late", past),
		revokedIs(ctx, s, false, "late"),
		s.Revocations.Revoke(ctx, "late", far),
		revokedIs(ctx, s, true, "late"),
	)
}

func revocationEnds(ctx context.Context, s opstore.Set) error {
	until := time.Now().Add(40 * time.Millisecond)
	if err := s.Revocations.Revoke(ctx, "brief", until); err != nil {
		return err
	}
	storetest.WaitFor(until)
	return revokedIs(ctx, s, false, "brief")
}

func revocationIDs(ctx context.Context, s opstore.Set) error {
	long := strings.Repeat("x", 20_000)
	ids := []string{"a", "A", "a ", "a\x00", "\xff", "\xfe", "", "ä", "a\u0308", long, long + "x"}
	for i, id := range ids {
		if err := storetest.First(
			revokedIs(ctx, s, false, ids[i:]...),
			storetest.Want("Revoke", s.Revocations.Revoke(ctx, id, time.Now().Add(time.Hour)), nil),
			revokedIs(ctx, s, true, id),
		); err != nil {
			return err
		}
	}
	return nil
}

func revocationRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		id := newCode().Hash.String()
		errs := storetest.Race(func(i int) error {
			// One call has the long time, and must not be overtaken by the others.
			until := time.Now().Add(-time.Minute)
			if i == storetest.Racers/2 {
				until = time.Now().Add(time.Hour)
			}
			return s.Revocations.Revoke(ctx, id, until)
		})
		return storetest.First(errors.Join(errs...), revokedIs(ctx, s, true, id))
	})
}

func revocationCancelled(ctx context.Context, s opstore.Set) error {
	gone := storetest.Cancelled(ctx)
	_, look := s.Revocations.Revoked(gone, "a")
	return storetest.First(
		storetest.Want("Revoke", s.Revocations.Revoke(gone, "a", time.Now().Add(time.Hour)), context.Canceled),
		storetest.Want("Revoked", look, context.Canceled),
		revokedIs(ctx, s, false, "a"),
	)
}
