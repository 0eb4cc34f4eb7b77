// Package userinfo is the UserInfo endpoint (OpenID Connect Core 1.0 §5.3):
// claims about the person, as the scope of the access token allows.
//
//	h := &userinfo.Handler{Issuer: issuer, Tokens: tokens, Claims: users.Claims}
//	mux.Handle("/userinfo", wire.Endpoint(h.Serve, wire.Options{WriteError: userinfo.WriteError}))
//
// It takes the issuer's own access tokens with the scope openid, in the header
// or in a posted form (RFC 6750 §2.1, §2.2), and never in the query.
package userinfo
