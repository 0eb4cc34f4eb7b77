// Package rpstore is what the relying party keeps, and the contract of who may
// keep it: one small interface for each aggregate, joined in a Set.
//
// A Set is opened for one app (a tenant, named by the app), and the key of
// every record begins with it. Sessions also carry issuer and client, so that
// two relying parties of one app share a Set.
//
// The rules are those of package opstore, and are shown by the tests of
// package rpstoretest, which every implementation runs: one-time records are
// spent by one atomic call, bearer values arrive as oidckit.TokenHash, an
// expired record is not found, records are copied in and out, and any error
// but ErrNotFound, ErrConsumed and ErrConflict means that the store could not
// answer. Every method is safe for concurrent use, across replicas too.
package rpstore
