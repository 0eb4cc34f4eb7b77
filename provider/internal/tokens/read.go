package tokens

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/opstore"
)

// AccessClaims is what an own access token says.
type AccessClaims struct {
	// Subject is the person as the issuer knows them, TokenSubject the sub of
	// the token: the one by which the client does.
	Subject      string
	TokenSubject string
	// Client is whom the token was issued to.
	Client    *opstore.Client
	Audience  []string
	ClientID  string
	ID        string
	Scope     oidckit.Scope
	IssuedAt  time.Time
	ExpiresAt time.Time
	SessionID string
	// AuthTime, ACR and AMR are of the login, zero where nobody has signed in.
	AuthTime time.Time
	ACR      string
	AMR      []string
	// UserinfoClaims and ClaimsLocales are those of opstore.Authorization.
	UserinfoClaims []string
	ClaimsLocales  []string
}

// OfClient reports whether the client acts for itself: nobody has signed in.
func (c *AccessClaims) OfClient() bool { return c.Subject == c.ClientID && c.AuthTime.IsZero() }

// IsJWT reports whether a token has the form of a JWT. No other token of the
// issuer has.
func IsJWT(token string) bool { return strings.IndexByte(token, '.') >= 0 }

func invalidToken(cause string) error {
	return oidckit.NewError(oidckit.InvalidToken, "the access token is invalid, expired or revoked").
		WithCause(errors.New(cause))
}

// ReadAccessToken verifies an access token that this issuer has issued for
// itself, JWT or opaque, and that it was not revoked. Failures are
// invalid_token; any other error means that the check could not be made.
func (i *Issuer) ReadAccessToken(ctx context.Context, token string) (*AccessClaims, error) {
	c, err := i.FindAccessToken(ctx, token)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.Audience, i.URL) {
		return nil, invalidToken("aud is not this issuer")
	}
	return c, nil
}

// FindAccessToken is ReadAccessToken for a token of whatever audience: its
// caller decides who may know of it.
func (i *Issuer) FindAccessToken(ctx context.Context, token string) (*AccessClaims, error) {
	read := i.readOpaque
	if IsJWT(token) {
		read = i.readJWT
	}
	c, err := read(ctx, token)
	if err != nil {
		return nil, err
	}
	return c, i.checkLive(ctx, c)
}

// readJWT verifies an access token in the form of RFC 9068.
func (i *Issuer) readJWT(ctx context.Context, token string) (*AccessClaims, error) {
	j, err := i.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	// RFC 9068 §4: an ID token must not be taken for an access token
	if !strings.EqualFold(j.Header.Type, typeAccessToken) {
		return nil, invalidToken("typ is not at+jwt")
	}
	var c accessClaims
	if err := c.parse(j.Payload); err != nil {
		return nil, invalidToken("claims do not parse")
	}
	if c.Issuer != i.URL {
		return nil, invalidToken("iss is not this issuer")
	}
	local, err := i.localSubject(&c)
	if err != nil {
		return nil, err
	}
	scope, err := oidckit.ParseScope(c.Scope)
	if err != nil {
		return nil, invalidToken("scope does not parse")
	}
	a := &AccessClaims{
		Subject: local, TokenSubject: c.Subject, Audience: c.Audience, ClientID: c.ClientID, ID: c.ID, Scope: scope,
		IssuedAt: time.Unix(c.IssuedAt, 0), ExpiresAt: time.Unix(c.ExpiresAt, 0), SessionID: c.SessionID,
		ACR: c.ACR, AMR: c.AMR, UserinfoClaims: c.UserinfoClaims, ClaimsLocales: c.ClaimsLocales,
	}
	if c.AuthTime != 0 {
		a.AuthTime = time.Unix(c.AuthTime, 0)
	}
	return a, nil
}

// checkLive checks that a token has not ended: by itself, or with what it
// belongs to.
func (i *Issuer) checkLive(ctx context.Context, c *AccessClaims) error {
	if !time.Now().Before(c.ExpiresAt) {
		return invalidToken("expired")
	}
	ids := revokers(c.ID)
	if c.SessionID != "" && !c.Scope.Has(oidckit.ScopeOfflineAccess) {
		ids = append(ids, opstore.RevokedSessionID(c.SessionID))
	}
	revoked, err := i.Revocations.Revoked(ctx, ids...)
	if err == nil && revoked {
		err = invalidToken("revoked")
	}
	if err != nil {
		return err
	}
	c.Client, err = i.clientOf(ctx, c.ClientID, c.IssuedAt)
	return err
}

// revokers are the ids any of which denies the access token with this jti.
func revokers(jti string) []string {
	grant := grantOf(jti)
	ids := append(make([]string, 0, 4), opstore.RevokedTokenID(jti), opstore.RevokedGrantID(grant))
	if consent := opstore.ConsentOfGrant(grant); consent != "" {
		ids = append(ids, opstore.RevokedConsentID(consent))
	}
	return ids
}

// clientOf returns the client that a token was issued to, unless it is gone:
// one that has its client_id since is another one.
func (i *Issuer) clientOf(ctx context.Context, clientID string, issuedAt time.Time) (*opstore.Client, error) {
	c, err := i.Clients.Client(ctx, clientID)
	if errors.Is(err, oidckit.ErrNotFound) || err == nil && !c.Follows(issuedAt) {
		return nil, invalidToken("the client is gone")
	}
	return c, err
}

// localSubject returns whom an access token is about.
func (i *Issuer) localSubject(c *accessClaims) (string, error) {
	if c.LocalSubject == "" {
		return c.Subject, nil
	}
	local, err := i.LocalSubjects.OpenText(c.LocalSubject, c.ID)
	if err != nil {
		return "", invalidToken("the subject was sealed by another key ring")
	}
	return string(local), nil
}

func (i *Issuer) verify(ctx context.Context, token string) (*jose.JWS, error) {
	j, err := jose.Parse(token)
	if err != nil {
		return nil, invalidToken("not a JWS")
	}
	h := hashSeen(token)
	if i.seen.has(h) {
		// A key that was revoked takes what it has signed along.
		if published, err := i.Keys.Published(ctx, j.Header.KeyID, j.Header.Algorithm); err != nil || published {
			return j, err
		}
		return nil, invalidToken("signed with a key that was revoked")
	}
	switch err := i.Keys.Verify(ctx, j); {
	case errors.Is(err, keys.ErrNotOurs):
		return nil, invalidToken("not signed by this issuer")
	case err != nil:
		return nil, err
	}
	i.seen.add(h)
	return j, nil
}
