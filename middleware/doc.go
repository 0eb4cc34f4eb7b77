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
// Each takes revocations (Revoke), and the events of an issuer in the same
// process (Observe).
//
// In the handler:
//
//	id, _ := oidckit.IdentityFromContext(r.Context())
//
// Behind either of them stand RequireScope and RequireAnyScope, RequireClaim
// and RequireClaims, RequireRole and RequireAnyRole (RoleClaim), RequireACR and
// RequireAuthAge (StepUp): what an identity lacks, they leave to the guard
// before to ask for. RequireSessionOrBearer guards a route for people and
// programs. Session is the long form of RequireAuth: optional authentication, and
// a list of public routes for a guard around a whole router. Bearer is the long
// form of RequireBearer: optional authentication, other places to send a token,
// tokens that are bound to a key (DPoP, MTLS), and metadata by which a client
// finds out where to get a token (ResourceMetadata).
//
// Every guard is a func(http.Handler) http.Handler, for any router; none wraps
// the ResponseWriter, so that streams, upgrades and http.ResponseController
// work. A guard that lacks what it needs answers 500 or 503 and never lets a
// request through; what panics in a function that the app has given it (a
// verifier, a condition, a sink of events) is a 500, too. From outside to inside
// the order is: CORS middleware, so that preflights pass;
// http.CrossOriginProtection, where there are sessions; the guard that
// verifies; the guards behind it; the handler. How long a client may take to
// send a request is for the timeouts of http.Server to say.
//
// The package keeps no sessions and logs nobody in (see package handlers), and
// issues nothing (see package provider).
//
// Specs: W3C Fetch Metadata, RFC 6750, RFC 7519, RFC 7662, RFC 7800, RFC 8705, RFC 8725, RFC 9068,
// RFC 9440, RFC 9449, RFC 9470, RFC 9651, RFC 9701, RFC 9728.
package middleware
