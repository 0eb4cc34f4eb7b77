package handlers

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

// leeway is what clocks may differ by.
const leeway = time.Minute

// maxSubject is from OpenID Connect Core 1.0 §2.
const maxSubject = 255

// errClockSkew says that the issuer's clock and ours are too far apart.
var errClockSkew = errors.New("handlers: the ID token was issued at another time than now: clocks differ")

// idToken is the claims of an ID token that this package reads.
type idToken struct {
	issuer, subject, azp, nonce, atHash, acr, sid string
	audience, amr                                 []string
	expires, issued, notBefore, authTime          int64
	hasExpires, hasIssued, hasAZP, hasATHash      bool
	hasAuthTime                                   bool
	raw                                           oidckit.Claims
}

// checkIDToken implements OpenID Connect Core 1.0 §3.1.3.7.
func (rp *RelyingParty) checkIDToken(ctx context.Context, tx *transaction, tokens *tokenSet) (*idToken, error) {
	jws, err := jose.Parse(tokens.idToken)
	if err != nil {
		return nil, refuse("id_token", err)
	}
	if err := rp.checkHeader(jws.Header); err != nil {
		return nil, refuse("id_token", err)
	}
	t, err := parseIDToken(jws.Payload)
	if err != nil {
		return nil, refuse("id_token", err)
	}
	// What costs nothing comes before a key is looked for.
	if err := rp.checkClaims(t, tx, tokens, jws.Header.Algorithm); err != nil {
		reason := "id_token"
		if errors.Is(err, errClockSkew) {
			reason = "clock_skew"
		}
		return nil, refuse(reason, err)
	}
	err = rp.checkSignature(ctx, jws)
	if errors.Is(err, jwks.ErrUnavailable) {
		return nil, upstream(err)
	}
	if err != nil {
		return nil, refuse("id_token", err)
	}
	return t, nil
}

func (rp *RelyingParty) checkHeader(h jose.Header) error {
	// OpenID Connect Core 1.0 §3.1.3.7 (7), RFC 8725 §3.1
	if h.Algorithm != rp.cfg.IDTokenSignedResponseAlg {
		return errors.New("handlers: the ID token is signed with another algorithm than Config.IDTokenSignedResponseAlg")
	}
	// RFC 8725 §3.11: an access token, logout token or proof is no ID token
	if h.Type != "" && !strings.EqualFold(h.Type, "JWT") {
		return errors.New("handlers: the token is of another type than an ID token")
	}
	return nil
}

func (rp *RelyingParty) checkClaims(t *idToken, tx *transaction, tokens *tokenSet, alg string) error {
	switch {
	// §3.1.3.7 (2)
	case t.issuer != rp.cfg.Issuer:
		return errors.New("handlers: the ID token is another issuer's")
	// §3.1.3.7 (3); audiences that are not ours are not trusted
	case len(t.audience) != 1 || t.audience[0] != rp.cfg.ClientID:
		return errors.New("handlers: the ID token is for another audience")
	// §3.1.3.7 (4, 5)
	case t.hasAZP && t.azp != rp.cfg.ClientID:
		return errors.New("handlers: the ID token was issued to another party")
	// §3.1.3.7 (11)
	case !secret.Equal(t.nonce, tx.nonceText()):
		return errors.New("handlers: the ID token's nonce is not this login's")
	// §2
	case !validSubject(t.subject):
		return errors.New("handlers: the ID token has no valid subject")
	}
	if err := checkTimes(t, tx, time.Now()); err != nil {
		return err
	}
	// §3.1.3.8
	if t.hasATHash {
		want, err := jose.HalfHash(alg, tokens.accessToken)
		if err != nil || !secret.Equal(t.atHash, want) {
			return errors.New("handlers: the ID token's at_hash is not the access token's")
		}
	}
	return checkAuthentication(t, tx)
}

func checkTimes(t *idToken, tx *transaction, now time.Time) error {
	switch {
	// §3.1.3.7 (9)
	case !t.hasExpires || !now.Before(time.Unix(t.expires, 0).Add(leeway)):
		return errors.New("handlers: the ID token has expired")
	// §2: iat is required
	case !t.hasIssued:
		return errors.New("handlers: the ID token does not say when it was issued")
	// §3.1.3.7 (10): it cannot be older than the login it answers
	case time.Unix(t.issued, 0).After(now.Add(leeway)), time.Unix(t.issued, 0).Before(tx.created.Add(-leeway)),
		time.Unix(t.notBefore, 0).After(now.Add(leeway)):
		return errClockSkew
	}
	return nil
}

// checkAuthentication holds the token against what the login has asked for.
func checkAuthentication(t *idToken, tx *transaction) error {
	if tx.maxAge != nil {
		// §3.1.2.1: auth_time is required where max_age was sent
		if !t.hasAuthTime {
			return errors.New("handlers: the ID token lacks auth_time, and max_age was asked for")
		}
		// §3.1.3.7 (13): counted to the start of the login, not to its end
		if time.Unix(t.authTime, 0).Add(*tx.maxAge + leeway).Before(tx.created) {
			return errors.New("handlers: the authentication is older than the max_age that was asked for")
		}
	}
	// §5.5.1.1: a guard has asked for one of these and would ask again for ever
	if len(tx.acr) > 0 && !slices.Contains(tx.acr, t.acr) {
		return errors.New("handlers: the authentication has none of the acr values that were asked for")
	}
	return nil
}

// parseIDToken reads the claims in one pass; a claim of the wrong type makes
// the whole token unusable.
func parseIDToken(payload []byte) (*idToken, error) {
	t := &idToken{raw: payload}
	err := strictjson.Object(payload, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "iss":
			t.issuer, err = v.Text()
		case "sub":
			t.subject, err = v.Text()
		case "aud":
			t.audience, err = audience(v)
		case "azp":
			t.azp, err = v.Text()
			t.hasAZP = true
		case "nonce":
			t.nonce, err = v.Text()
		case "at_hash":
			t.atHash, err = v.Text()
			t.hasATHash = true
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
			t.acr, err = v.Text()
		case "amr":
			t.amr, err = v.Texts()
		case "sid":
			t.sid, err = v.Text()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("handlers: the ID token's claims cannot be read: %w", err)
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

// validSubject implements OpenID Connect Core 1.0 §2: at most 255 ASCII
// characters. One made of spaces names nobody.
func validSubject(s string) bool {
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
