package tokens

import (
	"context"
	"encoding/json"
	"time"

	"github.com/oidckit/oidckit/provider/opstore"
)

// typeLogoutToken is OpenID Connect Back-Channel Logout 1.0 §2.4.
const typeLogoutToken = "logout+jwt"

// logoutTokenLifetime is short: the token is made for one call.
const logoutTokenLifetime = 2 * time.Minute

// logoutClaims are those of OpenID Connect Back-Channel Logout 1.0 §2.4: there
// is no nonce.
type logoutClaims struct {
	Issuer    string       `json:"iss"`
	Subject   string       `json:"sub,omitempty"`
	Audience  string       `json:"aud"`
	IssuedAt  int64        `json:"iat"`
	ExpiresAt int64        `json:"exp"`
	ID        string       `json:"jti"`
	Events    logoutEvents `json:"events"`
	SessionID string       `json:"sid,omitempty"`
}

type logoutEvents struct {
	Logout struct{} `json:"http://schemas.openid.net/event/backchannel-logout"`
}

// LogoutToken issues a logout token, signed as the client's ID tokens are.
func (i *Issuer) LogoutToken(ctx context.Context, c *opstore.Client, d *opstore.Delivery) (string, error) {
	signer, err := i.Keys.Signer(ctx, c.Metadata.IDTokenSignedResponseAlg)
	if err != nil {
		return "", err
	}
	now := time.Now()
	payload, err := json.Marshal(logoutClaims{
		Issuer:    i.URL,
		Subject:   i.Subjects.For(c, d.Subject),
		Audience:  c.Metadata.ClientID,
		IssuedAt:  now.Unix(),
		ExpiresAt: now.Add(logoutTokenLifetime).Unix(),
		ID:        d.ID,
		SessionID: d.SessionID,
	})
	if err != nil {
		return "", err
	}
	return signer.Sign(typeLogoutToken, payload)
}
