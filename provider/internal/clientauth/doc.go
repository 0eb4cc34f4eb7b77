// Package clientauth authenticates clients at the endpoints they call
// directly: client_secret_basic, client_secret_post and none (RFC 6749 §2.3,
// OpenID Connect Core 1.0 §9).
//
//	a := clientauth.New(registry)
//	client, err := a.Authenticate(r, form)
//
// A client authenticates by the method it registered, and by that one only.
package clientauth
