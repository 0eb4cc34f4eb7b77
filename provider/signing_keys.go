package provider

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/oidckit/oidckit/provider/internal/keys"
)

// SigningKey is a signing key that the issuer does not keep itself: it lives
// in a KMS or an HSM, or has a certificate of some authority. Of its algorithm
// the issuer makes no keys of its own; those that it made before stay
// published until the last token they signed has expired.
//
// Such keys are rotated in Config.SigningKeys, in steps that each reach all
// replicas before the next, and are an hour apart, so that relying parties
// have seen the new key: add the next key as PublishOnly; take PublishOnly
// from it and give it to the one before, which may then have Public in place
// of Signer; remove that one when the last token it signed has expired.
type SigningKey struct {
	// Algorithm is the JWS alg, one of Config.SigningAlgs; KeyID the kid, never
	// used for another key.
	Algorithm string
	KeyID     string
	// Signer signs, and is safe for concurrent use. It bounds its own time: no
	// context reaches it. Its Public is called in New, and must not have to ask
	// anybody. A call that fails is answered with 503.
	Signer crypto.Signer
	// PublishOnly keeps a key in the key set that does not sign: the next one,
	// and the one before. It needs no Signer where Public is the key.
	PublishOnly bool
	Public      crypto.PublicKey
	// Certificates are the chain of the key, its own first (RFC 7517 §4.7).
	// Optional.
	Certificates []*x509.Certificate
}

// externalKeys checks the keys that the issuer does not keep.
func (r *resolved) externalKeys() ([]keys.External, []error) {
	var errs []error
	var out []keys.External
	kids, signing := map[string]bool{}, map[string]bool{}
	for i, k := range r.SigningKeys {
		problem := func(err error) { errs = append(errs, fmt.Errorf("SigningKeys[%d]: %w", i, err)) }
		e := keys.External{Algorithm: k.Algorithm, KeyID: k.KeyID, Signer: k.Signer, Public: k.Public, Certificates: k.Certificates}
		if !slices.Contains(r.SigningAlgs, k.Algorithm) {
			problem(fmt.Errorf("Algorithm %q is not among SigningAlgs", k.Algorithm))
			continue
		}
		switch {
		case k.Signer == nil && (!k.PublishOnly || k.Public == nil):
			problem(errors.New("Signer is nil"))
			continue
		case k.Signer != nil && k.Public != nil:
			problem(errors.New("Public goes without Signer only"))
		}
		if k.PublishOnly && k.Signer != nil {
			e.Signer, e.Public = nil, k.Signer.Public()
		}
		if err := e.Validate(); err != nil {
			problem(err)
		}
		if kids[k.KeyID] {
			problem(fmt.Errorf("KeyID %q is there twice", k.KeyID))
		}
		kids[k.KeyID] = true
		if !k.PublishOnly && signing[k.Algorithm] {
			problem(fmt.Errorf("a second key signs with %s; all but one must be PublishOnly", k.Algorithm))
		}
		signing[k.Algorithm] = signing[k.Algorithm] || !k.PublishOnly
		out = append(out, e)
	}
	return out, errs
}
