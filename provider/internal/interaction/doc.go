// Package interaction is what happens between an authorization request and its
// answer where a person is asked: the login page, the choice of an account, the
// consent page, and the calls by which an app's own pages take their place.
//
//	lr, err := h.LoginRequest(r)                 // for whom, how
//	err = h.CompleteLogin(w, r, lr.ID, auth)     // once for each request
//	err = h.FailLogin(w, r, lr.ID, err)
//
//	cr, err := h.ConsentRequest(r)               // who asks whom for what
//	err = h.CompleteConsent(w, r, cr.ID, scope)  // once, by the session asked
//	err = h.DenyConsent(w, r, cr.ID)
//
// The built-in pages are written on the same calls. The account page, where
// people see and withdraw what they have allowed, comes through the same login
// page: a request of the issuer's own has no client, and comes back to a path.
//
// Specs: OpenID Connect Core 1.0 §3.1.2.1, §3.1.2.3, §3.1.2.4; RFC 6749 §3.3.
package interaction
