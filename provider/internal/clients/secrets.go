package clients

import (
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/opstore"
)

// NeedsSecret reports whether the client authenticates with a secret, or signs
// with one.
func NeedsSecret(m *oidckit.ClientMetadata) bool {
	switch m.TokenEndpointAuthMethod {
	case oidckit.AuthMethodClientSecretBasic, oidckit.AuthMethodClientSecretPost:
		return true
	}
	return SignsWithSecret(m)
}

// SignsWithSecret reports whether the issuer needs the secret itself.
func SignsWithSecret(m *oidckit.ClientMetadata) bool { return minSecret(m) > 0 }

// minSecret returns how many bytes the secret needs for what is signed with
// it, 0 where nothing is.
func minSecret(m *oidckit.ClientMetadata) int {
	size := jose.MinHMACSecret(m.RequestObjectSigningAlg)
	if m.TokenEndpointAuthMethod == oidckit.AuthMethodClientSecretJWT {
		alg := m.TokenEndpointAuthSigningAlg
		if alg == "" {
			alg = "HS256"
		}
		size = max(size, jose.MinHMACSecret(alg))
	}
	return size
}

// CheckSecret says what is wrong with a secret that the issuer has not made.
func CheckSecret(m *oidckit.ClientMetadata, secret string) []*Problem {
	var ps problems
	switch size := minSecret(m); {
	case !NeedsSecret(m):
		if secret != "" {
			ps.add("client_secret", "is set although token_endpoint_auth_method is %s", m.TokenEndpointAuthMethod)
		}
	case secret == "":
		ps.add("client_secret", "is missing (token_endpoint_auth_method is %s)", m.TokenEndpointAuthMethod)
	case len(secret) < size:
		// RFC 7518 §3.2
		ps.add("client_secret", "must have %d bytes or more for what is signed with it", size)
	}
	return ps
}

// SetSecret gives the client another secret: its hash and, for a client that
// signs with it, the secret sealed. "" takes it away.
func (p Policy) SetSecret(c *opstore.Client, secret string) {
	c.SecretHashes, c.SealedSecret = nil, nil
	if secret == "" {
		return
	}
	c.SecretHashes = []oidckit.TokenHash{oidckit.HashToken(secret)}
	if SignsWithSecret(&c.Metadata) && p.Secrets != nil {
		c.SealedSecret = p.Secrets.Seal(c.Metadata.ClientID, secret)
	}
}
