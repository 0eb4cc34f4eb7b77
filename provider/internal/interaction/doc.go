// Package interaction is what happens between an authorization request and its
// answer where a person is asked: the login page, the consent page, and the
// calls by which an app's own pages take their place.
//
//	lr, err := h.LoginRequest(r)                 // for whom, how
//	err = h.CompleteLogin(w, r, lr.ID, auth)     // once for each request
//	err = h.FailLogin(w, r, lr.ID, err)
//
// The built-in login page is written on the same three calls.
package interaction
