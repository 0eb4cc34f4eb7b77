// Package house holds no code, only the tests of the rules that the whole
// module keeps:
//
//   - imports: arrows between packages point one way, and each dependency is
//     touched where it belongs (imports_test.go);
//   - files: a ceiling on length, a doc.go in each package, names that say
//     something, nothing left undone, no path of a machine (files_test.go);
//   - SPEC.md: every test it names exists (spec_test.go).
//
// make lint runs them; plain go test does too.
package house
