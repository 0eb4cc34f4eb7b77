// Package endsession is OpenID Connect RP-Initiated Logout 1.0: a client sends
// the person here to end the session at the issuer.
//
// A request with a valid id_token_hint of the person who is signed in ends the
// session at once. Any other could have come from anyone, so the person is
// asked first (§6). The redirect back goes only to what the client has
// registered.
package endsession
