package tokens

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/scopes"
)

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

	// What userinfo is to tell beside the claims of the scope travels in the
	// token: the server keeps nothing of it.
	UserinfoClaims []string `json:"userinfo_claims,omitempty"`
	ClaimsLocales  []string `json:"claims_locales,omitempty"`
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
	if target.Scope.Has(oidckit.ScopeOpenID) {
		c.UserinfoClaims, c.ClaimsLocales = auth.UserinfoClaims, auth.ClaimsLocales
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

// grantOf returns the grant that a jti names.
func grantOf(jti string) string {
	grant, _, _ := strings.Cut(jti, ".")
	return grant
}
