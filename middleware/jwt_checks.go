package middleware

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oidckit/oidckit/internal/jose"
)

const claimExp = "exp"

var errExpired = errors.New("expired")

// checkHeader decides by type and algorithm.
func (t *trustedIssuer) checkHeader(h *jose.Header) error {
	// RFC 8725 §3.1
	if !slices.Contains(t.algorithms, h.Algorithm) {
		refusal := &TokenError{Claim: "alg", Reason: quote(h.Algorithm) + " is not accepted"}
		if slices.Contains(jose.Algorithms(), h.Algorithm) {
			refusal.Setting = t.path + "Algorithms"
		}
		return refusal
	}
	// RFC 9068 §4
	if isAccessTokenType(h.Type) {
		return nil
	}
	if h.Type != "" && !strings.EqualFold(h.Type, "JWT") {
		return &TokenError{Claim: "typ", Reason: quote(h.Type) + " is not the type of an access token"}
	}
	if !t.allowTypJWT {
		return &TokenError{Claim: "typ", Setting: t.path + "AllowTypJWT", Reason: quote(h.Type) + " is taken only where this is set, at+jwt always"}
	}
	return nil
}

// isAccessTokenType implements RFC 9068 §2.1. Media types are compared without
// regard to case (RFC 7515 §4.1.9).
func isAccessTokenType(typ string) bool {
	return typ == "at+jwt" || strings.EqualFold(typ, "at+jwt") || strings.EqualFold(typ, "application/at+jwt")
}

// checkClaims decides by everything that needs neither a key nor a clock.
func (t *trustedIssuer) checkClaims(c *accessToken, h *jose.Header) error {
	// RFC 9068 §4, RFC 7519 §4.1.3
	if err := c.readAudience(t.audiences); err != nil {
		err.Setting = t.path + err.Setting
		return err
	}
	// OpenID Connect Core 1.0 §2, §3.1.3.6, §3.3.2.11
	if c.idTokenSign != "" {
		return &TokenError{Claim: c.idTokenSign, Reason: "is the sign of an ID token, which no API takes"}
	}
	if isAccessTokenType(h.Type) {
		return c.checkPresence(true)
	}
	// RFC 8725 §3.12
	if err := c.checkKind(); err != nil {
		return err
	}
	return c.checkPresence(false)
}

// checkTenant decides about the tenant of a template.
func (t *trustedIssuer) checkTenant(ctx context.Context, tenant string, payload []byte) error {
	if t.template == nil {
		return nil
	}
	if err := t.tenants.checkClaim(tenant, payload); err != nil {
		return err
	}
	return t.admits(ctx, tenant)
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

// lifetime is when a token is valid, in seconds since the epoch; nbf and iat
// are 0 where the token has none.
type lifetime struct{ exp, nbf, iat int64 }

// check implements RFC 7519 §4.1.4 to §4.1.6, with leeway for clocks.
func (l *lifetime) check(now, leeway int64) *TokenError {
	switch {
	case l.over(now, leeway):
		return &TokenError{Claim: claimExp, Reason: fmt.Sprintf("passed %d s ago", now-l.exp), cause: errExpired}
	case l.nbf > now+leeway:
		return &TokenError{Claim: "nbf", Reason: fmt.Sprintf("clock_skew: is %d s ahead of this clock", l.nbf-now)}
	case l.iat > now+leeway:
		return &TokenError{Claim: "iat", Reason: fmt.Sprintf("clock_skew: is %d s ahead of this clock", l.iat-now)}
	}
	return nil
}

// over reports whether the token has expired.
func (l *lifetime) over(now, leeway int64) bool { return now-leeway >= l.exp }

// quote shows a stranger's value, cut and escaped.
func quote(s string) string {
	const longest = 100
	if len(s) > longest {
		return fmt.Sprintf("%q…", s[:longest])
	}
	return fmt.Sprintf("%q", s)
}
