package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
)

const defaultAssertionAlg = "HS256"

// checkAuthentication checks how the app authenticates at the issuer.
func (c Config) checkAuthentication(bad func(field string, err error)) {
	bad("TokenEndpointAuthMethod", c.checkAuthMethod())
	bad("TokenEndpointAuthSigningAlg", c.checkAssertionAlg())
	c.checkClientKeys(bad)
}

func (c Config) checkAuthMethod() error {
	switch c.TokenEndpointAuthMethod {
	case "":
		return nil
	case oidckit.AuthMethodNone:
		if c.ClientSecret != "" {
			return errors.New("is none, and there is a ClientSecret")
		}
		return nil
	case oidckit.AuthMethodClientSecretBasic, oidckit.AuthMethodClientSecretPost, oidckit.AuthMethodClientSecretJWT:
		if c.ClientSecret == "" {
			return errors.New("needs a ClientSecret")
		}
		return nil
	case oidckit.AuthMethodPrivateKeyJWT:
		if len(c.ClientKeys) == 0 {
			return errors.New("needs ClientKeys")
		}
		return nil
	case oidckit.AuthMethodTLSClientAuth, oidckit.AuthMethodSelfSignedTLSClientAuth:
		if !hasCertificate(c.HTTPClient) {
			return errors.New("needs an HTTPClient with a client certificate")
		}
		return nil
	default:
		return errors.New("must be client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, " +
			"tls_client_auth, self_signed_tls_client_auth or none")
	}
}

// hasCertificate reports whether a client can show a certificate. What a
// transport of another type does, or one that dials by itself, is the app's to
// know.
func hasCertificate(c *http.Client) bool {
	if c == nil || c.Transport == nil {
		return false
	}
	t, ok := c.Transport.(*http.Transport)
	if !ok || t.DialTLSContext != nil {
		return true
	}
	return t.TLSClientConfig != nil && (len(t.TLSClientConfig.Certificates) > 0 || t.TLSClientConfig.GetClientCertificate != nil)
}

func (c Config) checkAssertionAlg() error {
	alg := c.TokenEndpointAuthSigningAlg
	if alg == "" {
		return nil
	}
	if c.TokenEndpointAuthMethod != oidckit.AuthMethodClientSecretJWT {
		return errors.New("is for client_secret_jwt alone")
	}
	least := jose.MinHMACSecret(alg)
	if least == 0 {
		return fmt.Errorf("must be one of %s", strings.Join(jose.HMACAlgorithms(), ", "))
	}
	// RFC 7518 §3.2
	if len(c.ClientSecret) < least {
		return fmt.Errorf("%s needs a ClientSecret of %d bytes", alg, least)
	}
	return nil
}
