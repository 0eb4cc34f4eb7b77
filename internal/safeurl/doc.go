// Package safeurl decides which URLs the kit talks to and which ones it sends
// a person to.
//
//	u, err := safeurl.Issuer(raw)            // https, or http on loopback
//	target, ok := safeurl.ReturnTo(raw)      // a local path with query
//	d := net.Dialer{Control: guard.Control}  // no special-purpose address
//
// Issuer and Endpoint judge the text of a URL. A name says nothing about where
// it leads, so the address itself is judged by Guard, when it is dialled: that
// is for URLs which came from clients, admin records and their documents. An
// operator's own issuer may be on a private network and is dialled without.
//
// It does not compare redirect URIs: those are compared as bytes, by the
// issuer.
//
// Specs: OpenID Connect Discovery 1.0 §3, RFC 8414 §2, RFC 9700 §2.6, the IANA
// IPv4 and IPv6 special-purpose address registries, RFC 6890, the WHATWG URL
// standard (for what browsers make of a Location).
package safeurl
