package oidckit

import (
	"context"
	"time"
)

// EventName is a stable name of something that happened. Names are never
// reused for another meaning.
type EventName string

// What people do, at a relying party, the broker and the issuer. A login that is
// refused or cannot be finished has failed, whoever began it.
const (
	EventLoginSucceeded   EventName = "login.succeeded"
	EventLoginFailed      EventName = "login.failed"
	EventLogout           EventName = "logout"
	EventConsentGranted   EventName = "consent.granted"
	EventConsentDenied    EventName = "consent.denied"
	EventConsentWithdrawn EventName = "consent.withdrawn"
	EventUserDisabled     EventName = "user.disabled"
	EventUserEnabled      EventName = "user.enabled"
)

// Sessions that end by something else than their person's logout here.
const (
	// EventSessionEnded is a session that the app, the operator, another party's
	// logout or the end of its grant has ended. Without a SessionID it is all of
	// the Subject's, and without either all.
	EventSessionEnded EventName = "session.ended"
	// EventLogoutRefused is a logout that a relying party was told of, over the
	// back or the front channel or by a browser, and does not believe.
	EventLogoutRefused EventName = "logout.refused"
	// EventLogoutDelivered and EventLogoutUndelivered are about the issuer's
	// back-channel calls, the second once it has given up.
	EventLogoutDelivered   EventName = "logout.delivered"
	EventLogoutUndelivered EventName = "logout.undelivered"
)

// The tokens of a relying party's session.
const (
	// EventTokensRefreshed is a refresh that has brought new ones.
	EventTokensRefreshed EventName = "tokens.refreshed"
	// EventTokensNotRefreshed is an issuer that could not be asked, and will be
	// asked again.
	EventTokensNotRefreshed EventName = "tokens.not_refreshed"
	// EventTokensLost is a refresh of which nobody knows the outcome: the person's
	// next page leads through a login that shows nothing.
	EventTokensLost EventName = "tokens.lost"
)

// Tokens, clients and keys at the issuer, and tokens at an API that refuses them
// or cannot check them.
const (
	EventTokenIssued          EventName = "token.issued"
	EventTokenRefused         EventName = "token.refused"
	EventTokenUnchecked       EventName = "token.unchecked"
	EventTokenRevoked         EventName = "token.revoked"
	EventGrantRevoked         EventName = "grant.revoked"
	EventCodeReplayed         EventName = "code.replayed"
	EventRefreshTokenReplayed EventName = "refresh_token.replayed"
	EventClientRegistered     EventName = "client.registered"
	EventClientUpdated        EventName = "client.updated"
	EventClientDeleted        EventName = "client.deleted"
	EventClientRefused        EventName = "client.refused"
	EventKeyCreated           EventName = "key.created"
	EventKeyRevoked           EventName = "key.revoked"
)

// EventStoreUnavailable is a store that could not answer, of any role.
const EventStoreUnavailable EventName = "store.unavailable"

// The broker's identity providers.
const (
	EventIdentityProviderCreated EventName = "identity_provider.created"
	EventIdentityProviderUpdated EventName = "identity_provider.updated"
	EventIdentityProviderDeleted EventName = "identity_provider.deleted"
)

// Event is something an app may want to know, audit or count. It never holds
// a token, code, secret or cookie.
type Event struct {
	Name      EventName
	Time      time.Time
	Issuer    string
	ClientID  string
	Subject   string
	SessionID string
	// TokenID is the jti of the access token that EventTokenRevoked tells of, and
	// Until when the last verifier has stopped to take it: what a deny list
	// needs.
	TokenID string
	Until   time.Time
	// IdentityProvider is the uuid of the broker's record that an event is about,
	// and Fields the names of those of its fields that a change has changed. Their
	// values stay where they are; Subject is who has made the change.
	IdentityProvider string
	Fields           []string
	// GrantType is set for events of the token endpoint.
	GrantType string
	// Err is the cause of a refusal, with what the peer was not told.
	Err error
}

// EventSink receives events, in the goroutine of the request they belong to.
// It must be safe for concurrent use and return quickly. A nil sink is silent.
type EventSink func(ctx context.Context, e Event)

// Send reports e, with the time filled in where it is zero.
func (s EventSink) Send(ctx context.Context, e Event) {
	if s == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	s(ctx, e)
}
