// Package opstoretest shows that an implementation of opstore keeps its
// contract. Whoever writes a store runs it:
//
//	func TestContract(t *testing.T) {
//		db := …
//		opstoretest.Run(t, func(t *testing.T, issuer string) opstore.Set {
//			return mystore.New(db).Open(issuer)
//		})
//	}
//
// The function is called with issuers that nobody has used, several times with
// the same one where calls must meet; all of them may, and should, share one
// database. Each sentence of the contract is one subtest. One-time verbs are
// raced by 32 goroutines, several times; run with the race detector.
//
// A store that keeps some of the aggregates runs RunCodes, RunGrants and so on.
package opstoretest
