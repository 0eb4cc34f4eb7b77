package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// tokens is a middleware.Verifier over several issuers: each has a verifier of
// its own, and their keys never mix.
type tokens map[string]*middleware.JWTVerifier

// open adds a verifier for each issuer. It calls nobody: the issuers may be
// started later.
func (t tokens) open(s *settings, logger zerolog.Logger) error {
	client, err := httpClient(s.ca)
	problems := []error{err}
	for _, issuer := range s.issuers {
		v, err := middleware.NewJWTVerifier(middleware.JWTConfig{
			Issuer:     issuer,
			Audience:   s.resource,
			HTTPClient: client,
			Logger:     logger,
		})
		if err != nil {
			problems = append(problems, fmt.Errorf("-issuer %q: %w", issuer, err))
			continue
		}
		t[issuer] = v
	}
	return errors.Join(problems...)
}

// Close frees what the verifiers hold.
func (t tokens) Close() error {
	var problems []error
	for _, v := range t {
		problems = append(problems, v.Close())
	}
	return errors.Join(problems...)
}

var errIssuer = oidckit.NewError(oidckit.InvalidToken, "the access token is not valid")

// Verify asks the verifier of the issuer that the token names. That name is
// believed for nothing else: the verifier checks it with all the rest.
func (t tokens) Verify(ctx context.Context, token string) (*oidckit.Identity, error) {
	if len(t) == 1 {
		for _, v := range t {
			return v.Verify(ctx, token)
		}
	}
	if v, ok := t[claimedIssuer(token)]; ok {
		return v.Verify(ctx, token)
	}
	return nil, errIssuer.WithCause(errors.New("iss: the token is from none of the issuers"))
}

func claimedIssuer(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	return oidckit.Claims(payload).Text("iss")
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
