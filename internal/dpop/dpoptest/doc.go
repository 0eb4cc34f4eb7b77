// Package dpoptest makes DPoP proofs (RFC 9449 §4.2), good ones and forged
// ones, for tests of what checks them.
//
//	key := dpoptest.NewKey(t)
//	proof := key.Proof("GET", "https://api.example/orders", map[string]any{"ath": dpop.TokenHash(token)})
//	cnf := map[string]any{"jkt": key.Thumbprint()}
//
// It signs with the standard library, so that a mistake of package jose shows.
// It is no client: it keeps no nonces.
package dpoptest
