// Package throttle slows down the guessing of passwords.
//
//	t := throttle.New()
//	auth, wait, err := t.Check(username, address, func() (oidckit.Authentication, error) { … })
//
// It counts in this process: two replicas allow twice the guesses. It checks no
// password itself.
//
// Specs: OWASP ASVS 5.0 6.3.1.
package throttle
