// Package discovery fetches an issuer's metadata and keeps it.
//
//	d := discovery.New(discovery.Config{Issuer: "https://id.example.com"})
//	m, err := d.Metadata(ctx)
//	if err != nil { … }        // could not be had: 502, 503, never 401
//	http.Redirect(w, r, m.AuthorizationEndpoint, http.StatusFound)
//
// Callers that ask at the same time share one fetch, which runs on a context
// of its own: one that goes away takes nothing from the others. What was
// fetched is served for an hour and refreshed behind the callers' backs, sooner
// where a caller says that it does not hold (Expire); while the issuer is down
// the last good document stays. A failure is remembered for
// a moment, so that a dead issuer is not asked by every request.
//
// The document must name the configured issuer exactly, and its endpoints must
// be https (http only where the issuer itself is http on loopback). It does
// not fetch keys.
//
// Specs: OpenID Connect Discovery 1.0 §4, RFC 8414 §3.
package discovery
