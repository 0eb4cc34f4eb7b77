package keys_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

const (
	issuer       = "https://op.example"
	rotateEvery  = 90 * 24 * time.Hour
	publishAhead = time.Hour
	retain       = 13 * time.Hour
	// seen is how long a replica takes to see what another has done.
	seen = 15 * time.Second
)

func box(t *testing.T, seed byte) *secret.Box {
	t.Helper()
	ring, err := oidckit.NewSecrets(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return secret.NewBox(ring, "test")
}

func manager(t *testing.T, store opstore.Keys, change ...func(*keys.Config)) *keys.Manager {
	t.Helper()
	c := keys.Config{
		Issuer: issuer, Store: store, Box: box(t, 1), Algorithms: []string{"ES256"},
		RotateEvery: rotateEvery, PublishAhead: publishAhead, Retain: retain,
	}
	for _, f := range change {
		f(&c)
	}
	m := keys.New(c)
	t.Cleanup(func() { m.Close() })
	return m
}

func memory() opstore.Keys { return opstore.NewMemory().Open(issuer).Keys }

// signing returns the kid that signs now, once what runs behind is done.
func signing(t *testing.T, m *keys.Manager) string {
	t.Helper()
	if _, err := m.Signer(t.Context(), "ES256"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	s, err := m.Signer(t.Context(), "ES256")
	if err != nil {
		t.Fatal(err)
	}
	return s.KeyID()
}

func published(t *testing.T, m *keys.Manager) []string {
	t.Helper()
	doc, err := m.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set, skipped, err := jose.ParseJWKS(doc.Body)
	if err != nil || skipped != 0 {
		t.Fatal(err, skipped)
	}
	var kids []string
	for _, k := range set {
		kids = append(kids, k.KeyID)
	}
	return kids
}

// OpenID Connect Core 1.0 §10.1.1, FLT-37: a key is published before it signs,
// and until the last token it signed has expired; there is always one.
func TestRotationSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := manager(t, memory())
		first := signing(t, m)
		if kids := published(t, m); !slices.Equal(kids, []string{first}) {
			t.Fatalf("at first: %v", kids)
		}
		time.Sleep(rotateEvery - publishAhead - time.Minute)
		signing(t, m)
		if kids := published(t, m); len(kids) != 1 {
			t.Errorf("too early: %v", kids)
		}
		time.Sleep(time.Minute)
		if got := signing(t, m); got != first {
			t.Error("the next key signs before relying parties can have seen it")
		}
		kids := published(t, m)
		if len(kids) != 2 {
			t.Fatalf("an hour before: %v", kids)
		}
		next := kids[slices.IndexFunc(kids, func(kid string) bool { return kid != first })]
		time.Sleep(publishAhead - time.Second)
		if got := signing(t, m); got != first {
			t.Error("the next key signs early")
		}
		time.Sleep(time.Second)
		if got := signing(t, m); got != next {
			t.Error("the next key does not sign on time")
		}
		time.Sleep(retain)
		signing(t, m)
		if !slices.Contains(published(t, m), first) {
			t.Error("the old key is gone before its tokens have expired")
		}
		time.Sleep(publishAhead + seen)
		signing(t, m)
		if slices.Contains(published(t, m), first) {
			t.Error("the old key is published for ever")
		}
	})
}

// A replica that slept through the whole rotation signs with what there is and
// makes a key at once.
func TestRotationAfterALongSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		first := signing(t, manager(t, store))
		time.Sleep(10 * rotateEvery)
		m := manager(t, store)
		if got := signing(t, m); got == first {
			t.Error("an expired key signs")
		}
	})
}

// FLT-12: a key that is revoked leaves the set at once, and signs and verifies
// nothing any more; the other replica follows within 15 seconds.
func TestFLT12Revoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		a, b := manager(t, store), manager(t, store)
		first := signing(t, a)
		if signing(t, b) != first {
			t.Fatal("two sets")
		}
		signer, err := a.Signer(t.Context(), "ES256")
		if err != nil {
			t.Fatal(err)
		}
		token, err := signer.Sign("JWT", []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		j, err := jose.Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Verify(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		if err := a.Revoke(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(published(t, a), first) || signing(t, a) == first {
			t.Error("the revoked key is still there")
		}
		if err := a.Verify(t.Context(), j); !errors.Is(err, keys.ErrNotOurs) {
			t.Errorf("its token: %v", err)
		}
		time.Sleep(seen)
		if signing(t, b) != signing(t, a) || slices.Contains(published(t, b), first) {
			t.Error("the other replica does not follow")
		}
		if err := a.Revoke(t.Context(), first); !errors.Is(err, oidckit.ErrNotFound) {
			t.Errorf("again: %v", err)
		}
		if err := a.Revoke(t.Context(), "nonsense"); !errors.Is(err, oidckit.ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
	})
}

// Revoking the key that signs, while the next one waits, leaves no gap; and
// revoking all of them, again and again, neither.
func TestRevokeLeavesNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := manager(t, memory())
		first := signing(t, m)
		if err := m.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if signing(t, m) != first || len(published(t, m)) != 2 {
			t.Error("Rotate must publish and wait")
		}
		for range 5 {
			for _, kid := range published(t, m) {
				if err := m.Revoke(t.Context(), kid); err != nil {
					t.Fatal(err)
				}
				if got := signing(t, m); got == kid || !slices.Contains(published(t, m), got) {
					t.Fatalf("signs with %s of %v", got, published(t, m))
				}
			}
		}
	})
}

// A key that somebody has deleted from the store by hand is replaced, even
// where a next one waits.
func TestDeletedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		m := manager(t, store)
		first := signing(t, m)
		if err := m.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := store.DeleteKey(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(seen)
		if got := signing(t, m); got == first {
			t.Error("a deleted key signs")
		}
	})
}

// Of replicas that start at once one makes the keys.
func TestReplicasRaceToCreate(t *testing.T) {
	store := memory()
	const n = 16
	var (
		wg    sync.WaitGroup
		kids  [n]string
		start = make(chan struct{})
	)
	for i := range n {
		m := manager(t, store)
		wg.Go(func() {
			<-start
			s, err := m.Signer(context.Background(), "ES256")
			if err != nil {
				t.Error(err)
				return
			}
			kids[i] = s.KeyID()
		})
	}
	close(start)
	wg.Wait()
	for _, kid := range kids {
		if kid != kids[0] {
			t.Fatalf("keys %v", kids)
		}
	}
	if all, err := store.Keys(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d keys stored, %v", len(all), err)
	}
}

var errDown = errors.New("down")

// FLT-28: while the store is down what is known goes on, past RetireAt too.
// It recovers by itself.
func TestFLT28StoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{next: memory()}
		m := manager(t, store)
		first := signing(t, m)
		time.Sleep(rotateEvery - 2*publishAhead)
		store.down.Store(true)
		for range 14 {
			time.Sleep(publishAhead)
			if signing(t, m) != first || !slices.Contains(published(t, m), first) {
				t.Fatal("it does not go on")
			}
		}
		store.down.Store(false)
		time.Sleep(seen)
		signing(t, m)
		if len(published(t, m)) != 2 {
			t.Error("it does not come back")
		}
	})
}

// A first load that fails is an error for those who asked, and the next one
// works.
func TestFirstLoadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{next: memory()}
		store.down.Store(true)
		m := manager(t, store)
		if _, err := m.Signer(t.Context(), "ES256"); !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		if err := m.Reload(t.Context()); !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		store.down.Store(false)
		signing(t, m)
	})
}

// FLT-32, FLT-53: with a store that hangs all who ask share one load, none
// waits longer than that, and who goes away does not end it for the others.
func TestFirstLoadIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{next: memory()}
		store.hangs.Store(true)
		m := manager(t, store)
		began := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, err := m.Signer(context.Background(), "ES256"); err == nil {
					t.Error("keys from nowhere")
				}
			})
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := m.Signer(impatient, "ES256"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("the impatient one waited %v", took)
		}
		wg.Wait()
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("the others waited %v", took)
		}
		if n := store.reads.Load(); n != 1 {
			t.Errorf("%d loads", n)
		}
		store.hangs.Store(false)
		signing(t, m)
	})
}

// FLT-39, FLT-61: a record that does not open is left out and the others stay;
// without any key that opens the issuer says so instead of making new ones.
func TestFLT39CorruptKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{next: memory()}
		m := manager(t, store)
		first := signing(t, m)
		if err := m.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.corrupt.Store(&first)
		var log bytes.Buffer
		cold := manager(t, store, func(c *keys.Config) { c.Logger = zerolog.New(&log) })
		if _, err := cold.Signer(t.Context(), "ES256"); err == nil {
			t.Error("no key may sign yet")
		}
		if !bytes.Contains(log.Bytes(), []byte(first)) {
			t.Error("not logged")
		}
		time.Sleep(publishAhead)
		if got := signing(t, cold); got == first {
			t.Error("a corrupt key signs")
		}
		other := manager(t, store, func(c *keys.Config) { c.Box = box(t, 2) })
		if _, err := other.Signer(t.Context(), "ES256"); err == nil {
			t.Error("another ring opens the keys")
		}
		foreign := manager(t, store, func(c *keys.Config) { c.Issuer = "https://other.example" })
		if _, err := foreign.Signer(t.Context(), "ES256"); err == nil {
			t.Error("another issuer opens the keys")
		}
	})
}

// FLT-37: a process that dies between the steps of a rotation or a revocation
// leaves a key that signs and is published, and the next try goes through.
func TestFLT37Interrupted(t *testing.T) {
	for _, row := range []struct {
		verb string
		do   func(ctx context.Context, m *keys.Manager, kid string) error
	}{
		{"CreateKey", func(ctx context.Context, m *keys.Manager, _ string) error { return m.Rotate(ctx) }},
		{"CreateKey", func(ctx context.Context, m *keys.Manager, kid string) error { return m.Revoke(ctx, kid) }},
		{"DeleteKey", func(ctx context.Context, m *keys.Manager, kid string) error { return m.Revoke(ctx, kid) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := &flaky{next: memory()}
			m := manager(t, store)
			first := signing(t, m)
			store.verb.Store(&row.verb)
			if err := row.do(t.Context(), m, first); !errors.Is(err, errDown) {
				t.Fatal(err)
			}
			for _, alive := range []*keys.Manager{m, manager(t, store)} {
				if got := signing(t, alive); !slices.Contains(published(t, alive), got) {
					t.Errorf("%s: signs with a key that is not published", row.verb)
				}
			}
			store.verb.Store(nil)
			if err := row.do(t.Context(), m, first); err != nil {
				t.Fatal(err)
			}
			if got := signing(t, m); !slices.Contains(published(t, m), got) {
				t.Errorf("%s: afterwards", row.verb)
			}
		})
	}
}

// FLT-58: Close is idempotent and what comes later is still served.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := manager(t, memory())
		first := signing(t, m)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { m.Close() })
		}
		wg.Wait()
		time.Sleep(time.Hour)
		if signing(t, m) != first {
			t.Error("not served after Close")
		}
		cold := manager(t, memory())
		cold.Close()
		signing(t, cold)
	})
}

// flaky is a store with faults.
type flaky struct {
	next    opstore.Keys
	down    atomic.Bool
	hangs   atomic.Bool
	reads   atomic.Int64
	corrupt atomic.Pointer[string]
	// verb is the only one that fails.
	verb atomic.Pointer[string]
}

func (f *flaky) fault(ctx context.Context, verb string) error {
	if only := f.verb.Load(); only != nil && *only == verb {
		return errDown
	}
	if f.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if f.down.Load() {
		return errDown
	}
	return nil
}

func (f *flaky) Keys(ctx context.Context) ([]opstore.SigningKey, error) {
	f.reads.Add(1)
	if err := f.fault(ctx, "Keys"); err != nil {
		return nil, err
	}
	all, err := f.next.Keys(ctx)
	for i := range all {
		if kid := f.corrupt.Load(); kid != nil && all[i].ID == *kid {
			all[i].SealedKey = all[i].SealedKey[:len(all[i].SealedKey)/2]
		}
	}
	return all, err
}

func (f *flaky) CreateKey(ctx context.Context, k *opstore.SigningKey) error {
	if err := f.fault(ctx, "CreateKey"); err != nil {
		return err
	}
	return f.next.CreateKey(ctx, k)
}

func (f *flaky) DeleteKey(ctx context.Context, id string) error {
	if err := f.fault(ctx, "DeleteKey"); err != nil {
		return err
	}
	return f.next.DeleteKey(ctx, id)
}
