package middleware

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/rs/zerolog"
)

// JWTOrOpaqueConfig says who judges which access token.
type JWTOrOpaqueConfig struct {
	// JWT judges the tokens that name one of its issuers. Required.
	JWT *JWTVerifier
	// Opaque is asked about the tokens that name no issuer, and about JWTs of
	// its own issuer unless that is one of JWT's. Required.
	//
	// There is one for opaque tokens, whatever the number of issuers: a token
	// that is shown to another issuer than its own is one that this issuer
	// could use.
	Opaque *IntrospectionVerifier
	// Introspected are asked about JWTs of their issuers, and of nobody else's:
	// for issuers whose JWTs are not for the API to judge.
	Introspected []*IntrospectionVerifier
	// IntrospectJWTs asks the issuer about tokens that JWT has found good, too,
	// where Opaque or Introspected has that issuer. A token must pass both, so
	// that one which was revoked is refused as soon as an opaque one would be.
	IntrospectJWTs bool
}

// JWTOrOpaqueVerifier takes JWTs and opaque access tokens, of several issuers,
// and lets each be judged by the one verifier that it is for. Which one that is
// depends on the claim iss of what looks like a JWT's payload, and on nothing
// else:
//
//   - one of JWT's issuers: JWT alone judges. What it refuses stays refused,
//     and what it cannot check is not checked in another way: a signature that
//     is bad is never made up for by an introspection.
//   - the issuer of Opaque or Introspected: that issuer is asked. Whether the
//     signature is good is then for the issuer to say, about that very token.
//   - another issuer, or one in claims that are no strict JSON (two of them,
//     for one): refused, and shown to nobody.
//   - none that can be read: Opaque's issuer is asked.
//
// It is safe for concurrent use; the zero value refuses to judge any token.
type JWTOrOpaqueVerifier struct {
	jwt    *JWTVerifier
	opaque *IntrospectionVerifier
	all    []*IntrospectionVerifier
	// asked judge the JWTs of issuers that are not the JWT verifier's, also
	// those that it has found good.
	asked, also map[string]*IntrospectionVerifier
}

var (
	_ Verifier = (*JWTOrOpaqueVerifier)(nil)
	_ reporter = (*JWTOrOpaqueVerifier)(nil)

	errJWTOrOpaqueNotBuilt = errors.New("middleware: JWTOrOpaqueVerifier was not made by NewJWTOrOpaqueVerifier")
	errNoPayload           = errors.New("the token has no second part")
)

// NewJWTOrOpaqueVerifier checks cfg and reports all its problems together. The
// verifiers can be used on their own as well.
func NewJWTOrOpaqueVerifier(cfg JWTOrOpaqueConfig) (*JWTOrOpaqueVerifier, error) {
	p := problems{config: "JWTOrOpaqueConfig"}
	v := &JWTOrOpaqueVerifier{jwt: cfg.JWT, opaque: cfg.Opaque, asked: map[string]*IntrospectionVerifier{}, also: map[string]*IntrospectionVerifier{}}
	if cfg.JWT == nil || cfg.JWT.issuers == nil {
		p.add("JWT", "was not made by NewJWTVerifier")
	}
	v.add(&p, "Opaque", cfg.Opaque, cfg.IntrospectJWTs)
	for i, further := range cfg.Introspected {
		field := fmt.Sprintf("Introspected[%d]", i)
		v.add(&p, field, further, cfg.IntrospectJWTs)
		if further != nil && !cfg.IntrospectJWTs && v.jwtHas(further.cfg.Issuer) {
			p.add(field, "would never be asked: JWT judges the tokens of %s", quote(further.cfg.Issuer))
		}
	}
	if cfg.IntrospectJWTs && len(v.also) == 0 {
		p.add("IntrospectJWTs", "has no effect: no issuer of JWT's can be asked")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *JWTOrOpaqueVerifier) add(p *problems, field string, further *IntrospectionVerifier, both bool) {
	if further == nil || further.calls == nil {
		p.add(field, "was not made by NewIntrospectionVerifier")
		return
	}
	issuer := further.cfg.Issuer
	for _, before := range v.all {
		if before.cfg.Issuer == issuer {
			p.add(field, "has the issuer %s, which another one has", quote(issuer))
		}
	}
	v.all = append(v.all, further)
	switch {
	case !v.jwtHas(issuer):
		v.asked[issuer] = further
	case both:
		v.also[issuer] = further
	}
}

func (v *JWTOrOpaqueVerifier) jwtHas(issuer string) bool {
	if v.jwt == nil || v.jwt.issuers == nil {
		return false
	}
	_, err := v.jwt.issuers.named(issuer)
	return err == nil
}

// Verify lets the verifier judge that the token is for. Its errors are those of
// that verifier.
func (v *JWTOrOpaqueVerifier) Verify(ctx context.Context, token string) (*oidckit.Identity, error) {
	if v == nil || v.jwt == nil {
		return nil, errJWTOrOpaqueNotBuilt
	}
	if seen, _ := v.jwt.seen.get(token); seen == nil {
		if other := v.introspector(token); other != nil {
			return other.Verify(ctx, token)
		}
	}
	id, err := v.jwt.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	other := v.also[id.Issuer]
	if other == nil {
		return id, nil
	}
	said, err := other.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	id, err = narrowed(id, said)
	if err != nil {
		return nil, v.jwt.refuse(ctx, said.Issuer, err)
	}
	return id, nil
}

// narrowed returns what a signed token says as far as its issuer's answer
// agrees: an answer may be silent about the person, the scope or the key that
// the token is bound to, but what it says counts.
func narrowed(signed, said *oidckit.Identity) (*oidckit.Identity, error) {
	switch {
	case said.Subject != "" && said.Subject != signed.Subject:
		return nil, &TokenError{Claim: "sub", Reason: "the issuer's answer is about another subject"}
	case said.ClientID != "" && said.ClientID != signed.ClientID:
		return nil, &TokenError{Claim: "client_id", Reason: "the issuer's answer is about another client"}
	case said.Confirmation != nil && signed.Confirmation != nil && *said.Confirmation != *signed.Confirmation:
		// RFC 7800 §3.1
		return nil, &TokenError{Claim: "cnf", Reason: "the issuer's answer names another key than the token"}
	}
	bound := said.Confirmation != nil && signed.Confirmation == nil
	less := len(said.Scope) > 0 && !said.Scope.HasAll(signed.Scope)
	if !bound && !less {
		return signed, nil
	}
	id := *signed
	if bound {
		id.Confirmation = said.Confirmation
	}
	if less {
		id.Scope = slices.DeleteFunc(slices.Clone(signed.Scope), func(token string) bool { return !said.Scope.Has(token) })
	}
	return &id, nil
}

// introspector returns who is asked about a token, nil where it is for the JWT
// verifier. The issuer that a token names is believed for nothing else.
func (v *JWTOrOpaqueVerifier) introspector(token string) *IntrospectionVerifier {
	c := claimed.Get().(*claimedIssuer)
	defer claimed.Put(c)
	err := c.read(token)
	switch {
	case !c.named:
		return v.opaque
	case err != nil:
		// RFC 7519 §4: two issuers, for one, which the JWT verifier refuses.
		return nil
	case !c.text:
		return v.opaque
	}
	return v.asked[string(c.name)]
}

// claimedIssuer is memory for reading the issuer that a token names.
type claimedIssuer struct {
	payload, name []byte
	// named says that iss stands there, and text that it is a string, which
	// name holds.
	named, text bool
}

var claimed = sync.Pool{New: func() any { return new(claimedIssuer) }}

// read finds the claim iss of what looks like a JWT's payload. The rest of the
// token is not checked: of a JWT whose signature was cut off it is the same as
// before. An error says that the payload is no strict JSON object.
func (c *claimedIssuer) read(token string) error {
	c.named, c.text = false, false
	payload, ok := jose.AppendUnverified(c.payload[:0], token)
	c.payload = payload
	if !ok {
		return errNoPayload
	}
	return strictjson.Object(payload, c.member)
}

func (c *claimedIssuer) member(name []byte, v strictjson.Value) (err error) {
	if string(name) == "iss" {
		c.named = true
		c.name, err = v.AppendText(c.name[:0])
		c.text = err == nil
	}
	return nil
}

func (v *JWTOrOpaqueVerifier) reports() (zerolog.Logger, oidckit.EventSink) {
	if v == nil {
		return zerolog.Logger{}, nil
	}
	return v.jwt.reports()
}

// Check is Check of every verifier.
func (v *JWTOrOpaqueVerifier) Check(ctx context.Context) error {
	if v == nil || v.jwt == nil {
		return errJWTOrOpaqueNotBuilt
	}
	errs := []error{v.jwt.Check(ctx)}
	for _, each := range v.all {
		errs = append(errs, each.Check(ctx))
	}
	return errors.Join(errs...)
}

// Revoke is Revoke of the verifiers that have the issuer. It may be left out
// of r where there is only one.
func (v *JWTOrOpaqueVerifier) Revoke(r Revocation) error {
	if v == nil || v.jwt == nil {
		return errJWTOrOpaqueNotBuilt
	}
	if r.Issuer == "" && len(v.all) == 1 {
		// Of one issuer for both kinds, or refused as of no issuer below.
		if issuer, err := v.jwt.issuers.named(""); err == nil && issuer == v.opaque.cfg.Issuer {
			r.Issuer = issuer
		}
	}
	known := false
	var errs []error
	if r.Issuer != "" && v.jwtHas(r.Issuer) {
		known = true
		errs = append(errs, v.jwt.Revoke(r))
	}
	for _, each := range v.all {
		if r.Issuer == each.cfg.Issuer {
			known = true
			errs = append(errs, each.Revoke(r))
		}
	}
	if !known {
		return fmt.Errorf("middleware: Revocation: Issuer %s is none whose tokens are accepted", quote(r.Issuer))
	}
	return errors.Join(errs...)
}

// Forget is Forget of every introspection verifier.
func (v *JWTOrOpaqueVerifier) Forget(token string) {
	if v == nil {
		return
	}
	for _, each := range v.all {
		each.Forget(token)
	}
}

// Close closes every verifier. It may be called more than once.
func (v *JWTOrOpaqueVerifier) Close() error {
	if v == nil || v.jwt == nil {
		return nil
	}
	errs := []error{v.jwt.Close()}
	for _, each := range v.all {
		errs = append(errs, each.Close())
	}
	return errors.Join(errs...)
}
