package tokens

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/opstore"
)

// AccessClaims is what an own access token says.
type AccessClaims struct {
	Subject   string
	Audience  []string
	ClientID  string
	ID        string
	Scope     oidckit.Scope
	ExpiresAt time.Time
	SessionID string
	// UserinfoClaims and ClaimsLocales are those of opstore.Authorization.
	UserinfoClaims []string
	ClaimsLocales  []string
}

func invalidToken(cause string) error {
	return oidckit.NewError(oidckit.InvalidToken, "the access token is invalid, expired or revoked").
		WithCause(errors.New(cause))
}

// ReadAccessToken verifies an access token of this issuer and that it was not
// revoked. Failures are invalid_token; any other error means that the check
// could not be made.
func (i *Issuer) ReadAccessToken(ctx context.Context, token string) (*AccessClaims, error) {
	j, err := i.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	// RFC 9068 §4: an ID token must not be taken for an access token
	if !strings.EqualFold(j.Header.Type, typeAccessToken) {
		return nil, invalidToken("typ is not at+jwt")
	}
	var c accessClaims
	if err := strictjson.Unmarshal(j.Payload, &c); err != nil {
		return nil, invalidToken("claims do not parse")
	}
	if c.Issuer != i.URL || !slices.Contains(c.Audience, i.URL) {
		return nil, invalidToken("iss or aud is not this issuer")
	}
	if time.Now().Unix() >= c.ExpiresAt {
		return nil, invalidToken("expired")
	}
	scope, err := oidckit.ParseScope(c.Scope)
	if err != nil {
		return nil, invalidToken("scope does not parse")
	}
	ids := revokers(c.ID)
	if c.SessionID != "" && !scope.Has(oidckit.ScopeOfflineAccess) {
		ids = append(ids, opstore.RevokedSessionID(c.SessionID))
	}
	revoked, err := i.Revocations.Revoked(ctx, ids...)
	if err != nil {
		return nil, err
	}
	if revoked {
		return nil, invalidToken("revoked")
	}
	return &AccessClaims{
		Subject: c.Subject, Audience: c.Audience, ClientID: c.ClientID, ID: c.ID,
		Scope: scope, ExpiresAt: time.Unix(c.ExpiresAt, 0), SessionID: c.SessionID,
		UserinfoClaims: c.UserinfoClaims, ClaimsLocales: c.ClaimsLocales,
	}, nil
}

// revokers are the ids any of which denies the access token with this jti.
func revokers(jti string) []string {
	grant := grantOf(jti)
	ids := []string{opstore.RevokedTokenID(jti), opstore.RevokedGrantID(grant)}
	if consent := opstore.ConsentOfGrant(grant); consent != "" {
		ids = append(ids, opstore.RevokedConsentID(consent))
	}
	return ids
}

func (i *Issuer) verify(ctx context.Context, token string) (*jose.JWS, error) {
	j, err := jose.Parse(token)
	if err != nil {
		return nil, invalidToken("not a JWS")
	}
	switch err := i.Keys.Verify(ctx, j); {
	case errors.Is(err, keys.ErrNotOurs):
		return nil, invalidToken("not signed by this issuer")
	case err != nil:
		return nil, err
	}
	return j, nil
}
