// Package jwks keeps the public keys of one issuer at hand: fetched, checked,
// refreshed, and looked up without a lock or an allocation.
//
//	keys, err := jwks.New(jwks.Config{Fetch: fetchKeySet})
//	defer keys.Close()
//	key, err := keys.Key(ctx, header.KeyID, "RS256")
//	switch {
//	case errors.Is(err, jwks.ErrUnavailable): // 503: could not be checked
//	case err != nil:                          // 401: no such key
//	}
//
// One Cache is for one issuer; key sets never mix (RFC 8725 §3.8). Each set
// that arrives goes through the strict reader of package jose into a storage
// of jwkset, and keyfunc answers once for each kid and algorithm; lookups read
// those answers. Fetching is not left to keyfunc: here concurrent callers
// share one fetch on a context of its own, a stranger's invented kid costs the
// issuer at most one fetch a second, and a source that fails is given time.
// Keys past their soft lifetime serve only while the source fails: one that is
// slow is waited for, and is no reason to believe a key that is withdrawn.
//
// The package makes no request itself, reads no tokens and verifies no
// signatures.
//
// Specs: RFC 7517 §5, OpenID Connect Core 1.0 §10.1 and §10.1.1.
package jwks
