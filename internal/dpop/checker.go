package dpop

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
)

// DefaultWindow is how far iat may be from the server's clock, either way.
const DefaultWindow = time.Minute

// Algorithms returns those in which proofs are taken by default: every one of
// package jose but RSA with PKCS #1 v1.5, which no profile of DPoP allows.
func Algorithms() []string {
	var list []string
	for _, alg := range jose.Algorithms() {
		if !strings.HasPrefix(alg, "RS") {
			list = append(list, alg)
		}
	}
	return list
}

// Config says which proofs are taken.
type Config struct {
	// Origins are the server's own, as clients see them. Required.
	Origins []string
	// Prefix is what a proxy has taken off the path of each request.
	Prefix string
	// Algorithms are the accepted ones; nil means Algorithms.
	Algorithms []string
	// Window is how far iat may be from the server's clock, either way; 0
	// means DefaultWindow.
	Window time.Duration
	// Replay remembers proofs. Required.
	Replay oidckit.ReplayStore
	// Nonces makes clients put a nonce of the server's into each proof; nil
	// asks for none.
	Nonces *Nonces
}

// Checker checks proofs. It is safe for concurrent use.
type Checker struct{ cfg Config }

// New returns a Checker of a configuration that has been validated.
func New(cfg Config) *Checker {
	if cfg.Algorithms == nil {
		cfg.Algorithms = Algorithms()
	}
	if cfg.Window == 0 {
		cfg.Window = DefaultWindow
	}
	return &Checker{cfg: cfg}
}

// Request is what a proof must have been made for.
type Request struct {
	Method string
	// Path is the escaped path of the request.
	Path string
	// AccessToken is the token that is presented along, "" where none is.
	AccessToken string
	// Thumbprint is that of the key the token is bound to; "" takes any key.
	Thumbprint string
}

var (
	errMissing   = invalid("a DPoP proof is required")
	errSeveral   = invalid("several DPoP headers")
	errMalformed = invalid("the DPoP proof is malformed, or of a type, algorithm or key that is not accepted")
	errMethod    = invalid("htm of the DPoP proof is not the method of the request")
	errURL       = invalid("htu of the DPoP proof is not the URL of the request")
	errTime      = invalid("iat of the DPoP proof is too far from the time of the server")
	errTokenHash = invalid("ath of the DPoP proof is not the hash of the access token")
	errSignature = invalid("the signature of the DPoP proof does not verify")
	errReplayed  = invalid("the DPoP proof was used before")
	errBinding   = oidckit.NewError(oidckit.InvalidToken, "the access token is bound to another key")
	errNonce     = oidckit.NewError(oidckit.UseDPoPNonce, "the DPoP proof needs the nonce of this server")
)

func invalid(description string) *oidckit.Error {
	return oidckit.NewError(oidckit.InvalidDPoPProof, description)
}

// Check decides by RFC 9449 §4.3 whether the values of a request's DPoP header
// are one proof that was made for the request, and uses it up. Its errors are
// InvalidDPoPProof, UseDPoPNonce, InvalidToken for a token that is bound to
// another key, or a ServerError where the replay store could not answer.
//
// A proof is remembered only after everything else has held: who has no token
// cannot fill the store.
func (c *Checker) Check(ctx context.Context, headers []string, want Request) (*Proof, error) {
	// RFC 9449 §4.3 check 1
	switch len(headers) {
	case 0:
		return nil, errMissing
	case 1:
	default:
		return nil, errSeveral
	}
	p, err := parse(headers[0], c.cfg.Algorithms)
	if err != nil {
		return nil, errMalformed.WithCause(err)
	}
	now := time.Now()
	if err := c.matches(p, want, now); err != nil {
		return nil, err
	}
	if err := p.verify(); err != nil {
		return nil, errSignature.WithCause(err)
	}
	// RFC 9449 §4.3 check 10
	if c.cfg.Nonces != nil {
		if ok, _ := c.cfg.Nonces.Check(p.Nonce, now); !ok {
			return nil, errNonce
		}
	}
	return p, c.useOnce(ctx, p)
}

// matches compares the claims with the request.
func (c *Checker) matches(p *Proof, want Request, now time.Time) error {
	// RFC 9449 §4.3 check 8
	if p.Method != want.Method {
		return errMethod.WithCause(fmt.Errorf("htm: is %.40q, not %.40q", p.Method, want.Method))
	}
	// RFC 9449 §4.3 check 9
	if !c.isTarget(p.URL, want.Path) {
		return errURL.WithCause(fmt.Errorf("htu: is %.200q, not %.200q", p.URL, c.cfg.Origins[0]+c.cfg.Prefix+want.Path))
	}
	// RFC 9449 §4.3 check 11
	window := int64(c.cfg.Window / time.Second)
	if d := now.Unix() - p.IssuedAt; d > window || d < -window {
		return errTime.WithCause(fmt.Errorf("iat: is %d s ago", d))
	}
	// RFC 9449 §4.3 check 12
	if want.AccessToken != "" && !secret.Equal(p.TokenHash, TokenHash(want.AccessToken)) {
		return errTokenHash.WithCause(errors.New("ath: is missing or another"))
	}
	if want.Thumbprint != "" && !secret.Equal(p.Thumbprint, want.Thumbprint) {
		return errBinding.WithCause(errors.New("cnf: jkt is not the thumbprint of the proof's key"))
	}
	return nil
}

// isTarget compares htu with the request's URL at each of the server's
// origins.
func (c *Checker) isTarget(htu, path string) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	got := normalize(htu)
	for _, origin := range c.cfg.Origins {
		if normalize(origin+c.cfg.Prefix+path) == got {
			return true
		}
	}
	return false
}

// useOnce implements RFC 9449 §11.1. The key is of the proof's key and jti,
// never of its bytes: one proof has several valid signatures.
func (c *Checker) useOnce(ctx context.Context, p *Proof) error {
	// until no replica takes the proof any more, whose clock may be as far off
	// as a client's
	expires := time.Unix(p.IssuedAt, 0).Add(2 * c.cfg.Window)
	err := c.cfg.Replay.UseOnce(ctx, "dpop "+p.Thumbprint+" "+p.ID, expires)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, oidckit.ErrConsumed):
		return errReplayed.WithCause(fmt.Errorf("jti: %.100q was used before", p.ID))
	}
	return wire.Unavailable(fmt.Errorf("dpop: replay store: %w", err))
}

// NewNonce returns the nonce that the client should use from now on, "" where
// the one it has used will do, or where the server asks for none.
func (c *Checker) NewNonce(used string) string {
	if c.cfg.Nonces == nil {
		return ""
	}
	now := time.Now()
	if _, current := c.cfg.Nonces.Check(used, now); current {
		return ""
	}
	return c.cfg.Nonces.Current(now)
}

// TokenHash returns ath for an access token (RFC 9449 §4.2).
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
