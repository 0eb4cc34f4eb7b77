package storetest

import (
	"context"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
)

// ReplayChecks are the contract of oidckit.ReplayStore.
func ReplayChecks() []Check[oidckit.ReplayStore] {
	return []Check[oidckit.ReplayStore]{
		{Name: "of calls at once for a key exactly one gets nil", Run: replayRace},
		{Name: "a key is used up until it expires", Run: replayTwice},
		{Name: "an expiry that has passed makes no key usable twice", Run: replayPast},
		{Name: "keys are told apart exactly, whatever their bytes", Run: replayKeys},
		{Name: "an ended context stops the call and uses nothing", Run: replayCancelled},
	}
}

func replayRace(ctx context.Context, s oidckit.ReplayStore) error {
	return Repeat(func() error {
		key := secret.Token()
		return OneWinner(Race(func(int) error {
			return s.UseOnce(ctx, key, time.Now().Add(time.Minute))
		}), oidckit.ErrConsumed)
	})
}

func replayTwice(ctx context.Context, s oidckit.ReplayStore) error {
	key, expires := secret.Token(), time.Now().Add(time.Minute)
	return First(
		Want("first use", s.UseOnce(ctx, key, expires), nil),
		Want("second use", s.UseOnce(ctx, key, expires), oidckit.ErrConsumed),
		Want("third use, with another expiry", s.UseOnce(ctx, key, expires.Add(time.Hour)), oidckit.ErrConsumed),
	)
}

func replayPast(ctx context.Context, s oidckit.ReplayStore) error {
	key, expires := secret.Token(), time.Now().Add(-30*time.Second)
	return First(
		Want("first use", s.UseOnce(ctx, key, expires), nil),
		Want("second use", s.UseOnce(ctx, key, expires), oidckit.ErrConsumed),
	)
}

func replayKeys(ctx context.Context, s oidckit.ReplayStore) error {
	long := strings.Repeat("k", 20_000)
	for _, key := range []string{"", "a", "A", "a ", " a", "a\x00", "\x00", "\xff", "\xfe", "ä", "a\u0308", long, long + "k"} {
		expires := time.Now().Add(time.Minute)
		name := key[:min(len(key), 10)]
		if err := First(
			Want("first use of "+name, s.UseOnce(ctx, key, expires), nil),
			Want("second use of "+name, s.UseOnce(ctx, key, expires), oidckit.ErrConsumed),
		); err != nil {
			return err
		}
	}
	return nil
}

func replayCancelled(ctx context.Context, s oidckit.ReplayStore) error {
	key, expires := secret.Token(), time.Now().Add(time.Minute)
	return First(
		Want("with an ended context", s.UseOnce(Cancelled(ctx), key, expires), context.Canceled),
		Want("afterwards", s.UseOnce(ctx, key, expires), nil),
	)
}
