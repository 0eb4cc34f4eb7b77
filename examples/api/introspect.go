package main

import (
	"errors"
	"flag"
	"fmt"

	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// introspection is who is asked about tokens that are no JWTs, and as whom.
type introspection struct {
	on                     bool
	clientID, clientSecret string
}

func (i *introspection) flags(f *flag.FlagSet) {
	f.BoolVar(&i.on, "introspect", false, "take opaque tokens too, and ask the first issuer about them")
	f.StringVar(&i.clientID, "client-id", "", "this API as a client of that issuer, for -introspect")
	f.StringVar(&i.clientSecret, "client-secret", "", "its secret, for -introspect")
}

// validate leaves credentials without -introspect alone: the environment may
// have them for another program.
func (i *introspection) validate() (problems []error) {
	for _, f := range []struct{ name, value string }{{"-client-id", i.clientID}, {"-client-secret", i.clientSecret}} {
		if i.on && f.value == "" {
			problems = append(problems, errors.New("-introspect: needs "+f.name))
		}
	}
	return problems
}

// verifier is any of those that the kit has.
type verifier interface {
	middleware.Verifier
	Close() error
}

// newVerifier takes the tokens of every issuer: JWTs by the issuer's keys and,
// with -introspect, opaque ones by its word. It calls nobody: the issuers may
// be started later. What it returns beside an error can be closed.
func newVerifier(s *settings, logger zerolog.Logger) (verifier, error) {
	client, err := httpClient(s.ca)
	jwt, jwtErr := newJWTVerifier(s, client, logger)
	err = errors.Join(err, jwtErr)
	if !s.introspection.on || err != nil || s.introspection.validate() != nil {
		return jwt, err
	}
	opaque, err := middleware.NewIntrospectionVerifier(middleware.IntrospectionConfig{
		Issuer:       s.issuers[0],
		Audience:     s.resource,
		ClientID:     s.introspection.clientID,
		ClientSecret: s.introspection.clientSecret,
		HTTPClient:   client,
		Logger:       logger,
	})
	if err != nil {
		return jwt, fmt.Errorf("-introspect: %w", err)
	}
	return middleware.NewJWTOrOpaqueVerifier(middleware.JWTOrOpaqueConfig{JWT: jwt, Opaque: opaque})
}
