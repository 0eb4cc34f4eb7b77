package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/rs/zerolog"
)

// probeInterval is for how long Check believes what it has found.
const probeInterval = time.Minute

var (
	errIntrospectionNotBuilt = errors.New("middleware: IntrospectionVerifier was not made by NewIntrospectionVerifier")
	errNoB64Token            = &TokenError{Claim: "token", Reason: "is no access token (RFC 6750 §2.1)"}
)

// IntrospectionVerifier checks access tokens by asking their issuer
// (RFC 7662). It asks once for a token that many requests carry at the same
// time, and remembers for a short while what it was told. It is safe for
// concurrent use; the zero value refuses to judge any token.
//
// At most 64 questions are under way at a time. After five failures in a row
// the endpoint is left alone, for a second at first and ten at most: tokens
// that are not remembered cannot be checked during that time.
type IntrospectionVerifier struct {
	cfg       IntrospectionConfig
	audiences []string
	leeway    int64
	started   time.Time
	client    *http.Client
	metadata  *discovery.Client
	keys      *keyring
	calls     *introspectionCalls
	cache     *answerCaches
	denied    *denyList
	// probed is when Check last found everything in order, since started.
	probed atomic.Int64
}

var (
	_ Verifier = (*IntrospectionVerifier)(nil)
	_ reporter = (*IntrospectionVerifier)(nil)
)

// NewIntrospectionVerifier checks cfg and reports all its problems together.
// It calls nobody: an issuer that is down does not keep an API from starting.
// Close frees what the verifier holds.
func NewIntrospectionVerifier(cfg IntrospectionConfig) (*IntrospectionVerifier, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	v := &IntrospectionVerifier{
		cfg:       cfg,
		audiences: append([]string{cfg.Audience}, cfg.Audiences...),
		leeway:    int64(cfg.Leeway / time.Second),
		started:   time.Now(),
		client:    httpx.Bounded(cfg.HTTPClient),
		calls:     newIntrospectionCalls(),
		cache:     newAnswerCaches(cfg.Cache),
		denied:    newDenyList(cfg.MaxRevocations),
	}
	if cfg.signed() {
		var err error
		v.keys, err = keyOpener{source: cfg.Keys, client: v.client, logger: cfg.Logger}.open(cfg.Issuer, "")
		if err != nil {
			return nil, err
		}
		v.metadata = v.keys.metadata
	}
	if cfg.Endpoint == "" && v.metadata == nil {
		v.metadata = discovery.New(discovery.Config{Issuer: cfg.Issuer, HTTPClient: v.client, Logger: cfg.Logger})
	}
	return v, nil
}

// Check asks the issuer about a token that nobody has issued, to see whether
// the endpoint answers, takes the credentials and gives answers that can be
// read: for those who want to fail early and for readiness probes. It makes one
// call a minute at most while none fails. Errors match
// oidckit.TemporarilyUnavailable, wrong credentials included: what the verifier
// answers then is 503.
func (v *IntrospectionVerifier) Check(ctx context.Context) error {
	if v == nil || v.calls == nil {
		return errIntrospectionNotBuilt
	}
	// The call it would wait for is detached: it could still answer in time.
	if err := ctx.Err(); err != nil {
		return err
	}
	probed := time.Duration(v.probed.Load())
	if probed != 0 && time.Since(v.started)-probed < probeInterval && !v.calls.gate.failing() {
		return nil
	}
	if err := v.probe(ctx); err != nil {
		return fmt.Errorf("middleware: introspection at %s: %w: %w", v.cfg.Issuer, oidckit.TemporarilyUnavailable, err)
	}
	return nil
}

// Close ends calls under way and frees what the verifier holds. Answers that
// are remembered still serve. It may be called more than once.
func (v *IntrospectionVerifier) Close() error {
	if v == nil || v.calls == nil {
		return nil
	}
	err := v.calls.close()
	if v.metadata != nil {
		err = errors.Join(err, v.metadata.Close())
	}
	if v.keys != nil {
		err = errors.Join(err, v.keys.Close())
	}
	if v.cfg.HTTPClient == nil || v.cfg.HTTPClient.Transport == nil {
		v.client.CloseIdleConnections()
	}
	return err
}

// Forget drops what is remembered of a token: the next request that carries it
// makes the verifier ask again. It is for an app that has just revoked the
// token at its issuer.
func (v *IntrospectionVerifier) Forget(token string) {
	if v == nil || v.calls == nil || len(token) > maxAccessToken {
		return
	}
	v.calls.forget(token)
	v.cache.remove(token)
}

// Revoke refuses tokens from now on, whatever the issuer says of them, as
// JWTVerifier.Revoke does. It goes by the jti, sid and sub of the answers.
func (v *IntrospectionVerifier) Revoke(r Revocation) error {
	if v == nil || v.calls == nil {
		return errIntrospectionNotBuilt
	}
	err := r.validate()
	if r.Issuer != "" && r.Issuer != v.cfg.Issuer {
		err = errors.Join(fmt.Errorf("Issuer %s is not %s", quote(r.Issuer), quote(v.cfg.Issuer)), err)
	}
	if err != nil {
		return fmt.Errorf("middleware: Revocation: %w", err)
	}
	return v.denied.revoke(v.cfg.Issuer, r)
}

func (v *IntrospectionVerifier) reports() (zerolog.Logger, oidckit.EventSink) {
	if v == nil {
		return zerolog.Logger{}, nil
	}
	return v.cfg.Logger, v.cfg.Events
}

// Verify asks the issuer whether a token is active and for whom, or remembers
// what it was told. The token's lifetime is checked each time.
//
// An error that matches oidckit.InvalidToken wraps a *TokenError; any other
// one says that the token could not be checked.
func (v *IntrospectionVerifier) Verify(ctx context.Context, token string) (*oidckit.Identity, error) {
	if v == nil || v.calls == nil {
		return nil, errIntrospectionNotBuilt
	}
	id, err := v.verify(ctx, token)
	if err != nil {
		return nil, refuse(ctx, v, v.cfg.Issuer, err)
	}
	return id, nil
}

func (v *IntrospectionVerifier) verify(ctx context.Context, token string) (*oidckit.Identity, error) {
	if len(token) > maxAccessToken {
		return nil, errNoB64Token
	}
	now := time.Now()
	answer := v.cache.get(token, now.Sub(v.started))
	if answer == nil {
		// RFC 6750 §2.1: nothing else goes upstream, nor is it remembered
		if !isB64Token(token) {
			return nil, errNoB64Token
		}
		var err error
		// Without a cache, an answer to an earlier question will not do.
		if answer, err = v.lookup(ctx, token, !v.cfg.Cache.Disabled); err != nil {
			return nil, fmt.Errorf("introspection at %s: %w", v.cfg.Issuer, err)
		}
		now = time.Now()
	}
	if answer.refusal != nil {
		return nil, answer.refusal
	}
	if refusal := answer.lifetime.check(now.Unix(), v.leeway); refusal != nil {
		return nil, refusal
	}
	if err := v.denied.check(answer.identity, &answer.revision); err != nil {
		return nil, err
	}
	return answer.identity, nil
}
