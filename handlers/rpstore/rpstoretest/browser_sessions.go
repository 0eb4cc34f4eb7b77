package rpstoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/storetest"
)

func browserSessionChecks() []check {
	return []check{
		{Name: "a value is returned byte for byte", Run: browserValue},
		{Name: "a value takes the place of the one before, expiry included", Run: browserReplace},
		{Name: "an unknown or expired token is not found, whatever its bytes", Run: browserNotFound},
		{Name: "a deleted value is gone, and deleting nothing is no error", Run: browserDelete},
		{Name: "puts at once all succeed, and one value stays whole", Run: browserRace},
		{Name: "values are copied in and out", Run: browserCopies},
		{Name: "an ended context stops the call and changes nothing", Run: browserCancelled},
	}
}

func browserIs(ctx context.Context, s rpstore.Set, token string, want []byte) error {
	got, err := s.BrowserSessions.BrowserSession(ctx, token)
	if want == nil {
		return storetest.Want("BrowserSession", err, oidckit.ErrNotFound)
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("BrowserSession returned %q, want %q", got, want)
	}
	return nil
}

func soon() time.Time { return time.Now().Add(time.Hour) }

func browserValue(ctx context.Context, s rpstore.Set) error {
	for _, want := range [][]byte{[]byte("value"), []byte("\x00\xff\xfe'\"\\"), bytes.Repeat([]byte{7}, 100_000), {}} {
		token := secret.Token()
		if err := storetest.First(s.BrowserSessions.PutBrowserSession(ctx, token, want, soon()), browserIs(ctx, s, token, want)); err != nil {
			return err
		}
	}
	return nil
}

func browserReplace(ctx context.Context, s rpstore.Set) error {
	token := secret.Token()
	return storetest.First(
		s.BrowserSessions.PutBrowserSession(ctx, token, []byte("one"), soon()),
		s.BrowserSessions.PutBrowserSession(ctx, token, []byte("two"), soon()),
		browserIs(ctx, s, token, []byte("two")),
		s.BrowserSessions.PutBrowserSession(ctx, token, []byte("three"), time.Now().Add(-time.Second)),
		browserIs(ctx, s, token, nil),
		s.BrowserSessions.PutBrowserSession(ctx, token, []byte("four"), soon()),
		browserIs(ctx, s, token, []byte("four")),
	)
}

func browserNotFound(ctx context.Context, s rpstore.Set) error {
	for _, token := range []string{"", "unknown", "\x00", "\xff", string(bytes.Repeat([]byte("t"), 20_000))} {
		if err := browserIs(ctx, s, token, nil); err != nil {
			return err
		}
	}
	token := secret.Token()
	return storetest.First(
		s.BrowserSessions.PutBrowserSession(ctx, token, []byte("old"), time.Now().Add(-time.Second)),
		browserIs(ctx, s, token, nil),
	)
}

func browserDelete(ctx context.Context, s rpstore.Set) error {
	token, other := secret.Token(), secret.Token()
	return storetest.First(
		s.BrowserSessions.PutBrowserSession(ctx, token, []byte("gone"), soon()),
		s.BrowserSessions.PutBrowserSession(ctx, other, []byte("kept"), soon()),
		s.BrowserSessions.DeleteBrowserSession(ctx, token),
		browserIs(ctx, s, token, nil),
		browserIs(ctx, s, other, []byte("kept")),
		s.BrowserSessions.DeleteBrowserSession(ctx, token),
	)
}

func browserRace(ctx context.Context, s rpstore.Set) error {
	return storetest.Repeat(func() error {
		token := secret.Token()
		errs := storetest.Race(func(i int) error {
			return s.BrowserSessions.PutBrowserSession(ctx, token, bytes.Repeat([]byte{byte('a' + i)}, 1000), soon())
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		got, err := s.BrowserSessions.BrowserSession(ctx, token)
		if err != nil {
			return err
		}
		if len(got) != 1000 || !bytes.Equal(got, bytes.Repeat(got[:1], 1000)) {
			return errors.New("the value is a mixture of several")
		}
		return nil
	})
}

func browserCopies(ctx context.Context, s rpstore.Set) error {
	token, value := secret.Token(), []byte("value")
	if err := s.BrowserSessions.PutBrowserSession(ctx, token, value, soon()); err != nil {
		return err
	}
	clear(value)
	for range 2 {
		got, err := s.BrowserSessions.BrowserSession(ctx, token)
		if err != nil {
			return err
		}
		if string(got) != "value" {
			return fmt.Errorf("BrowserSession returned %q after a copy was changed", got)
		}
		clear(got)
	}
	return nil
}

func browserCancelled(ctx context.Context, s rpstore.Set) error {
	gone := storetest.Cancelled(ctx)
	token, other := secret.Token(), secret.Token()
	if err := s.BrowserSessions.PutBrowserSession(ctx, token, []byte("value"), soon()); err != nil {
		return err
	}
	_, look := s.BrowserSessions.BrowserSession(gone, token)
	return storetest.First(
		storetest.Want("BrowserSession", look, context.Canceled),
		storetest.Want("PutBrowserSession", s.BrowserSessions.PutBrowserSession(gone, other, []byte("value"), soon()), context.Canceled),
		storetest.Want("DeleteBrowserSession", s.BrowserSessions.DeleteBrowserSession(gone, token), context.Canceled),
		browserIs(ctx, s, token, []byte("value")),
		browserIs(ctx, s, other, nil),
	)
}
