// Package revoke is the revocation endpoint (RFC 7009).
//
//	h := &revoke.Handler{Issuer: iss, Clients: auth, Tokens: issuer, Grants: grants}
//	err := h.Serve(w, r)
//
// A refresh token takes its grant with it, and every access token that came of
// it; an access token, JWT or opaque, ends alone. Whoever verifies JWTs by
// their signature alone has to be told: EventTokenRevoked has what a deny list
// needs. What is not known, or has ended already, is revoked as far as anybody
// can tell: 200. A token of another client is not touched, and the caller is
// told so (RFC 7009 §2.1).
package revoke
