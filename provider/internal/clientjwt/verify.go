package clientjwt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/internal/clientkeys"
	"github.com/oidckit/oidckit/provider/internal/clientsecret"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Verifier checks who has signed. Its fields are set once; it is safe for
// concurrent use.
type Verifier struct {
	Keys    *clientkeys.Keys
	Secrets *clientsecret.Box
}

// Algorithms lists what clients may sign with: those of their keys and those
// of a shared secret.
func Algorithms() []string { return slices.Concat(jose.Algorithms(), jose.HMACAlgorithms()) }

// Symmetric reports whether an algorithm is one of a shared secret.
func Symmetric(alg string) bool { return jose.MinHMACSecret(alg) > 0 }

var errAlgorithm = errors.New("clientjwt: alg is not the registered one")

// Verify checks the client's signature. Where the client has registered an
// algorithm it is that one (RFC 8725 §3.1), else any of Algorithms: with its
// secret under the symmetric ones, with its keys under the others, so that a
// public key is never taken for a secret.
func (v *Verifier) Verify(ctx context.Context, c *opstore.Client, j *jose.JWS, registered string) error {
	alg := j.Header.Algorithm
	if registered != "" && registered != alg {
		return errAlgorithm
	}
	if !Symmetric(alg) {
		return v.Keys.Verify(ctx, c, j)
	}
	plain, err := v.Secrets.Open(c)
	if err != nil {
		return err
	}
	if err := j.VerifyHMAC(alg, plain); err != nil {
		return fmt.Errorf("clientjwt: %w", err)
	}
	return nil
}
