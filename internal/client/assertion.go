package client

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
)

const (
	assertionType     = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	assertionLifetime = time.Minute
)

// assert adds what the client signs of itself to a form (OpenID Connect Core
// 1.0 §9, RFC 7523 §2.2, §3). Each request has one of its own.
func (c *Client) assert(m *oidckit.ProviderMetadata, method string, form url.Values) error {
	now := time.Now()
	// The one audience is the issuer as it was configured: endpoints come from
	// metadata, where a hostile issuer names those of an honest one.
	audience := c.cfg.Issuer
	if c.cfg.AllowTokenEndpointAudience {
		audience = m.TokenEndpoint
	}
	claims, err := json.Marshal(struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		ID       string `json:"jti"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{c.cfg.ClientID, c.cfg.ClientID, audience, secret.ID(), now.Unix(), now.Add(assertionLifetime).Unix()})
	if err != nil {
		return fmt.Errorf("client: encoding an assertion: %w", err)
	}
	var assertion string
	if method == oidckit.AuthMethodPrivateKeyJWT {
		assertion, err = c.cfg.Signer.Sign("JWT", claims)
	} else {
		assertion, err = jose.SignHMAC(c.cfg.TokenEndpointAuthSigningAlg, []byte(c.cfg.ClientSecret), "JWT", claims)
	}
	if err != nil {
		return fmt.Errorf("client: signing an assertion: %w", err)
	}
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", assertion)
	return nil
}
