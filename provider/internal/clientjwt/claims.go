package clientjwt

import (
	"errors"
	"slices"
	"time"

	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	// Skew is by how much the clocks of issuer and client may differ.
	Skew = time.Minute
	// maxAudience bounds how many values aud may have.
	maxAudience = 8
	// maxText bounds iss, sub and jti, in bytes.
	maxText = 1024
	// maxTime is the last time that arithmetic on durations is safe with.
	maxTime = 1 << 33
)

// Claims are the registered claims (RFC 7519 §4.1). A time is in seconds and 0
// where it is absent.
type Claims struct {
	Issuer    string
	Subject   string
	ID        string
	Audience  []string
	ExpiresAt int64
	NotBefore int64
	IssuedAt  int64
}

var (
	errTooLong  = errors.New("a claim is too long")
	errTime     = errors.New("a time is out of range")
	errAudience = errors.New("aud names nobody here, or somebody else as well")
	errNoExpiry = errors.New("exp is missing")
	errExpired  = errors.New("expired")
	errTooFar   = errors.New("exp is too far away")
	errEarly    = errors.New("nbf or iat is in the future")
)

// Read reads a payload. Every other member goes to other, where it is set.
func (c *Claims) Read(payload []byte, other func(name []byte, v strictjson.Value) error) error {
	return strictjson.Object(payload, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "iss":
			c.Issuer, err = text(v)
		case "sub":
			c.Subject, err = text(v)
		case "jti":
			c.ID, err = text(v)
		case "aud":
			c.Audience, err = audience(v)
		case "exp":
			c.ExpiresAt, err = date(v)
		case "nbf":
			c.NotBefore, err = date(v)
		case "iat":
			c.IssuedAt, err = date(v)
		default:
			if other != nil {
				err = other(name, v)
			}
		}
		return err
	})
}

func text(v strictjson.Value) (string, error) {
	s, err := v.Text()
	if err == nil && len(s) > maxText {
		err = errTooLong
	}
	return s, err
}

// audience reads one value or several (RFC 7519 §4.1.3).
func audience(v strictjson.Value) ([]string, error) {
	if v.Kind() == strictjson.KindString {
		s, err := text(v)
		return []string{s}, err
	}
	list, err := v.Texts()
	if err == nil && len(list) > maxAudience {
		err = errTooLong
	}
	return list, err
}

func date(v strictjson.Value) (int64, error) {
	n, err := v.NumericDate()
	if err == nil && (n <= 0 || n > maxTime) {
		err = errTime
	}
	return n, err
}

// CheckAudience demands that aud names one of own and nobody else: who else may
// take the token could present it here (RFC 7523 §3, RFC 8725 §3.9).
func (c *Claims) CheckAudience(own []string) error {
	if len(c.Audience) == 0 || slices.ContainsFunc(c.Audience, func(a string) bool { return !slices.Contains(own, a) }) {
		return errAudience
	}
	return nil
}

// Names reports whether aud names somebody, among others or not.
func (c *Claims) Names(who string) bool { return slices.Contains(c.Audience, who) }

// Times says when a token counts.
type Times struct {
	// Lifetime is how far away exp may be, Skew aside; 0 is no bound.
	Lifetime time.Duration
	// OptionalExpiry also takes a token without exp.
	OptionalExpiry bool
}

// CheckTimes checks exp, nbf and iat with a leeway of Skew (RFC 7519 §4.1.4 to
// §4.1.6).
func (c *Claims) CheckTimes(now time.Time, t Times) error {
	switch {
	case c.ExpiresAt == 0 && !t.OptionalExpiry:
		return errNoExpiry
	case c.ExpiresAt != 0 && !now.Before(c.End()):
		return errExpired
	case c.ExpiresAt != 0 && t.Lifetime > 0 && time.Unix(c.ExpiresAt, 0).Sub(now) > t.Lifetime+Skew:
		return errTooFar
	case time.Unix(max(c.NotBefore, c.IssuedAt), 0).Sub(now) > Skew:
		return errEarly
	}
	return nil
}

// End is when the token counts no longer, leeway included.
func (c *Claims) End() time.Time { return time.Unix(c.ExpiresAt, 0).Add(Skew) }
