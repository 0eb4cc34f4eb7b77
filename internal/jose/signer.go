package jose

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// Signer makes tokens with one key. It is immutable and safe for concurrent
// use where its key is, as those of the standard library are.
type Signer struct {
	alg     *algorithm
	kid     string
	key     crypto.Signer
	opts    crypto.SignerOpts
	sigLen  int
	headers map[string]string
}

// The types that the kit issues; their headers are encoded once per key.
var preparedTypes = [...]string{"", "JWT", "at+jwt", "logout+jwt", "dpop+jwt", "token-introspection+jwt", "oauth-authz-req+jwt"}

// NewSigner returns a signer for a key that fits the algorithm, in memory or
// behind any crypto.Signer (a KMS, an HSM). An empty kid leaves the member
// out.
func NewSigner(alg, kid string, key crypto.Signer) (*Signer, error) {
	if key == nil {
		return nil, errors.New("jose: no key to sign with")
	}
	public := key.Public()
	if err := CheckKey(alg, public); err != nil {
		return nil, err
	}
	s := &Signer{alg: lookup(alg), kid: kid, key: key, headers: make(map[string]string, len(preparedTypes))}
	switch s.alg.family {
	case familyRSA:
		s.opts, s.sigLen = s.alg.hash, public.(*rsa.PublicKey).Size()
	case familyPSS:
		s.opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.alg.hash}
		s.sigLen = public.(*rsa.PublicKey).Size()
	case familyECDSA:
		s.opts, s.sigLen = s.alg.hash, 2*coordinateLen(s.alg.curve)
	default:
		s.opts, s.sigLen = crypto.Hash(0), ed25519.SignatureSize
	}
	for _, typ := range preparedTypes {
		h, err := encodeHeader(alg, kid, typ)
		if err != nil {
			return nil, err
		}
		s.headers[typ] = h
	}
	return s, nil
}

// Algorithm returns the name of the algorithm.
func (s *Signer) Algorithm() string { return s.alg.name }

// KeyID returns the kid that stands in each header.
func (s *Signer) KeyID() string { return s.kid }

// Public returns the public key.
func (s *Signer) Public() crypto.PublicKey { return s.key.Public() }

func encodeHeader(alg, kid, typ string) (string, error) {
	h, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid,omitempty"`
		Type      string `json:"typ,omitempty"`
	}{alg, kid, typ})
	if err != nil {
		return "", fmt.Errorf("jose: encoding a header: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(h), nil
}

type scratch struct {
	buf    []byte
	digest [sha512.Size]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// Sign returns a token in compact form over claims, which must be a JSON
// object already; they are not looked at. An empty typ leaves the member out.
func (s *Signer) Sign(typ string, claims []byte) (string, error) {
	header, ok := s.headers[typ]
	if !ok {
		var err error
		if header, err = encodeHeader(s.alg.name, s.kid, typ); err != nil {
			return "", err
		}
	}
	w := scratches.Get().(*scratch)
	defer scratches.Put(w)
	buf := append(w.buf[:0], header...)
	buf = append(buf, '.')
	buf = base64.RawURLEncoding.AppendEncode(buf, claims)
	w.buf = buf

	sig, err := s.key.Sign(rand.Reader, s.digest(w), s.opts)
	if err != nil {
		return "", fmt.Errorf("jose: signing with %s: %w", s.alg.name, err)
	}
	if s.alg.family == familyECDSA {
		var fixed [132]byte
		if !concatDER(fixed[:s.sigLen], sig) {
			return "", errors.New("jose: the key returned no DER signature")
		}
		sig = fixed[:s.sigLen]
	}
	if len(sig) != s.sigLen {
		return "", errors.New("jose: the key returned a signature of the wrong length")
	}
	buf = append(buf, '.')
	buf = base64.RawURLEncoding.AppendEncode(buf, sig)
	w.buf = buf
	return string(buf), nil
}

// digest returns what the key signs: a hash, or the input itself for Ed25519,
// which hashes it twice (RFC 8032 §5.1).
func (s *Signer) digest(w *scratch) []byte {
	if s.alg.family == familyEd25519 {
		return w.buf
	}
	switch s.alg.hash {
	case crypto.SHA256:
		sum := sha256.Sum256(w.buf)
		return w.digest[:copy(w.digest[:], sum[:])]
	case crypto.SHA384:
		sum := sha512.Sum384(w.buf)
		return w.digest[:copy(w.digest[:], sum[:])]
	default:
		w.digest = sha512.Sum512(w.buf)
		return w.digest[:]
	}
}
