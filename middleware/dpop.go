package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/dpop"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/memtable"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/wire"
)

const (
	maxDPoPWindow        = 5 * time.Minute
	defaultNonceLifetime = 2 * time.Minute
	maxNonceLifetime     = time.Hour
	// maxReplays bounds the store that is used where none is given: 5 800
	// proofs a second at the default window.
	maxReplays = 1 << 20
)

var errDPoPNotBuilt = errors.New("middleware: DPoP was not made by NewDPoP")

// DPoPConfig says which proofs of possession are taken (RFC 9449).
type DPoPConfig struct {
	// Required refuses tokens that are not bound to a key. Otherwise bound and
	// plain bearer tokens are taken, each under its own scheme.
	Required bool
	// Origin is where clients reach the API: "https://api.example", http only
	// on a loopback host. With it and the path of a request the claim htu is
	// compared; the headers Host, Forwarded and X-Forwarded-* are never looked
	// at, so that a proof for another server is none here. Required.
	Origin string
	// Origins are further ones, for an API with several names.
	Origins []string
	// StrippedPrefix is what a proxy in front takes off the path of each
	// request: "/v1" where https://api.example/v1/orders arrives as /orders.
	// What is stripped within the program, as http.StripPrefix does, is known
	// anyway.
	StrippedPrefix string
	// Algorithms are those in which proofs may be signed; nil means PS and ES
	// with 256, 384 and 512, and EdDSA.
	Algorithms []string
	// Window is how far the claim iat may be from the API's clock, either way;
	// 0 means one minute, 5 minutes are the most.
	Window time.Duration
	// Replay remembers the proofs that were used, so that each is good for one
	// request (RFC 9449 §11.1). Replicas must share it. Nil means a bounded one
	// in memory, for a program that runs once; it is shared by all guards with
	// this DPoP.
	Replay oidckit.ReplayStore
	// NonceSecrets makes clients put a nonce of the API's into each proof
	// (RFC 9449 §9), so that none can be made long before it is used. Nonces
	// are derived from the ring and the time; replicas that share it know each
	// other's. The zero value asks for none.
	NonceSecrets oidckit.Secrets
	// NonceLifetime is how long a nonce is good at least; it is good for twice
	// as long at most. 0 means 2 minutes, an hour is the most.
	NonceLifetime time.Duration
}

// DPoP takes tokens that are bound to a key of the client's, each with a fresh
// proof that the client has the key (RFC 9449). It is safe for concurrent use.
// The zero value answers 503 to every bound token.
type DPoP struct {
	checker *dpop.Checker
	algs    string
	only    bool
}

// NewDPoP checks cfg and reports all its problems together.
func NewDPoP(cfg DPoPConfig) (*DPoP, error) {
	origins, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	algorithms := slices.Clone(cfg.Algorithms)
	if algorithms == nil {
		algorithms = dpop.Algorithms()
	}
	if cfg.Replay == nil {
		cfg.Replay = memtable.NewReplay(maxReplays)
	}
	var nonces *dpop.Nonces
	if !cfg.NonceSecrets.IsZero() {
		if cfg.NonceLifetime == 0 {
			cfg.NonceLifetime = defaultNonceLifetime
		}
		nonces = dpop.NewNonces(cfg.NonceSecrets, "api", cfg.NonceLifetime)
	}
	checker := dpop.New(dpop.Config{
		Origins: origins, Prefix: cfg.StrippedPrefix, Algorithms: algorithms, Window: cfg.Window,
		Replay: cfg.Replay, Nonces: nonces,
	})
	return &DPoP{checker: checker, algs: strings.Join(algorithms, " "), only: cfg.Required}, nil
}

// validate returns the origins, and every problem of the configuration.
func (c *DPoPConfig) validate() (origins []string, err error) {
	var problems []error
	problem := func(field, format string, args ...any) {
		problems = append(problems, fmt.Errorf(field+" "+format, args...))
	}
	for i, raw := range append([]string{c.Origin}, c.Origins...) {
		field := "Origin"
		if i > 0 {
			field = "Origins"
		}
		u, err := safeurl.Issuer(raw)
		switch {
		case err != nil:
			problem(field, "%w", err)
		case u.Path != "" && u.Path != "/":
			problem(field, "has a path")
		default:
			origins = append(origins, u.Scheme+"://"+u.Host)
		}
	}
	if p := c.StrippedPrefix; p != "" && (!strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.ContainsAny(p, "?#% ")) {
		problem("StrippedPrefix", "is no path that begins with a slash and ends without one")
	}
	if c.Algorithms != nil && len(c.Algorithms) == 0 {
		problem("Algorithms", "is an empty list; leave it nil for the default")
	}
	supported := jose.Algorithms()
	for _, alg := range c.Algorithms {
		// RFC 9449 §4.3 check 5
		if !slices.Contains(supported, alg) {
			problem("Algorithms", "holds %q, which is none of %q", alg, supported)
		}
	}
	if c.Window < 0 || c.Window > maxDPoPWindow {
		problem("Window", "is %s, not within 0 and %s", c.Window, maxDPoPWindow)
	}
	if c.NonceLifetime < 0 || c.NonceLifetime > maxNonceLifetime {
		problem("NonceLifetime", "is %s, not within 0 and %s", c.NonceLifetime, maxNonceLifetime)
	}
	if c.NonceLifetime != 0 && c.NonceSecrets.IsZero() {
		problem("NonceLifetime", "is set without NonceSecrets")
	}
	if len(problems) == 0 {
		return origins, nil
	}
	return nil, fmt.Errorf("middleware: DPoPConfig: %w", errors.Join(problems...))
}

// Algorithms returns those in which proofs may be signed, for
// oidckit.ResourceMetadata.DPoPSigningAlgValuesSupported. There are none of a
// DPoP that is nil.
func (d *DPoP) Algorithms() []string {
	if d == nil {
		return nil
	}
	return strings.Fields(d.algs)
}

func (d *DPoP) required() bool { return d != nil && d.only }

func (d *DPoP) check(r *http.Request, want dpop.Request) (*dpop.Proof, error) {
	if d.checker == nil {
		return nil, wire.Unavailable(errDPoPNotBuilt)
	}
	return d.checker.Check(r.Context(), r.Header["Dpop"], want)
}

func (d *DPoP) newNonce(used string) string { return d.checker.NewNonce(used) }
