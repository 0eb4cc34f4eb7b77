package jwks

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestUnknownKeyIDs(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		// the budget is apart from the cold fetch: a rotation right after the
		// start is seen (FLT-10)
		i.publish(t, es256(t, "a"), es256(t, "b"))
		wantKey(t, c, "b")
		i.wantFetched(t, 2)

		// ATK-011: a flood costs one fetch a second, and waits for none
		begin, before := time.Now(), i.fetched()
		for n := range 1000 {
			wantErr(t, c, "bogus-"+strconv.Itoa(n), ErrUnknownKey)
			time.Sleep(10 * time.Millisecond)
		}
		seconds := int(time.Since(begin) / time.Second)
		if n := i.fetched() - before; n > seconds+1 {
			t.Errorf("%d fetches in %d seconds", n, seconds)
		}
		// a known kid under another algorithm costs none
		before = i.fetched()
		time.Sleep(2 * time.Second)
		for _, alg := range []string{"RS256", "ES384", "HS256", "none", ""} {
			if _, err := c.Key(t.Context(), "a", alg); !errors.Is(err, ErrUnknownKey) {
				t.Errorf("%s: %v", alg, err)
			}
		}
		i.wantFetched(t, before)
	})
}

func TestRotationInTheMiddleOfAFlood(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		const answers = 200 * time.Millisecond
		i.slow(answers)
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					go c.Key(context.Background(), "bogus-"+strconv.Itoa(n), "ES256")
				}
			}
		}()
		time.Sleep(3*time.Second + 123*time.Millisecond)
		i.publish(t, es256(t, "a"), es256(t, "b"))
		i.slow(answers)
		rotated := time.Now()
		for {
			if _, err := c.Key(t.Context(), "b", "ES256"); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if d := time.Since(rotated); d > time.Second+2*answers {
			t.Errorf("accepted after %v", d)
		}
		close(stop)
		<-done
		time.Sleep(time.Second)
	})
}

func TestAFetchThatRanBeforeIsNoAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		i.slow(300 * time.Millisecond)
		time.Sleep(c.refreshAge())
		wantKey(t, c, "a")
		time.Sleep(100 * time.Millisecond)
		i.wantFetched(t, 2)
		// the running fetch has the old set; the new key must still be found
		i.publish(t, es256(t, "a"), es256(t, "b"))
		wantKey(t, c, "b")
		i.wantFetched(t, 3)
	})
}

func TestUnknownKeyIDWhileTheSourceFails(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		// FLT-02
		wantKey(t, c, "a")
		i.fail(errDown)
		wantErr(t, c, "b", ErrUnavailable)
		begin := time.Now()
		for range 300 {
			wantErr(t, c, "b", ErrUnavailable)
			wantKey(t, c, "a")
			time.Sleep(100 * time.Millisecond)
		}
		if d := time.Since(begin); d > 31*time.Second {
			t.Errorf("requests waited on a failing source: %v", d)
		}
		if n := i.fetched(); n > 7 {
			t.Errorf("%d fetches in 30 seconds of failure", n)
		}
		i.publish(t, es256(t, "a"), es256(t, "b"))
		time.Sleep(maxBackoff)
		c.Key(t.Context(), "b", "ES256")
		synctest.Wait()
		wantKey(t, c, "b")
		wantErr(t, c, "bogus", ErrUnknownKey)
	})
}

func TestUnknownKeyIDOnASlowSource(t *testing.T) {
	for _, waiting := range []int{0, maxWaiting - 1} {
		inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
			wantKey(t, c, "a")
			i.slow(5 * time.Second)
			for range waiting {
				go c.Key(context.Background(), "b", "ES256")
			}
			synctest.Wait()
			begin := time.Now()
			atOnce := func(when string) {
				t.Helper()
				asked := time.Now()
				wantErr(t, c, "b", ErrUnavailable)
				if d := time.Since(asked); d != 0 {
					t.Errorf("waited %v %s", d, when)
				}
			}
			if waiting > 0 {
				go c.Key(context.Background(), "b", "ES256")
				synctest.Wait()
				atOnce("in a full queue")
				time.Sleep(lookupWait)
			} else {
				wantErr(t, c, "b", ErrUnavailable)
			}
			if d := time.Since(begin); d != lookupWait {
				t.Errorf("waited %v", d)
			}
			// who comes later learns that it is slow from those before
			for range 10 {
				atOnce("for what others had waited for in vain")
				time.Sleep(100 * time.Millisecond)
			}
			i.wantFetched(t, 2)
			time.Sleep(10 * time.Second)
		})
	}
}

func TestKeyIDsAreOnlyLookedUp(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		// ATK-011
		for _, kid := range []string{"../../dev/null", "' OR 1=1--", "a\x00b", strings.Repeat("k", 64<<10), "http://evil/", "A", " a"} {
			wantErr(t, c, kid, ErrUnknownKey)
		}
		i.wantFetched(t, 2)
	})
}

// FLT-10: who guesses the issuer's next kid, and asks for it all the time, does
// not keep it from being found.
func TestGuessedKeyIDIsFound(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		begin := time.Now()
		for range 4 * 120 {
			wantErr(t, c, "b", ErrUnknownKey)
			time.Sleep(249 * time.Millisecond)
		}
		if n, most := i.fetched()-1, int(time.Since(begin)/unknownInterval)+1; n > most {
			t.Errorf("%d fetches, %d allowed", n, most)
		}
		i.publish(t, es256(t, "a"), es256(t, "b"))
		rotated := time.Now()
		for {
			if _, err := c.Key(t.Context(), "b", "ES256"); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if d := time.Since(rotated); d > unknownInterval {
			t.Errorf("found after %v", d)
		}
	})
}

// FLT-10: a stray kid makes no later rotation refuse anybody, once its second
// is over.
func TestRotationAfterAStrayKeyID(t *testing.T) {
	for _, answers := range []time.Duration{0, 50 * time.Millisecond, quickAnswer} {
		for _, pause := range []time.Duration{unknownInterval, 2 * time.Second, 7 * time.Second, 29 * time.Second, 31 * time.Second} {
			t.Run(answers.String()+" "+pause.String(), func(t *testing.T) {
				inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
					wantKey(t, c, "a")
					i.slow(answers)
					time.Sleep(time.Second)
					asked := time.Now()
					wantErr(t, c, "stray", ErrUnknownKey)
					time.Sleep(pause - time.Since(asked))
					i.publish(t, es256(t, "a"), es256(t, "b"))
					i.slow(answers)
					before := i.fetched()
					var all sync.WaitGroup
					for range 200 {
						all.Go(func() {
							if _, err := c.Key(context.Background(), "b", "ES256"); err != nil {
								t.Error(err)
							}
						})
					}
					all.Wait()
					i.wantFetched(t, before+1)
				})
			})
		}
	}
}

// A source that took its time to tell nothing new keeps nobody waiting for a
// while but one request a second. ATK-011: of invented kids each is unknown.
// FLT-10: of those who come with the same kid, and so may mean a new key, none
// is blamed while the source is asked.
func TestNobodyWaitsOnASlowSourceInVain(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		const answers = 400 * time.Millisecond
		first := func(kid string) {
			t.Helper()
			asked := time.Now()
			wantErr(t, c, kid, ErrUnknownKey)
			if d := time.Since(asked); d != answers {
				t.Errorf("%s waited %v", kid, d)
			}
		}
		i.slow(answers)
		first("bogus")
		begin, before := time.Now(), i.fetched()
		for n := range 60 {
			time.Sleep(time.Second - answers)
			kid := "bogus-" + strconv.Itoa(n)
			var one sync.WaitGroup
			one.Go(func() { first(kid) })
			synctest.Wait()
			asked := time.Now()
			for m := range 100 {
				wantErr(t, c, kid, ErrUnavailable)
				wantErr(t, c, kid+"-"+strconv.Itoa(m), ErrUnknownKey)
			}
			if d := time.Since(asked); d != 0 {
				t.Errorf("others waited %v", d)
			}
			one.Wait()
			wantErr(t, c, kid, ErrUnknownKey)
		}
		if n, most := i.fetched()-before, int(time.Since(begin)/time.Second); n > most || n < most/2 {
			t.Errorf("%d fetches in %d seconds", n, most)
		}
		// quiet wants that nobody but the first waits, or that others do too
		quiet := func(kid string, want bool) {
			t.Helper()
			time.Sleep(2 * time.Second)
			go c.Key(context.Background(), kid, "ES256")
			synctest.Wait()
			asked := time.Now()
			_, err := c.Key(t.Context(), kid, "ES256")
			if d := time.Since(asked); errors.Is(err, ErrUnavailable) != want || (d == 0) != want {
				t.Errorf("%s: %v after %v", kid, err, d)
			}
		}
		quiet("bogus again", true)
		time.Sleep(answers)
		// a key that does come ends it
		i.publish(t, es256(t, "a"), es256(t, "b"))
		i.slow(answers)
		time.Sleep(2 * time.Second)
		wantKey(t, c, "b")
		quiet("bogus with another key", false)
		// and so does a source that has become quick
		quiet("bogus once more", true)
		i.slow(quickAnswer)
		time.Sleep(2 * time.Second)
		wantErr(t, c, "bogus and quick", ErrUnknownKey)
		i.slow(answers)
		quiet("bogus and slow again", false)
		// and so does time
		time.Sleep(quietWait - 3*time.Second)
		quiet("bogus for long", true)
		time.Sleep(quietWait)
		quiet("bogus at last", false)
	})
}

// FLT-10: after a stray kid on a slow source, a rotation is taken by the first
// that asks for it, and none of those who come with it is blamed.
func TestRotationOnASlowSource(t *testing.T) {
	for _, answers := range []time.Duration{250 * time.Millisecond, 900 * time.Millisecond} {
		inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
			wantKey(t, c, "a")
			i.slow(answers)
			wantErr(t, c, "stray", ErrUnknownKey)
			time.Sleep(7 * time.Second)
			i.publish(t, es256(t, "a"), es256(t, "b"))
			i.slow(answers)
			before := i.fetched()
			var all sync.WaitGroup
			var taken atomic.Int64
			for range 200 {
				all.Go(func() {
					_, err := c.Key(context.Background(), "b", "ES256")
					switch {
					case err == nil:
						taken.Add(1)
					case !errors.Is(err, ErrUnavailable):
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := taken.Load(); n != 1 {
				t.Errorf("%d requests waited", n)
			}
			wantKey(t, c, "b")
			i.wantFetched(t, before+1)
		})
	}
}

// A refresh says nothing of a kid that it was not made for, as long as it runs.
func TestRotationInARefreshOfASlowSource(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		i.slow(900 * time.Millisecond)
		wantErr(t, c, "stray", ErrUnknownKey)
		c.mu.Lock()
		c.quietUntil = time.Now().Add(soft)
		c.mu.Unlock()
		time.Sleep(c.refreshAge())
		wantKey(t, c, "a")
		i.publish(t, es256(t, "a"), es256(t, "b"))
		asked := time.Now()
		wantErr(t, c, "b", ErrUnavailable)
		if d := time.Since(asked); d != 0 {
			t.Errorf("waited %v", d)
		}
		time.Sleep(time.Second)
		wantKey(t, c, "b")
	})
}

// No request that has waited counts as waiting for ever.
func TestWaitingIsForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		i.slow(50 * time.Millisecond)
		for n := range maxWaiting + 44 {
			time.Sleep(time.Second)
			wantErr(t, c, "stray-"+strconv.Itoa(n), ErrUnknownKey)
		}
		i.publish(t, es256(t, "a"), es256(t, "b"))
		i.slow(50 * time.Millisecond)
		time.Sleep(time.Second)
		wantKey(t, c, "b")
	})
}
