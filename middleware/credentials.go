package middleware

import (
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
)

// tokenParam is the name of the parameter of RFC 6750 §2.2 and §2.3.
const tokenParam = "access_token"

var (
	errSeveralHeaders = oidckit.NewError(oidckit.InvalidRequest, "several Authorization headers")
	errSeveralWays    = oidckit.NewError(oidckit.InvalidRequest, "the token was sent in more than one way")
	errHeaderSyntax   = oidckit.NewError(oidckit.InvalidRequest, "malformed Authorization header")
)

// scheme is how a request authenticates.
type scheme uint8

const (
	// schemeNone is also a scheme that is none of the guard's business.
	schemeNone scheme = iota
	schemeBearer
	schemeDPoP
)

// schemeOf returns the scheme under which an identity's token was sent.
func schemeOf(id *oidckit.Identity) scheme {
	if id.Confirmation != nil && id.Confirmation.JWKThumbprint != "" {
		return schemeDPoP
	}
	return schemeBearer
}

// credentials are what a request brings; token is empty where it brings none.
type credentials struct {
	token   string
	scheme  scheme
	inQuery bool
	// formUnread says that a form could hold a second token, and is looked at
	// once the first one was found good: a stranger must not make the guard
	// wait for a body, nor send 100 Continue.
	formUnread bool
}

// credentials returns the token of the Authorization header, or of another
// place where that is allowed. A token in the header and one in the query make
// the request invalid, allowed there or not. A body is read only where a form
// may carry the token and nothing before it does.
func (b *Bearer) credentials(w http.ResponseWriter, r *http.Request) (credentials, *oidckit.Error) {
	values := r.Header["Authorization"]
	// RFC 6750 §3.1: the client MUST NOT use more than one method
	if len(values) > 1 {
		return credentials{scheme: schemeBearer}, errSeveralHeaders
	}
	if len(values) == 1 {
		c, ok := parseAuthorization(values[0])
		switch {
		case c.scheme == schemeNone:
		case c.scheme == schemeDPoP && b.DPoP == nil:
			return credentials{scheme: schemeDPoP}, nil
		case !ok:
			return credentials{scheme: c.scheme}, errHeaderSyntax
		case hasParam(r.URL.RawQuery, tokenParam):
			return credentials{scheme: c.scheme}, errSeveralWays
		default:
			c.formUnread = true
			return c, nil
		}
	}
	if b.AllowFormToken || b.AllowQueryToken {
		return b.parameterCredentials(w, r, len(values) > 0)
	}
	return credentials{}, nil
}

// parseAuthorization reads a header's value. ok says that a token follows the
// scheme as RFC 6750 §2.1 and RFC 9449 §7.1 have it: one space, then b64token
// or token68, which are the same.
func parseAuthorization(value string) (c credentials, ok bool) {
	end := 0
	for end < len(value) && isTokenChar(value[end]) {
		end++
	}
	// RFC 9110 §11.1: the scheme is case-insensitive
	switch name := value[:end]; {
	case strings.EqualFold(name, "Bearer"):
		c.scheme = schemeBearer
	case strings.EqualFold(name, "DPoP"):
		c.scheme = schemeDPoP
	default:
		return c, false
	}
	rest := value[end:]
	if len(rest) < 2 || rest[0] != ' ' || !isB64Token(rest[1:]) {
		return c, false
	}
	c.token = rest[1:]
	return c, true
}

// isTokenChar implements tchar of RFC 9110 §5.6.2, so that "Bearers x" is
// another scheme and "Bearer,x" a malformed one.
func isTokenChar(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// notB64Token is 1 for what b64token is not made of.
var notB64Token = func() (t [256]uint8) {
	for i := range t {
		if !isAlphanumeric(byte(i)) && strings.IndexByte("-._~+/", byte(i)) < 0 {
			t[i] = 1
		}
	}
	return t
}()

// isB64Token implements b64token of RFC 6750 §2.1. Every request comes by with
// hundreds of characters, so it has no branch for each of them.
func isB64Token(s string) bool {
	body := strings.TrimRight(s, "=")
	rest, bad, t := body, uint8(0), &notB64Token
	for len(rest) >= 8 {
		bad |= t[rest[0]] | t[rest[1]] | t[rest[2]] | t[rest[3]] | t[rest[4]] | t[rest[5]] | t[rest[6]] | t[rest[7]]
		rest = rest[8:]
	}
	for i := range len(rest) {
		bad |= t[rest[i]]
	}
	return body != "" && bad == 0
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
