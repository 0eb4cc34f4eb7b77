package jwks

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

var (
	// ErrUnknownKey says that the issuer has no key that a token with this kid
	// and algorithm can mean: the token is bad.
	ErrUnknownKey = errors.New("jwks: unknown key")
	// ErrUnavailable says that the keys could not be had: nothing is known of
	// the token.
	ErrUnavailable = errors.New("jwks: keys are unavailable")
)

// Ref is which key a token means.
type Ref struct {
	// KeyID is the token's kid, empty where it has none.
	KeyID string
	// Algorithm is the one that the caller has settled on.
	Algorithm string
	// Issuer is the token's issuer, where a key may be for the tokens of some
	// issuers alone; see Scope.
	Issuer string
}

// Scope says whose tokens a key verifies whose JWK names an issuer: those of
// the issuer that it returns, or with "" those of all that share the set. It
// returns false for a key that serves none of them.
type Scope func(issuer string) (scope string, ok bool)

// Source gives public keys for verification. It is safe for concurrent use.
type Source interface {
	// Find returns the key for a token. Errors wrap ErrUnknownKey or
	// ErrUnavailable.
	Find(ctx context.Context, r Ref) (crypto.PublicKey, error)
	// Key is Find where all keys are for the same issuer.
	Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error)
	// Renew returns the key that has taken the place of tried, the one that
	// Find gave and with which the token does not verify. Where the token has a
	// kid there is none. Errors are as those of Find.
	Renew(ctx context.Context, r Ref, tried crypto.PublicKey) (crypto.PublicKey, error)
	// Held is Find without waiting for anything: nil where the key is not at
	// hand.
	Held(r Ref) crypto.PublicKey
	// Generation changes with every change of the keys and not with a refresh
	// that brings the same ones. It is 0 while Key has to be asked: before the
	// first keys, and when those held are due for a refresh. The caller has
	// read the clock.
	Generation(now time.Time) uint64
}

// Defaults and fixed bounds.
const (
	defaultSoftLifetime = 5 * time.Minute
	defaultHardLifetime = 24 * time.Hour

	// fetchTimeout is what one fetch may take, discovery included.
	fetchTimeout = 10 * time.Second
	// hangGrace is how long a fetch whose time is over may take to say so.
	hangGrace = 100 * time.Millisecond
	// coldWait is how long a request waits for the first keys, and for others
	// than those that are past their soft lifetime; lookupWait how long for a
	// fetch that may bring its kid.
	coldWait   = 5 * time.Second
	lookupWait = time.Second
	// maxWaiting bounds the requests that wait with a kid nobody knows, and
	// apart from them those with a known one once a fetch has taken lookupWait.
	maxWaiting = 256
	// unknownInterval is the least time between fetches for unknown kids. Until
	// the next one is allowed, what the last did not bring is unknown without
	// asking, whatever the kid. No single kid is remembered for longer: who
	// guesses an issuer's next one could keep it from being found.
	unknownInterval = time.Second
	// quickAnswer is how long a fetch for an unknown kid may have taken for
	// requests to wait for the next one though it brought nothing. It is more
	// than a healthy source needs, so that a rotation after a stray kid refuses
	// nobody, and little of unknownInterval, so that who invents kids cannot
	// have maxWaiting requests held all the time.
	quickAnswer = 200 * time.Millisecond
	// quietWait is for how long after one that took longer a single request
	// waits for each fetch, the one that has it made: a key that does come is
	// taken as soon as it is there.
	quietWait  = 30 * time.Second
	maxBackoff = 16 * time.Second
	// failureCounts is for how long at least a failure shows that the source
	// cannot be asked: longer than it takes to fail again.
	failureCounts = 30 * time.Second
)

// Config is how a Cache gets its keys and for how long it trusts them.
type Config struct {
	// Fetch returns the issuer's JWK set. It must bound its answer and end
	// when its context does, which is never the one of a request. One that does
	// not end is not waited for, and not called again until it does. Required.
	Fetch func(ctx context.Context) ([]byte, error)
	// Failed, where set, is called after each fetch that brought no key set, so
	// that what has led to its address can be looked up anew. It does not block.
	Failed func()
	// SoftLifetime is the age up to which keys are served without asking. They
	// are refreshed before, while they are served; once it is over they serve
	// only after a refresh has failed, so that a key that the issuer withdraws
	// is refused by then while the issuer answers. Default 5 minutes.
	SoftLifetime time.Duration
	// HardLifetime is how long keys serve while the issuer cannot be reached.
	// Default 24 hours.
	HardLifetime time.Duration
	// Scope judges keys that name an issuer. Nil means that every key serves
	// all who ask.
	Scope Scope
	// Logger receives failures and changes of the keys. Silent by default.
	Logger zerolog.Logger
}

func (c *Config) validate() error {
	if c.SoftLifetime == 0 {
		c.SoftLifetime = defaultSoftLifetime
	}
	if c.HardLifetime == 0 {
		c.HardLifetime = max(defaultHardLifetime, c.SoftLifetime)
	}
	var problems []error
	if c.Fetch == nil {
		problems = append(problems, errors.New("jwks: Fetch is required"))
	}
	if c.SoftLifetime < 0 {
		problems = append(problems, errors.New("jwks: SoftLifetime is negative"))
	}
	if c.HardLifetime < c.SoftLifetime {
		problems = append(problems, errors.New("jwks: HardLifetime is less than SoftLifetime"))
	}
	return errors.Join(problems...)
}

// Cache is a Source over an issuer's JWK set. It is safe for concurrent use.
type Cache struct {
	config  Config
	started time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	// asking says that a call of Fetch has not returned.
	asking atomic.Bool

	current atomic.Pointer[snapshot]
	// due is the time since started until which current may be read without
	// a further thought. It never lies beyond current's hard lifetime.
	due atomic.Int64

	mu       sync.Mutex
	closed   bool
	running  *fetch
	failures int
	lastErr  error
	// failedAt is when the last one failed, and retryAt when another may follow.
	failedAt, retryAt time.Time
	// unknownAt is when a fetch for an unknown kid was last started: a budget
	// of its own, so that such kids never delay a fetch that is due.
	unknownAt time.Time
	// quietUntil is when requests may wait again for a fetch for an unknown kid.
	quietUntil time.Time
	// waiting counts the requests that wait with an unknown kid, stale those
	// that wait for keys in the place of those that are past the soft lifetime.
	waiting, stale int
}

// snapshot is a key set as of its last successful fetch.
type snapshot struct {
	*keySet
	fetched    time.Time
	generation uint64
}

// New returns an empty Cache, which fetches on first use.
func New(config Config) (*Cache, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	c := &Cache{config: config, started: time.Now()}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Find implements Source. While the keys are fresh it neither locks nor
// allocates for a key that is known. It waits at most 5 seconds for the first
// keys, and for others than those that nobody has had refreshed in their soft
// lifetime, and at most one for a key that is not among those it has.
func (c *Cache) Find(ctx context.Context, r Ref) (crypto.PublicKey, error) {
	if s := c.current.Load(); s != nil && int64(time.Since(c.started)) < c.due.Load() {
		if key := s.find(r); key != nil {
			return key, nil
		}
	}
	return c.lookup(ctx, wanted{Ref: r})
}

// Key implements Source.
func (c *Cache) Key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	return c.Find(ctx, Ref{KeyID: kid, Algorithm: alg})
}

// Renew implements Source. It costs the issuer what an unknown kid does, and
// the same fetch a second serves both. An issuer that puts a key in the place
// of another under the same kid has to wait for a refresh: whoever makes up a
// signature knows the kid.
func (c *Cache) Renew(ctx context.Context, r Ref, tried crypto.PublicKey) (crypto.PublicKey, error) {
	if r.KeyID != "" {
		return nil, ErrUnknownKey
	}
	return c.lookup(ctx, wanted{Ref: r, tried: tried})
}

// Held implements Source.
func (c *Cache) Held(r Ref) crypto.PublicKey {
	if s := c.usable(time.Now()); s != nil {
		return s.find(r)
	}
	return nil
}

// Generation implements Source. It neither locks nor allocates.
func (c *Cache) Generation(now time.Time) uint64 {
	if s := c.current.Load(); s != nil && int64(now.Sub(c.started)) < c.due.Load() {
		return s.generation
	}
	return 0
}

// Warm fetches the keys where there are none yet, or none that may still be
// served, and waits for them as long as ctx allows. A source that has failed
// is given time, as by Find: until then the error is that of the last attempt.
// It wraps ErrUnavailable and the cause.
func (c *Cache) Warm(ctx context.Context) error {
	c.mu.Lock()
	if c.usable(time.Now()) != nil {
		c.mu.Unlock()
		return nil
	}
	if c.closed {
		c.mu.Unlock()
		return fmt.Errorf("%w: closed", ErrUnavailable)
	}
	f := c.running
	if f == nil {
		f = c.startUnlessFailing(time.Now())
	}
	failure := c.lastErr
	c.mu.Unlock()
	if f == nil {
		return unavailable(failure)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	if f.err != nil {
		return unavailable(f.err)
	}
	return nil
}

// Close ends a fetch that is under way and allows no further one. Keys that
// are held serve until their hard lifetime. It may be called more than once.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
	return nil
}

func (c *Cache) usable(now time.Time) *snapshot {
	s := c.current.Load()
	if s == nil || now.Sub(s.fetched) >= c.config.HardLifetime {
		return nil
	}
	return s
}
