// Package clientkeys has the public keys of clients: those that stand in their
// metadata (jwks) and those that they publish (jwks_uri).
//
//	keys := clientkeys.New(clientkeys.Config{HTTPClient: outbound})
//	defer keys.Close()
//	err := keys.Verify(ctx, client, assertion)
//
// What is fetched goes through package jwks: read up to a bound, merged, kept
// while its source is down, fetched anew for an unknown kid but not more than
// once a second. There is a cache for each client, so that one whose keys
// hang holds up nobody else, and a bounded number of them: the one that was
// not used for the longest time leaves.
//
// A client's keys that cannot be had are the client's own fault: ErrNoKey.
//
// Specs: RFC 7591 §2, OpenID Connect Core 1.0 §10.1.1.
package clientkeys
