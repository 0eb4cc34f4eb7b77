package middleware

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// introspectionAnswer is the document of RFC 7662 §2.2, read in one pass.
type introspectionAnswer struct {
	accessToken
	active, tokenType strictjson.Value
	// failed is the first member whose value is of a wrong type.
	failed string
	err    error
}

// read takes the members from a strict JSON object. Types are judged
// afterwards: of a token that is not active nothing else counts.
func (a *introspectionAnswer) read(doc []byte) error {
	return strictjson.Object(doc, func(name []byte, v strictjson.Value) error {
		switch string(name) {
		case "active":
			a.active = v
		case "token_type":
			a.tokenType = v
		default:
			if err := a.member(name, v); err != nil && a.err == nil {
				a.failed, a.err = string(name), err
			}
		}
		return nil
	})
}

// judge makes of an answer what is remembered of the token. An error says that
// the answer is none that a token could be judged by.
func (v *IntrospectionVerifier) judge(doc []byte) (*introspected, error) {
	var a introspectionAnswer
	if err := a.read(doc); err != nil {
		return nil, fmt.Errorf("the answer is no strict JSON object: %w", err)
	}
	if refusal := a.checkActive(); refusal != nil {
		return v.refused(refusal, string(a.active) != "false"), nil
	}
	if a.err != nil {
		return nil, &oddAnswerError{fmt.Errorf("the answer's %s: %w", a.failed, a.err)}
	}
	if refusal := v.checkAnswer(&a); refusal != nil {
		return v.refused(refusal, false), nil
	}
	return v.accepted(&a, doc), nil
}

func (v *IntrospectionVerifier) refused(e *TokenError, transient bool) *introspected {
	e.config = introspectionConfigName
	return &introspected{refusal: e, transient: transient}
}

// accepted keeps an own copy of the document: the one that was read has room
// for more.
func (v *IntrospectionVerifier) accepted(a *introspectionAnswer, doc []byte) *introspected {
	id := a.identity(v.cfg.Issuer, v.audiences, bytes.Clone(doc))
	if a.aud.Kind() == strictjson.KindInvalid {
		id.Audience = nil
	}
	life := a.lifetime
	if !a.hasExp {
		life.exp = strictjson.MaxNumericDate
	}
	return &introspected{identity: id, lifetime: life}
}

// checkActive implements RFC 7662 §2.2: only the boolean true is true.
func (a *introspectionAnswer) checkActive() *TokenError {
	switch string(a.active) {
	case "true":
		return nil
	case "false":
		return &TokenError{Claim: "active", Reason: "is false: the issuer does not know the token, or no longer"}
	}
	return &TokenError{Claim: "active", Reason: "is " + shown(a.active) + ", not true"}
}

// checkAnswer decides by everything but time.
func (v *IntrospectionVerifier) checkAnswer(a *introspectionAnswer) *TokenError {
	// RFC 7662 §2.2
	if len(a.iss) != 0 && !a.iss.Is(v.cfg.Issuer) {
		return &TokenError{Claim: "iss", Setting: "Issuer", Reason: "is " + shown(a.iss) + ", not " + quote(v.cfg.Issuer)}
	}
	if refusal := v.checkAnswerAudience(a); refusal != nil {
		return refusal
	}
	if refusal := a.checkType(); refusal != nil {
		return refusal
	}
	// OpenID Connect Core 1.0 §2, §3.1.3.6, §3.3.2.11
	if a.idTokenSign != "" {
		return &TokenError{Claim: a.idTokenSign, Reason: "is the sign of an ID token, which no API takes"}
	}
	if len(a.sub) == 0 && !v.cfg.AllowMissingSubject {
		return &TokenError{Claim: "sub", Setting: "AllowMissingSubject", Reason: "is missing"}
	}
	return nil
}

func (v *IntrospectionVerifier) checkAnswerAudience(a *introspectionAnswer) *TokenError {
	if len(a.aud) == 0 {
		if v.cfg.AllowMissingAudience {
			return nil
		}
		return &TokenError{Claim: "aud", Setting: "AllowMissingAudience", Reason: "is missing"}
	}
	return a.readAudience(v.audiences)
}

// checkType refuses what is no access token. token_type is how it is used
// (RFC 6749 §7.1), but some issuers have a name for the kind of token in it.
func (a *introspectionAnswer) checkType() *TokenError {
	if len(a.tokenType) != 0 {
		switch text, _ := a.tokenType.Text(); strings.ToLower(text) {
		case "bearer", "access_token":
		case "dpop":
			// RFC 9449 §6.2: to be bound to a key it must say to which
			if a.confirmation == nil || a.confirmation.JWKThumbprint == "" {
				return &TokenError{Claim: "cnf", Reason: "is missing from a DPoP token"}
			}
		default:
			return &TokenError{Claim: "token_type", Reason: "is " + shown(a.tokenType) + ", which is no access token's"}
		}
	}
	return a.checkKind()
}
