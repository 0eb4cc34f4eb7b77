package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Telling is how clients learn that a session has ended. It must be safe for
// concurrent use.
type Telling interface {
	// Queue stores, before a session ends, what each of the clients is to be
	// told. It is not sent yet.
	Queue(ctx context.Context, s *opstore.Session, clients []string) ([]opstore.Delivery, error)
	// Send sends what was stored, the session having ended. The channel is
	// closed when each client was called once.
	Send(queued []opstore.Delivery) (called <-chan struct{})
	// Drop takes back what was stored of a session that this call has not ended.
	Drop(ctx context.Context, queued []opstore.Delivery)
}

const (
	// listPage is how many records one call of a store lists.
	listPage = 100
	// callWait is how long a person who signs out waits for the clients to be
	// told. Those that do not answer by then are called all the same.
	callWait = 400 * time.Millisecond
	// revocationSlack covers a token that is being issued while its session
	// ends: it expires a little later than those issued before.
	revocationSlack = time.Minute
)

// End ends the sessions that match, one after the other, and returns them as
// they were.
//
// For each session this is the order: what its clients are to be told is
// stored, its tokens are revoked, the session ends, if it still is what was
// read; otherwise again, for the clients that came meanwhile. Whoever stops in
// between leaves a session that is alive, with clients that were told too
// early, and never one that has ended with a client that will not be told.
func (s *Sessions) End(ctx context.Context, sel opstore.SessionSelector) ([]opstore.Session, error) {
	var ended []opstore.Session
	for after := ""; ; {
		page, err := s.store.ListSessions(ctx, sel, after, listPage)
		if err != nil {
			return ended, err
		}
		for i := range page {
			cur := &page[i]
			after = cur.ID
			queued, ok, err := s.end(ctx, cur)
			if err != nil {
				return ended, err
			}
			if ok {
				s.send(queued)
				ended = append(ended, *cur)
			}
		}
		if len(page) < listPage {
			return ended, nil
		}
	}
}

// List returns up to limit live sessions that match, from the one after this
// ID on.
func (s *Sessions) List(ctx context.Context, sel opstore.SessionSelector, after string, limit int) ([]opstore.Session, error) {
	return s.store.ListSessions(ctx, sel, after, limit)
}

// end ends one session. cur becomes what it was in the end, ok is false where
// another call has ended it.
func (s *Sessions) end(ctx context.Context, cur *opstore.Session) (queued []opstore.Delivery, ok bool, err error) {
	var told []string
	for range updateAttempts {
		more, err := s.queue(ctx, cur, without(cur.Clients, told))
		if err != nil {
			return nil, false, err
		}
		queued, told = append(queued, more...), cur.Clients
		if err := s.revoke(ctx, cur); err != nil {
			return nil, false, err
		}
		ended, err := s.store.EndSessions(ctx, opstore.SessionSelector{ID: cur.ID, Version: cur.Version})
		if err != nil {
			return nil, false, err
		}
		if len(ended) > 0 {
			*cur = ended[0]
			s.events.Send(ctx, oidckit.Event{Name: oidckit.EventSessionEnded, Issuer: s.issuer, Subject: cur.Subject, SessionID: cur.ID})
			return queued, true, nil
		}
		fresh, err := s.store.ListSessions(ctx, opstore.SessionSelector{ID: cur.ID}, "", 1)
		if err != nil {
			return nil, false, err
		}
		if len(fresh) == 0 {
			s.drop(ctx, queued)
			return nil, false, nil
		}
		*cur = fresh[0]
	}
	return nil, false, errTooBusy
}

var errTooBusy = errors.New("session: too many updates at once")

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(some, id) })
}

func (s *Sessions) queue(ctx context.Context, cur *opstore.Session, clients []string) ([]opstore.Delivery, error) {
	if s.telling == nil || len(clients) == 0 {
		return nil, nil
	}
	return s.telling.Queue(ctx, cur, clients)
}

func (s *Sessions) send(queued []opstore.Delivery) <-chan struct{} {
	if len(queued) == 0 {
		return nil
	}
	return s.telling.Send(queued)
}

func (s *Sessions) drop(ctx context.Context, queued []opstore.Delivery) {
	if len(queued) > 0 {
		s.telling.Drop(ctx, queued)
	}
}

// revoke ends the tokens of a session but those with offline_access (OpenID
// Connect Back-Channel Logout 1.0 §2.7, OpenID Connect Core 1.0 §11).
func (s *Sessions) revoke(ctx context.Context, cur *opstore.Session) error {
	until := time.Now().Add(s.accessTokens + revocationSlack)
	if err := s.revocations.Revoke(ctx, opstore.RevokedSessionID(cur.ID), until); err != nil {
		return err
	}
	for after := ""; ; {
		page, err := s.grants.ListGrants(ctx, opstore.GrantSelector{SessionID: cur.ID}, after, listPage)
		if err != nil {
			return err
		}
		for i := range page {
			after = page[i].ID
			if page[i].Authorization.Scope.Has(oidckit.ScopeOfflineAccess) {
				continue
			}
			if _, err := s.grants.RevokeGrants(ctx, opstore.GrantSelector{ID: after}, until); err != nil {
				return err
			}
		}
		if len(page) < listPage {
			return nil
		}
	}
}

// wait gives the clients the time to be told before the person is back with
// one of them.
func wait(ctx context.Context, called <-chan struct{}) {
	if called == nil {
		return
	}
	timer := time.NewTimer(callWait)
	defer timer.Stop()
	select {
	case <-called:
	case <-timer.C:
	case <-ctx.Done():
	}
}
