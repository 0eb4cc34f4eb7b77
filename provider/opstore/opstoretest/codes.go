package opstoretest

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func codeChecks() []check {
	return []check{
		{Name: "a code is returned with every field", Run: codeFields},
		{Name: "a hash is taken by a live code and by a spent one", Run: codeConflict},
		{Name: "an unknown code is not found", Run: codeUnknown},
		{Name: "exactly one call consumes a code", Run: codeRace},
		{Name: "a spent code is told with what is remembered of it", Run: codeSpent},
		{Name: "an expired code is not found, however long its use is remembered", Run: codeExpired},
		{Name: "a spent code is remembered beyond its expiry", Run: codeRemembered},
		{Name: "after KeepUntil a spent code is not found", Run: codeForgotten},
		{Name: "codes are copied in and out", Run: codeCopies},
		{Name: "an ended context stops the call and spends nothing", Run: codeCancelled},
	}
}

func newCode() *opstore.Code {
	c := storetest.Fill(&opstore.Code{})
	c.ExpiresAt = time.Now().Add(time.Minute)
	c.KeepUntil = time.Now().Add(time.Hour)
	return c
}

func codeFields(ctx context.Context, s opstore.Set) error {
	c := newCode()
	if err := s.Codes.CreateCode(ctx, c); err != nil {
		return err
	}
	got, err := s.Codes.Code(ctx, c.Hash)
	if err != nil {
		return err
	}
	if err := storetest.Same("Code", got, c); err != nil {
		return err
	}
	got, err = s.Codes.ConsumeCode(ctx, c.Hash)
	if err != nil {
		return err
	}
	return storetest.Same("ConsumeCode", got, c)
}

func codeConflict(ctx context.Context, s opstore.Set) error {
	c := newCode()
	first := s.Codes.CreateCode(ctx, c)
	again := newCode()
	again.Hash = c.Hash
	second := s.Codes.CreateCode(ctx, again)
	got, consumed := s.Codes.ConsumeCode(ctx, c.Hash)
	if err := storetest.First(
		storetest.Want("CreateCode", first, nil),
		storetest.Want("CreateCode with the same hash", second, oidckit.ErrConflict),
		storetest.Want("ConsumeCode", consumed, nil),
		storetest.Want("CreateCode with the hash of a spent code", s.Codes.CreateCode(ctx, again), oidckit.ErrConflict),
	); err != nil {
		return err
	}
	return storetest.Same("the code after a conflict", got, c)
}

func codeUnknown(ctx context.Context, s opstore.Set) error {
	hash := newCode().Hash
	_, looked := s.Codes.Code(ctx, hash)
	_, consumed := s.Codes.ConsumeCode(ctx, hash)
	return storetest.First(
		storetest.Want("Code", looked, oidckit.ErrNotFound),
		storetest.Want("ConsumeCode", consumed, oidckit.ErrNotFound),
	)
}

func codeRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		c := newCode()
		if err := s.Codes.CreateCode(ctx, c); err != nil {
			return err
		}
		return storetest.OneWinner(storetest.Race(func(int) error {
			got, err := s.Codes.ConsumeCode(ctx, c.Hash)
			want := c
			if err != nil {
				want = c.Spent()
			}
			if same := storetest.Same("ConsumeCode", got, want); same != nil {
				return storetest.First(storetest.Want("ConsumeCode", err, oidckit.ErrConsumed), same)
			}
			return err
		}), oidckit.ErrConsumed)
	})
}

func codeSpent(ctx context.Context, s opstore.Set) error {
	c := newCode()
	if err := s.Codes.CreateCode(ctx, c); err != nil {
		return err
	}
	if _, err := s.Codes.ConsumeCode(ctx, c.Hash); err != nil {
		return err
	}
	looked, lookedErr := s.Codes.Code(ctx, c.Hash)
	again, againErr := s.Codes.ConsumeCode(ctx, c.Hash)
	if err := storetest.First(
		storetest.Want("Code of a spent code", lookedErr, oidckit.ErrConsumed),
		storetest.Want("second ConsumeCode", againErr, oidckit.ErrConsumed),
	); err != nil {
		return err
	}
	return storetest.First(
		storetest.Same("Code of a spent code", looked, c.Spent()),
		storetest.Same("second ConsumeCode", again, c.Spent()),
	)
}

func codeExpired(ctx context.Context, s opstore.Set) error {
	c := newCode()
	c.ExpiresAt = time.Now().Add(-time.Second)
	created := s.Codes.CreateCode(ctx, c)
	_, looked := s.Codes.Code(ctx, c.Hash)
	_, consumed := s.Codes.ConsumeCode(ctx, c.Hash)
	_, again := s.Codes.ConsumeCode(ctx, c.Hash)
	return storetest.First(
		storetest.Want("CreateCode", created, nil),
		storetest.Want("Code", looked, oidckit.ErrNotFound),
		storetest.Want("ConsumeCode", consumed, oidckit.ErrNotFound),
		storetest.Want("second ConsumeCode", again, oidckit.ErrNotFound),
		storetest.Want("CreateCode in an expired one's place", s.Codes.CreateCode(ctx, c), nil),
	)
}

func codeRemembered(ctx context.Context, s opstore.Set) error {
	return shortLivedCode(ctx, s, time.Hour, func(c *opstore.Code) error {
		got, consumed := s.Codes.ConsumeCode(ctx, c.Hash)
		_, looked := s.Codes.Code(ctx, c.Hash)
		if err := storetest.First(
			storetest.Want("Code after ExpiresAt", looked, oidckit.ErrConsumed),
			storetest.Want("ConsumeCode after ExpiresAt", consumed, oidckit.ErrConsumed),
		); err != nil {
			return err
		}
		return storetest.Same("ConsumeCode after ExpiresAt", got, c.Spent())
	})
}

func codeForgotten(ctx context.Context, s opstore.Set) error {
	return shortLivedCode(ctx, s, 0, func(c *opstore.Code) error {
		_, consumed := s.Codes.ConsumeCode(ctx, c.Hash)
		_, looked := s.Codes.Code(ctx, c.Hash)
		return storetest.First(
			storetest.Want("ConsumeCode after KeepUntil", consumed, oidckit.ErrNotFound),
			storetest.Want("Code after KeepUntil", looked, oidckit.ErrNotFound),
			storetest.Want("CreateCode in a forgotten one's place", s.Codes.CreateCode(ctx, c), nil),
		)
	})
}

// shortLivedCode calls fn when a code that was spent in time has expired.
func shortLivedCode(ctx context.Context, s opstore.Set, keep time.Duration, fn func(*opstore.Code) error) error {
	return storetest.ShortLived(func(lifetime time.Duration) error {
		c := newCode()
		c.ExpiresAt = time.Now().Add(lifetime)
		c.KeepUntil = c.ExpiresAt.Add(keep)
		if err := s.Codes.CreateCode(ctx, c); err != nil {
			return err
		}
		if _, err := s.Codes.ConsumeCode(ctx, c.Hash); err != nil {
			if time.Now().After(c.ExpiresAt) {
				return storetest.ErrTooSlow
			}
			return err
		}
		storetest.WaitFor(c.ExpiresAt)
		return fn(c)
	})
}

func codeCopies(ctx context.Context, s opstore.Set) error {
	c := newCode()
	want := storetest.Clone(c)
	if err := s.Codes.CreateCode(ctx, c); err != nil {
		return err
	}
	storetest.Clobber(c)
	for range 2 {
		got, err := s.Codes.Code(ctx, want.Hash)
		if err != nil {
			return err
		}
		if err := storetest.Same("Code", got, want); err != nil {
			return err
		}
		storetest.Clobber(got)
	}
	for _, wantErr := range []error{nil, oidckit.ErrConsumed, oidckit.ErrConsumed} {
		got, err := s.Codes.ConsumeCode(ctx, want.Hash)
		if err := storetest.Want("ConsumeCode", err, wantErr); err != nil {
			return err
		}
		expected := want
		if wantErr != nil {
			expected = want.Spent()
		}
		if err := storetest.Same("ConsumeCode", got, expected); err != nil {
			return err
		}
		storetest.Clobber(got)
	}
	return nil
}

func codeCancelled(ctx context.Context, s opstore.Set) error {
	c := newCode()
	ended := storetest.Cancelled(ctx)
	create := s.Codes.CreateCode(ended, c)
	if err := s.Codes.CreateCode(ctx, c); err != nil {
		return err
	}
	_, look := s.Codes.Code(ended, c.Hash)
	_, consume := s.Codes.ConsumeCode(ended, c.Hash)
	_, after := s.Codes.ConsumeCode(ctx, c.Hash)
	return storetest.First(
		storetest.Want("CreateCode", create, context.Canceled),
		storetest.Want("Code", look, context.Canceled),
		storetest.Want("ConsumeCode", consume, context.Canceled),
		storetest.Want("ConsumeCode afterwards", after, nil),
	)
}
