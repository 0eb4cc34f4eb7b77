package tokens

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/opstore"
)

// JOSE header types.
const (
	typeIDToken     = "JWT"
	typeAccessToken = "at+jwt" // RFC 9068 §2.1
)

// Issuer issues tokens. Its fields are set once; it is safe for concurrent
// use.
type Issuer struct {
	URL         string
	Keys        *keys.Manager
	Revocations opstore.Revocations
	// DefaultAlg signs access tokens whose resource names no algorithm.
	DefaultAlg          string
	AccessTokenLifetime time.Duration
	IDTokenLifetime     time.Duration
}

// Ready reports whether tokens can be signed now.
func (i *Issuer) Ready(ctx context.Context) error {
	_, err := i.Keys.Signer(ctx, i.DefaultAlg)
	return err
}

// Grantee is whom tokens are issued to, and on what grounds.
type Grantee struct {
	Client        *opstore.Client
	Authorization *opstore.Authorization
}

// Access is an issued access token.
type Access struct {
	Token     string
	ExpiresIn time.Duration
	Scope     oidckit.Scope
}

// accessClaims are those of RFC 9068 §2.2.
type accessClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  []string `json:"aud"`
	ClientID  string   `json:"client_id"`
	ExpiresAt int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	ID        string   `json:"jti"`
	Scope     string   `json:"scope,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"`
	ACR       string   `json:"acr,omitempty"`
	AMR       []string `json:"amr,omitempty"`
	SessionID string   `json:"sid,omitempty"`
}

// AccessToken issues an access token for target.
func (i *Issuer) AccessToken(ctx context.Context, g Grantee, target scopes.Target) (Access, error) {
	alg := target.SigningAlg
	if alg == "" {
		alg = i.DefaultAlg
	}
	signer, err := i.Keys.Signer(ctx, alg)
	if err != nil {
		return Access{}, err
	}
	now, auth := time.Now(), g.Authorization
	c := accessClaims{
		Issuer:    i.URL,
		Subject:   auth.Subject,
		Audience:  target.Audience,
		ClientID:  g.Client.Metadata.ClientID,
		IssuedAt:  now.Unix(),
		ExpiresAt: now.Add(i.AccessTokenLifetime).Unix(),
		ID:        auth.GrantID + "." + secret.ID(),
		Scope:     target.Scope.String(),
		AuthTime:  unix(auth.AuthTime),
		ACR:       auth.ACR,
		AMR:       auth.AMR,
		SessionID: auth.SessionID,
	}
	if c.Subject == "" {
		// RFC 9068 §2.2: without a resource owner, sub identifies the client
		c.Subject = c.ClientID
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return Access{}, err
	}
	token, err := signer.Sign(typeAccessToken, payload)
	if err != nil {
		return Access{}, err
	}
	return Access{Token: token, ExpiresIn: i.AccessTokenLifetime, Scope: target.Scope}, nil
}

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

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// grantOf returns the grant that a jti names.
func grantOf(jti string) string {
	grant, _, _ := strings.Cut(jti, ".")
	return grant
}
