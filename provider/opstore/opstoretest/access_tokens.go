package opstoretest

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func accessTokenChecks() []check {
	return []check{
		{Name: "an access token is returned with every field, as often as it is asked for", Run: accessTokenFields},
		{Name: "a hash is taken by a live access token", Run: accessTokenConflict},
		{Name: "of calls at once exactly one stores an access token", Run: accessTokenRace},
		{Name: "an expired access token is not found, and its hash is free", Run: accessTokenExpired},
		{Name: "an access token ends by itself", Run: accessTokenEnds},
		{Name: "access tokens are copied in and out", Run: accessTokenCopies},
		{Name: "an ended context stops the call and stores nothing", Run: accessTokenCancelled},
	}
}

func newAccessToken() *opstore.AccessToken {
	t := storetest.Fill(&opstore.AccessToken{})
	t.ExpiresAt = time.Now().Add(time.Hour)
	return t
}

// accessTokenIs looks a token up; nil stands for ErrNotFound.
func accessTokenIs(ctx context.Context, s opstore.Set, hash oidckit.TokenHash, want *opstore.AccessToken) error {
	got, err := s.AccessTokens.AccessToken(ctx, hash)
	if want == nil {
		return storetest.Want("AccessToken", err, oidckit.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return storetest.Same("AccessToken", got, want)
}

func accessTokenFields(ctx context.Context, s opstore.Set) error {
	t := newAccessToken()
	return storetest.First(
		accessTokenIs(ctx, s, t.Hash, nil),
		s.AccessTokens.CreateAccessToken(ctx, t),
		accessTokenIs(ctx, s, t.Hash, t),
		accessTokenIs(ctx, s, t.Hash, t),
		accessTokenIs(ctx, s, newAccessToken().Hash, nil),
	)
}

func accessTokenConflict(ctx context.Context, s opstore.Set) error {
	t, again := newAccessToken(), newAccessToken()
	again.Hash = t.Hash
	return storetest.First(
		s.AccessTokens.CreateAccessToken(ctx, t),
		storetest.Want("CreateAccessToken with the same hash", s.AccessTokens.CreateAccessToken(ctx, again), oidckit.ErrConflict),
		accessTokenIs(ctx, s, t.Hash, t),
	)
}

func accessTokenRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		hash := newAccessToken().Hash
		return storetest.OneWinner(storetest.Race(func(int) error {
			t := newAccessToken()
			t.Hash = hash
			return s.AccessTokens.CreateAccessToken(ctx, t)
		}), oidckit.ErrConflict)
	})
}

func accessTokenExpired(ctx context.Context, s opstore.Set) error {
	t := newAccessToken()
	t.ExpiresAt = time.Now().Add(-time.Second)
	again := newAccessToken()
	again.Hash = t.Hash
	return storetest.First(
		s.AccessTokens.CreateAccessToken(ctx, t),
		accessTokenIs(ctx, s, t.Hash, nil),
		storetest.Want("CreateAccessToken in an expired one's place", s.AccessTokens.CreateAccessToken(ctx, again), nil),
		accessTokenIs(ctx, s, t.Hash, again),
	)
}

func accessTokenEnds(ctx context.Context, s opstore.Set) error {
	t := newAccessToken()
	t.ExpiresAt = time.Now().Add(40 * time.Millisecond)
	if err := s.AccessTokens.CreateAccessToken(ctx, t); err != nil {
		return err
	}
	storetest.WaitFor(t.ExpiresAt)
	return accessTokenIs(ctx, s, t.Hash, nil)
}

func accessTokenCopies(ctx context.Context, s opstore.Set) error {
	t := newAccessToken()
	want := storetest.Clone(t)
	if err := s.AccessTokens.CreateAccessToken(ctx, t); err != nil {
		return err
	}
	t.Audience[0], t.Scope[0], t.Authorization.Scope[0] = "changed", "changed", "changed"
	got, err := s.AccessTokens.AccessToken(ctx, t.Hash)
	if err != nil {
		return err
	}
	got.Audience[0], got.Scope[0] = "changed", "changed"
	return accessTokenIs(ctx, s, t.Hash, want)
}

func accessTokenCancelled(ctx context.Context, s opstore.Set) error {
	gone, t := storetest.Cancelled(ctx), newAccessToken()
	_, look := s.AccessTokens.AccessToken(gone, t.Hash)
	return storetest.First(
		storetest.Want("CreateAccessToken", s.AccessTokens.CreateAccessToken(gone, t), context.Canceled),
		storetest.Want("AccessToken", look, context.Canceled),
		accessTokenIs(ctx, s, t.Hash, nil),
	)
}

func issuersAccessTokens(ctx context.Context, p pair) error {
	t, other := newAccessToken(), newAccessToken()
	other.Hash = t.Hash
	return storetest.First(
		p.a.AccessTokens.CreateAccessToken(ctx, t),
		accessTokenIs(ctx, p.b, t.Hash, nil),
		storetest.Want("CreateAccessToken with another issuer's hash", p.b.AccessTokens.CreateAccessToken(ctx, other), nil),
		accessTokenIs(ctx, p.a, t.Hash, t),
		accessTokenIs(ctx, p.b, t.Hash, other),
	)
}
