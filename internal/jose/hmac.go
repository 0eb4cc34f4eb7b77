package jose

import (
	"crypto"
	"encoding/base64"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

var hmacAlgorithms = [...]struct {
	name   string
	hash   crypto.Hash
	method *jwt.SigningMethodHMAC
}{
	{"HS256", crypto.SHA256, jwt.SigningMethodHS256},
	{"HS384", crypto.SHA384, jwt.SigningMethodHS384},
	{"HS512", crypto.SHA512, jwt.SigningMethodHS512},
}

// HMACAlgorithms returns the names of the symmetric algorithms, which
// SignHMAC and VerifyHMAC alone take: they are not among Algorithms.
func HMACAlgorithms() []string {
	names := make([]string, len(hmacAlgorithms))
	for i := range hmacAlgorithms {
		names[i] = hmacAlgorithms[i].name
	}
	return names
}

// MinHMACSecret returns how many bytes a secret must have for an algorithm: as
// many as its hash (RFC 7518 §3.2). It is 0 for what is no HMAC algorithm.
func MinHMACSecret(alg string) int {
	for i := range hmacAlgorithms {
		if hmacAlgorithms[i].name == alg {
			return hmacAlgorithms[i].hash.Size()
		}
	}
	return 0
}

// SignHMAC returns a token in compact form over claims, which must be a JSON
// object already. The secret is one that whoever verifies it shares. An empty
// typ leaves the member out.
func SignHMAC(alg string, secret []byte, typ string, claims []byte) (string, error) {
	for i := range hmacAlgorithms {
		a := &hmacAlgorithms[i]
		if a.name != alg {
			continue
		}
		// RFC 7518 §3.2
		if len(secret) < a.hash.Size() {
			return "", fmt.Errorf("jose: %s needs a secret of %d bytes", alg, a.hash.Size())
		}
		header, err := encodeHeader(alg, "", typ)
		if err != nil {
			return "", err
		}
		signed := header + "." + base64.RawURLEncoding.EncodeToString(claims)
		sig, err := a.method.Sign(signed, secret)
		if err != nil {
			return "", fmt.Errorf("jose: signing with %s: %w", alg, err)
		}
		return signed + "." + base64.RawURLEncoding.EncodeToString(sig), nil
	}
	return "", fmt.Errorf("jose: algorithm %q is not symmetric", alg)
}

// VerifyHMAC checks the signature under the symmetric algorithm that the
// caller expects, with a secret that the caller shares with the signer. A
// public key is no secret: callers of Verify never come here, whatever a
// token's header says (RFC 8725 §3.1). Errors wrap ErrSignature.
func (j *JWS) VerifyHMAC(alg string, secret []byte) error {
	if j.Header.Algorithm != alg {
		return fmt.Errorf("%w: not signed with %s", ErrSignature, alg)
	}
	for i := range hmacAlgorithms {
		a := &hmacAlgorithms[i]
		if a.name != alg {
			continue
		}
		// RFC 7518 §3.2
		if len(secret) < a.hash.Size() {
			return fmt.Errorf("%w: %s needs a secret of %d bytes", ErrSignature, alg, a.hash.Size())
		}
		if a.method.Verify(j.signed, j.signature, secret) != nil {
			return ErrSignature
		}
		return nil
	}
	return fmt.Errorf("%w: algorithm is not symmetric", ErrSignature)
}
