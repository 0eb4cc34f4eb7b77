package handlers

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/jose"
)

const (
	// maxByHand bounds the keys of a config, in bytes.
	maxByHand = 512 << 10
	// maxCertificates bounds how many keys a signature is tried with.
	maxCertificates = 16
)

// checkByHand returns every problem of the endpoints and keys that the config
// knows by hand, each with its field.
func (c Config) checkByHand() []error {
	var errs []error
	if c.KeySet != nil && c.Certificates != nil {
		errs = append(errs, errors.New("Config.Certificates are set, and so is KeySet"))
	}
	if _, err := c.keysByHand(); err != nil {
		errs = append(errs, err)
	}
	m := c.Metadata
	if m == nil {
		return errs
	}
	bad := func(err error) { errs = append(errs, fmt.Errorf("Config.Metadata %w", err)) }
	// OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3
	if m.Issuer != c.Issuer {
		bad(errors.New("issuer is another than the configured one"))
	}
	own := *m
	own.Issuer = c.Issuer
	for _, err := range discovery.CheckEndpoints(&own) {
		bad(err)
	}
	for _, needed := range []struct {
		name, value string
		needed      bool
	}{
		{"authorization_endpoint", m.AuthorizationEndpoint, true},
		{"token_endpoint", m.TokenEndpoint, client.Config{ResponseType: c.ResponseType}.UsesTokenEndpoint()},
		{"jwks_uri", m.JWKSURI, c.KeySet == nil && c.Certificates == nil && c.OAuth2 == nil},
	} {
		if needed.needed && needed.value == "" {
			bad(fmt.Errorf("%s is empty", needed.name))
		}
	}
	return errs
}

// keysByHand returns the keys of the config, nil where there are none.
func (c Config) keysByHand() ([]jose.JWK, error) {
	field, data, err := "KeySet", c.KeySet, error(nil)
	if c.KeySet == nil {
		if c.Certificates == nil {
			return nil, nil
		}
		field = "Certificates"
		data, err = certifiedKeys(c.Certificates)
	}
	var keys []jose.JWK
	if err == nil && len(data) > maxByHand {
		err = errors.New("is too large")
	}
	if err == nil {
		keys, _, err = jose.ParseJWKS(data)
	}
	if err == nil && !slices.ContainsFunc(keys, func(k jose.JWK) bool { return k.Fits(c.IDTokenSignedResponseAlg) }) {
		err = errors.New("holds no key that could verify a signature by IDTokenSignedResponseAlg")
	}
	if err != nil {
		return nil, fmt.Errorf("Config.%s %w", field, err)
	}
	return keys, nil
}

// certifiedKeys makes a key set of the public keys of certificates. A file with
// anything else in it, a private key above all, is not what was meant.
func certifiedKeys(data []byte) ([]byte, error) {
	if len(data) > maxByHand {
		return nil, errors.New("is too large")
	}
	var keys []jose.JWK
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("holds a PEM block that is no certificate")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("holds a certificate that cannot be read")
		}
		keys = append(keys, jose.JWK{Key: cert.PublicKey})
	}
	switch {
	case len(keys) == 0 || bytes.Contains(data, []byte("-----BEGIN")):
		return nil, errors.New("is no list of certificates in PEM")
	case len(keys) > maxCertificates:
		return nil, fmt.Errorf("holds more than %d certificates", maxCertificates)
	}
	return jose.MarshalJWKS(keys)
}
