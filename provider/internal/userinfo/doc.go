// Package userinfo is the UserInfo endpoint (OpenID Connect Core 1.0 §5.3):
// claims about the person, as the scope of the access token allows. The token
// is one of the issuer's own, in the Authorization header or in a form
// (RFC 6750 §2), never in the query.
//
//	h := &userinfo.Handler{Issuer: iss, Tokens: issuer, UserClaims: catalogue, Claims: users.Claims}
//	err := h.Serve(w, r)
//
// Which claims the answer has is for package userclaims to say. It is JSON, or
// a JWT for a client that is registered for one; encrypted ones are not made.
package userinfo
