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

func grantChecks() []check {
	return []check{
		{Name: "a token and its grant are returned with every field", Run: grantFields},
		{Name: "a grant that exists is a conflict, and nothing of it is stored", Run: grantConflict},
		{Name: "a grant whose first token's hash is taken is not stored", Run: grantTokenConflict},
		{Name: "an unknown token is not found and does not rotate", Run: grantUnknown},
		{Name: "rotation spends the token, records its successor and stores it", Run: grantRotate},
		{Name: "a rotation whose successor's hash is taken spends nothing", Run: grantRotateConflict},
		{Name: "a spent token does not rotate again", Run: grantRotateTwice},
		{Name: "an expired token, live or spent, is not found", Run: grantTokenExpired},
		{Name: "tokens of an expired grant are not found", Run: grantExpired},
		{Name: "a revoked grant's tokens, live or spent, are not found", Run: grantRevoked},
		{Name: "a selector matches grants by every field that is set", Run: grantSelectors},
		{Name: "grants are listed by every field that is set, page by page", Run: grantList},
		{Name: "the zero selector matches none", Run: grantZeroSelector},
		{Name: "a grant whose ID was revoked cannot be created until the given time", Run: grantPrevented},
		{Name: "grants are copied in and out", Run: grantCopies},
		{Name: "an ended context stops the call and changes nothing", Run: grantCancelled},
	}
}

func newGrant() (*opstore.Grant, *opstore.RefreshToken) {
	g := storetest.Fill(&opstore.Grant{})
	g.Authorization.GrantID = g.ID
	g.ExpiresAt = time.Now().Add(time.Hour)
	return g, newToken(g)
}

func newToken(g *opstore.Grant) *opstore.RefreshToken {
	t := storetest.Fill(&opstore.RefreshToken{})
	return &opstore.RefreshToken{Hash: t.Hash, GrantID: g.ID, ExpiresAt: time.Now().Add(30 * time.Minute)}
}

// created stores a new grant.
func created(ctx context.Context, s opstore.Set) (*opstore.Grant, *opstore.RefreshToken, error) {
	g, first := newGrant()
	err := s.Grants.CreateGrant(ctx, g, first)
	return g, first, storetest.Want("CreateGrant", err, nil)
}

func tokenIs(ctx context.Context, s opstore.Set, hash oidckit.TokenHash, want error) error {
	_, _, err := s.Grants.RefreshToken(ctx, hash)
	return storetest.Want("RefreshToken", err, want)
}

func grantFields(ctx context.Context, s opstore.Set) error {
	g, first, err := created(ctx, s)
	if err != nil {
		return err
	}
	gotToken, gotGrant, err := s.Grants.RefreshToken(ctx, first.Hash)
	if err != nil {
		return err
	}
	return storetest.First(storetest.Same("RefreshToken", gotToken, first), storetest.Same("Grant", gotGrant, g))
}

func grantConflict(ctx context.Context, s opstore.Set) error {
	g, first, err := created(ctx, s)
	if err != nil {
		return err
	}
	again, second := newGrant()
	again.ID, second.GrantID = g.ID, g.ID
	if err := storetest.Want("CreateGrant with a taken ID", s.Grants.CreateGrant(ctx, again, second), oidckit.ErrConflict); err != nil {
		return err
	}
	_, got, err := s.Grants.RefreshToken(ctx, first.Hash)
	if err != nil {
		return err
	}
	return storetest.First(storetest.Same("Grant", got, g), tokenIs(ctx, s, second.Hash, oidckit.ErrNotFound))
}

func grantTokenConflict(ctx context.Context, s opstore.Set) error {
	g, first, err := created(ctx, s)
	if err != nil {
		return err
	}
	other, clash := newGrant()
	fresh := newToken(other)
	clash.Hash = first.Hash
	if err := storetest.Want("CreateGrant with a taken token hash", s.Grants.CreateGrant(ctx, other, clash), oidckit.ErrConflict); err != nil {
		return err
	}
	_, got, err := s.Grants.RefreshToken(ctx, first.Hash)
	if err != nil {
		return err
	}
	return storetest.First(
		storetest.Same("Grant", got, g),
		storetest.Want("CreateGrant of the grant that was not stored", s.Grants.CreateGrant(ctx, other, fresh), nil),
	)
}

func grantUnknown(ctx context.Context, s opstore.Set) error {
	g, unknown := newGrant()
	next := newToken(g)
	return storetest.First(
		tokenIs(ctx, s, unknown.Hash, oidckit.ErrNotFound),
		storetest.Want("RotateRefreshToken", s.Grants.RotateRefreshToken(ctx, unknown.Hash, next, nil, time.Now()), oidckit.ErrNotFound),
		tokenIs(ctx, s, next.Hash, oidckit.ErrNotFound),
	)
}

func grantRotate(ctx context.Context, s opstore.Set) error {
	g, first, err := created(ctx, s)
	if err != nil {
		return err
	}
	next, at, sealed := newToken(g), time.Now().Add(-time.Second), []byte("sealed\x00\xff")
	if err := s.Grants.RotateRefreshToken(ctx, first.Hash, next, sealed, at); err != nil {
		return err
	}
	spent, gotGrant, err := s.Grants.RefreshToken(ctx, first.Hash)
	if err != nil {
		return err
	}
	live, _, err := s.Grants.RefreshToken(ctx, next.Hash)
	if err != nil {
		return err
	}
	want := *first
	want.ConsumedAt, want.Successor, want.SealedSuccessor = at, next.Hash, sealed
	return storetest.First(
		storetest.Same("spent token", spent, &want),
		storetest.Same("its grant", gotGrant, g),
		storetest.Same("successor", live, next),
	)
}

func grantRotateConflict(ctx context.Context, s opstore.Set) error {
	g, first, err := created(ctx, s)
	if err != nil {
		return err
	}
	_, other, err := created(ctx, s)
	if err != nil {
		return err
	}
	clash := newToken(g)
	clash.Hash = other.Hash
	if err := storetest.Want("RotateRefreshToken to a taken hash", s.Grants.RotateRefreshToken(ctx, first.Hash, clash, nil, time.Now()), oidckit.ErrConflict); err != nil {
		return err
	}
	got, _, err := s.Grants.RefreshToken(ctx, first.Hash)
	if err != nil {
		return err
	}
	return storetest.Same("token after a rotation that failed", got, first)
}

func grantRotateTwice(ctx context.Context, s opstore.Set) error {
	g, first, err := created(ctx, s)
	if err != nil {
		return err
	}
	next, late := newToken(g), newToken(g)
	at := time.Now()
	if err := s.Grants.RotateRefreshToken(ctx, first.Hash, next, []byte("one"), at); err != nil {
		return err
	}
	if err := storetest.First(
		storetest.Want("second RotateRefreshToken", s.Grants.RotateRefreshToken(ctx, first.Hash, late, []byte("two"), at.Add(time.Hour)), oidckit.ErrConsumed),
		tokenIs(ctx, s, late.Hash, oidckit.ErrNotFound),
		tokenIs(ctx, s, next.Hash, nil),
	); err != nil {
		return err
	}
	spent, _, err := s.Grants.RefreshToken(ctx, first.Hash)
	if err != nil {
		return err
	}
	want := *first
	want.ConsumedAt, want.Successor, want.SealedSuccessor = at, next.Hash, []byte("one")
	return storetest.Same("spent token after a second rotation", spent, &want)
}

func grantTokenExpired(ctx context.Context, s opstore.Set) error {
	g, first := newGrant()
	first.ExpiresAt = time.Now().Add(-time.Second)
	if err := s.Grants.CreateGrant(ctx, g, first); err != nil {
		return err
	}
	if err := storetest.First(
		tokenIs(ctx, s, first.Hash, oidckit.ErrNotFound),
		storetest.Want("RotateRefreshToken of an expired token", s.Grants.RotateRefreshToken(ctx, first.Hash, newToken(g), nil, time.Now()), oidckit.ErrNotFound),
	); err != nil {
		return err
	}
	return storetest.ShortLived(func(lifetime time.Duration) error {
		g, first := newGrant()
		first.ExpiresAt = time.Now().Add(lifetime)
		if err := s.Grants.CreateGrant(ctx, g, first); err != nil {
			return err
		}
		next := newToken(g)
		if err := s.Grants.RotateRefreshToken(ctx, first.Hash, next, nil, time.Now()); err != nil {
			if time.Now().After(first.ExpiresAt) {
				return storetest.ErrTooSlow
			}
			return err
		}
		storetest.WaitFor(first.ExpiresAt)
		return storetest.First(
			tokenIs(ctx, s, first.Hash, oidckit.ErrNotFound),
			storetest.Want("RotateRefreshToken of a spent, expired token", s.Grants.RotateRefreshToken(ctx, first.Hash, newToken(g), nil, time.Now()), oidckit.ErrNotFound),
			tokenIs(ctx, s, next.Hash, nil),
		)
	})
}

func grantExpired(ctx context.Context, s opstore.Set) error {
	g, first := newGrant()
	g.ExpiresAt = time.Now().Add(-time.Second)
	if err := s.Grants.CreateGrant(ctx, g, first); err != nil {
		return err
	}
	again, second := newGrant()
	again.ID, second.GrantID = g.ID, g.ID
	ids, err := s.Grants.RevokeGrants(ctx, opstore.GrantSelector{Subject: g.Authorization.Subject}, time.Now())
	if err != nil || len(ids) != 0 {
		return fmt.Errorf("RevokeGrants of an expired grant: got %q, %v, want none", ids, err)
	}
	return storetest.First(
		tokenIs(ctx, s, first.Hash, oidckit.ErrNotFound),
		storetest.Want("RotateRefreshToken in an expired grant", s.Grants.RotateRefreshToken(ctx, first.Hash, newToken(g), nil, time.Now()), oidckit.ErrNotFound),
		storetest.Want("CreateGrant in an expired one's place", s.Grants.CreateGrant(ctx, again, second), nil),
		tokenIs(ctx, s, second.Hash, nil),
		tokenIs(ctx, s, first.Hash, oidckit.ErrNotFound),
	)
}

func grantRevoked(ctx context.Context, s opstore.Set) error {
	g, first, err := created(ctx, s)
	if err != nil {
		return err
	}
	next := newToken(g)
	if err := s.Grants.RotateRefreshToken(ctx, first.Hash, next, nil, time.Now()); err != nil {
		return err
	}
	until := time.Now().Add(time.Hour)
	if err := revokes(ctx, s, opstore.GrantSelector{ID: g.ID}, until, g.ID); err != nil {
		return err
	}
	if err := revokes(ctx, s, opstore.GrantSelector{ID: g.ID}, until); err != nil {
		return err
	}
	for _, hash := range []oidckit.TokenHash{first.Hash, next.Hash} {
		if err := storetest.First(
			tokenIs(ctx, s, hash, oidckit.ErrNotFound),
			storetest.Want("RotateRefreshToken in a revoked grant", s.Grants.RotateRefreshToken(ctx, hash, newToken(g), nil, time.Now()), oidckit.ErrNotFound),
		); err != nil {
			return err
		}
	}
	return nil
}

// revokes returns an error unless the selector ends exactly the given grants.
func revokes(ctx context.Context, s opstore.Set, sel opstore.GrantSelector, until time.Time, want ...string) error {
	got, err := s.Grants.RevokeGrants(ctx, sel, until)
	if err != nil {
		return err
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("RevokeGrants(%+v) returned %q, want %q", sel, got, want)
	}
	return nil
}
