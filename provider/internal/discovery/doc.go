// Package discovery serves what the issuer publishes about itself: the
// metadata document (OpenID Connect Discovery 1.0 §4, RFC 8414 §3) and the key
// set. Bodies are made once; every request gets the same bytes, with an ETag.
package discovery
