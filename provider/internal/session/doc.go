// Package session is who is signed in at the issuer with this browser: one
// cookie with a random handle, whose hash finds the session in the store.
//
//	s, err := sessions.Current(r)           // ErrUnauthenticated without one
//	s, err = sessions.SignIn(w, r, auth)    // new handle at each login
//	err = sessions.SignOut(w, r, s)
//
// The store is the authority: nothing about the person is in the cookie, and
// ending the record ends the session on every replica at once.
package session
