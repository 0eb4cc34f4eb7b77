package rpstoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/storetest"
)

func sessionChecks() []check {
	return []check{
		{Name: "a session is returned with every field and Version 1", Run: sessionFields},
		{Name: "a taken handle is a conflict", Run: sessionConflict},
		{Name: "an unknown handle is not found", Run: sessionUnknown},
		{Name: "an expired session is not found, updated or ended", Run: sessionExpired},
		{Name: "an update replaces every field", Run: sessionUpdate},
		{Name: "an update of another version is a conflict", Run: sessionUpdateStale},
		{Name: "of updates at once to one version exactly one is made", Run: sessionUpdateRace},
		{Name: "an update can end a session and keep one alive", Run: sessionUpdateExpiry},
		{Name: "an ended session never comes back", Run: sessionEnded},
		{Name: "an update that meets the end does not bring a session back", Run: sessionEndUpdateRace},
		{Name: "a selector matches sessions by every field that is set, the zero one none", Run: sessionSelectors},
		{Name: "of calls at once exactly one counts the ended session", Run: sessionEndRace},
		{Name: "sessions are copied in and out", Run: sessionCopies},
		{Name: "an ended context stops the call and changes nothing", Run: sessionCancelled},
	}
}

func newSession() *rpstore.Session {
	s := storetest.Fill(&rpstore.Session{})
	s.ExpiresAt = time.Now().Add(time.Hour)
	return s
}

// loggedIn stores a new session, which has Version 1 then.
func loggedIn(ctx context.Context, s rpstore.Set) (*rpstore.Session, error) {
	session := newSession()
	if err := s.Sessions.CreateSession(ctx, session); err != nil {
		return nil, fmt.Errorf("CreateSession: %w", err)
	}
	if session.Version != 1 {
		return nil, fmt.Errorf("CreateSession left Version %d, want 1", session.Version)
	}
	return session, nil
}

func sessionIs(ctx context.Context, s rpstore.Set, handle oidckit.TokenHash, want *rpstore.Session) error {
	got, err := s.Sessions.Session(ctx, handle)
	if want == nil {
		return storetest.Want("Session", err, oidckit.ErrNotFound)
	}
	return storetest.First(err, storetest.Same("Session", got, want))
}

func ends(ctx context.Context, s rpstore.Set, sel rpstore.SessionSelector, want int) error {
	got, err := s.Sessions.EndSessions(ctx, sel)
	if err != nil || got != want {
		return fmt.Errorf("EndSessions(%+v) returned %d, %v, want %d", sel, got, err, want)
	}
	return nil
}

func sessionFields(ctx context.Context, s rpstore.Set) error {
	session, err := loggedIn(ctx, s)
	if err != nil {
		return err
	}
	return sessionIs(ctx, s, session.Handle, session)
}

func sessionConflict(ctx context.Context, s rpstore.Set) error {
	session, err := loggedIn(ctx, s)
	if err != nil {
		return err
	}
	again := newSession()
	again.Handle = session.Handle
	return storetest.First(
		storetest.Want("CreateSession with a taken handle", s.Sessions.CreateSession(ctx, again), oidckit.ErrConflict),
		sessionIs(ctx, s, session.Handle, session),
	)
}

func sessionUnknown(ctx context.Context, s rpstore.Set) error {
	session := newSession()
	return storetest.First(
		sessionIs(ctx, s, session.Handle, nil),
		storetest.Want("UpdateSession", s.Sessions.UpdateSession(ctx, session), oidckit.ErrNotFound),
		ends(ctx, s, rpstore.SessionSelector{Handle: session.Handle}, 0),
	)
}

func sessionExpired(ctx context.Context, s rpstore.Set) error {
	session := newSession()
	session.ExpiresAt = time.Now().Add(-time.Second)
	if err := s.Sessions.CreateSession(ctx, session); err != nil {
		return err
	}
	update := storetest.Clone(session)
	update.ExpiresAt = time.Now().Add(time.Hour)
	again := newSession()
	again.Handle = session.Handle
	return storetest.First(
		sessionIs(ctx, s, session.Handle, nil),
		storetest.Want("UpdateSession of an expired session", s.Sessions.UpdateSession(ctx, update), oidckit.ErrNotFound),
		ends(ctx, s, rpstore.SessionSelector{Handle: session.Handle}, 0),
		ends(ctx, s, rpstore.SessionSelector{Subject: session.Subject}, 0),
		storetest.Want("CreateSession in an expired one's place", s.Sessions.CreateSession(ctx, again), nil),
		sessionIs(ctx, s, again.Handle, again),
	)
}

func sessionUpdate(ctx context.Context, s rpstore.Set) error {
	session, err := loggedIn(ctx, s)
	if err != nil {
		return err
	}
	update := newSession()
	update.Handle, update.Version = session.Handle, 1
	if err := storetest.Want("UpdateSession", s.Sessions.UpdateSession(ctx, update), nil); err != nil {
		return err
	}
	if update.Version != 2 {
		return fmt.Errorf("UpdateSession left Version %d, want 2", update.Version)
	}
	return storetest.First(
		sessionIs(ctx, s, session.Handle, update),
		ends(ctx, s, rpstore.SessionSelector{Subject: session.Subject}, 0),
		ends(ctx, s, rpstore.SessionSelector{Subject: update.Subject}, 1),
	)
}

func sessionUpdateStale(ctx context.Context, s rpstore.Set) error {
	session, err := loggedIn(ctx, s)
	if err != nil {
		return err
	}
	stale := storetest.Clone(session)
	stale.Identity = []byte("stale")
	future := storetest.Clone(stale)
	future.Version = 3
	if err := s.Sessions.UpdateSession(ctx, session); err != nil {
		return err
	}
	if err := storetest.First(
		storetest.Want("UpdateSession with an old version", s.Sessions.UpdateSession(ctx, stale), oidckit.ErrConflict),
		storetest.Want("UpdateSession with a version to come", s.Sessions.UpdateSession(ctx, future), oidckit.ErrConflict),
	); err != nil {
		return err
	}
	if stale.Version != 1 {
		return fmt.Errorf("UpdateSession that failed left Version %d, want 1", stale.Version)
	}
	return sessionIs(ctx, s, session.Handle, session)
}

func sessionUpdateRace(ctx context.Context, s rpstore.Set) error {
	return storetest.Repeat(func() error {
		session, err := loggedIn(ctx, s)
		if err != nil {
			return err
		}
		updates := make([]*rpstore.Session, storetest.Racers)
		errs := storetest.Race(func(i int) error {
			updates[i] = storetest.Clone(session)
			updates[i].SealedTokens = []byte{byte(i)}
			return s.Sessions.UpdateSession(ctx, updates[i])
		})
		if err := storetest.OneWinner(errs, oidckit.ErrConflict); err != nil {
			return err
		}
		return sessionIs(ctx, s, session.Handle, updates[slices.Index(errs, nil)])
	})
}

func sessionUpdateExpiry(ctx context.Context, s rpstore.Set) error {
	ended, err := loggedIn(ctx, s)
	if err != nil {
		return err
	}
	ended.ExpiresAt = time.Now().Add(-time.Second)
	if err := s.Sessions.UpdateSession(ctx, ended); err != nil {
		return err
	}
	return storetest.First(sessionIs(ctx, s, ended.Handle, nil), storetest.ShortLived(func(lifetime time.Duration) error {
		kept := newSession()
		end := time.Now().Add(lifetime)
		kept.ExpiresAt = end
		if err := s.Sessions.CreateSession(ctx, kept); err != nil {
			return err
		}
		kept.ExpiresAt = end.Add(time.Hour)
		if err := s.Sessions.UpdateSession(ctx, kept); err != nil {
			if time.Now().After(end) {
				return storetest.ErrTooSlow
			}
			return err
		}
		storetest.WaitFor(end)
		return sessionIs(ctx, s, kept.Handle, kept)
	}))
}

func sessionEnded(ctx context.Context, s rpstore.Set) error {
	session, err := loggedIn(ctx, s)
	if err != nil {
		return err
	}
	return storetest.First(
		ends(ctx, s, rpstore.SessionSelector{Handle: session.Handle}, 1),
		sessionIs(ctx, s, session.Handle, nil),
		storetest.Want("UpdateSession of an ended session", s.Sessions.UpdateSession(ctx, session), oidckit.ErrNotFound),
		sessionIs(ctx, s, session.Handle, nil),
		ends(ctx, s, rpstore.SessionSelector{Handle: session.Handle}, 0),
	)
}

func sessionEndUpdateRace(ctx context.Context, s rpstore.Set) error {
	return storetest.Repeat(func() error {
		session, err := loggedIn(ctx, s)
		if err != nil {
			return err
		}
		errs := storetest.Race(func(i int) error {
			if i == storetest.Racers/2 {
				_, err := s.Sessions.EndSessions(ctx, rpstore.SessionSelector{SessionID: session.SessionID})
				return err
			}
			err := s.Sessions.UpdateSession(ctx, storetest.Clone(session))
			if errors.Is(err, oidckit.ErrConflict) || errors.Is(err, oidckit.ErrNotFound) {
				return nil
			}
			return err
		})
		return storetest.First(errors.Join(errs...), sessionIs(ctx, s, session.Handle, nil))
	})
}

func sessionEndRace(ctx context.Context, s rpstore.Set) error {
	return storetest.Repeat(func() error {
		session, err := loggedIn(ctx, s)
		if err != nil {
			return err
		}
		selectors := []rpstore.SessionSelector{{Handle: session.Handle}, {Subject: session.Subject}, {SessionID: session.SessionID}}
		var got atomic.Int64
		errs := storetest.Race(func(i int) error {
			n, err := s.Sessions.EndSessions(ctx, selectors[i%len(selectors)])
			got.Add(int64(n))
			return err
		})
		if got.Load() != 1 {
			return fmt.Errorf("calls at once counted the session %d times, want once", got.Load())
		}
		return errors.Join(errs...)
	})
}

func sessionSelectors(ctx context.Context, s rpstore.Set) error {
	hash := oidckit.HashToken
	for _, c := range []struct {
		sel  rpstore.SessionSelector
		want []string
	}{
		{rpstore.SessionSelector{}, nil},
		{rpstore.SessionSelector{Handle: hash("1")}, []string{"1"}},
		{rpstore.SessionSelector{Handle: hash("1"), Subject: "bob"}, nil},
		{rpstore.SessionSelector{Issuer: "op"}, []string{"1", "2", "3"}},
		{rpstore.SessionSelector{ClientID: "web"}, []string{"1", "2", "4"}},
		{rpstore.SessionSelector{Subject: "ann"}, []string{"1", "3", "4"}},
		{rpstore.SessionSelector{SessionID: "sid"}, []string{"1", "2", "4"}},
		{rpstore.SessionSelector{Issuer: "op", ClientID: "web", SessionID: "sid"}, []string{"1", "2"}},
		{rpstore.SessionSelector{Issuer: "op", ClientID: "web", Subject: "ann"}, []string{"1"}},
		{rpstore.SessionSelector{Issuer: "op", ClientID: "web", Subject: "ann", SessionID: "other"}, nil},
		{rpstore.SessionSelector{Subject: "an%"}, nil},
		{rpstore.SessionSelector{SessionID: "sid\x00\xff"}, nil},
	} {
		if err := sessionSelector(ctx, s, c.sel, c.want); err != nil {
			return err
		}
	}
	return nil
}

// sessionSelector stores four sessions, ends some by one selector, sees who is
// left and ends the rest.
func sessionSelector(ctx context.Context, s rpstore.Set, sel rpstore.SessionSelector, want []string) error {
	all := map[string]*rpstore.Session{}
	for _, row := range [][5]string{{"1", "op", "web", "ann", "sid"}, {"2", "op", "web", "bob", "sid"}, {"3", "op", "spa", "ann", ""}, {"4", "op2", "web", "ann", "sid"}} {
		session := newSession()
		session.Handle = oidckit.HashToken(row[0])
		session.Issuer, session.ClientID, session.Subject, session.SessionID = row[1], row[2], row[3], row[4]
		if err := s.Sessions.CreateSession(ctx, session); err != nil {
			return err
		}
		all[row[0]] = session
	}
	if err := ends(ctx, s, sel, len(want)); err != nil {
		return err
	}
	for name, session := range all {
		left := 1
		if slices.Contains(want, name) {
			left = 0
		}
		if err := ends(ctx, s, rpstore.SessionSelector{Handle: session.Handle}, left); err != nil {
			return fmt.Errorf("after %+v: %w", sel, err)
		}
	}
	return nil
}

func sessionCopies(ctx context.Context, s rpstore.Set) error {
	session := newSession()
	if err := s.Sessions.CreateSession(ctx, session); err != nil {
		return err
	}
	want := storetest.Clone(session)
	storetest.Clobber(session)
	for range 2 {
		got, err := s.Sessions.Session(ctx, want.Handle)
		if err := storetest.First(err, storetest.Same("Session", got, want)); err != nil {
			return err
		}
		storetest.Clobber(got)
	}
	update := storetest.Clone(want)
	if err := s.Sessions.UpdateSession(ctx, update); err != nil {
		return err
	}
	storetest.Clobber(update)
	want.Version = 2
	return sessionIs(ctx, s, want.Handle, want)
}

func sessionCancelled(ctx context.Context, s rpstore.Set) error {
	gone := storetest.Cancelled(ctx)
	session := newSession()
	create := s.Sessions.CreateSession(gone, session)
	if err := s.Sessions.CreateSession(ctx, session); err != nil {
		return err
	}
	_, look := s.Sessions.Session(gone, session.Handle)
	update := s.Sessions.UpdateSession(gone, session)
	_, end := s.Sessions.EndSessions(gone, rpstore.SessionSelector{Handle: session.Handle})
	return storetest.First(
		storetest.Want("CreateSession", create, context.Canceled),
		storetest.Want("Session", look, context.Canceled),
		storetest.Want("UpdateSession", update, context.Canceled),
		storetest.Want("EndSessions", end, context.Canceled),
		sessionIs(ctx, s, session.Handle, session),
	)
}
