// Package rpstoretest shows that an implementation of rpstore keeps its
// contract. Whoever writes a store runs it:
//
//	func TestContract(t *testing.T) {
//		db := …
//		rpstoretest.Run(t, func(t *testing.T, tenant string) rpstore.Set {
//			return mystore.New(db).Open(tenant)
//		})
//	}
//
// The function is called with tenants that nobody has used, several times with
// the same one where calls must meet; all of them may, and should, share one
// database. Each sentence of the contract is one subtest. One-time verbs are
// raced by 32 goroutines, several times; run with the race detector.
//
// A store that keeps some of the aggregates runs RunSessions and so on.
package rpstoretest
