package middleware

import (
	"cmp"
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
//
// The fields from Issuer to Tenants describe one issuer, and an API that takes
// the tokens of several lists them in Issuers, instead or as well.
type JWTConfig struct {
	// Issuer is the issuer identifier, compared with the claim iss byte for
	// byte. It is https, or http on a loopback host. Required, unless Issuers
	// holds one.
	//
	// An issuer of many tenants has a template in its place, with one path
	// segment in braces: https://login.example/{tenant}/v2.0. It needs Tenants.
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
	// Keys says where the issuer's keys are; the zero value means where its
	// metadata says.
	Keys KeySource
	// HTTPClient makes the calls to the issuer. It is used without redirects,
	// and with a timeout where it has none. Nil means a client of the kit's.
	HTTPClient *http.Client
	// Leeway is how far clocks may differ when exp, nbf and iat are checked;
	// 0 means 60 seconds, which is also the most. A negative value means none.
	Leeway time.Duration
	// AllowTypJWT takes tokens whose header has typ JWT, or none, for issuers
	// that predate RFC 9068. Of those, iat, jti and client_id are not
	// demanded. A token that shows signs of another kind is refused even so: of
	// an ID token (nonce, at_hash, c_hash), of a logout token (events), or by a
	// claim typ or token_use that says ID, refresh and the like.
	AllowTypJWT bool
	// AllowScopeArray takes a claim scope that is an array of scope tokens, too,
	// for issuers that do not write it as RFC 6749 §3.3 and RFC 9068 §2.2.3 have
	// it. Otherwise such a token has no scope.
	AllowScopeArray bool
	// ScopeClaim is the claim that the scope is read from, in place of "scope":
	// "scp", for some issuers. It may be a string or an array.
	ScopeClaim string
	// Tenants says which tenants of an issuer template are accepted. Required
	// with a template, and of no use without.
	Tenants Tenants

	// Issuers are issuers with settings of their own. A token is judged by the
	// settings and the keys of the issuer it names, and by nothing of another
	// one's (RFC 8725 §3.8).
	Issuers []JWTIssuer

	// TokenCache bounds what is remembered of tokens that were verified. It is
	// on by default.
	TokenCache TokenCache
	// MaxRevocations is how many revocations may be in force at once; default
	// 100000. See JWTVerifier.Revoke.
	MaxRevocations int

	// Logger gets a line for each token that is refused, with the reason, and
	// for each that could not be checked. The zero value is silent.
	Logger zerolog.Logger
	// Events hears of the same: oidckit.EventTokenRefused and
	// oidckit.EventTokenUnchecked.
	Events oidckit.EventSink
}

// JWTIssuer is one of several issuers of a JWTConfig. Each field means what it
// does there.
type JWTIssuer struct {
	// Issuer is required.
	Issuer string
	// Audience and Audiences, where both are empty, are those of the JWTConfig.
	Audience   string
	Audiences  []string
	Algorithms []string
	Keys       KeySource
	// HTTPClient, where it is nil, is that of the JWTConfig.
	HTTPClient      *http.Client
	Leeway          time.Duration
	AllowTypJWT     bool
	AllowScopeArray bool
	ScopeClaim      string
	Tenants         Tenants
}

// problems collects what is wrong with a configuration.
type problems struct {
	errs []error
	// config is the type that has the fields; "" means JWTConfig.
	config string
	// path stands before the names of fields: "Issuers[1]."
	path string
}

func (p *problems) add(field, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(p.path+field+" "+format, args...))
}

func (p *problems) err() error {
	if len(p.errs) == 0 {
		return nil
	}
	return fmt.Errorf("middleware: %s: %w", cmp.Or(p.config, "JWTConfig"), errors.Join(p.errs...))
}

// issuers returns the settings of every issuer, with what they take over from
// c, and the prefix that the names of their fields have.
func (c *JWTConfig) issuers(p *problems) (all []JWTIssuer, paths []string) {
	own := JWTIssuer{Issuer: c.Issuer, Audience: c.Audience, Audiences: c.Audiences, Algorithms: c.Algorithms, Keys: c.Keys,
		HTTPClient: c.HTTPClient, Leeway: c.Leeway, AllowTypJWT: c.AllowTypJWT,
		AllowScopeArray: c.AllowScopeArray, ScopeClaim: c.ScopeClaim, Tenants: c.Tenants}
	if c.Issuer != "" || len(c.Issuers) == 0 {
		all, paths = append(all, own), append(paths, "")
	} else {
		// A setting that nobody reads is one that its author relies on.
		for _, f := range []struct {
			name string
			set  bool
		}{{"Algorithms", c.Algorithms != nil}, {"Keys", !c.Keys.isZero()}, {"Leeway", c.Leeway != 0},
			{"AllowTypJWT", c.AllowTypJWT}, {"AllowScopeArray", c.AllowScopeArray}, {"ScopeClaim", c.ScopeClaim != ""},
			{"Tenants", !c.Tenants.isZero()}} {
			if f.set {
				p.add(f.name, "has no effect on Issuers and there is no Issuer")
			}
		}
	}
	for i, further := range c.Issuers {
		if further.Audience == "" && further.Audiences == nil {
			further.Audience, further.Audiences = c.Audience, c.Audiences
		}
		if further.HTTPClient == nil {
			further.HTTPClient = c.HTTPClient
		}
		all, paths = append(all, further), append(paths, fmt.Sprintf("Issuers[%d].", i))
	}
	return all, paths
}

// validate adds every problem of one issuer's settings.
func (c *JWTIssuer) validate(p *problems) {
	if isTemplate(c.Issuer) {
		c.Tenants.validate(p, c.Issuer)
	} else {
		if _, err := safeurl.Issuer(c.Issuer); err != nil {
			p.add("Issuer", "%s %w", quote(c.Issuer), err)
		}
		if !c.Tenants.isZero() {
			p.add("Tenants", "is set, and Issuer is no template with a {tenant} in it")
		}
	}
	if c.Audience == "" {
		p.add("Audience", "is empty")
	}
	if slices.Contains(c.Audiences, "") {
		p.add("Audiences", "holds an empty string")
	}
	if c.Algorithms != nil && len(c.Algorithms) == 0 {
		p.add("Algorithms", "is an empty list; leave it nil for the default")
	}
	supported := jose.Algorithms()
	for _, alg := range c.Algorithms {
		// RFC 8725 §3.1, §3.2
		if !slices.Contains(supported, alg) {
			p.add("Algorithms", "holds %q, which is none of %q", alg, supported)
		}
	}
	if c.Leeway > maxLeeway {
		p.add("Leeway", "is %s, more than %s", c.Leeway, maxLeeway)
	}
	if c.ScopeClaim == claimScope {
		p.add("ScopeClaim", "is where the scope is anyway; leave it empty")
	} else if c.ScopeClaim != "" && c.AllowScopeArray {
		p.add("AllowScopeArray", "has no effect: ScopeClaim is set, and takes both forms")
	}
	c.Keys.validate(p, c.Issuer)
}

// leewaySeconds returns the leeway that is meant.
func (c *JWTIssuer) leewaySeconds() int64 {
	switch {
	case c.Leeway < 0:
		return 0
	case c.Leeway == 0:
		return int64(maxLeeway / time.Second)
	}
	return int64(c.Leeway / time.Second)
}
