package opstore

import (
	"context"
	"strings"
	"time"
)

// Revocations is the deny list of access tokens: by their own ID, by grant, by
// consent, by session. What is not on it is not revoked, so nothing is kept for a token as such.
type Revocations interface {
	// Revoke denies id until the last token it stands for has expired. A
	// second call never shortens the time.
	Revoke(ctx context.Context, id string, until time.Time) error
	// Revoked reports whether any of ids is denied.
	Revoked(ctx context.Context, ids ...string) (bool, error)
}

// RevokedTokenID is the id of an access token's jti on the deny list.
func RevokedTokenID(jti string) string { return "jti:" + jti }

// RevokedConsentID is the id of a consent on the deny list.
func RevokedConsentID(consentID string) string { return "consent:" + consentID }

// GrantOfConsent returns the GrantID of a grant that comes of a consent; the
// other way is ConsentOfGrant.
func GrantOfConsent(consentID, id string) string { return consentID + ":" + id }

// ConsentOfGrant returns the consent that a GrantID names, "" where there is
// none.
func ConsentOfGrant(grantID string) string {
	consentID, _, found := strings.Cut(grantID, ":")
	if !found {
		return ""
	}
	return consentID
}

// RevokedGrantID is the id of a grant on the deny list.
func RevokedGrantID(grantID string) string { return "grant:" + grantID }

// RevokedSessionID is the id of a session on the deny list: of the tokens that
// end with it, which those with offline_access do not.
func RevokedSessionID(sessionID string) string { return "sid:" + sessionID }
