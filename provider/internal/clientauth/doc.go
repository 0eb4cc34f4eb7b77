// Package clientauth authenticates clients at the endpoints they call
// directly, by the methods of OpenID Connect Core 1.0 §9: client_secret_basic,
// client_secret_post and none (RFC 6749 §2.3), client_secret_jwt and
// private_key_jwt (RFC 7523).
//
//	a := clientauth.New(clientauth.Config{Clients: registry, Verifier: v, Replay: replay, Audience: own})
//	client, err := a.Authenticate(r, form)
//
// A client authenticates by the method it registered, and by that one only.
// An assertion has iss and sub of the client, aud of this issuer and of nobody
// else (the issuer, or an endpoint where clients authenticate; a list may hold
// several of them), exp at most five minutes away, a jti that is used once,
// and the algorithm that the client has registered, if it has. Clocks may
// differ by a minute.
package clientauth
