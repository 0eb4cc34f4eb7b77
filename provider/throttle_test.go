package provider_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// addressHeader stands for what a proxy tells.
const addressHeader = "X-Test-Address"

func throttled(t *testing.T) *fixture {
	return newLocalFixture(t, func(c *provider.Config) {
		c.ClientAddress = func(r *http.Request) string { return r.Header.Get(addressHeader) }
	})
}

// try sends a login form, a new one each time.
func (f *fixture) try(username, password, address string) answer {
	f.t.Helper()
	_, form := f.sub(f.t).loginPage()
	return f.sub(f.t).browse(http.MethodPost, "/login", change(form, "username", username, "password", password), addressHeader, address)
}

// refusedFor checks that an attempt was not even looked at, and returns for
// how long.
func refusedFor(t *testing.T, a answer) time.Duration {
	t.Helper()
	a.page(t, http.StatusTooManyRequests)
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds <= 0 {
		t.Fatalf("Retry-After %q", a.header.Get("Retry-After"))
	}
	return time.Duration(seconds) * time.Second
}

// ASVS 5.0 §6.3.1: ten wrong passwords for a name in a quarter of an hour,
// from wherever they come; then even the right one has to wait, and no longer
// than that.
func TestThrottleByName(t *testing.T) {
	for _, name := range []string{oidctest.Username, "nobody-of-this-name"} {
		synctest.Test(t, func(t *testing.T) {
			f := throttled(t)
			for i := range 10 {
				if a := f.try(name, "guess-guess-guess", fmt.Sprint("192.0.2.", i)); a.status != http.StatusForbidden {
					t.Fatalf("%s, guess %d: %d", name, i+1, a.status)
				}
				time.Sleep(time.Minute)
			}
			a := f.try(" "+name+" ", oidctest.Password, "192.0.2.99")
			wait := refusedFor(t, a)
			if wait > 15*time.Minute {
				t.Errorf("%s: wait %v", name, wait)
			}
			if e, _ := f.watch.last(oidckit.EventLoginFailed); e.Err == nil || errors.Is(e.Err, oidckit.ErrUnauthenticated) {
				t.Errorf("%s: event %+v", name, e)
			}
			if a := f.try("bob", "guess-guess-guess", "192.0.2.98"); a.status != http.StatusForbidden {
				t.Errorf("another name: %d", a.status)
			}
			// Attempts that were refused do not prolong it.
			for range 20 {
				f.try(name, "guess-guess-guess", "192.0.2.97")
			}
			time.Sleep(wait)
			want := http.StatusSeeOther
			if name != oidctest.Username {
				want = http.StatusForbidden
			}
			if a := f.try(name, oidctest.Password, "192.0.2.99"); a.status != want {
				t.Errorf("%s, after the wait: %d", name, a.status)
			}
		})
	}
}

func TestRightPasswordForgetsTheWrongOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := throttled(t)
		for i := range 5 {
			for range 9 {
				f.try(oidctest.Username, "guess-guess-guess", "192.0.2.1")
			}
			if a := f.try(oidctest.Username, oidctest.Password, fmt.Sprint("198.51.100.", i)); a.status != http.StatusSeeOther {
				t.Fatalf("right password: %d", a.status)
			}
		}
	})
}

// Strangers' guesses lock a person out from nowhere they have signed in from.
func TestThrottleDoesNotLockOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := throttled(t)
		const home = "198.51.100.7"
		if a := f.try(oidctest.Username, oidctest.Password, home); a.status != http.StatusSeeOther {
			t.Fatal(a.status)
		}
		for i := range 30 {
			f.try(oidctest.Username, "guess-guess-guess", fmt.Sprint("192.0.2.", i))
		}
		refusedFor(t, f.try(oidctest.Username, oidctest.Password, "203.0.113.1"))
		if a := f.try(oidctest.Username, oidctest.Password, home); a.status != http.StatusSeeOther {
			t.Errorf("from home: %d", a.status)
		}
		// From there, too, only so many guesses.
		for range 10 {
			f.try(oidctest.Username, "guess-guess-guess", home)
		}
		refusedFor(t, f.try(oidctest.Username, oidctest.Password, home))
	})
}

// One password for many names: the address counts.
func TestThrottleByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := throttled(t)
		const attacker = "2001:db8:1:2::1"
		for i := range 50 {
			if a := f.try(fmt.Sprint("name-", i), "Winter2026!Winter", attacker); a.status != http.StatusForbidden {
				t.Fatalf("guess %d: %d", i+1, a.status)
			}
		}
		refusedFor(t, f.try(oidctest.Username, oidctest.Password, attacker))
		// RFC 4291 §2.5.4: a subscriber has a /64
		refusedFor(t, f.try(oidctest.Username, oidctest.Password, "2001:db8:1:2:ffff::9"))
		if a := f.try(oidctest.Username, oidctest.Password, "2001:db8:1:3::1"); a.status != http.StatusSeeOther {
			t.Errorf("another network: %d", a.status)
		}
		time.Sleep(15 * time.Minute)
		if a := f.try(oidctest.Username, oidctest.Password, attacker); a.status != http.StatusSeeOther {
			t.Errorf("after the wait: %d", a.status)
		}
	})
}

// A flood of guesses at once has no more of them than one after the other.
func TestThrottleParallelGuesses(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	_, form := f.loginPage()
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		counts = map[int]int{}
	)
	for i := range 100 {
		wg.Go(func() {
			a := f.browse(http.MethodPost, "/login", change(form, "password", fmt.Sprint("guess-guess-", i)))
			mu.Lock()
			defer mu.Unlock()
			counts[a.status]++
		})
	}
	wg.Wait()
	if counts[http.StatusForbidden] != 10 || counts[http.StatusTooManyRequests] != 90 {
		t.Errorf("%v", counts)
	}
}

// Behind a proxy that nobody has told of, all people come from one address:
// nobody is refused because of the others.
func TestThrottleIgnoresLocalPeers(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	_, form := f.loginPage()
	for i := range 60 {
		a := f.browse(http.MethodPost, "/login", change(form, "username", fmt.Sprint("name-", i), "password", "guess-guess-guess"))
		if a.status != http.StatusForbidden {
			t.Fatalf("guess %d: %d", i+1, a.status)
		}
	}
}

// A store that cannot answer is no wrong password.
func TestThrottleCountsOnlyAnswers(t *testing.T) {
	people := &brokenUsers{}
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		people.Users = provider.NewAccounts(c.Stores.Users)
		c.Users = people
	}})
	_, form := f.loginPage()
	people.down.Store(true)
	for range 20 {
		f.browse(http.MethodPost, "/login", form).page(t, http.StatusServiceUnavailable)
	}
	people.down.Store(false)
	if a := f.browse(http.MethodPost, "/login", form); a.status != http.StatusSeeOther {
		t.Errorf("%d", a.status)
	}
}

// The login page of the app has its own limits: ours stands in no way.
func TestOwnLoginPageHasNoBuiltInOne(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) { c.LoginURL = "/signin" }})
	if a := f.browse(http.MethodPost, "/login", url.Values{"username": {"alice"}}); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
}
