package middleware

import (
	"strings"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// tokenKind is what claims tell of the kind of token they are in, where the
// header's type does not.
type tokenKind struct {
	// typ and tokenUse are the claims by which some issuers tell apart what
	// they sign with one key.
	typ, tokenUse strictjson.Value
	// hasEvents says that the token tells of an event, as a logout token does.
	hasEvents bool
}

// otherTyps are values of the claim typ for tokens that are none for an API.
var otherTyps = map[string]bool{
	"id": true, "refresh": true, "offline": true, "logout": true,
	"registrationaccesstoken": true, "initialaccesstoken": true,
}

// checkKind refuses what its claims show to be no access token. A value that
// nobody has a meaning for says nothing.
func (k *tokenKind) checkKind() *TokenError {
	// OpenID Connect Back-Channel Logout 1.0 §2.4, RFC 8417 §2.2
	if k.hasEvents {
		return &TokenError{Claim: "events", Reason: "is the sign of a logout token or another security event, which no API takes"}
	}
	if text, err := k.typ.Text(); err == nil && otherTyps[strings.ToLower(text)] {
		return &TokenError{Claim: "typ", Reason: "of the claims is " + shown(k.typ) + ", which is no access token's"}
	}
	if len(k.tokenUse) == 0 || k.tokenUse.Is("access_token") || k.tokenUse.Is("access") {
		return nil
	}
	return &TokenError{Claim: "token_use", Reason: "is " + shown(k.tokenUse) + ", which is no access token's"}
}
