package middleware

import (
	"errors"
	"sync"
	"time"

	"github.com/oidckit/oidckit/internal/jwks"
)

const (
	// quietTenant is after how many seconds without a good token a tenant may
	// lose its place.
	quietTenant = 60
	// newTenant is for how many seconds a tenant of which no good token has
	// been seen yet keeps its place: its first keys may be on the way.
	newTenant = 10
)

var errTenants = errors.New("keys are kept for as many tenants as Tenants.Max allows, and all of them are in use")

// tenantKeys keeps the keys of a bounded number of tenants. It is safe for
// concurrent use.
type tenantKeys struct {
	max     int
	opener  keyOpener
	started time.Time

	mu     sync.RWMutex
	rings  map[string]*tenantRing
	closed bool
	// closing are the keys that were given up.
	closing sync.WaitGroup
}

// tenantRing is the keys of one tenant.
type tenantRing struct {
	*keyring
	// openedAt is in seconds since started.
	openedAt int64
}

func newTenantKeys(limit int, opener keyOpener) *tenantKeys {
	if limit == 0 {
		limit = defaultMaxTenants
	}
	return &tenantKeys{max: limit, opener: opener, started: time.Now(), rings: map[string]*tenantRing{}}
}

func (k *tenantKeys) now() int64 { return int64(time.Since(k.started) / time.Second) }

// ring returns a tenant's keys, and makes room for them where it has to.
func (k *tenantKeys) ring(issuer, tenant string) (*keyring, error) {
	k.mu.RLock()
	ring := k.rings[tenant]
	k.mu.RUnlock()
	if ring != nil {
		return ring.keyring, nil
	}
	return k.open(issuer, tenant, true)
}

// open is ring for a tenant whose keys may have to be opened; others lose
// their place for it only where that is said.
func (k *tenantKeys) open(issuer, tenant string, makeRoom bool) (*keyring, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ring := k.rings[tenant]; ring != nil {
		return ring.keyring, nil
	}
	if k.closed {
		return nil, jwks.ErrUnavailable
	}
	now := k.now()
	if len(k.rings) >= k.max && !(makeRoom && k.retire(now)) {
		return nil, errTenants
	}
	opened, err := k.opener.open(issuer, tenant)
	if err != nil {
		return nil, err
	}
	k.rings[tenant] = &tenantRing{keyring: opened, openedAt: now}
	return opened, nil
}

// retire gives up the keys of a tenant that may lose its place. Its caller
// holds the lock.
func (k *tenantKeys) retire(now int64) bool {
	victim := k.idle(now)
	if victim == "" {
		return false
	}
	ring := k.rings[victim]
	ring.retired.Store(true)
	delete(k.rings, victim)
	// It waits for a fetch to end, which nobody else has to.
	k.closing.Go(func() { _ = ring.Close() })
	return true
}

// idle returns a tenant that may lose its place: first one whose tokens never
// were good, for names cost a stranger nothing.
func (k *tenantKeys) idle(now int64) string {
	victim, oldest := "", int64(0)
	for tenant, ring := range k.rings {
		age := now - ring.openedAt - newTenant
		if used := ring.usedAt.Load(); used != 0 {
			age = now - used - quietTenant
		} else if age >= 0 {
			return tenant
		}
		if age >= 0 && (victim == "" || age > oldest) {
			victim, oldest = tenant, age
		}
	}
	return victim
}

// used notes that a token was good, so that the tenant keeps its place.
func (t *trustedIssuer) used(ring *keyring) {
	if t.perTenant == nil {
		return
	}
	// Written once a second at most: every request of a tenant comes by.
	if now := t.perTenant.now() + 1; ring.usedAt.Load() != now {
		ring.usedAt.Store(now)
	}
}

// Close gives up all keys.
func (k *tenantKeys) Close() error {
	k.mu.Lock()
	k.closed = true
	rings := k.rings
	k.rings = map[string]*tenantRing{}
	k.mu.Unlock()
	var errs []error
	for _, ring := range rings {
		errs = append(errs, ring.Close())
	}
	k.closing.Wait()
	return errors.Join(errs...)
}
