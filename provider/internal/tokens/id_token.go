package tokens

import (
	"context"
	"errors"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/internal/userclaims"
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
	CodeHash        string   `json:"c_hash,omitempty"`
	SessionID       string   `json:"sid,omitempty"`
}

// Beside is what an ID token goes out with.
type Beside struct {
	// AccessToken and Code are bound to the ID token by their hashes, where
	// there are any.
	AccessToken string
	Code        string
	// Scope is set where no access token is issued at all: then the ID token
	// itself carries the claims of the scope (OpenID Connect Core 1.0 §5.4).
	Scope oidckit.Scope
}

// IDToken issues an ID token that goes out together with an access token.
func (i *Issuer) IDToken(ctx context.Context, g Grantee, accessToken string) (string, error) {
	return i.IDTokenBeside(ctx, g, Beside{AccessToken: accessToken})
}

// IDTokenBeside issues an ID token that goes out with other things, or alone.
func (i *Issuer) IDTokenBeside(ctx context.Context, g Grantee, b Beside) (string, error) {
	signer, err := i.Keys.Signer(ctx, g.Client.Metadata.IDTokenSignedResponseAlg)
	if err != nil {
		return "", err
	}
	now, auth := time.Now(), g.Authorization
	c := idClaims{
		Issuer:    i.URL,
		Subject:   i.Subjects.For(g.Client, auth.Subject),
		Audience:  g.Client.Metadata.ClientID,
		ExpiresAt: now.Add(i.IDTokenLifetime).Unix(),
		IssuedAt:  now.Unix(),
		AuthTime:  unix(auth.AuthTime),
		Nonce:     auth.Nonce,
		ACR:       auth.ACR,
		AMR:       auth.AMR,
		SessionID: auth.SessionID,
	}
	// OpenID Connect Core 1.0 §3.1.3.6, §3.3.2.11
	if c.AccessTokenHash, err = halfHash(signer.Algorithm(), b.AccessToken); err != nil {
		return "", err
	}
	if c.CodeHash, err = halfHash(signer.Algorithm(), b.Code); err != nil {
		return "", err
	}
	payload := c.appendTo(make([]byte, 0, tokenSize))
	if i.ScopeClaimsInIDTokens {
		b.Scope = auth.Scope
	}
	wanted := userclaims.Wanted{Scope: b.Scope, Names: auth.IDTokenClaims, Locales: auth.ClaimsLocales}
	if payload, err = i.withUserClaims(ctx, payload, auth.Subject, wanted); err != nil {
		return "", err
	}
	return signer.Sign(typeIDToken, payload)
}

func halfHash(alg, value string) (string, error) {
	if value == "" {
		return "", nil
	}
	return jose.HalfHash(alg, value)
}

// withUserClaims adds claims about the person to a document. Who has gone since
// the caller looked has none.
func (i *Issuer) withUserClaims(ctx context.Context, payload []byte, subject string, w userclaims.Wanted) ([]byte, error) {
	if i.UserClaims.Empty(w) {
		return payload, nil
	}
	claims, err := i.Claims(ctx, subject)
	if errors.Is(err, oidckit.ErrNotFound) {
		return payload, nil
	}
	if err != nil {
		return nil, err
	}
	if payload, err = i.UserClaims.Append(payload[:len(payload)-1], claims, w); err != nil {
		return nil, err
	}
	return append(payload, '}'), nil
}
