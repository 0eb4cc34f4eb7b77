// Package introspect is the introspection endpoint (RFC 7662), with answers in
// JSON or, where the caller accepts them, signed (RFC 9701).
//
//	h := &introspect.Handler{Issuer: iss, Clients: auth, Scopes: catalogue, Tokens: issuer, Grants: grants}
//	err := h.Serve(w, r)
//
// It tells a client of its own tokens: access tokens, JWT or opaque, refresh
// tokens, ID tokens. A client that acts as a resource is also told of the
// access tokens that are meant for that resource. Everybody else hears of
// every token that it is not active, and so does who asks about one that has
// ended, by itself or with its session, grant, client or user.
//
// It changes nothing, and is no place to find out whether a token exists.
package introspect
