package jwks

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ATK-075: past its soft lifetime a key that was withdrawn passes no more,
// however long the issuer takes to say so, and whatever others who wait do.
func TestWithdrawnKeyOnASlowSource(t *testing.T) {
	for _, answers := range []time.Duration{200 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second, 7 * time.Second} {
		for _, quiet := range []time.Duration{soft, soft + time.Minute, 12 * time.Hour} {
			t.Run(answers.String()+" "+quiet.String(), func(t *testing.T) {
				inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
					i.publish(t, es256(t, "a"), es256(t, "b"))
					wantKey(t, c, "a")
					i.publish(t, es256(t, "b"))
					i.slow(answers)
					time.Sleep(quiet)
					begin, before := time.Now(), i.fetched()
					gone, leave := context.WithTimeout(t.Context(), 1100*time.Millisecond)
					defer leave()
					go func() {
						if _, err := c.Key(gone, "a", "ES256"); err == nil {
							t.Error("who goes away has the key")
						}
					}()
					var all sync.WaitGroup
					for time.Since(begin) < answers {
						all.Go(func() {
							asked, want := time.Now(), ErrUnknownKey
							_, err := c.Key(context.Background(), "a", "ES256")
							if time.Since(begin) < answers {
								want = ErrUnavailable
							}
							if d := time.Since(asked); !errors.Is(err, want) || d > coldWait {
								t.Errorf("after %v: %v, having waited %v", time.Since(begin), err, d)
							}
						})
						time.Sleep(97 * time.Millisecond)
					}
					all.Wait()
					wantKey(t, c, "b")
					i.wantFetched(t, before+1)
				})
			})
		}
	}
}

// Keys that are not withdrawn serve as soon as a slow source has said so, and
// nobody waits for it who asks before the soft lifetime is over.
func TestKnownKeyOnASlowSource(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		ask := func(want time.Duration) {
			t.Helper()
			asked := time.Now()
			wantKey(t, c, "a")
			if d := time.Since(asked); d != want {
				t.Errorf("waited %v, not %v", d, want)
			}
		}
		ask(0)
		const answers = 3 * time.Second
		i.slow(answers)
		begin := time.Now()
		for time.Since(begin) < 3*soft {
			ask(0)
			time.Sleep(20 * time.Second)
		}
		time.Sleep(soft)
		together(4*maxWaiting, func(int) {
			if _, err := c.Key(context.Background(), "a", "ES256"); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(soft)
		ask(answers)
		ask(0)
		// a refresh that was started in time may end too late
		time.Sleep(soft - time.Second - answers)
		ask(0)
		time.Sleep(time.Second)
		ask(answers - time.Second)
	})
}

// A source that hangs has failed when its time is over, and not before. In the
// meantime no more than a few of those wait that come once it is slow.
func TestStaleKeysOnAHangingSource(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		i.slow(time.Hour)
		time.Sleep(soft)
		begin := time.Now()
		answers := make(chan error, 2*maxWaiting+2)
		// at has requests made at a time, and says how many of all have had an
		// answer by then, and how many of those were served
		at := func(after time.Duration, requests, answered, served int) {
			t.Helper()
			time.Sleep(after - time.Since(begin))
			for range requests {
				go func() {
					asked := time.Now()
					_, err := c.Key(context.Background(), "a", "ES256")
					if d := time.Since(asked); err != nil && !errors.Is(err, ErrUnavailable) || d > coldWait {
						t.Errorf("%v after %v", err, d)
					}
					answers <- err
				}()
			}
			synctest.Wait()
			if n := len(answers); n != answered {
				t.Fatalf("after %v %d requests had an answer, not %d", after, n, answered)
			}
			for range answered {
				err := <-answers
				if err == nil {
					served--
				}
				answers <- err
			}
			if served != 0 {
				t.Errorf("after %v served %d fewer than it did", after, served)
			}
		}
		at(0, 1, 0, 0)
		at(lookupWait-1, maxWaiting-1, 0, 0)
		at(lookupWait, 1, 1, 0)
		at(coldWait+lookupWait, maxWaiting, 1+maxWaiting, 0)
		at(coldWait+lookupWait+time.Second, 1, 2+maxWaiting, 0)
		// those that are there when it fails are served
		at(fetchTimeout, 0, 2+2*maxWaiting, maxWaiting)
	})
}

// FLT-02: that a source has failed once says nothing of later. Only while it
// does fail, keys serve that are past their soft lifetime.
func TestOldFailureKeepsNoWithdrawnKey(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		i.publish(t, es256(t, "a"), es256(t, "b"))
		wantKey(t, c, "a")
		i.fail(errDown)
		wantErr(t, c, "stray", ErrUnavailable)
		failed := time.Now()
		i.publish(t, es256(t, "b"))
		i.slow(7 * time.Second)
		time.Sleep(soft - 5*time.Second)
		wantKey(t, c, "a") // before its soft lifetime; asks for others
		time.Sleep(time.Until(failed.Add(soft)))
		wantErr(t, c, "a", ErrUnknownKey)

		i.fail(errDown)
		i.slow(0)
		time.Sleep(2 * soft)
		wantKey(t, c, "b")
		i.publish(t, es256(t, "c"))
		i.slow(7 * time.Second)
		time.Sleep(12 * time.Hour)
		wantErr(t, c, "b", ErrUnavailable)
		time.Sleep(7 * time.Second)
		i.slow(0)
		wantErr(t, c, "b", ErrUnknownKey)
	})
}

// While a source fails for long, no attempt after the first makes anybody wait.
func TestStaleKeysWhileTheSourceFailsSlowly(t *testing.T) {
	for _, row := range []struct{ soft, every time.Duration }{
		{soft, 7 * time.Second},
		{soft, soft - fetchTimeout - time.Second},
		{10 * time.Second, time.Second},
	} {
		inBubble(t, func(t *testing.T, i *issuer, _ *Cache) {
			c := newCache(t, Config{Fetch: i.fetch, SoftLifetime: row.soft})
			wantKey(t, c, "a")
			i.slow(time.Hour)
			time.Sleep(row.soft)
			go c.Key(context.Background(), "a", "ES256")
			time.Sleep(fetchTimeout)
			synctest.Wait()
			for range 200 {
				asked := time.Now()
				wantKey(t, c, "a")
				if d := time.Since(asked); d != 0 {
					t.Fatalf("waited %v", d)
				}
				time.Sleep(row.every)
			}
		})
	}
}

// Keys whose time runs out while a refresh is waited for do not serve.
func TestHardLifetimeEndsInARefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		i.fail(errDown)
		i.slow(2 * time.Second)
		time.Sleep(hard - time.Second)
		wantErr(t, c, "a", ErrUnavailable)
	})
}

// Both lifetimes count from when the source was asked: what it has changed
// since is not in its answer.
func TestLifetimesCountFromAsking(t *testing.T) {
	for _, row := range []struct {
		lifetime time.Duration
		err      error
		want     error
	}{{soft, nil, ErrUnknownKey}, {hard, errDown, ErrUnavailable}} {
		inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
			const answers = 4 * time.Second
			i.slow(answers)
			asked := time.Now()
			wantKey(t, c, "a")
			if s := c.State(); !s.Fetched.Equal(asked) || time.Since(asked) != answers {
				t.Errorf("fetched at %v, asked at %v", s.Fetched, asked)
			}
			i.publish(t, es256(t, "b"))
			i.fail(row.err)
			time.Sleep(time.Until(asked.Add(row.lifetime)))
			wantErr(t, c, "a", row.want)
		})
	}
}
