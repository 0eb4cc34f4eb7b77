package keys

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"time"

	"github.com/oidckit/oidckit/provider/opstore"
)

// Certificate is the certificate chain of a published key, as PEM.
type Certificate struct {
	KeyID     string
	Algorithm string
	// Active is set where the key signs now.
	Active bool
	PEM    []byte
}

// Certificates returns those of the published keys that have any: of keys that
// sign now first, of these RS256 first, which is what software verifies with
// that is given a certificate.
func (m *Manager) Certificates(ctx context.Context) ([]Certificate, error) {
	s, err := m.current(ctx)
	if err != nil {
		return nil, err
	}
	return s.certificates, nil
}

func certificates(s *snapshot, now time.Time) []Certificate {
	var out []Certificate
	for i := range s.keys {
		k := &s.keys[i]
		if len(k.chain) == 0 {
			continue
		}
		var text bytes.Buffer
		for _, der := range k.chain {
			// A bytes.Buffer takes everything.
			_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der})
		}
		out = append(out, Certificate{KeyID: k.record.ID, Algorithm: k.record.Algorithm, Active: s.active(k.record.Algorithm, now) == k, PEM: text.Bytes()})
	}
	slices.SortStableFunc(out, func(a, b Certificate) int { return a.rank() - b.rank() })
	return out
}

func (c Certificate) rank() int {
	switch {
	case c.Active && c.Algorithm == "RS256":
		return 0
	case c.Active:
		return 1
	}
	return 2
}

// selfSigned makes the certificate of a key that was made here. Nothing in it
// is random, so that every replica makes the same one, and none has to be
// kept: ECDSA signs by RFC 6979 where it is given no randomness.
func selfSigned(issuer string, rec opstore.SigningKey, private crypto.Signer) ([]byte, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	// RFC 5280 §4.1.2.2: positive, at most 20 octets
	sum := sha256.Sum256([]byte(issuer + "\x00" + rec.ID))
	sum[0] &= 0x7f
	sum[0] |= 0x40
	template := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(sum[:20]),
		Subject:               pkix.Name{CommonName: u.Host},
		URIs:                  []*url.URL{u},
		NotBefore:             rec.CreatedAt.UTC().Truncate(time.Second),
		NotAfter:              rec.ExpiresAt.UTC().Truncate(time.Second),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("keys: making a certificate: %w", err)
	}
	return der, nil
}
