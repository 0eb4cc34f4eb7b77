// Package storetest is what the contract tests of both store packages share:
// checks that return errors, so that the tests of a suite can show that a wrong
// store fails it, races with exactly one winner, and records with every field
// set.
//
//	storetest.Run(t, checks, open)
//
//	err := storetest.OneWinner(storetest.Race(func(int) error {
//		_, err := s.Codes.ConsumeCode(ctx, hash)
//		return err
//	}), oidckit.ErrConsumed)
package storetest
