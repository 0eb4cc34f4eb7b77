package handlers_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

var errDown = errors.New("store: connection refused")

// refuseWrites, refuseBrowser and refuseReplay fail the test on any write.
type refuseWrites struct {
	t *testing.T
	rpstore.Sessions
}

func (s refuseWrites) CreateSession(context.Context, *rpstore.Session) error {
	s.t.Error("a session was created")
	return errDown
}

type refuseBrowser struct {
	t *testing.T
	rpstore.BrowserSessions
}

func (s refuseBrowser) PutBrowserSession(context.Context, string, []byte, time.Time) error {
	s.t.Error("a browser session was stored")
	return errDown
}

type refuseReplay struct{ t *testing.T }

func (s refuseReplay) UseOnce(context.Context, string, time.Time) error {
	s.t.Error("a replay key was stored")
	return errDown
}

// watched counts what is asked of the session store, and can be taken down.
type watched struct {
	rpstore.Sessions
	reads, writes atomic.Int32
	down, panics  atomic.Bool
	// wrong, if set, is returned in place of what is there.
	wrong func() (*rpstore.Session, error)
	// created is the key of the last session.
	created atomic.Pointer[oidckit.TokenHash]
	// expire makes it return sessions after their end.
	expire bool
}

func (s *watched) Session(ctx context.Context, key oidckit.TokenHash) (*rpstore.Session, error) {
	s.reads.Add(1)
	if s.down.Load() {
		return nil, errDown
	}
	if s.wrong != nil {
		return s.wrong()
	}
	v, err := s.Sessions.Session(ctx, key)
	if v != nil && s.expire {
		v.ExpiresAt = time.Now().Add(-time.Second)
	}
	return v, err
}

func (s *watched) CreateSession(ctx context.Context, v *rpstore.Session) error {
	s.writes.Add(1)
	if s.down.Load() {
		return errDown
	}
	s.created.Store(&v.Handle)
	return s.Sessions.CreateSession(ctx, v)
}

func (s *watched) UpdateSession(ctx context.Context, v *rpstore.Session) error {
	s.writes.Add(1)
	if s.panics.Load() {
		panic("canary")
	}
	if s.down.Load() {
		return errDown
	}
	return s.Sessions.UpdateSession(ctx, v)
}

func (s *watched) EndSessions(ctx context.Context, sel rpstore.SessionSelector) (int, error) {
	if s.down.Load() {
		return 0, errDown
	}
	return s.Sessions.EndSessions(ctx, sel)
}

// watchedBrowser does the same for the browser's sessions.
type watchedBrowser struct {
	rpstore.BrowserSessions
	reads, writes atomic.Int32
	down          atomic.Bool
	readOnly      atomic.Bool
}

func (s *watchedBrowser) BrowserSession(ctx context.Context, token string) ([]byte, error) {
	s.reads.Add(1)
	if s.down.Load() {
		return nil, errDown
	}
	return s.BrowserSessions.BrowserSession(ctx, token)
}

func (s *watchedBrowser) PutBrowserSession(ctx context.Context, token string, value []byte, expires time.Time) error {
	s.writes.Add(1)
	if s.down.Load() || s.readOnly.Load() {
		return errDown
	}
	return s.BrowserSessions.PutBrowserSession(ctx, token, value, expires)
}

type watchedReplay struct {
	oidckit.ReplayStore
	down, panics atomic.Bool
	// before, if set, is called before a key is used.
	before func()
}

func (s *watchedReplay) UseOnce(ctx context.Context, key string, expires time.Time) error {
	if s.panics.Load() {
		panic("canary")
	}
	if s.down.Load() {
		return errDown
	}
	if s.before != nil {
		s.before()
	}
	return s.ReplayStore.UseOnce(ctx, key, expires)
}

// stores is a memory store that is watched everywhere.
type stores struct {
	sessions *watched
	browser  *watchedBrowser
	replay   *watchedReplay
}

func newStores() *stores {
	set := rpstore.NewMemory().Open("app")
	return &stores{&watched{Sessions: set.Sessions}, &watchedBrowser{BrowserSessions: set.BrowserSessions}, &watchedReplay{ReplayStore: set.Replay}}
}

func (s *stores) set() rpstore.Set {
	return rpstore.Set{Sessions: s.sessions, BrowserSessions: s.browser, Replay: s.replay}
}
