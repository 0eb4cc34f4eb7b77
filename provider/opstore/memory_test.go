package opstore_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// isContract reports whether an error says something about a record.
func isContract(err error) bool {
	return err == nil || errors.Is(err, oidckit.ErrNotFound) || errors.Is(err, oidckit.ErrConsumed) || errors.Is(err, oidckit.ErrConflict)
}

// TestMemoryIsBounded fills each store with live records: what is new is
// refused, what is there stays, and when it has ended there is room.
func TestMemoryIsBounded(t *testing.T) {
	const limit = 5
	for name, create := range map[string]func(t *testing.T, s opstore.Set, i int) error{
		"codes": func(t *testing.T, s opstore.Set, _ int) error { return s.Codes.CreateCode(t.Context(), newCode()) },
		"grants": func(t *testing.T, s opstore.Set, _ int) error {
			g, token := newGrant()
			return s.Grants.CreateGrant(t.Context(), g, token)
		},
		"sessions": func(t *testing.T, s opstore.Set, _ int) error {
			return s.Sessions.CreateSession(t.Context(), newSession())
		},
		"interactions": func(t *testing.T, s opstore.Set, _ int) error {
			i := storetest.Fill(&opstore.Interaction{})
			i.ExpiresAt = time.Now().Add(time.Hour)
			return s.Interactions.CreateInteraction(t.Context(), i)
		},
		"deliveries": func(t *testing.T, s opstore.Set, _ int) error {
			d := storetest.Fill(&opstore.Delivery{})
			d.ExpiresAt = time.Now().Add(time.Hour)
			return s.Deliveries.CreateDeliveries(t.Context(), []opstore.Delivery{*d})
		},
		"consents": func(t *testing.T, s opstore.Set, _ int) error {
			c := storetest.Fill(&opstore.Consent{})
			c.ExpiresAt = time.Now().Add(time.Hour)
			return s.Consents.PutConsent(t.Context(), c)
		},
		"revocations": func(t *testing.T, s opstore.Set, i int) error {
			return s.Revocations.Revoke(t.Context(), fmt.Sprint(time.Now().Unix(), i), time.Now().Add(time.Hour))
		},
		"replay": func(t *testing.T, s opstore.Set, i int) error {
			return s.Replay.UseOnce(t.Context(), fmt.Sprint(time.Now().Unix(), i), time.Now().Add(time.Hour))
		},
		"revoked grants": func(t *testing.T, s opstore.Set, i int) error {
			_, err := s.Grants.RevokeGrants(t.Context(), opstore.GrantSelector{ID: fmt.Sprint(time.Now().Unix(), i)}, time.Now().Add(time.Hour))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, err := opstore.NewBoundedMemory(opstore.MemoryConfig{MaxRecords: limit})
				if err != nil {
					t.Fatal(err)
				}
				set := m.Open("https://op.example")
				for range 3 {
					for i := range limit {
						if err := create(t, set, i); err != nil {
							t.Fatalf("record %d of %d: %v", i+1, limit, err)
						}
					}
					if err := create(t, set, limit); isContract(err) {
						t.Fatalf("a record too many: got error %v", err)
					}
					if err := create(t, m.Open("https://other.example"), limit); err != nil {
						t.Fatalf("another issuer's record: %v", err)
					}
					time.Sleep(time.Hour + time.Second)
				}
			})
		})
	}
}

func TestMemoryConfig(t *testing.T) {
	if _, err := opstore.NewBoundedMemory(opstore.MemoryConfig{MaxRecords: -1}); err == nil {
		t.Error("a negative bound is accepted")
	}
	if _, err := opstore.NewBoundedMemory(opstore.MemoryConfig{}); err != nil {
		t.Errorf("the zero configuration: %v", err)
	}
}

// TestRotationInFullStoreSpendsNothing keeps a token that could not be
// replaced.
func TestRotationInFullStoreSpendsNothing(t *testing.T) {
	m, err := opstore.NewBoundedMemory(opstore.MemoryConfig{MaxRecords: 1})
	if err != nil {
		t.Fatal(err)
	}
	grants := m.Open("https://op.example").Grants
	g, first := newGrant()
	if err := grants.CreateGrant(t.Context(), g, first); err != nil {
		t.Fatal(err)
	}
	_, next := newGrant()
	if err := grants.RotateRefreshToken(t.Context(), first.Hash, next, nil, time.Now()); isContract(err) {
		t.Errorf("a rotation in a full store: got error %v", err)
	}
	token, _, err := grants.RefreshToken(t.Context(), first.Hash)
	if err != nil || !token.ConsumedAt.IsZero() {
		t.Errorf("the token afterwards: %v, %v", token, err)
	}
}

// TestRevokedGrantsLeaveRoom ends grants and sessions early, many more than
// the store may hold at once.
func TestRevokedGrantsLeaveRoom(t *testing.T) {
	m, err := opstore.NewBoundedMemory(opstore.MemoryConfig{MaxRecords: 10})
	if err != nil {
		t.Fatal(err)
	}
	set := m.Open("https://op.example")
	for range 5000 {
		g, token := newGrant()
		session := newSession()
		if err := errors.Join(set.Grants.CreateGrant(t.Context(), g, token), set.Sessions.CreateSession(t.Context(), session)); err != nil {
			t.Fatal(err)
		}
		ids, err := set.Grants.RevokeGrants(t.Context(), opstore.GrantSelector{Subject: g.Authorization.Subject}, time.Now())
		if err != nil || len(ids) != 1 {
			t.Fatalf("RevokeGrants: %q, %v", ids, err)
		}
		ended, err := set.Sessions.EndSessions(t.Context(), opstore.SessionSelector{Subject: session.Subject})
		if err != nil || len(ended) != 1 {
			t.Fatalf("EndSessions: %d, %v", len(ended), err)
		}
	}
}

func newCode() *opstore.Code {
	c := storetest.Fill(&opstore.Code{})
	c.ExpiresAt, c.KeepUntil = time.Now().Add(time.Hour), time.Now().Add(time.Hour)
	return c
}

func newGrant() (*opstore.Grant, *opstore.RefreshToken) {
	g, token := storetest.Fill(&opstore.Grant{}), storetest.Fill(&opstore.RefreshToken{})
	g.ExpiresAt = time.Now().Add(time.Hour)
	token.GrantID, token.ExpiresAt = g.ID, g.ExpiresAt
	return g, token
}

func newSession() *opstore.Session {
	s := storetest.Fill(&opstore.Session{})
	s.ExpiresAt = time.Now().Add(time.Hour)
	return s
}
