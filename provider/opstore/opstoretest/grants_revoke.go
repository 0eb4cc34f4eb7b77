package opstoretest

import (
	"context"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func grantSelectors(ctx context.Context, s opstore.Set) error {
	for _, c := range []struct {
		sel  opstore.GrantSelector
		want []string
	}{
		{opstore.GrantSelector{ID: "g1"}, []string{"g1"}},
		{opstore.GrantSelector{ID: "g1", ClientID: "other"}, nil},
		{opstore.GrantSelector{ID: "g1", ClientID: "app", Subject: "ann", SessionID: "s1"}, []string{"g1"}},
		{opstore.GrantSelector{ClientID: "app"}, []string{"g1", "g2", "g3"}},
		{opstore.GrantSelector{Subject: "ann"}, []string{"g1", "g3", "g4"}},
		{opstore.GrantSelector{SessionID: "s1"}, []string{"g1", "g4"}},
		{opstore.GrantSelector{Subject: "ann", SessionID: "s1"}, []string{"g1", "g4"}},
		{opstore.GrantSelector{Subject: "ann", ClientID: "app"}, []string{"g1", "g3"}},
		{opstore.GrantSelector{ClientID: "other", Subject: "bob"}, nil},
		{opstore.GrantSelector{Subject: "an"}, nil},
		{opstore.GrantSelector{Subject: "%"}, nil},
		{opstore.GrantSelector{Subject: "a\x00\xff"}, nil},
	} {
		if err := grantSelector(ctx, s, c.sel, c.want); err != nil {
			return err
		}
	}
	return nil
}

// grantSelector stores four grants, revokes by one selector, sees who is left
// and revokes the rest.
func grantSelector(ctx context.Context, s opstore.Set, sel opstore.GrantSelector, want []string) error {
	// Past, so that the IDs can be used again.
	until := time.Now().Add(-time.Hour)
	tokens := map[string]oidckit.TokenHash{}
	for _, row := range [][4]string{{"g1", "app", "ann", "s1"}, {"g2", "app", "bob", "s2"}, {"g3", "app", "ann", ""}, {"g4", "other", "ann", "s1"}} {
		g, first := newGrant()
		g.ID, first.GrantID, g.Authorization.GrantID = row[0], row[0], row[0]
		g.ClientID, g.Authorization.Subject, g.Authorization.SessionID = row[1], row[2], row[3]
		if err := storetest.Want("CreateGrant", s.Grants.CreateGrant(ctx, g, first), nil); err != nil {
			return err
		}
		tokens[g.ID] = first.Hash
	}
	if err := revokes(ctx, s, sel, until, slices.Clone(want)...); err != nil {
		return err
	}
	for id, hash := range tokens {
		var left error
		if slices.Contains(want, id) {
			left = oidckit.ErrNotFound
		}
		if err := tokenIs(ctx, s, hash, left); err != nil {
			return err
		}
		if _, err := s.Grants.RevokeGrants(ctx, opstore.GrantSelector{ID: id}, until); err != nil {
			return err
		}
	}
	return nil
}

func grantZeroSelector(ctx context.Context, s opstore.Set) error {
	g, first := newGrant()
	g.Authorization.Subject, g.Authorization.SessionID, g.ClientID = "", "", ""
	if err := s.Grants.CreateGrant(ctx, g, first); err != nil {
		return err
	}
	return storetest.First(
		revokes(ctx, s, opstore.GrantSelector{}, time.Now().Add(time.Hour)),
		tokenIs(ctx, s, first.Hash, nil),
	)
}

func grantPrevented(ctx context.Context, s opstore.Set) error {
	g, first := newGrant()
	sel := opstore.GrantSelector{ID: g.ID}
	far := time.Now().Add(time.Hour)
	if err := storetest.First(
		revokes(ctx, s, sel, far),
		// A second call never shortens the time.
		revokes(ctx, s, sel, time.Now().Add(-time.Hour)),
		storetest.Want("CreateGrant of a revoked ID", s.Grants.CreateGrant(ctx, g, first), oidckit.ErrConsumed),
		tokenIs(ctx, s, first.Hash, oidckit.ErrNotFound),
	); err != nil {
		return err
	}
	ended, token := newGrant()
	if err := storetest.First(
		s.Grants.CreateGrant(ctx, ended, token),
		revokes(ctx, s, opstore.GrantSelector{ID: ended.ID}, far, ended.ID),
		storetest.Want("CreateGrant of a grant that was revoked", s.Grants.CreateGrant(ctx, ended, token), oidckit.ErrConsumed),
		tokenIs(ctx, s, token.Hash, oidckit.ErrNotFound),
	); err != nil {
		return err
	}
	brief, later := newGrant()
	until := time.Now().Add(30 * time.Millisecond)
	if err := revokes(ctx, s, opstore.GrantSelector{ID: brief.ID}, until); err != nil {
		return err
	}
	storetest.WaitFor(until)
	return storetest.Want("CreateGrant after the given time", s.Grants.CreateGrant(ctx, brief, later), nil)
}

func grantCopies(ctx context.Context, s opstore.Set) error {
	g, first := newGrant()
	wantGrant, wantFirst := storetest.Clone(g), storetest.Clone(first)
	if err := s.Grants.CreateGrant(ctx, g, first); err != nil {
		return err
	}
	storetest.Clobber(g)
	storetest.Clobber(first)
	next, sealed, at := newToken(wantGrant), []byte("sealed"), time.Now()
	wantNext := storetest.Clone(next)
	if err := s.Grants.RotateRefreshToken(ctx, wantFirst.Hash, next, sealed, at); err != nil {
		return err
	}
	storetest.Clobber(next)
	clear(sealed)
	wantFirst.ConsumedAt, wantFirst.Successor, wantFirst.SealedSuccessor = at, wantNext.Hash, []byte("sealed")
	for range 2 {
		for _, want := range []*opstore.RefreshToken{wantFirst, wantNext} {
			gotToken, gotGrant, err := s.Grants.RefreshToken(ctx, want.Hash)
			if err != nil {
				return err
			}
			if err := storetest.First(storetest.Same("RefreshToken", gotToken, want), storetest.Same("Grant", gotGrant, wantGrant)); err != nil {
				return err
			}
			storetest.Clobber(gotToken)
			storetest.Clobber(gotGrant)
		}
	}
	return nil
}

func grantCancelled(ctx context.Context, s opstore.Set) error {
	ended := storetest.Cancelled(ctx)
	g, first := newGrant()
	create := s.Grants.CreateGrant(ended, g, first)
	if err := storetest.Want("CreateGrant afterwards", s.Grants.CreateGrant(ctx, g, first), nil); err != nil {
		return err
	}
	_, _, look := s.Grants.RefreshToken(ended, first.Hash)
	rotate := s.Grants.RotateRefreshToken(ended, first.Hash, newToken(g), nil, time.Now())
	_, revoke := s.Grants.RevokeGrants(ended, opstore.GrantSelector{ID: g.ID}, time.Now())
	return storetest.First(
		storetest.Want("CreateGrant", create, context.Canceled),
		storetest.Want("RefreshToken", look, context.Canceled),
		storetest.Want("RotateRefreshToken", rotate, context.Canceled),
		storetest.Want("RevokeGrants", revoke, context.Canceled),
		storetest.Want("RotateRefreshToken afterwards", s.Grants.RotateRefreshToken(ctx, first.Hash, newToken(g), nil, time.Now()), nil),
	)
}
