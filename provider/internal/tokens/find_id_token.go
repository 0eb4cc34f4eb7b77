package tokens

import (
	"context"
	"time"

	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/oidckit/oidckit/provider/opstore"
)

// IDClaims is what an own ID token says. Subject is by the name that its client
// knows.
type IDClaims struct {
	Subject   string
	ClientID  string
	SessionID string
	IssuedAt  time.Time
	ExpiresAt time.Time
	AuthTime  time.Time
	ACR       string
	AMR       []string
}

// FindIDToken verifies an ID token of this issuer that has not expired, nor
// ended with its session. Failures are invalid_token; any other error means
// that the check could not be made.
func (i *Issuer) FindIDToken(ctx context.Context, token string) (*IDClaims, error) {
	j, err := i.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	var c idClaims
	switch {
	case j.Header.Type != typeIDToken, strictjson.Unmarshal(j.Payload, &c) != nil, c.Issuer != i.URL, c.Subject == "":
		return nil, invalidToken("not an ID token of this issuer")
	case time.Now().Unix() >= c.ExpiresAt:
		return nil, invalidToken("expired")
	}
	if c.SessionID != "" {
		ended, err := i.Revocations.Revoked(ctx, opstore.RevokedSessionID(c.SessionID))
		if err != nil {
			return nil, err
		}
		if ended {
			return nil, invalidToken("the session has ended")
		}
	}
	found := &IDClaims{
		Subject: c.Subject, ClientID: c.Audience, SessionID: c.SessionID,
		IssuedAt: time.Unix(c.IssuedAt, 0), ExpiresAt: time.Unix(c.ExpiresAt, 0), ACR: c.ACR, AMR: c.AMR,
	}
	if c.AuthTime != 0 {
		found.AuthTime = time.Unix(c.AuthTime, 0)
	}
	return found, nil
}
