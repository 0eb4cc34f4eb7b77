package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// newJWTVerifier takes the JWTs of every issuer, each with keys of its own.
func newJWTVerifier(s *settings, client *http.Client, logger zerolog.Logger) (*middleware.JWTVerifier, error) {
	cfg := middleware.JWTConfig{Audience: s.resource, HTTPClient: client, Logger: logger}
	for _, issuer := range s.issuers {
		cfg.Issuers = append(cfg.Issuers, middleware.JWTIssuer{Issuer: issuer})
	}
	v, err := middleware.NewJWTVerifier(cfg)
	if err != nil {
		return v, fmt.Errorf("-issuer: %w", err)
	}
	return v, nil
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
