package opstoretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func sessionChecks() []check {
	return []check{
		{Name: "a session is returned with every field and Version 1", Run: sessionFields},
		{Name: "a taken ID or handle is a conflict", Run: sessionConflict},
		{Name: "an unknown handle is not found", Run: sessionUnknown},
		{Name: "an expired session is not found, updated or ended", Run: sessionExpired},
		{Name: "an update replaces every field, the handle too", Run: sessionUpdate},
		{Name: "an update of an old version is a conflict", Run: sessionUpdateStale},
		{Name: "an update to another session's handle is a conflict", Run: sessionUpdateHandle},
		{Name: "of updates at once to one version exactly one is made", Run: sessionUpdateRace},
		{Name: "an update can end a session and keep one alive", Run: sessionUpdateExpiry},
		{Name: "an ended session never comes back", Run: sessionEnded},
		{Name: "an update that meets the end does not bring a session back", Run: sessionEndUpdateRace},
		{Name: "a selector matches sessions by every field that is set, the zero one none", Run: sessionSelectors},
		{Name: "sessions are listed by every field that is set, page by page", Run: sessionList},
		{Name: "of calls at once exactly one gets the ended session", Run: sessionEndRace},
		{Name: "sessions are copied in and out", Run: sessionCopies},
		{Name: "an ended context stops the call and changes nothing", Run: sessionCancelled},
	}
}

func newSession() *opstore.Session {
	s := storetest.Fill(&opstore.Session{})
	s.ExpiresAt = time.Now().Add(time.Hour)
	return s
}

// signedIn stores a new session, which has Version 1 then.
func signedIn(ctx context.Context, s opstore.Set) (*opstore.Session, error) {
	session := newSession()
	if err := s.Sessions.CreateSession(ctx, session); err != nil {
		return nil, fmt.Errorf("CreateSession: %w", err)
	}
	if session.Version != 1 {
		return nil, fmt.Errorf("CreateSession left Version %d, want 1", session.Version)
	}
	return session, nil
}

func sessionIs(ctx context.Context, s opstore.Set, handle oidckit.TokenHash, want *opstore.Session) error {
	got, err := s.Sessions.Session(ctx, handle)
	if want == nil {
		return storetest.Want("Session", err, oidckit.ErrNotFound)
	}
	return storetest.First(err, storetest.Same("Session", got, want))
}

func sessionFields(ctx context.Context, s opstore.Set) error {
	session, err := signedIn(ctx, s)
	if err != nil {
		return err
	}
	return sessionIs(ctx, s, session.Handle, session)
}

func sessionConflict(ctx context.Context, s opstore.Set) error {
	session, err := signedIn(ctx, s)
	if err != nil {
		return err
	}
	sameID, sameHandle := newSession(), newSession()
	sameID.ID, sameHandle.Handle = session.ID, session.Handle
	return storetest.First(
		storetest.Want("CreateSession with a taken ID", s.Sessions.CreateSession(ctx, sameID), oidckit.ErrConflict),
		storetest.Want("CreateSession with a taken handle", s.Sessions.CreateSession(ctx, sameHandle), oidckit.ErrConflict),
		sessionIs(ctx, s, session.Handle, session),
		sessionIs(ctx, s, sameID.Handle, nil),
		revokesNoSession(ctx, s, sameHandle.ID),
	)
}

func revokesNoSession(ctx context.Context, s opstore.Set, id string) error {
	ended, err := s.Sessions.EndSessions(ctx, opstore.SessionSelector{ID: id})
	if err != nil || len(ended) != 0 {
		return fmt.Errorf("EndSessions of what is not there: got %d sessions, %v", len(ended), err)
	}
	return nil
}

func sessionUnknown(ctx context.Context, s opstore.Set) error {
	session := newSession()
	return storetest.First(
		sessionIs(ctx, s, session.Handle, nil),
		storetest.Want("UpdateSession", s.Sessions.UpdateSession(ctx, session), oidckit.ErrNotFound),
		revokesNoSession(ctx, s, session.ID),
	)
}

func sessionExpired(ctx context.Context, s opstore.Set) error {
	session := newSession()
	session.ExpiresAt = time.Now().Add(-time.Second)
	if err := s.Sessions.CreateSession(ctx, session); err != nil {
		return err
	}
	update := storetest.Clone(session)
	update.ExpiresAt = time.Now().Add(time.Hour)
	again := newSession()
	again.ID, again.Handle = session.ID, session.Handle
	return storetest.First(
		sessionIs(ctx, s, session.Handle, nil),
		storetest.Want("UpdateSession of an expired session", s.Sessions.UpdateSession(ctx, update), oidckit.ErrNotFound),
		revokesNoSession(ctx, s, session.ID),
		storetest.Want("CreateSession in an expired one's place", s.Sessions.CreateSession(ctx, again), nil),
		sessionIs(ctx, s, again.Handle, again),
	)
}

func sessionUpdate(ctx context.Context, s opstore.Set) error {
	session, err := signedIn(ctx, s)
	if err != nil {
		return err
	}
	update := newSession()
	update.ID, update.Version = session.ID, 1
	if err := storetest.Want("UpdateSession", s.Sessions.UpdateSession(ctx, update), nil); err != nil {
		return err
	}
	if update.Version != 2 {
		return fmt.Errorf("UpdateSession left Version %d, want 2", update.Version)
	}
	return storetest.First(sessionIs(ctx, s, update.Handle, update), sessionIs(ctx, s, session.Handle, nil))
}

func sessionUpdateStale(ctx context.Context, s opstore.Set) error {
	session, err := signedIn(ctx, s)
	if err != nil {
		return err
	}
	stale := storetest.Clone(session)
	stale.Clients = []string{"stale"}
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

func sessionUpdateHandle(ctx context.Context, s opstore.Set) error {
	one, err := signedIn(ctx, s)
	if err != nil {
		return err
	}
	two, err := signedIn(ctx, s)
	if err != nil {
		return err
	}
	update := storetest.Clone(two)
	update.Handle = one.Handle
	return storetest.First(
		storetest.Want("UpdateSession to a taken handle", s.Sessions.UpdateSession(ctx, update), oidckit.ErrConflict),
		sessionIs(ctx, s, one.Handle, one),
		sessionIs(ctx, s, two.Handle, two),
	)
}

func sessionUpdateRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		session, err := signedIn(ctx, s)
		if err != nil {
			return err
		}
		updates := make([]*opstore.Session, storetest.Racers)
		errs := storetest.Race(func(i int) error {
			updates[i] = storetest.Clone(session)
			updates[i].Clients = []string{fmt.Sprint(i)}
			return s.Sessions.UpdateSession(ctx, updates[i])
		})
		if err := storetest.OneWinner(errs, oidckit.ErrConflict); err != nil {
			return err
		}
		return sessionIs(ctx, s, session.Handle, updates[slices.Index(errs, nil)])
	})
}

func sessionUpdateExpiry(ctx context.Context, s opstore.Set) error {
	ended, err := signedIn(ctx, s)
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

func sessionEnded(ctx context.Context, s opstore.Set) error {
	session, err := signedIn(ctx, s)
	if err != nil {
		return err
	}
	ended, err := s.Sessions.EndSessions(ctx, opstore.SessionSelector{ID: session.ID})
	if err != nil || len(ended) != 1 {
		return fmt.Errorf("EndSessions: got %d sessions, %v, want 1", len(ended), err)
	}
	return storetest.First(
		storetest.Same("EndSessions", &ended[0], session),
		sessionIs(ctx, s, session.Handle, nil),
		storetest.Want("UpdateSession of an ended session", s.Sessions.UpdateSession(ctx, session), oidckit.ErrNotFound),
		sessionIs(ctx, s, session.Handle, nil),
		revokesNoSession(ctx, s, session.ID),
	)
}

func sessionEndUpdateRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		session, err := signedIn(ctx, s)
		if err != nil {
			return err
		}
		errs := storetest.Race(func(i int) error {
			if i == storetest.Racers/2 {
				_, err := s.Sessions.EndSessions(ctx, opstore.SessionSelector{Subject: session.Subject})
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

func sessionEndRace(ctx context.Context, s opstore.Set) error {
	return storetest.Repeat(func() error {
		session, err := signedIn(ctx, s)
		if err != nil {
			return err
		}
		selectors := []opstore.SessionSelector{{ID: session.ID}, {Subject: session.Subject}, {IdentityProvider: session.IdentityProvider}}
		var got atomic.Int64
		errs := storetest.Race(func(i int) error {
			ended, err := s.Sessions.EndSessions(ctx, selectors[i%len(selectors)])
			got.Add(int64(len(ended)))
			return err
		})
		if got.Load() != 1 {
			return fmt.Errorf("calls at once got the session %d times, want once", got.Load())
		}
		return errors.Join(errs...)
	})
}

func sessionSelectors(ctx context.Context, s opstore.Set) error {
	for _, c := range []struct {
		sel  opstore.SessionSelector
		want []string
	}{
		{opstore.SessionSelector{}, nil},
		{opstore.SessionSelector{ID: "s1"}, []string{"s1"}},
		{opstore.SessionSelector{ID: "s1", Subject: "bob"}, nil},
		{opstore.SessionSelector{Subject: "ann"}, []string{"s1", "s2"}},
		{opstore.SessionSelector{IdentityProvider: "corp"}, []string{"s1", "s3"}},
		{opstore.SessionSelector{IdentityProvider: "corp", Subject: "ann"}, []string{"s1"}},
		{opstore.SessionSelector{Subject: "a_n"}, nil},
		{opstore.SessionSelector{Version: 1}, nil},
		{opstore.SessionSelector{ID: "s1", Version: 1}, []string{"s1"}},
		{opstore.SessionSelector{ID: "s1", Version: 2}, nil},
		{opstore.SessionSelector{Subject: "\x00\xff"}, nil},
	} {
		for _, row := range [][3]string{{"s1", "ann", "corp"}, {"s2", "ann", ""}, {"s3", "bob", "corp"}, {"s4", "", ""}} {
			session := newSession()
			session.ID, session.Subject, session.IdentityProvider = row[0], row[1], row[2]
			if err := s.Sessions.CreateSession(ctx, session); err != nil {
				return err
			}
		}
		ended, err := s.Sessions.EndSessions(ctx, c.sel)
		if err != nil {
			return err
		}
		var got []string
		for _, e := range ended {
			got = append(got, e.ID)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			return fmt.Errorf("EndSessions(%+v) ended %q, want %q", c.sel, got, c.want)
		}
		for _, id := range []string{"s1", "s2", "s3", "s4"} {
			if _, err := s.Sessions.EndSessions(ctx, opstore.SessionSelector{ID: id}); err != nil {
				return err
			}
		}
	}
	return nil
}

func sessionCopies(ctx context.Context, s opstore.Set) error {
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

func sessionCancelled(ctx context.Context, s opstore.Set) error {
	gone := storetest.Cancelled(ctx)
	session := newSession()
	create := s.Sessions.CreateSession(gone, session)
	if err := s.Sessions.CreateSession(ctx, session); err != nil {
		return err
	}
	_, look := s.Sessions.Session(gone, session.Handle)
	update := s.Sessions.UpdateSession(gone, session)
	_, end := s.Sessions.EndSessions(gone, opstore.SessionSelector{ID: session.ID})
	return storetest.First(
		storetest.Want("CreateSession", create, context.Canceled),
		storetest.Want("Session", look, context.Canceled),
		storetest.Want("UpdateSession", update, context.Canceled),
		storetest.Want("EndSessions", end, context.Canceled),
		sessionIs(ctx, s, session.Handle, session),
	)
}
