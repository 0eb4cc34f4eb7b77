package middleware

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/oidckit/oidckit"
)

// warmAtOnce is for how many tenants keys are fetched at a time, so that a
// check does not come over their provider as a flood.
const warmAtOnce = 16

// warm fetches the keys where there are none.
func (k *keyring) warm(ctx context.Context) error {
	if k.cache == nil {
		return nil
	}
	if err := k.cache.Warm(ctx); err != nil {
		return errNotWarm(k.issuer, err)
	}
	return nil
}

func errNotWarm(issuer string, cause error) error {
	return fmt.Errorf("middleware: keys of %s: %w: %w", issuer, oidckit.TemporarilyUnavailable, cause)
}

// warm fetches the keys of the issuer, or of those of its tenants that are
// known, where there are none.
func (t *trustedIssuer) warm(ctx context.Context) error {
	if t.keys != nil {
		return t.keys.warm(ctx)
	}
	rings, err := t.listedKeys()
	if err != nil {
		return errNotWarm(t.name, err)
	}
	listed := len(rings)
	rings = append(rings, t.seenKeys()...)
	errs := warmAll(ctx, rings)
	if slices.Contains(errs, nil) {
		errs = errs[:listed]
	}
	return errors.Join(errs...)
}

// listedKeys opens the keys of the tenants that are listed, as far as there is
// room for them.
func (t *trustedIssuer) listedKeys() ([]*keyring, error) {
	var rings []*keyring
	for _, tenant := range t.tenants.Allowed {
		switch ring, err := t.perTenant.open(t.template.fill(tenant), tenant, false); {
		case err == nil:
			rings = append(rings, ring)
		case !errors.Is(err, errTenants):
			return nil, err
		}
	}
	return rings, nil
}

// seenKeys returns the keys of tenants that are not listed and whose tokens
// have been good: any name may be one of a tenant, and that it was asked for
// says nothing.
func (t *trustedIssuer) seenKeys() []*keyring {
	k := t.perTenant
	k.mu.RLock()
	defer k.mu.RUnlock()
	var rings []*keyring
	for tenant, ring := range k.rings {
		if !t.listed[tenant] && ring.usedAt.Load() != 0 {
			rings = append(rings, ring.keyring)
		}
	}
	return rings
}

// warmAll returns what became of each.
func warmAll(ctx context.Context, rings []*keyring) []error {
	errs := make([]error, len(rings))
	gate := make(chan struct{}, warmAtOnce)
	var wg sync.WaitGroup
	for i, ring := range rings {
		wg.Go(func() {
			select {
			case gate <- struct{}{}:
				errs[i] = ring.warm(ctx)
				<-gate
			case <-ctx.Done():
				errs[i] = errNotWarm(ring.issuer, ctx.Err())
			}
		})
	}
	wg.Wait()
	return errs
}
