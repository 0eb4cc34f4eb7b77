package jose

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
)

// MarshalPrivateKey encodes a key of GenerateKey's kinds as PKCS #8 in DER
// (RFC 5958). The result is a secret; seal it before it is kept.
func MarshalPrivateKey(key crypto.Signer) ([]byte, error) {
	if key == nil || !usable(key.Public()) {
		return nil, errors.New("jose: not a private key for any supported algorithm")
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("jose: encoding a private key: %w", err)
	}
	return der, nil
}

// ParsePrivateKey reads what MarshalPrivateKey wrote. A key that fits no
// supported algorithm is an error. No error holds a part of the key.
func ParsePrivateKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("jose: not a PKCS #8 private key")
	}
	signer, ok := key.(crypto.Signer)
	if !ok || !usable(signer.Public()) {
		return nil, errors.New("jose: not a private key for any supported algorithm")
	}
	return signer, nil
}

func usable(key crypto.PublicKey) bool {
	for i := range algorithms {
		if CheckKey(algorithms[i].name, key) == nil {
			return true
		}
	}
	return false
}
