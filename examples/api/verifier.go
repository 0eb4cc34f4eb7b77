package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// newVerifier takes the tokens of every issuer, each with keys of its own. It
// calls nobody: the issuers may be started later.
func newVerifier(s *settings, logger zerolog.Logger) (*middleware.JWTVerifier, error) {
	client, err := httpClient(s.ca)
	cfg := middleware.JWTConfig{Audience: s.resource, HTTPClient: client, Logger: logger}
	for _, issuer := range s.issuers {
		cfg.Issuers = append(cfg.Issuers, middleware.JWTIssuer{Issuer: issuer})
	}
	v, verifierErr := middleware.NewJWTVerifier(cfg)
	if verifierErr != nil {
		verifierErr = fmt.Errorf("-issuer: %w", verifierErr)
	}
	return v, errors.Join(err, verifierErr)
}

// httpClient trusts the system's roots and those of the file.
func httpClient(file string) (*http.Client, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-ca: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("-ca: %s holds no certificate", file)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}, nil
}
