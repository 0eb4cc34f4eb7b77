package keys

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/opstore"
)

// External is a key that lives elsewhere: in a KMS, an HSM, a file.
type External struct {
	Algorithm string
	// KeyID is the kid.
	KeyID string
	// Signer signs. It is nil for a key that is published only: then Public is
	// the key.
	Signer crypto.Signer
	Public crypto.PublicKey
	// Certificates are the chain, the key's own first.
	Certificates []*x509.Certificate
}

// maxKeyID bounds a kid, in bytes: it stands in every token.
const maxKeyID = 128

// Validate says what is wrong with the key, everything together.
func (e External) Validate() error {
	var errs []error
	if e.KeyID == "" || len(e.KeyID) > maxKeyID {
		errs = append(errs, fmt.Errorf("KeyID must have 1 to %d bytes", maxKeyID))
	}
	public := e.Public
	if e.Signer != nil {
		public = e.Signer.Public()
	}
	if err := jose.CheckKey(e.Algorithm, public); err != nil {
		return errors.Join(append(errs, fmt.Errorf("the key does not fit Algorithm %q: %w", e.Algorithm, err))...)
	}
	for i, c := range e.Certificates {
		switch {
		case c == nil || len(c.Raw) == 0:
			return errors.Join(append(errs, fmt.Errorf("Certificates[%d] is empty", i))...)
		// RFC 7517 §4.7: the first one MUST be of the key
		case i == 0 && !jose.SameKey(c.PublicKey, public):
			errs = append(errs, errors.New("Certificates[0] is of another key"))
		case i > 0 && e.Certificates[i-1].CheckSignatureFrom(c) != nil:
			errs = append(errs, fmt.Errorf("Certificates[%d] does not certify the one before", i))
		}
	}
	return errors.Join(errs...)
}

func (e External) key() (*key, error) {
	k := &key{record: opstore.SigningKey{ID: e.KeyID, Algorithm: e.Algorithm}, public: e.Public, external: true}
	if e.Signer != nil {
		signer, err := jose.NewSigner(e.Algorithm, e.KeyID, e.Signer)
		if err != nil {
			return nil, err
		}
		k.signer, k.public = signer, signer.Public()
	}
	for _, c := range e.Certificates {
		k.chain = append(k.chain, c.Raw)
	}
	return k, nil
}

// own returns the algorithms of which keys are made here.
func (m *Manager) own() []string {
	return slices.DeleteFunc(slices.Clone(m.cfg.Algorithms), func(alg string) bool {
		return slices.ContainsFunc(m.cfg.External, func(e External) bool { return e.Algorithm == alg && e.Signer != nil })
	})
}
