package keys_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// FLT-12: a replica that nobody has asked for a while does not sign with a key
// that another one has revoked, nor publish the set of before: the first
// request already sees what has changed.
func TestIdleReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		busy, idle := manager(t, store), manager(t, store)
		old := signing(t, idle)
		signing(t, busy)
		if err := busy.Revoke(t.Context(), old); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seen)
		s, err := idle.Signer(t.Context(), "ES256")
		if err != nil || s.KeyID() == old {
			t.Errorf("the first token after the pause: %v %v", s, err)
		}
		if err := busy.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seen)
		if got := published(t, idle); len(got) != 2 {
			t.Errorf("the first look after the pause: %v", got)
		}
	})
}

// FLT-32: with a store that hangs the known keys go on; of a minute no more
// than one wait is lost, and that is short.
func TestIdleReplicaOfAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{next: memory()}
		m := manager(t, store)
		kid := signing(t, m)
		store.hangs.Store(true)
		time.Sleep(time.Hour)
		waited := time.Duration(0)
		for range 50 {
			began := time.Now()
			s, err := m.Signer(t.Context(), "ES256")
			if err != nil || s.KeyID() != kid {
				t.Fatalf("%v %v", s, err)
			}
			waited += time.Since(began)
			time.Sleep(time.Second)
		}
		if waited > 6*time.Second {
			t.Errorf("%v of a minute were spent waiting", waited)
		}
		store.hangs.Store(false)
	})
}
