package throttle

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
)

// The tables never grow, and a flood of made-up names does not push out the
// count of a name under attack.
func TestThrottleMemoryIsConstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		for range nameLimit {
			if try, wait := th.begin("victim", "", addressLimit); try == nil {
				t.Fatal(wait)
			}
		}
		for i := range 10 * throttleSets * throttleWays {
			th.begin(fmt.Sprint("name-", i), "", addressLimit)
		}
		for _, c := range []counters{th.names, th.addresses, th.known} {
			if len(c.rows) != throttleSets*throttleWays {
				t.Errorf("%d rows", len(c.rows))
			}
		}
		if try, _ := th.begin("victim", "", addressLimit); try != nil {
			t.Error("the flood has freed the victim's name")
		}
		allocs := testing.AllocsPerRun(100, func() { th.begin("victim", "", addressLimit) })
		if allocs > 4 {
			t.Errorf("%v allocations for an attempt", allocs)
		}
	})
}

// An address is known to a name for as long as people come back.
func TestThrottleForgetsAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := New()
		known := func() bool {
			try, _ := th.begin("alice", "198.51.100.7", addressLimit)
			defer try.unchecked()
			return try.fromKnown
		}
		try, _ := th.begin("alice", "198.51.100.7", addressLimit)
		try.succeeded()
		if !known() {
			t.Error("not known after a login")
		}
		time.Sleep(knownFor)
		if known() {
			t.Error("known for ever")
		}
		try, _ = th.begin("alice", "", addressLimit)
		try.succeeded()
		if try, _ := th.begin("alice", "", addressLimit); try.fromKnown {
			t.Error("no address counts as a known one")
		}
	})
}

// An attempt that was taken back leaves no trace.
func TestThrottleTakesBack(t *testing.T) {
	th := New()
	for range 10 * nameLimit {
		try, wait := th.begin("alice", "198.51.100.7", addressLimit)
		if try == nil {
			t.Fatal(wait)
		}
		try.unchecked()
	}
}

// An app whose server sends all passwords has a limit of its own, far above
// that of an address, and shares it with no other.
func TestThrottleOfApps(t *testing.T) {
	th := New()
	wrong := func() (oidckit.Authentication, error) { return oidckit.Authentication{}, oidckit.ErrUnauthenticated }
	for i := range appLimit {
		if _, wait, _ := th.CheckFromApp(fmt.Sprint("name-", i), "app", wrong); wait > 0 {
			t.Fatal("locked out after", i)
		}
	}
	if _, wait, _ := th.CheckFromApp("alice", "app", wrong); wait == 0 {
		t.Error("an app may guess for ever")
	}
	if _, wait, _ := th.CheckFromApp("alice", "other", wrong); wait > 0 {
		t.Error("another app is locked out")
	}
}
