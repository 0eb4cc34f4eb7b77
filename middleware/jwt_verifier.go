package middleware

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
)

var errNotBuilt = errors.New("middleware: JWTVerifier was not made by NewJWTVerifier")

// JWTVerifier checks access tokens that are JWTs (RFC 9068) with the keys that
// their issuers publish. It fetches metadata and keys when they are first
// needed, keeps them, and serves known keys while an issuer is down. It is
// safe for concurrent use; the zero value refuses to judge any token.
type JWTVerifier struct {
	cfg     JWTConfig
	issuers *issuerSet
	seen    *tokenCache
	denied  *denyList
}

var (
	_ Verifier = (*JWTVerifier)(nil)
	_ reporter = (*JWTVerifier)(nil)
)

// NewJWTVerifier checks cfg and reports all its problems together. It calls
// nobody: an issuer that is down does not keep an API from starting. Close
// frees what the verifier holds.
func NewJWTVerifier(cfg JWTConfig) (*JWTVerifier, error) {
	var p problems
	v := &JWTVerifier{cfg: cfg, issuers: newIssuerSet(&cfg, &p)}
	cfg.TokenCache.validate(&p)
	if cfg.MaxRevocations < 0 {
		p.add("MaxRevocations", "is negative")
	}
	if err := p.err(); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	v.seen, v.denied = newTokenCache(cfg.TokenCache), newDenyList(cfg.MaxRevocations)
	return v, nil
}

// Check fetches metadata and keys of every issuer where the verifier has none,
// for those who want to fail early and for readiness probes. It needs no call
// while keys are held, and makes none while an issuer that has failed is given
// time, 16 seconds at most: until then the error is that of the last attempt.
// Errors match oidckit.TemporarilyUnavailable, and the cause.
//
// Of tenants that have keys of their own it does so for those that Tenants
// lists, as far as Max has room, and for those whose tokens were good before.
// Of the latter one that has left its provider is no error, unless no tenant
// has keys. Of others nothing is known: their keys come with the first token.
func (v *JWTVerifier) Check(ctx context.Context) error {
	if v == nil || v.issuers == nil {
		return errNotBuilt
	}
	errs := make([]error, len(v.issuers.all))
	var wg sync.WaitGroup
	for i, t := range v.issuers.all {
		wg.Go(func() { errs[i] = t.warm(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Close ends fetches under way and frees what the verifier holds. It may be
// called more than once.
func (v *JWTVerifier) Close() error {
	if v == nil || v.issuers == nil {
		return nil
	}
	var errs []error
	for _, t := range v.issuers.all {
		errs = append(errs, t.Close())
	}
	return errors.Join(errs...)
}

// Verify checks a token by RFC 9068 §4: form, issuer, type, algorithm,
// audience, lifetime and, last, the signature. Nothing of the token is
// believed, and nothing is fetched for it, unless everything before holds. Of
// a token that was verified before, the lifetime, the key, the tenant and the
// deny list are checked again.
//
// A token that is bound to a key (RFC 7800) is not the caller's by being
// presented: Bearer checks the identity's Confirmation, and who calls Verify
// on its own has to.
//
// An error that matches oidckit.InvalidToken wraps a *TokenError; any other
// one says that the token could not be checked.
func (v *JWTVerifier) Verify(ctx context.Context, token string) (*oidckit.Identity, error) {
	if v == nil || v.issuers == nil {
		return nil, errNotBuilt
	}
	now := time.Now()
	e, hash := v.seen.get(token)
	if e != nil {
		id, err := v.verifySeen(ctx, e, now)
		if err != nil {
			return nil, v.refuse(ctx, e.identity.Issuer, err)
		}
		if id != nil {
			return id, nil
		}
	}
	e = &seenToken{token: token, hash: hash}
	if issuer, err := v.verify(ctx, e, now); err != nil {
		return nil, v.refuse(ctx, issuer, err)
	}
	return e.identity, nil
}

// verify fills in e, and keeps it for the next time. It returns the issuer,
// where the token names an accepted one, beside an error too.
func (v *JWTVerifier) verify(ctx context.Context, e *seenToken, clock time.Time) (issuer string, err error) {
	now := clock.Unix()
	jws, err := jose.Parse(e.token)
	if err != nil {
		return "", &TokenError{Claim: "token", Reason: err.Error(), cause: err}
	}
	var c accessToken
	if err := c.read(jws.Payload); err != nil {
		return "", err
	}
	t, tenant, err := v.issuers.find(c.iss)
	if err != nil {
		return "", err
	}
	issuer = t.issuer(tenant)
	if err := t.checkHeader(&jws.Header); err != nil {
		return issuer, err
	}
	if err := t.checkClaims(&c, &jws.Header); err != nil {
		return issuer, err
	}
	if err := t.checkTenant(ctx, tenant, jws.Payload); err != nil {
		return issuer, err
	}
	e.issuer, e.tenant, e.lifetime = t, tenant, c.lifetime
	e.ref = jwks.Ref{KeyID: jws.Header.KeyID, Algorithm: jws.Header.Algorithm, Issuer: issuer}
	if e.ring, err = t.ring(tenant); err != nil {
		return issuer, err
	}
	if err := c.check(now, t.leeway); err != nil {
		return issuer, e.ring.untimely(jws, e.ref, err)
	}
	// Read before the key: a change between the two is seen the next time.
	e.generation.Store(e.ring.Generation(clock))
	if e.key, err = e.ring.verify(ctx, jws, e.ref); err != nil {
		return issuer, err
	}
	t.findScope(&c, jws.Payload)
	e.identity = c.identity(issuer, t.audiences, jws.Payload)
	if err := v.denied.check(e.identity, &e.revision); err != nil {
		return issuer, err
	}
	t.used(e.ring)
	v.seen.add(e, now)
	return issuer, nil
}
