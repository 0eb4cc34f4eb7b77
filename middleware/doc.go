// Package middleware guards routes: RequireAuth for people with a session,
// RequireBearer for calls with an access token. What a guard has verified is
// in the request's context, and further guards build on it.
//
//	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{
//		Issuer:   "https://issuer.example",
//		Audience: "https://api.example",
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer v.Close()
//	bearer := middleware.RequireBearer(v)
//	mux.Handle("GET /orders", bearer(middleware.RequireScope("orders:read")(orders)))
//
// JWTVerifier checks tokens by their issuers' keys, IntrospectionVerifier by
// asking their issuer, JWTOrOpaqueVerifier in the way that each token needs.
//
// In the handler:
//
//	id, _ := oidckit.IdentityFromContext(r.Context())
//
// Every guard is a func(http.Handler) http.Handler, for any router; none wraps
// the ResponseWriter. A guard that lacks what it needs answers 500 or 503 and
// never lets a request through. CORS middleware stands before the guards, so
// that preflights pass.
//
// The package keeps no sessions and logs nobody in (see package handlers), and
// issues nothing (see package provider).
//
// Specs: RFC 6750, RFC 7662, RFC 9068, RFC 7519, RFC 8725, RFC 9470 §3 (challenge), RFC 9701.
package middleware
