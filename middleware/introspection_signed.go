package middleware

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// maxSignedAnswerAge is how old a signed answer may be when it arrives, beside
// what clocks may differ.
const maxSignedAnswerAge = 60 * time.Second

var errNoMember = errors.New("token_introspection is missing")

// openSigned checks an answer by RFC 9701 §5 and returns what it says of the
// token. Whatever is wrong with it, the token has not been judged. An answer of
// more than jose.MaxToken bytes is refused.
func (v *IntrospectionVerifier) openSigned(ctx context.Context, compact string, asked time.Time) ([]byte, error) {
	jws, err := jose.Parse(compact)
	if err != nil {
		return nil, err
	}
	// RFC 8725 §3.1
	if jws.Header.Algorithm != v.cfg.SignedAnswerAlg {
		return nil, fmt.Errorf("alg is %s, not %s (%s.SignedAnswerAlg)", quote(jws.Header.Algorithm), v.cfg.SignedAnswerAlg, introspectionConfigName)
	}
	// RFC 9701 §5, RFC 8725 §3.11
	if typ := jws.Header.Type; !strings.EqualFold(typ, "token-introspection+jwt") && !strings.EqualFold(typ, mediaTypeSignedAnswer) {
		return nil, fmt.Errorf("typ is %s, not token-introspection+jwt", quote(typ))
	}
	var a signedAnswer
	if err := strictjson.Object(jws.Payload, a.member); err != nil {
		return nil, err
	}
	if err := v.checkSigned(&a, asked.Unix()); err != nil {
		return nil, err
	}
	ref := jwks.Ref{KeyID: jws.Header.KeyID, Algorithm: v.cfg.SignedAnswerAlg, Issuer: v.cfg.Issuer}
	if _, err := v.keys.verify(ctx, jws, ref); err != nil {
		if _, refused := errors.AsType[*TokenError](err); refused {
			// It is the answer that is bad, not the token.
			return nil, errors.New(err.Error())
		}
		return nil, err
	}
	return a.answer, nil
}

// signedAnswer holds the claims of RFC 9701 §5.
type signedAnswer struct {
	iss, aud, answer strictjson.Value
	iat, exp, nbf    int64
	hasExp           bool
}

func (a *signedAnswer) member(name []byte, v strictjson.Value) (err error) {
	switch string(name) {
	case "iss":
		a.iss = v
	case "aud":
		a.aud = v
	case "token_introspection":
		a.answer = v
	case "iat":
		a.iat, err = v.NumericDate()
	case claimExp:
		a.exp, err = v.NumericDate()
		a.hasExp = true
	case "nbf":
		a.nbf, err = v.NumericDate()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkSigned decides by everything but the signature. asked is when the
// question was put, in seconds.
func (v *IntrospectionVerifier) checkSigned(a *signedAnswer, asked int64) error {
	if !a.iss.Is(v.cfg.Issuer) {
		return fmt.Errorf("iss is %s, not %s", shown(a.iss), quote(v.cfg.Issuer))
	}
	if !a.isFor(v.cfg.SignedAnswerAudience) {
		return fmt.Errorf("aud is %s, not %s (%s.SignedAnswerAudience)", shown(a.aud), quote(v.cfg.SignedAnswerAudience), introspectionConfigName)
	}
	if a.answer.Kind() != strictjson.KindObject {
		return errNoMember
	}
	now := time.Now().Unix()
	// An answer is made for a question, so it cannot be much older; one that
	// does not say when it was made is from 1970.
	if a.iat < asked-v.leeway-int64(maxSignedAnswerAge/time.Second) {
		return fmt.Errorf("iat is %d s in the past", now-a.iat)
	}
	life := lifetime{iat: a.iat, nbf: a.nbf, exp: strictjson.MaxNumericDate}
	if a.hasExp {
		life.exp = a.exp
	}
	if refusal := life.check(now, v.leeway); refusal != nil {
		// It is the answer that is bad, not the token.
		return errors.New(refusal.Error())
	}
	return nil
}

// isFor reports whether the answer is made out to a recipient.
func (a *signedAnswer) isFor(recipient string) bool {
	if a.aud.Kind() != strictjson.KindArray {
		return a.aud.Is(recipient)
	}
	found := false
	_ = a.aud.Array(func(v strictjson.Value) error {
		found = found || v.Is(recipient)
		return nil
	})
	return found
}
