package tokens

import (
	"context"
	"encoding/json"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
)

// idClaims are those of OpenID Connect Core 1.0 §2 and Front-Channel Logout
// 1.0 §3 (sid).
type idClaims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        string   `json:"aud"`
	ExpiresAt       int64    `json:"exp"`
	IssuedAt        int64    `json:"iat"`
	AuthTime        int64    `json:"auth_time,omitempty"`
	Nonce           string   `json:"nonce,omitempty"`
	ACR             string   `json:"acr,omitempty"`
	AMR             []string `json:"amr,omitempty"`
	AccessTokenHash string   `json:"at_hash,omitempty"`
	SessionID       string   `json:"sid,omitempty"`
}

// IDToken issues an ID token that goes out together with an access token.
func (i *Issuer) IDToken(ctx context.Context, g Grantee, accessToken string) (string, error) {
	signer, err := i.Keys.Signer(ctx, g.Client.Metadata.IDTokenSignedResponseAlg)
	if err != nil {
		return "", err
	}
	// OpenID Connect Core 1.0 §3.1.3.6
	atHash, err := jose.HalfHash(signer.Algorithm(), accessToken)
	if err != nil {
		return "", err
	}
	now, auth := time.Now(), g.Authorization
	payload, err := json.Marshal(idClaims{
		Issuer:          i.URL,
		Subject:         auth.Subject,
		Audience:        g.Client.Metadata.ClientID,
		ExpiresAt:       now.Add(i.IDTokenLifetime).Unix(),
		IssuedAt:        now.Unix(),
		AuthTime:        unix(auth.AuthTime),
		Nonce:           auth.Nonce,
		ACR:             auth.ACR,
		AMR:             auth.AMR,
		AccessTokenHash: atHash,
		SessionID:       auth.SessionID,
	})
	if err != nil {
		return "", err
	}
	return signer.Sign(typeIDToken, payload)
}
