package tokens

import (
	"context"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/strictjson"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/opstore"
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
	// LocalSubject is the issuer's own subject, sealed, in a token whose sub is
	// a pairwise one: there is no way back from that.
	LocalSubject string `json:"local_sub,omitempty"`

	// What userinfo is to tell beside the claims of the scope travels in the
	// token: the server keeps nothing of it.
	UserinfoClaims []string `json:"userinfo_claims,omitempty"`
	ClaimsLocales  []string `json:"claims_locales,omitempty"`
}

// parse reads the claims of a token that was verified.
func (c *accessClaims) parse(payload []byte) error {
	return strictjson.Object(payload, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "iss":
			c.Issuer, err = v.Text()
		case "sub":
			c.Subject, err = v.Text()
		case "aud":
			c.Audience, err = v.Texts()
		case "client_id":
			c.ClientID, err = v.Text()
		case "exp":
			c.ExpiresAt, err = v.Int()
		case "iat":
			c.IssuedAt, err = v.Int()
		case "jti":
			c.ID, err = v.Text()
		case "scope":
			c.Scope, err = v.Text()
		case "auth_time":
			c.AuthTime, err = v.Int()
		case "acr":
			c.ACR, err = v.Text()
		case "amr":
			c.AMR, err = v.Texts()
		case "sid":
			c.SessionID, err = v.Text()
		case "local_sub":
			c.LocalSubject, err = v.Text()
		case "userinfo_claims":
			c.UserinfoClaims, err = v.Texts()
		case "claims_locales":
			c.ClaimsLocales, err = v.Texts()
		}
		return err
	})
}

// AccessToken issues an access token for target, of the kind that its resources
// take.
func (i *Issuer) AccessToken(ctx context.Context, g Grantee, target scopes.Target) (Access, error) {
	if target.Opaque {
		return i.opaqueToken(ctx, g, target)
	}
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
		Subject:   i.subjectOf(g),
		Audience:  target.Audience,
		ClientID:  g.Client.Metadata.ClientID,
		IssuedAt:  now.Unix(),
		ExpiresAt: now.Add(i.AccessTokenLifetime).Unix(),
		ID:        newTokenID(auth),
		Scope:     target.Scope.String(),
		AuthTime:  unix(auth.AuthTime),
		ACR:       auth.ACR,
		AMR:       auth.AMR,
		SessionID: auth.SessionID,
	}
	if auth.Subject != "" && c.Subject != auth.Subject {
		c.LocalSubject = i.LocalSubjects.SealText([]byte(auth.Subject), c.ID)
	}
	if target.Scope.Has(oidckit.ScopeOpenID) {
		c.UserinfoClaims, c.ClaimsLocales = auth.UserinfoClaims, auth.ClaimsLocales
	}
	token, err := signer.Sign(typeAccessToken, c.appendTo(make([]byte, 0, tokenSize)))
	if err != nil {
		return Access{}, err
	}
	i.seen.add(hashSeen(token))
	return Access{Token: token, ExpiresIn: i.AccessTokenLifetime, Scope: target.Scope}, nil
}

// subjectOf is the sub of an access token: the one by which the client knows
// the person. RFC 9068 §2.2: without a resource owner, sub identifies the client.
func (i *Issuer) subjectOf(g Grantee) string {
	if g.Authorization.Subject == "" {
		return g.Client.Metadata.ClientID
	}
	return i.Subjects.For(g.Client, g.Authorization.Subject)
}

func newTokenID(auth *opstore.Authorization) string { return auth.GrantID + "." + secret.ID() }

// grantOf returns the grant that a jti names.
func grantOf(jti string) string {
	grant, _, _ := strings.Cut(jti, ".")
	return grant
}
