package oidckit

import (
	"context"
	"time"
)

// EventName is a stable name of something that happened. Names are never
// reused for another meaning.
type EventName string

// Events that the kit reports.
const (
	EventLoginSucceeded       EventName = "login.succeeded"
	EventLoginFailed          EventName = "login.failed"
	EventLogout               EventName = "logout"
	EventConsentGranted       EventName = "consent.granted"
	EventConsentDenied        EventName = "consent.denied"
	EventConsentWithdrawn     EventName = "consent.withdrawn"
	EventSessionEnded         EventName = "session.ended"
	EventLogoutRefused        EventName = "logout.refused"
	EventLogoutDelivered      EventName = "logout.delivered"
	EventLogoutUndelivered    EventName = "logout.undelivered"
	EventUserDisabled         EventName = "user.disabled"
	EventUserEnabled          EventName = "user.enabled"
	EventClientRegistered     EventName = "client.registered"
	EventClientUpdated        EventName = "client.updated"
	EventClientDeleted        EventName = "client.deleted"
	EventTokenIssued          EventName = "token.issued"
	EventTokenRefused         EventName = "token.refused"
	EventTokenUnchecked       EventName = "token.unchecked"
	EventCodeReplayed         EventName = "code.replayed"
	EventRefreshTokenReplayed EventName = "refresh_token.replayed"
	EventTokensRefreshed      EventName = "tokens.refreshed"
	EventTokensNotRefreshed   EventName = "tokens.not_refreshed"
	EventTokensLost           EventName = "tokens.lost"
	EventTokenRevoked         EventName = "token.revoked"
	EventGrantRevoked         EventName = "grant.revoked"
	EventClientRefused        EventName = "client.refused"
	EventKeyCreated           EventName = "key.created"
	EventKeyRevoked           EventName = "key.revoked"
	EventStoreUnavailable     EventName = "store.unavailable"

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
