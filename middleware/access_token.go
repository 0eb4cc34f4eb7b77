package middleware

import (
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// accessToken is a token's claims, read in one pass: values that are only
// compared or copied stay raw, and point into the payload.
type accessToken struct {
	iss, aud, sub, jti, clientID, azp, scope, sid, acr, amr strictjson.Value

	lifetime
	tokenKind
	authTime       int64
	hasExp, hasIat bool
	// confirmation is the key that the token is bound to, if any.
	confirmation *oidckit.Confirmation
	// idTokenSign names a claim that only ID tokens have.
	idTokenSign string
	// audCount is the number of audiences.
	audCount int
	// scopeArray says that scope may be an array.
	scopeArray bool
}

// read takes the claims from a payload that is not verified yet.
func (c *accessToken) read(payload []byte) error {
	failed := ""
	err := strictjson.Object(payload, func(name []byte, v strictjson.Value) error {
		err := c.member(name, v)
		if err != nil {
			failed = string(name)
		}
		return err
	})
	switch {
	case err == nil:
		return nil
	case failed != "":
		return &TokenError{Claim: failed, Reason: err.Error(), cause: err}
	}
	return &TokenError{Claim: "token", Reason: "claims: " + err.Error(), cause: err}
}

func (c *accessToken) member(name []byte, v strictjson.Value) (err error) {
	switch string(name) {
	case "iss":
		c.iss = v
	case "aud":
		c.aud = v
	case "sub":
		c.sub, err = nonEmpty(v)
	case "jti":
		c.jti, err = nonEmpty(v)
	case "sid":
		// One that was read as none would slip past a revocation.
		// OpenID Connect Front-Channel Logout 1.0 §3
		c.sid, err = v, isText(v)
	case "client_id":
		c.clientID, err = nonEmpty(v)
	case claimExp:
		c.exp, err = v.NumericDate()
		c.hasExp = true
	case "iat":
		c.iat, err = v.NumericDate()
		c.hasIat = true
	case "nbf":
		c.nbf, err = v.NumericDate()
	case "nonce", "at_hash", "c_hash":
		c.idTokenSign = string(name)
	case "cnf":
		c.confirmation, err = oidckit.ParseConfirmation(v)
	default:
		c.optional(name, v)
	}
	return err
}

// optional keeps claims that only add to an identity. One of another type than
// its own adds nothing, and a guard that needs it refuses.
func (c *accessToken) optional(name []byte, v strictjson.Value) {
	text := v.Kind() == strictjson.KindString
	switch string(name) {
	case claimScope:
		c.scope = v
	case "typ":
		c.typ = v
	case "token_use":
		c.tokenUse = v
	case "events":
		c.hasEvents = true
	case "azp":
		if text {
			c.azp = v
		}
	case "acr":
		if text {
			c.acr = v
		}
	case "amr":
		c.amr = v
	case "auth_time":
		if at, err := v.NumericDate(); err == nil {
			c.authTime = at
		}
	}
}

// nonEmpty takes a string that is not empty.
func nonEmpty(v strictjson.Value) (strictjson.Value, error) {
	if v.Kind() != strictjson.KindString || v.Is("") {
		return nil, &strictjson.TypeError{Want: "a string that is not empty", Reason: v.Kind().String()}
	}
	return v, nil
}

// isText demands a string.
func isText(v strictjson.Value) error {
	if v.Kind() != strictjson.KindString {
		return &strictjson.TypeError{Want: "a string", Reason: v.Kind().String()}
	}
	return nil
}

// readAudience demands that the token is for one of the accepted audiences.
func (c *accessToken) readAudience(accepted []string) *TokenError {
	matches := false
	one := func(v strictjson.Value) error {
		if err := isText(v); err != nil {
			return err
		}
		c.audCount++
		matches = matches || slices.ContainsFunc(accepted, v.Is)
		return nil
	}
	var err error
	switch c.aud.Kind() {
	case strictjson.KindInvalid:
		return &TokenError{Claim: "aud", Reason: "is missing"}
	case strictjson.KindArray:
		err = c.aud.Array(one)
	default:
		err = one(c.aud)
	}
	if err != nil {
		return &TokenError{Claim: "aud", Reason: err.Error(), cause: err}
	}
	if !matches {
		return &TokenError{Claim: "aud", Setting: "Audience", Reason: "is " + shown(c.aud) + ", not " + quote(accepted[0])}
	}
	return nil
}

// shown quotes a claim for the operator.
func shown(v strictjson.Value) string {
	if text, err := v.Text(); err == nil {
		return quote(text)
	}
	if len(v) == 0 {
		return "missing"
	}
	return quote(string(v))
}

// identity makes the identity of a token whose signature has been verified.
func (c *accessToken) identity(issuer string, accepted []string, payload []byte) *oidckit.Identity {
	if len(c.clientID) == 0 {
		c.clientID = c.azp
	}
	t := joinTexts([...]strictjson.Value{c.sub, c.clientID, c.jti, c.sid, c.acr, c.scope})
	id := &oidckit.Identity{
		Issuer: issuer, Subject: t[0], ClientID: t[1], TokenID: t[2], SessionID: t[3], ACR: t[4],
		Audience: c.audience(accepted),
		IssuedAt: timeOf(c.iat), ExpiresAt: timeOf(c.exp), AuthTime: timeOf(c.authTime),
		Confirmation: c.confirmation, Claims: oidckit.Claims(payload),
	}
	id.Scope = c.scopes(t[5])
	if c.amr.Kind() == strictjson.KindArray {
		id.AMR, _ = c.amr.Texts()
	}
	return id
}

// audience lists the token's audiences. Those that are the API's own share its
// configuration's memory.
func (c *accessToken) audience(accepted []string) []string {
	list := make([]string, 0, c.audCount)
	add := func(v strictjson.Value) error {
		if i := slices.IndexFunc(accepted, v.Is); i >= 0 {
			list = append(list, accepted[i])
			return nil
		}
		text, err := v.Text()
		list = append(list, text)
		return err
	}
	if c.aud.Kind() != strictjson.KindArray {
		_ = add(c.aud)
		return list
	}
	_ = c.aud.Array(add)
	return list
}

const identityTexts = 6

// joinTexts reads strings into one piece of memory: one allocation for all.
func joinTexts(values [identityTexts]strictjson.Value) (out [identityTexts]string) {
	var room [512]byte
	var ends [identityTexts]int
	buf := room[:0]
	for i, v := range values {
		if len(v) > 0 {
			buf, _ = v.AppendText(buf)
		}
		ends[i] = len(buf)
	}
	all, from := string(buf), 0
	for i, end := range ends {
		out[i] = all[from:end]
		from = end
	}
	return out
}

// timeOf is the zero Time for a claim that is absent.
func timeOf(sec int64) time.Time {
	if sec == 0 {
		return time.Time{}
	}
	return time.Unix(sec, 0)
}
