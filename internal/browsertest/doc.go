// Package browsertest drives a real Chromium, and the example programs as
// built binaries, for the tests of the module:
//
//	program := browsertest.Build(t, module+"/examples/quickstart")
//	p := browsertest.Start(t, dir, program, "-addr", "127.0.0.1:0")
//	b := browsertest.New(t)
//	b.Open(p.Line("app"))
//	b.Fill("input[name=username]", p.Line("user"))
//	b.Click("button[type=submit]")
//
// The path of Chromium comes from the environment variable
// OIDCKIT_TEST_CHROMIUM, which make test sets; without it, a test that needs a
// browser is skipped and says so. Every step is bounded in time and fails the
// test itself, with the address and the text of the page it stood on.
//
// It is for tests only and checks nothing by itself but what no page of ours
// may ever do: break its own Content-Security-Policy.
package browsertest
