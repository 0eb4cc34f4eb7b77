// Package opstore is what the issuer keeps, and the contract of who may keep
// it: one small interface for each aggregate, joined in a Set.
//
// A Set is opened for one issuer, and the key of every record begins with it:
// several issuers share a database and nothing else.
//
// The rules of the contract, shown by the tests of package opstoretest, which
// every implementation runs:
//
//   - A one-time record is spent by one atomic call; exactly one caller gets
//     nil, every other one ErrConsumed.
//   - Bearer values arrive as oidckit.TokenHash, never as themselves.
//   - An expired record is not found, whether it was swept or not.
//   - Records are copied in and out: a caller may keep and change what it
//     passed or got.
//   - ErrNotFound, ErrConsumed and ErrConflict are of package oidckit; any
//     other error means that the store could not answer.
//   - A context that has ended stops the call with the context's error.
//   - Times come back as the same instant, to the microsecond, in any location.
//   - Keys are compared byte for byte, whatever their bytes: what a stranger
//     typed is not found, never a failure of the store.
//
// Every method is safe for concurrent use, across replicas too.
package opstore
