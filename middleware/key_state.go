package middleware

import "time"

// KeyState is how a verifier stands with the keys of one issuer, for metrics
// and readiness probes.
type KeyState struct {
	// Issuer is the issuer, the template whose tenants share the keys, or the
	// issuer of one tenant.
	Issuer string
	// Keys is the number of usable keys that are held. It is 0 before the
	// first ones and from their HardLifetime on.
	Keys int
	// Fetched is when they were asked for; zero before the first ones. The age
	// of keys that serve while the issuer is down is counted from here.
	Fetched time.Time
	// Failures is the number of fetches in a row that have failed, and Err the
	// error of the last one.
	Failures int
	Err      error
}

// KeyStates returns a KeyState for each issuer whose keys are fetched, and for
// each tenant whose keys are held. It calls nobody.
func (v *JWTVerifier) KeyStates() []KeyState {
	if v == nil || v.issuers == nil {
		return nil
	}
	var states []KeyState
	for _, t := range v.issuers.all {
		for _, ring := range t.rings() {
			if ring.cache == nil {
				continue
			}
			s := ring.cache.State()
			states = append(states, KeyState{Issuer: ring.issuer, Keys: s.Keys, Fetched: s.Fetched, Failures: s.Failures, Err: s.Err})
		}
	}
	return states
}

// rings returns the keys that are held.
func (t *trustedIssuer) rings() []*keyring {
	if t.keys != nil {
		return []*keyring{t.keys}
	}
	t.perTenant.mu.RLock()
	defer t.perTenant.mu.RUnlock()
	rings := make([]*keyring, 0, len(t.perTenant.rings))
	for _, ring := range t.perTenant.rings {
		rings = append(rings, ring.keyring)
	}
	return rings
}
