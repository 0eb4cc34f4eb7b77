package middleware

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oidckit/oidckit/internal/jose"
)

const claimExp = "exp"

var errExpired = errors.New("expired")

// checkHeader decides by type and algorithm.
func (v *JWTVerifier) checkHeader(h *jose.Header) error {
	// RFC 8725 §3.1
	if !slices.Contains(v.cfg.Algorithms, h.Algorithm) {
		return &TokenError{Claim: "alg", Setting: v.setting("Algorithms", jose.Algorithms(), h.Algorithm),
			Reason: quote(h.Algorithm) + " is not accepted"}
	}
	// RFC 9068 §4
	if isAccessTokenType(h.Type) {
		return nil
	}
	if h.Type != "" && !strings.EqualFold(h.Type, "JWT") {
		return &TokenError{Claim: "typ", Reason: quote(h.Type) + " is not the type of an access token"}
	}
	if !v.cfg.AllowTypJWT {
		return &TokenError{Claim: "typ", Setting: "AllowTypJWT", Reason: quote(h.Type) + " is taken only where this is set, at+jwt always"}
	}
	return nil
}

// setting names a field where the value is one that it could hold.
func (v *JWTVerifier) setting(field string, possible []string, value string) string {
	if slices.Contains(possible, value) {
		return field
	}
	return ""
}

// isAccessTokenType implements RFC 9068 §2.1. Media types are compared without
// regard to case (RFC 7515 §4.1.9).
func isAccessTokenType(typ string) bool {
	return typ == "at+jwt" || strings.EqualFold(typ, "at+jwt") || strings.EqualFold(typ, "application/at+jwt")
}

// checkClaims decides by everything that needs no key.
func (v *JWTVerifier) checkClaims(c *accessToken, h *jose.Header, now int64) error {
	// RFC 9068 §4, RFC 8725 §3.8
	if !c.iss.Is(v.cfg.Issuer) {
		return &TokenError{Claim: "iss", Setting: "Issuer", Reason: "is " + shown(c.iss) + ", not " + quote(v.cfg.Issuer)}
	}
	// RFC 9068 §4, RFC 7519 §4.1.3
	if err := c.readAudience(v.audiences); err != nil {
		return err
	}
	// OpenID Connect Core 1.0 §2, §3.1.3.6, §3.3.2.11
	if c.idTokenSign != "" {
		return &TokenError{Claim: c.idTokenSign, Reason: "is the sign of an ID token, which no API takes"}
	}
	if err := c.checkPresence(isAccessTokenType(h.Type)); err != nil {
		return err
	}
	return c.checkTimes(now, v.leeway)
}

// checkPresence demands what RFC 9068 §2.2 does, or of a token that predates
// it what no check can do without.
func (c *accessToken) checkPresence(rfc9068 bool) error {
	var missing string
	switch {
	case !c.hasExp:
		missing = claimExp
	case len(c.sub) == 0:
		missing = "sub"
	case !rfc9068:
	case !c.hasIat:
		missing = "iat"
	case len(c.jti) == 0:
		missing = "jti"
	case len(c.clientID) == 0:
		missing = "client_id"
	}
	if missing != "" {
		return &TokenError{Claim: missing, Reason: "is missing (RFC 9068)"}
	}
	return nil
}

// checkTimes implements RFC 7519 §4.1.4 to §4.1.6, with leeway for clocks.
func (c *accessToken) checkTimes(now, leeway int64) error {
	switch {
	case now-leeway >= c.exp:
		return &TokenError{Claim: claimExp, Reason: fmt.Sprintf("passed %d s ago", now-c.exp), cause: errExpired}
	case c.nbf > now+leeway:
		return &TokenError{Claim: "nbf", Reason: fmt.Sprintf("is %d s ahead", c.nbf-now)}
	case c.iat > now+leeway:
		return &TokenError{Claim: "iat", Reason: fmt.Sprintf("is %d s ahead", c.iat-now)}
	}
	return nil
}

// quote shows a stranger's value, cut and escaped.
func quote(s string) string {
	const longest = 100
	if len(s) > longest {
		return fmt.Sprintf("%q…", s[:longest])
	}
	return fmt.Sprintf("%q", s)
}
