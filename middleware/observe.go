package middleware

import (
	"context"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/rs/zerolog"
)

// observedLife is how long a token may live, at most, of which an event does
// not tell when it expires.
const observedLife = 24 * time.Hour

// Observe takes what an issuer's events tell of the end of tokens into the deny
// list. It is an oidckit.EventSink, for an issuer or a relying party in the same
// process, alone or called by another sink:
//
//	provider.Config{Events: v.Observe, …}
//
// Events of other issuers than the verifier's, and of other names than these,
// change nothing:
//
//   - oidckit.EventTokenRevoked: the token, until e.Until.
//   - oidckit.EventSessionEnded: the session's tokens. EventLogout: those issued
//     by then, for the session may live on at the issuer. Tokens whose scope has
//     offline_access outlive both (OpenID Connect Back-Channel Logout 1.0 §2.7).
//   - oidckit.EventUserDisabled: the subject's tokens that were issued by then.
//   - oidckit.EventGrantRevoked, EventConsentWithdrawn, EventCodeReplayed and
//     EventRefreshTokenReplayed: the tokens that the client got by then for the
//     subject, or in the session. A client that has another grant gets a new one.
//
// Where an event has no Until it counts for 24 hours; tokens that live longer
// are for Revoke. Events name people as the issuer does: tokens of a client
// with pairwise subjects are found by their session alone. A revocation that
// cannot be taken, because the list is full, is logged as an error. Observe may
// be called on a nil verifier, which ignores all; it is safe for concurrent
// use.
func (v *JWTVerifier) Observe(_ context.Context, e oidckit.Event) {
	if v == nil || v.issuers == nil || e.Issuer == "" {
		return
	}
	if _, err := v.issuers.named(e.Issuer); err == nil {
		observe(&v.cfg.Logger, e, v.Revoke)
	}
}

// Observe takes events of the verifier's issuer into the deny list, as
// JWTVerifier.Observe does.
func (v *IntrospectionVerifier) Observe(_ context.Context, e oidckit.Event) {
	if v != nil && v.calls != nil && e.Issuer == v.cfg.Issuer {
		observe(&v.cfg.Logger, e, v.Revoke)
	}
}

// Observe is Observe of every verifier.
func (v *JWTOrOpaqueVerifier) Observe(ctx context.Context, e oidckit.Event) {
	if v == nil {
		return
	}
	v.jwt.Observe(ctx, e)
	for _, each := range v.all {
		each.Observe(ctx, e)
	}
}

func observe(l *zerolog.Logger, e oidckit.Event, revoke func(Revocation) error) {
	for _, r := range revocationsOf(e) {
		if r.TokenID+r.SessionID+r.Subject == "" {
			continue
		}
		if err := revoke(r); err != nil {
			l.Error().Err(err).Str("event", string(e.Name)).Str("issuer", e.Issuer).Msg("tokens of an event are not refused")
		}
	}
}

// revocationsOf returns what an event ends; some may name nothing.
func revocationsOf(e oidckit.Event) []Revocation {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if e.Until.IsZero() {
		e.Until = e.Time.Add(observedLife)
	}
	// The second of the event counts whole: a token does not tell more.
	r := Revocation{Issuer: e.Issuer, Until: e.Until, IssuedBefore: e.Time.Add(1)}
	switch e.Name {
	case oidckit.EventTokenRevoked:
		return []Revocation{{Issuer: e.Issuer, Until: e.Until, TokenID: e.TokenID}}
	case oidckit.EventSessionEnded:
		return []Revocation{{Issuer: e.Issuer, Until: e.Until, SessionID: e.SessionID, AllowOfflineAccess: true}}
	case oidckit.EventLogout:
		r.SessionID, r.AllowOfflineAccess = e.SessionID, true
		return []Revocation{r}
	case oidckit.EventUserDisabled:
		r.Subject = e.Subject
		return []Revocation{r}
	case oidckit.EventGrantRevoked, oidckit.EventConsentWithdrawn, oidckit.EventCodeReplayed, oidckit.EventRefreshTokenReplayed:
		r.ClientID = e.ClientID
		of := r
		r.Subject, of.SessionID = e.Subject, e.SessionID
		return []Revocation{r, of}
	}
	return nil
}
