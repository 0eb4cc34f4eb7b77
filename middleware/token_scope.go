package middleware

import (
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const claimScope = "scope"

// findScope settles from which claim the scope is read, and in which form.
func (t *trustedIssuer) findScope(c *accessToken, payload []byte) {
	c.scopeArray = t.allowScopeArray
	if t.scopeClaim != "" {
		c.scope, _ = claimAt(oidckit.Claims(payload), t.scopeClaim)
		c.scopeArray = true
	}
}

// scopes returns the token's scope; text is that of a scope which is a string.
// What is no list of scope tokens grants nothing.
func (c *accessToken) scopes(text string) oidckit.Scope {
	if c.scopeArray && c.scope.Kind() == strictjson.KindArray {
		tokens, err := c.scope.Texts()
		if err != nil {
			return nil
		}
		for _, token := range tokens {
			// RFC 6749 §3.3: an element with a space would be two tokens
			if token == "" || strings.Contains(token, " ") {
				return nil
			}
		}
		text = strings.Join(tokens, " ")
	}
	scope, _ := oidckit.ParseScope(text)
	return scope
}
