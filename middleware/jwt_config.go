package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/rs/zerolog"
)

// maxLeeway is both the default and the most.
const maxLeeway = 60 * time.Second

// JWTConfig says whose access tokens an API takes. The zero value of each
// optional field is the strict one.
type JWTConfig struct {
	// Issuer is the issuer identifier, compared with the claim iss byte for
	// byte. It is https, or http on a loopback host. Required.
	Issuer string
	// Audience is the identifier of this API, which the claim aud must hold
	// (RFC 9068 §4). Required.
	Audience string
	// Audiences are further identifiers that are accepted, for an API that
	// changes its name.
	Audiences []string
	// Algorithms are the accepted signature algorithms; nil means every
	// asymmetric one: RS, PS and ES with 256, 384 and 512, and EdDSA. Symmetric
	// ones and "none" are refused.
	Algorithms []string
	// JWKSURI is where the issuer's keys are; "" means as its metadata says
	// (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).
	JWKSURI string
	// HTTPClient makes the calls to the issuer. It is used without redirects,
	// and with a timeout where it has none. Nil means a client of the kit's.
	HTTPClient *http.Client
	// Leeway is how far clocks may differ when exp, nbf and iat are checked;
	// 0 means 60 seconds, which is also the most. A negative value means none.
	Leeway time.Duration
	// AllowTypJWT takes tokens whose header has typ JWT, or none, for issuers
	// that predate RFC 9068. Of those, iat, jti and client_id are not
	// demanded. A token that shows signs of an ID token (nonce, at_hash,
	// c_hash) is refused even so.
	AllowTypJWT bool
	// Logger gets a line for each token that is refused, with the reason, and
	// for each that could not be checked. The zero value is silent.
	Logger zerolog.Logger
	// Events hears of the same: oidckit.EventTokenRefused and
	// oidckit.EventTokenUnchecked.
	Events oidckit.EventSink
}

// validate returns every problem of the configuration.
func (c *JWTConfig) validate() error {
	var problems []error
	problem := func(field, format string, args ...any) {
		problems = append(problems, fmt.Errorf(field+" "+format, args...))
	}
	if _, err := safeurl.Issuer(c.Issuer); err != nil {
		problem("Issuer", "%w", err)
	}
	if c.Audience == "" {
		problem("Audience", "is empty")
	}
	if slices.Contains(c.Audiences, "") {
		problem("Audiences", "holds an empty string")
	}
	if c.Algorithms != nil && len(c.Algorithms) == 0 {
		problem("Algorithms", "is an empty list; leave it nil for the default")
	}
	supported := jose.Algorithms()
	for _, alg := range c.Algorithms {
		// RFC 8725 §3.1, §3.2
		if !slices.Contains(supported, alg) {
			problem("Algorithms", "holds %q, which is none of %q", alg, supported)
		}
	}
	if c.JWKSURI != "" {
		if _, err := safeurl.Endpoint(c.JWKSURI); err != nil {
			problem("JWKSURI", "%w", err)
		}
	}
	if c.Leeway > maxLeeway {
		problem("Leeway", "is %s, more than %s", c.Leeway, maxLeeway)
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("middleware: JWTConfig: %w", errors.Join(problems...))
}

// leewaySeconds returns the leeway that is meant.
func (c *JWTConfig) leewaySeconds() int64 {
	switch {
	case c.Leeway < 0:
		return 0
	case c.Leeway == 0:
		return int64(maxLeeway / time.Second)
	}
	return int64(c.Leeway / time.Second)
}
