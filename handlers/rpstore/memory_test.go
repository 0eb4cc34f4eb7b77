package rpstore_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/storetest"
)

// TestMemoryIsBounded fills each store with live records: what is new is
// refused, what is there stays, and when it has ended there is room.
func TestMemoryIsBounded(t *testing.T) {
	const limit = 5
	for name, create := range map[string]func(t *testing.T, s rpstore.Set, i int) error{
		"sessions": func(t *testing.T, s rpstore.Set, _ int) error {
			session := storetest.Fill(&rpstore.Session{})
			session.ExpiresAt = time.Now().Add(time.Hour)
			return s.Sessions.CreateSession(t.Context(), session)
		},
		"browser sessions": func(t *testing.T, s rpstore.Set, i int) error {
			return s.BrowserSessions.PutBrowserSession(t.Context(), fmt.Sprint(time.Now().Unix(), i), []byte("value"), time.Now().Add(time.Hour))
		},
		"replay": func(t *testing.T, s rpstore.Set, i int) error {
			return s.Replay.UseOnce(t.Context(), fmt.Sprint(time.Now().Unix(), i), time.Now().Add(time.Hour))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, err := rpstore.NewBoundedMemory(rpstore.MemoryConfig{MaxRecords: limit})
				if err != nil {
					t.Fatal(err)
				}
				set := m.Open("app")
				for range 3 {
					for i := range limit {
						if err := create(t, set, i); err != nil {
							t.Fatalf("record %d of %d: %v", i+1, limit, err)
						}
					}
					err := create(t, set, limit)
					if err == nil || errors.Is(err, oidckit.ErrConflict) || errors.Is(err, oidckit.ErrConsumed) {
						t.Fatalf("a record too many: got error %v", err)
					}
					if err := create(t, m.Open("other"), limit); err != nil {
						t.Fatalf("another tenant's record: %v", err)
					}
					time.Sleep(time.Hour + time.Second)
				}
			})
		})
	}
}

func TestMemoryConfig(t *testing.T) {
	if _, err := rpstore.NewBoundedMemory(rpstore.MemoryConfig{MaxRecords: -1}); err == nil {
		t.Error("a negative bound is accepted")
	}
}
