package opstoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func grantRaceChecks() []check {
	return []check{
		{Name: "exactly one call rotates a token, and one successor lives", Run: grantRotateRace},
		{Name: "exactly one call creates a grant", Run: grantCreateRace},
		{Name: "exactly one revocation gets a grant", Run: grantRevokeRace},
		{Name: "a rotation that meets a revocation leaves no live token", Run: grantRotateRevokeRace},
		{Name: "a creation that meets a revocation leaves no live grant", Run: grantCreateRevokeRace},
	}
}

func grantRotateRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		g, first, err := created(ctx, s)
		if err != nil {
			return err
		}
		successors := make([]*opstore.RefreshToken, storetest.Racers)
		errs := storetest.Race(func(i int) error {
			successors[i] = newToken(g)
			return s.Grants.RotateRefreshToken(ctx, first.Hash, successors[i], []byte{byte(i)}, time.Now())
		})
		if err := storetest.OneWinner(errs, oidckit.ErrConsumed); err != nil {
			return err
		}
		winner := slices.Index(errs, nil)
		spent, _, err := s.Grants.RefreshToken(ctx, first.Hash)
		if err != nil {
			return err
		}
		if spent.Successor != successors[winner].Hash || !slices.Equal(spent.SealedSuccessor, []byte{byte(winner)}) {
			return errors.New("the spent token names another successor than the winner's")
		}
		for i, next := range successors {
			want := oidckit.ErrNotFound
			if i == winner {
				want = nil
			}
			if err := tokenIs(ctx, s, next.Hash, want); err != nil {
				return err
			}
		}
		return nil
	})
}

func grantCreateRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		g, _ := newGrant()
		tokens := make([]*opstore.RefreshToken, storetest.Racers)
		errs := storetest.Race(func(i int) error {
			tokens[i] = newToken(g)
			return s.Grants.CreateGrant(ctx, g, tokens[i])
		})
		if err := storetest.OneWinner(errs, oidckit.ErrConflict); err != nil {
			return err
		}
		for i, token := range tokens {
			want := oidckit.ErrNotFound
			if errs[i] == nil {
				want = nil
			}
			if err := tokenIs(ctx, s, token.Hash, want); err != nil {
				return err
			}
		}
		return nil
	})
}

func grantRevokeRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		g, _, err := created(ctx, s)
		if err != nil {
			return err
		}
		selectors := []opstore.GrantSelector{{ID: g.ID}, {Subject: g.Authorization.Subject}, {SessionID: g.Authorization.SessionID}, {ClientID: g.ClientID}}
		got := make([][]string, storetest.Racers)
		errs := storetest.Race(func(i int) (err error) {
			got[i], err = s.Grants.RevokeGrants(ctx, selectors[i%len(selectors)], time.Now().Add(time.Minute))
			return err
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if ids := slices.Concat(got...); !slices.Equal(ids, []string{g.ID}) {
			return fmt.Errorf("revocations at once returned %q, want the grant once", ids)
		}
		return nil
	})
}

func grantRotateRevokeRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		g, first, err := created(ctx, s)
		if err != nil {
			return err
		}
		sel := opstore.GrantSelector{ID: g.ID}
		if time.Now().UnixNano()%2 == 0 {
			sel = opstore.GrantSelector{Subject: g.Authorization.Subject}
		}
		var mu sync.Mutex
		seen := []oidckit.TokenHash{first.Hash}
		errs := storetest.Race(func(i int) error {
			if i == storetest.Racers/2 {
				return revokes(ctx, s, sel, time.Now().Add(time.Hour), g.ID)
			}
			mu.Lock()
			last := seen[len(seen)-1]
			mu.Unlock()
			next := newToken(g)
			err := s.Grants.RotateRefreshToken(ctx, last, next, nil, time.Now())
			if errors.Is(err, oidckit.ErrConsumed) || errors.Is(err, oidckit.ErrNotFound) {
				err = nil
			}
			mu.Lock()
			seen = append(seen, next.Hash)
			mu.Unlock()
			return err
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		for _, hash := range seen {
			if err := storetest.First(
				tokenIs(ctx, s, hash, oidckit.ErrNotFound),
				storetest.Want("RotateRefreshToken after the revocation", s.Grants.RotateRefreshToken(ctx, hash, newToken(g), nil, time.Now()), oidckit.ErrNotFound),
			); err != nil {
				return err
			}
		}
		return nil
	})
}

func grantCreateRevokeRace(ctx context.Context, s opstore.Set) error {
	for range 4 * storetest.Rounds {
		g, first := newGrant()
		var create error
		var ids []string
		errs := storetest.Race(func(i int) (err error) {
			switch i {
			case 0:
				create = s.Grants.CreateGrant(ctx, g, first)
			case 1:
				ids, err = s.Grants.RevokeGrants(ctx, opstore.GrantSelector{ID: g.ID}, time.Now().Add(time.Hour))
			}
			return err
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if create != nil && !errors.Is(create, oidckit.ErrConsumed) {
			return fmt.Errorf("CreateGrant against RevokeGrants: got error %v, want nil or %v", create, oidckit.ErrConsumed)
		}
		if ended := len(ids) == 1; ended != (create == nil) {
			return fmt.Errorf("CreateGrant returned %v and RevokeGrants %q: no order of the two explains that", create, ids)
		}
		if err := storetest.First(
			tokenIs(ctx, s, first.Hash, oidckit.ErrNotFound),
			storetest.Want("CreateGrant after the race", s.Grants.CreateGrant(ctx, g, first), oidckit.ErrConsumed),
		); err != nil {
			return err
		}
	}
	return nil
}
