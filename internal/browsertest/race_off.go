//go:build !race

package browsertest

// raceEnabled tells whether the test runs under the race detector.
const raceEnabled = false
