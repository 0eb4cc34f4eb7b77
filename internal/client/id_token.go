package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// maxSubject is from OpenID Connect Core 1.0 §2.
const maxSubject = 255

// errClockSkew says that the issuer's clock and ours are too far apart.
var errClockSkew = errors.New("the ID token was issued at another time than now: clocks differ")

// IDToken is the claims of a verified ID token.
type IDToken struct {
	Issuer, Subject, SessionID, ACR string
	Audience, AMR                   []string
	// Claims is all of them, as they were signed.
	Claims oidckit.Claims

	azp, nonce, atHash, cHash                string
	expires, issued, notBefore, authTime     int64
	hasExpires, hasIssued, hasAZP, hasATHash bool
	hasAuthTime, hasCHash                    bool
}

// AuthTime is when the person authenticated, zero where the token has not said.
func (t *IDToken) AuthTime() time.Time {
	if !t.hasAuthTime {
		return time.Time{}
	}
	return time.Unix(t.authTime, 0)
}

// Expected is what the login that a response answers has asked for.
type Expected struct {
	Nonce string
	// Started is when the login began.
	Started time.Time
	MaxAge  *time.Duration
	// ACRValues are those one of which the token has to bring. See DemandedACR.
	ACRValues []string
}

// CheckIDToken implements OpenID Connect Core 1.0 §3.1.3.7.
func (c *Client) CheckIDToken(ctx context.Context, want Expected, tokens *Tokens) (*IDToken, error) {
	jws, err := jose.Parse(tokens.IDToken)
	if err != nil {
		return nil, refuse("id_token", err)
	}
	if err := c.checkHeader(jws.Header); err != nil {
		return nil, refuse("id_token", err)
	}
	t, err := parseIDToken(jws.Payload)
	if err != nil {
		return nil, refuse("id_token", err)
	}
	// What costs nothing comes before a key is looked for.
	if err := c.checkClaims(t, want, tokens, jws.Header.Algorithm); err != nil {
		reason := "id_token"
		if errors.Is(err, errClockSkew) {
			reason = "clock_skew"
		}
		return nil, refuse(reason, err)
	}
	err = c.checkSignature(ctx, jws, c.cfg.IDTokenSignedResponseAlg)
	if errors.Is(err, jwks.ErrUnavailable) {
		return nil, unavailable(err)
	}
	if err != nil {
		return nil, refuse("id_token", err)
	}
	return t, nil
}

func (c *Client) checkHeader(h jose.Header) error {
	// OpenID Connect Core 1.0 §3.1.3.7 (7), RFC 8725 §3.1
	if h.Algorithm != c.cfg.IDTokenSignedResponseAlg {
		return errors.New("the ID token is signed with another algorithm than Config.IDTokenSignedResponseAlg")
	}
	// RFC 8725 §3.11: an access token, logout token or proof is no ID token
	if h.Type != "" && !strings.EqualFold(h.Type, "JWT") {
		return errors.New("the token is of another type than an ID token")
	}
	return nil
}

func (c *Client) checkClaims(t *IDToken, want Expected, tokens *Tokens, alg string) error {
	switch {
	// §3.1.3.7 (2)
	case t.Issuer != c.cfg.Issuer:
		return errors.New("the ID token is another issuer's")
	// §3.1.3.7 (3); audiences that are not ours are not trusted
	case len(t.Audience) != 1 || t.Audience[0] != c.cfg.ClientID:
		return errors.New("the ID token is for another audience")
	// §3.1.3.7 (4, 5)
	case t.hasAZP && t.azp != c.cfg.ClientID:
		return errors.New("the ID token was issued to another party")
	// §3.1.3.7 (11)
	case !secret.Equal(t.nonce, want.Nonce):
		return errors.New("the ID token's nonce is not this login's")
	// §2
	case !ValidSubject(t.Subject):
		return errors.New("the ID token has no valid subject")
	}
	if err := checkTimes(t, want, time.Now()); err != nil {
		return err
	}
	if err := checkFrontChannel(t, tokens, alg); err != nil {
		return err
	}
	if err := checkAccessTokenHash(t, tokens, alg); err != nil {
		return err
	}
	return checkAuthentication(t, want)
}

func checkAccessTokenHash(t *IDToken, tokens *Tokens, alg string) error {
	if !t.hasATHash {
		return nil
	}
	// §3.1.3.8
	want, err := jose.HalfHash(alg, tokens.AccessToken)
	if err != nil || !secret.Equal(t.atHash, want) {
		return errors.New("the ID token's at_hash is not the access token's")
	}
	return nil
}

func checkTimes(t *IDToken, want Expected, now time.Time) error {
	switch {
	// §3.1.3.7 (9)
	case !t.hasExpires || !now.Before(time.Unix(t.expires, 0).Add(Leeway)):
		return errors.New("the ID token has expired")
	// §2: iat is required
	case !t.hasIssued:
		return errors.New("the ID token does not say when it was issued")
	// §3.1.3.7 (10): it cannot be older than the login it answers
	case time.Unix(t.issued, 0).After(now.Add(Leeway)), time.Unix(t.issued, 0).Before(want.Started.Add(-Leeway)),
		time.Unix(t.notBefore, 0).After(now.Add(Leeway)):
		return errClockSkew
	}
	return nil
}

// checkAuthentication holds the token against what the login has asked for.
func checkAuthentication(t *IDToken, want Expected) error {
	if want.MaxAge != nil {
		// §3.1.2.1: auth_time is required where max_age was sent
		if !t.hasAuthTime {
			return errors.New("the ID token lacks auth_time, and max_age was asked for")
		}
		// §3.1.3.7 (13): counted to the start of the login, not to its end
		if time.Unix(t.authTime, 0).Add(*want.MaxAge + Leeway).Before(want.Started) {
			return errors.New("the authentication is older than the max_age that was asked for")
		}
	}
	// §5.5.1.1: essential, or a guard has asked for one of these and would ask
	// again for ever
	if len(want.ACRValues) > 0 && (t.ACR == "" || !slices.Contains(want.ACRValues, t.ACR) && !slices.Contains(want.ACRValues, anyACR)) {
		return errors.New("the authentication has none of the acr values that were asked for")
	}
	return nil
}

// parseIDToken reads the claims in one pass; a claim of the wrong type makes
// the whole token unusable.
func parseIDToken(payload []byte) (*IDToken, error) {
	t := &IDToken{Claims: payload}
	err := strictjson.Object(payload, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "iss":
			t.Issuer, err = v.Text()
		case "sub":
			t.Subject, err = v.Text()
		case "aud":
			t.Audience, err = audience(v)
		case "azp":
			t.azp, err = v.Text()
			t.hasAZP = true
		case "nonce":
			t.nonce, err = v.Text()
		case "at_hash":
			t.atHash, err = v.Text()
			t.hasATHash = true
		case "c_hash":
			t.cHash, err = v.Text()
			t.hasCHash = true
		case "exp":
			t.expires, err = v.NumericDate()
			t.hasExpires = true
		case "iat":
			t.issued, err = v.NumericDate()
			t.hasIssued = true
		case "nbf":
			t.notBefore, err = v.NumericDate()
		case "auth_time":
			t.authTime, err = v.NumericDate()
			t.hasAuthTime = true
		case "acr":
			t.ACR, err = v.Text()
		case "amr":
			t.AMR, err = v.Texts()
		case "sid":
			t.SessionID, err = v.Text()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the ID token's claims cannot be read: %w", err)
	}
	return t, nil
}

// audience reads a string or an array of strings (RFC 7519 §4.1.3).
func audience(v strictjson.Value) ([]string, error) {
	if v.Kind() == strictjson.KindArray {
		list, err := v.Texts()
		slices.Sort(list)
		return slices.Compact(list), err
	}
	s, err := v.Text()
	return []string{s}, err
}

// ValidSubject implements OpenID Connect Core 1.0 §2: at most 255 ASCII
// characters. One made of spaces names nobody.
func ValidSubject(s string) bool {
	if len(s) > maxSubject || strings.TrimSpace(s) == "" {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
