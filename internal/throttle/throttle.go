package throttle

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"
)

const (
	// throttleWindow is how long failures count, from the first of them: also
	// the longest that anybody waits, for an attempt that is refused counts
	// nothing.
	throttleWindow = 15 * time.Minute
	// nameLimit is how many failures a user name may have in a window,
	// addressLimit a client address: people in one office share one. All people
	// of an app that takes passwords itself come by way of that app: its limit
	// is so high that nobody locks them out with a handful of guesses.
	nameLimit    = 10
	addressLimit = 50
	appLimit     = 5000
	// knownFor is how long an address stays known to a name that signed in
	// from it.
	knownFor = 30 * 24 * time.Hour
	// Each table has throttleSets*throttleWays rows, for ever.
	throttleSets = 2048
	throttleWays = 4
)

// Throttle slows down the guessing of passwords in this process (ASVS 5.0
// §6.3.1). Failures count by user name, whether it exists or not, and by
// client address. An address from which the name has signed in before has a
// count of its own, so that strangers' guesses do not lock a person out. It
// is safe for concurrent use and its memory is constant.
type Throttle struct {
	seed  maphash.Seed
	start time.Time

	mu        sync.Mutex
	names     counters
	addresses counters
	known     counters
}

// New returns a Throttle that has seen nothing.
func New() *Throttle {
	return &Throttle{
		seed: maphash.MakeSeed(), start: time.Now(),
		names:     counters{lifetime: throttleWindow, rows: make([]counter, throttleSets*throttleWays)},
		addresses: counters{lifetime: throttleWindow, rows: make([]counter, throttleSets*throttleWays)},
		known:     counters{lifetime: knownFor, rows: make([]counter, throttleSets*throttleWays)},
	}
}

// attempt is one try of a password.
type attempt struct {
	throttle            *Throttle
	name, pair, address uint64
	fromKnown           bool
}

// begin counts an attempt as failed, before the password is checked: attempts
// that run at the same time must not share one count. It returns how long to
// wait instead where there were too many. An empty address is not counted.
func (t *Throttle) begin(username, address string, limit uint32) (*attempt, time.Duration) {
	name := strings.ToLower(strings.TrimSpace(username))
	a := &attempt{throttle: t, name: t.hash(name, ""), pair: t.hash(name, address)}
	if address != "" {
		a.address = t.hash("", address)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// The monotonic clock: a step of the wall clock frees and locks nobody.
	now := time.Since(t.start)
	a.fromKnown = address != "" && t.known.find(a.pair, now) != nil
	if wait := t.names.wait(a.nameKey(), nameLimit, now); wait > 0 {
		return nil, wait
	}
	if address != "" {
		if wait := t.addresses.wait(a.address, limit, now); wait > 0 {
			return nil, wait
		}
		t.addresses.add(a.address, now)
	}
	t.names.add(a.nameKey(), now)
	return a, 0
}

func (a *attempt) nameKey() uint64 {
	if a.fromKnown {
		return a.pair
	}
	return a.name
}

// succeeded forgets the name's failures.
func (a *attempt) succeeded() {
	t := a.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Since(t.start)
	t.names.remove(a.name, now)
	t.names.remove(a.pair, now)
	if a.address != 0 {
		t.addresses.takeBack(a.address, now)
		t.known.remove(a.pair, now)
		t.known.add(a.pair, now)
	}
}

// unchecked takes the attempt back: the password could not be checked.
func (a *attempt) unchecked() {
	t := a.throttle
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Since(t.start)
	t.names.takeBack(a.nameKey(), now)
	t.addresses.takeBack(a.address, now)
}

func (t *Throttle) hash(name, address string) uint64 {
	return maphash.String(t.seed, name+"\x00"+address) | 1
}

// counters is a table of fixed size: a key lives in one of throttleWays rows.
type counters struct {
	lifetime time.Duration
	rows     []counter
}

type counter struct {
	key   uint64
	count uint32
	since time.Duration
}

func (c *counters) set(key uint64) []counter {
	i := (key >> 1) % throttleSets * throttleWays
	return c.rows[i : i+throttleWays]
}

func (c *counters) find(key uint64, now time.Duration) *counter {
	set := c.set(key)
	for i := range set {
		if set[i].key == key && now-set[i].since < c.lifetime {
			return &set[i]
		}
	}
	return nil
}

func (c *counters) wait(key uint64, limit uint32, now time.Duration) time.Duration {
	if row := c.find(key, now); row != nil && row.count >= limit {
		return row.since + c.lifetime - now
	}
	return 0
}

// add counts one for the key. Where no row is free it takes the one with the
// fewest failures, the oldest of them: a flood of names pushes out itself
// before it pushes out one that is under attack.
func (c *counters) add(key uint64, now time.Duration) {
	if row := c.find(key, now); row != nil {
		row.count++
		return
	}
	set := c.set(key)
	free := &set[0]
	for i := range set {
		row := &set[i]
		if row.count == 0 || now-row.since >= c.lifetime {
			free = row
			break
		}
		if row.count < free.count || row.count == free.count && row.since < free.since {
			free = row
		}
	}
	*free = counter{key: key, count: 1, since: now}
}

func (c *counters) takeBack(key uint64, now time.Duration) {
	if row := c.find(key, now); row != nil && row.count > 0 {
		row.count--
	}
}

func (c *counters) remove(key uint64, now time.Duration) {
	if row := c.find(key, now); row != nil {
		*row = counter{}
	}
}
