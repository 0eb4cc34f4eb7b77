package middleware

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/jwks"
	"github.com/rs/zerolog"
)

var (
	errBadToken     = oidckit.NewError(oidckit.InvalidToken, "the access token is not valid")
	errExpiredToken = oidckit.NewError(oidckit.InvalidToken, "the access token has expired")
	errUnchecked    = oidckit.NewError(oidckit.TemporarilyUnavailable, "the access token cannot be checked right now")
	errNotBuilt     = errors.New("middleware: JWTVerifier was not made by NewJWTVerifier")
)

// JWTVerifier checks access tokens that are JWTs (RFC 9068) with the keys that
// their issuer publishes. It fetches metadata and keys when they are first
// needed, keeps them, and serves known keys while the issuer is down. It is
// safe for concurrent use; the zero value refuses to judge any token.
type JWTVerifier struct {
	cfg       JWTConfig
	audiences []string
	leeway    int64
	keys      *jwks.Cache
	metadata  *discovery.Client
}

var (
	_ Verifier = (*JWTVerifier)(nil)
	_ reporter = (*JWTVerifier)(nil)
)

// NewJWTVerifier checks cfg and reports all its problems together. It calls
// nobody: an issuer that is down does not keep an API from starting. Close
// frees what the verifier holds.
func NewJWTVerifier(cfg JWTConfig) (*JWTVerifier, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Algorithms == nil {
		cfg.Algorithms = jose.Algorithms()
	}
	cfg.Algorithms = slices.Clone(cfg.Algorithms)
	v := &JWTVerifier{
		cfg:       cfg,
		audiences: append([]string{cfg.Audience}, cfg.Audiences...),
		leeway:    cfg.leewaySeconds(),
	}
	source := &keyDocument{client: httpx.Bounded(cfg.HTTPClient), uri: cfg.JWKSURI}
	if cfg.JWKSURI == "" {
		v.metadata = discovery.New(discovery.Config{Issuer: cfg.Issuer, HTTPClient: source.client, Logger: cfg.Logger})
		source.metadata = v.metadata
	}
	var err error
	v.keys, err = jwks.New(jwks.Config{Fetch: source.fetch, Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Check fetches the issuer's metadata and keys where the verifier has none,
// for those who want to fail early and for readiness probes. It needs no call
// while keys are held.
func (v *JWTVerifier) Check(ctx context.Context) error {
	if v == nil || v.keys == nil {
		return errNotBuilt
	}
	if err := v.keys.Warm(ctx); err != nil {
		return fmt.Errorf("middleware: keys of %s: %w", v.cfg.Issuer, err)
	}
	return nil
}

// Close ends fetches under way and frees what the verifier holds. It may be
// called more than once.
func (v *JWTVerifier) Close() error {
	if v == nil || v.keys == nil {
		return nil
	}
	var err error
	if v.metadata != nil {
		err = v.metadata.Close()
	}
	return errors.Join(err, v.keys.Close())
}

func (v *JWTVerifier) reports() (zerolog.Logger, oidckit.EventSink) {
	if v == nil {
		return zerolog.Logger{}, nil
	}
	return v.cfg.Logger, v.cfg.Events
}

// Verify checks a token by RFC 9068 §4: form, type, algorithm, issuer,
// audience, lifetime and, last, the signature. Nothing of the token is
// believed, and nothing is fetched for it, unless everything before holds.
//
// An error that matches oidckit.InvalidToken wraps a *TokenError; any other
// one says that the token could not be checked.
func (v *JWTVerifier) Verify(ctx context.Context, token string) (*oidckit.Identity, error) {
	if v == nil || v.keys == nil {
		return nil, errNotBuilt
	}
	id, err := v.verify(ctx, token, time.Now().Unix())
	if err != nil {
		return nil, v.refuse(ctx, err)
	}
	return id, nil
}

func (v *JWTVerifier) verify(ctx context.Context, token string, now int64) (*oidckit.Identity, error) {
	jws, err := jose.Parse(token)
	if err != nil {
		return nil, &TokenError{Claim: "token", Reason: err.Error(), cause: err}
	}
	if err := v.checkHeader(&jws.Header); err != nil {
		return nil, err
	}
	var c accessToken
	if err := c.read(jws.Payload); err != nil {
		return nil, err
	}
	if err := v.checkClaims(&c, &jws.Header, now); err != nil {
		return nil, err
	}
	key, err := v.keys.Key(ctx, jws.Header.KeyID, jws.Header.Algorithm)
	if errors.Is(err, jwks.ErrUnknownKey) {
		return nil, &TokenError{Claim: "kid", Reason: "no key of the issuer's fits " + quote(jws.Header.KeyID), cause: err}
	}
	if err != nil {
		return nil, fmt.Errorf("keys of %s: %w", v.cfg.Issuer, err)
	}
	if err := jws.Verify(jws.Header.Algorithm, key); err != nil {
		return nil, &TokenError{Claim: "signature", Reason: "does not verify", cause: err}
	}
	return c.identity(v.cfg.Issuer, v.audiences, jws.Payload), nil
}

// refuse makes of err what the client may know, and reports it.
func (v *JWTVerifier) refuse(ctx context.Context, err error) error {
	event := oidckit.Event{Name: oidckit.EventTokenRefused, Issuer: v.cfg.Issuer}
	e, line := errBadToken, v.cfg.Logger.Warn()
	refusal, bad := errors.AsType[*TokenError](err)
	gone := !bad && errors.Is(err, context.Canceled)
	switch {
	case bad && refusal.cause == errExpired:
		e = errExpiredToken
	case bad:
	case gone:
		e, event.Name, line = errUnchecked, oidckit.EventTokenUnchecked, v.cfg.Logger.Debug()
	default:
		e, event.Name, line = errUnchecked, oidckit.EventTokenUnchecked, v.cfg.Logger.Error()
	}
	e = e.WithCause(&reportedError{error: err, logged: line.Enabled() || gone, sent: v.cfg.Events != nil})
	if bad {
		line = line.Str("claim", refusal.Claim).Str("reason", refusal.Reason)
		if refusal.Setting != "" {
			line = line.Str("setting", "JWTConfig."+refusal.Setting)
		}
	} else {
		line = line.Err(err)
	}
	line.Str("issuer", v.cfg.Issuer).Msg(e.Description)
	event.Err = e
	v.cfg.Events.Send(ctx, event)
	return e
}
