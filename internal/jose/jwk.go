package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// JWK is a public key for verification with its metadata (RFC 7517 §4).
type JWK struct {
	// KeyID is kid, empty where absent.
	KeyID string
	// Algorithm is alg, empty where absent. Ed25519 (RFC 9864 §2.2) reads as
	// EdDSA, the name tokens carry.
	Algorithm string
	// Use is use, empty where absent; MarshalJWKS always writes "sig".
	Use string
	// Issuer is issuer, which sets that several issuers share have beside a key
	// that serves some of them; empty where absent. No RFC defines it.
	Issuer string
	// Certificates is x5c, in DER, the key's own first; MarshalJWKS adds the
	// thumbprint of that one (RFC 7517 §4.7, §4.9). ParseJWKS reads none: a
	// chain that a key set brings along proves nothing.
	Certificates [][]byte
	// Key is a *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey.
	Key crypto.PublicKey
}

// Fits reports whether the key may verify alg: the JWK's own algorithm, where
// it names one, is that one, and the key is of the type, curve and size.
func (k *JWK) Fits(alg string) bool {
	if k.Algorithm != "" && k.Algorithm != alg {
		return false
	}
	a := lookup(alg)
	return a != nil && a.fits(k.Key) == nil
}

// wireJWK has its members in the order of their names, so that a thumbprint
// is made from the required ones as they stand (RFC 7638 §3.3).
type wireJWK struct {
	Algorithm string `json:"alg,omitempty"`
	Curve     string `json:"crv,omitempty"`
	Exponent  string `json:"e,omitempty"`
	Issuer    string `json:"issuer,omitempty"`
	KeyID     string `json:"kid,omitempty"`
	Type      string `json:"kty"`
	Modulus   string `json:"n,omitempty"`
	Use       string `json:"use,omitempty"`
	X         string `json:"x,omitempty"`
	// RFC 7517 §4.7: base64 with padding, not base64url
	Chain      [][]byte `json:"x5c,omitempty"`
	Thumbprint string   `json:"x5t#S256,omitempty"`
	Y          string   `json:"y,omitempty"`
}

func newWireJWK(key crypto.PublicKey) (*wireJWK, error) {
	encode := base64.RawURLEncoding.EncodeToString
	switch k := key.(type) {
	case *rsa.PublicKey:
		// RFC 7518 §6.3.1
		e := big.NewInt(int64(k.E)).Bytes()
		return &wireJWK{Type: "RSA", Modulus: encode(k.N.Bytes()), Exponent: encode(e)}, nil
	case *ecdsa.PublicKey:
		// RFC 7518 §6.2.1: coordinates at full length
		point, err := k.Bytes()
		if err != nil {
			return nil, fmt.Errorf("jose: encoding an EC key: %w", err)
		}
		half := 1 + len(point)/2
		return &wireJWK{Type: "EC", Curve: k.Params().Name, X: encode(point[1:half]), Y: encode(point[half:])}, nil
	case ed25519.PublicKey:
		// RFC 8037 §2
		return &wireJWK{Type: "OKP", Curve: "Ed25519", X: encode(k)}, nil
	default:
		return nil, fmt.Errorf("jose: no JWK form for %T", key)
	}
}

// MarshalJWKS writes a JWK set (RFC 7517 §5) of public members only. A key
// that does not fit its algorithm is an error.
func MarshalJWKS(keys []JWK) ([]byte, error) {
	set := struct {
		Keys []*wireJWK `json:"keys"`
	}{Keys: make([]*wireJWK, 0, len(keys))}
	for i := range keys {
		k := &keys[i]
		if !usable(k.Key) {
			return nil, fmt.Errorf("jose: key %q is not a public key for any supported algorithm", k.KeyID)
		}
		if k.Algorithm != "" && !k.Fits(k.Algorithm) {
			return nil, fmt.Errorf("jose: key %q does not fit algorithm %q", k.KeyID, k.Algorithm)
		}
		w, err := newWireJWK(k.Key)
		if err != nil {
			return nil, err
		}
		w.KeyID, w.Algorithm, w.Use, w.Issuer = k.KeyID, k.Algorithm, "sig", k.Issuer
		if w.Chain = k.Certificates; len(w.Chain) > 0 {
			sum := sha256.Sum256(w.Chain[0])
			w.Thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
		}
		set.Keys = append(set.Keys, w)
	}
	return json.Marshal(set)
}

// Thumbprint returns the SHA-256 thumbprint of a public key (RFC 7638 §3,
// RFC 8037 §2), base64url without padding.
func Thumbprint(key crypto.PublicKey) (string, error) {
	if !usable(key) {
		return "", fmt.Errorf("jose: not a public key for any supported algorithm: %T", key)
	}
	w, err := newWireJWK(key)
	if err != nil {
		return "", err
	}
	required, err := json.Marshal(w)
	if err != nil {
		return "", fmt.Errorf("jose: encoding a key: %w", err)
	}
	sum := sha256.Sum256(required)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}
