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
// hang holds up nobody else. Those of configured clients all stay. Of registered
// clients a bounded number stays, and the one that was not used for the longest
// time leaves: where there are more clients, and strangers may register, they can
// make each other's keys be fetched again, which costs a request to jwks_uri and
// fails while that is down.
//
// A client's keys that cannot be had are the client's own fault: ErrNoKey.
//
// Specs: RFC 7591 §2, OpenID Connect Core 1.0 §10.1.1.
package clientkeys
