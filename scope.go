package oidckit

import (
	"errors"
	"slices"
	"strings"
)

// Scope is a list of scope tokens (RFC 6749 §3.3). On the wire it is one
// string with single spaces; order carries no meaning.
type Scope []string

// Scopes of OpenID Connect Core 1.0 §5.4 and §11.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopeAddress       = "address"
	ScopePhone         = "phone"
	ScopeOfflineAccess = "offline_access"
)

// maxScopeTokens bounds how many tokens a scope has: comparing each with each
// is quick for those that people make, and no work for a stranger to demand.
const maxScopeTokens = 512

var errScopeSyntax = errors.New("oidckit: scope is not a list of scope tokens separated by single spaces")

// ParseScope reads the wire form. The empty string is the empty Scope;
// repeated tokens are kept once, and more than 512 tokens are refused.
func ParseScope(s string) (Scope, error) {
	if s == "" {
		return nil, nil
	}
	n := strings.Count(s, " ") + 1
	if n > maxScopeTokens {
		return nil, errScopeSyntax
	}
	scope := make(Scope, 0, n)
	for token := range strings.SplitSeq(s, " ") {
		if !validScopeToken(token) {
			return nil, errScopeSyntax
		}
		if !slices.Contains(scope, token) {
			scope = append(scope, token)
		}
	}
	return scope, nil
}

// validScopeToken implements scope-token.
func validScopeToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		// RFC 6749 §3.3: %x21 / %x23-5B / %x5D-7E
		if c := s[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// String returns the wire form.
func (s Scope) String() string { return strings.Join(s, " ") }

// Has reports whether token is in the scope.
func (s Scope) Has(token string) bool { return slices.Contains(s, token) }

// HasAll reports whether every token of want is in the scope.
func (s Scope) HasAll(want Scope) bool {
	for _, token := range want {
		if !s.Has(token) {
			return false
		}
	}
	return true
}

// Without returns the scope without the given tokens, in a new slice.
func (s Scope) Without(tokens ...string) Scope {
	out := make(Scope, 0, len(s))
	for _, token := range s {
		if !slices.Contains(tokens, token) {
			out = append(out, token)
		}
	}
	return out
}

// MarshalText makes a Scope one string in JSON.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the wire form.
func (s *Scope) UnmarshalText(text []byte) error {
	parsed, err := ParseScope(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
