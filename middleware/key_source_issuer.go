package middleware

import "github.com/oidckit/oidckit/internal/jwks"

// equal reports whether the same issuers fit both, whatever the names of their
// variable segments.
func (t *template) equal(other *template) bool {
	return t.before == other.before && t.after == other.after
}

// keyScope says whose tokens a key verifies that names an issuer, in a set for
// the issuer or the template of a configuration: a key of one tenant's none of
// another's (RFC 8725 §3.8).
func keyScope(configured string) jwks.Scope {
	own, _ := parseTemplate(configured)
	return func(named string) (scope string, ok bool) {
		if named == configured {
			return "", true
		}
		open, _ := parseTemplate(named)
		switch {
		case open != nil && own != nil:
			return "", open.equal(own)
		case open != nil:
			_, ok = open.tenant(configured)
			return "", ok
		case own != nil:
			_, ok = own.tenant(named)
			return named, ok
		}
		return "", false
	}
}
