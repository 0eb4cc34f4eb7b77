package handlers

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/oidckit/oidckit/internal/jose"
)

// ClientKey is a private key of the app's, in memory or behind any
// crypto.Signer (a KMS, an HSM), which must be safe for concurrent use.
type ClientKey struct {
	Key crypto.Signer
	// KeyID is the kid under which the issuer knows the key. Default: its
	// thumbprint (RFC 7638).
	KeyID string
	// Algorithm is what the key signs under, as registered. Default: RS256 for
	// RSA keys, ES256, ES384 or ES512 by the curve, EdDSA for Ed25519.
	Algorithm string
}

// clientKeys are the keys of an app; the zero value has none. It serves the
// public ones.
type clientKeys struct {
	// signer is the first key's, nil without keys.
	signer *jose.Signer
	set    []byte
	length []string
}

func (c Config) checkClientKeys(bad func(field string, err error)) {
	seen := map[string]bool{}
	for i, k := range c.ClientKeys {
		signer, err := k.newSigner()
		if err == nil && seen[signer.KeyID()] {
			err = errors.New("has the KeyID of another key")
		}
		if err == nil {
			seen[signer.KeyID()] = true
		}
		bad(fmt.Sprintf("ClientKeys[%d]", i), err)
	}
}

func newClientKeys(list []ClientKey) (keys clientKeys, err error) {
	if len(list) == 0 {
		return keys, nil
	}
	var public []jose.JWK
	for _, k := range list {
		signer, err := k.newSigner()
		if err != nil {
			return clientKeys{}, err
		}
		if keys.signer == nil {
			keys.signer = signer
		}
		public = append(public, jose.JWK{KeyID: signer.KeyID(), Algorithm: signer.Algorithm(), Key: signer.Public()})
	}
	if keys.set, err = jose.MarshalJWKS(public); err != nil {
		return clientKeys{}, err
	}
	keys.length = []string{strconv.Itoa(len(keys.set))}
	return keys, nil
}

func (k ClientKey) newSigner() (*jose.Signer, error) {
	if k.Key == nil {
		return nil, errors.New("has no Key")
	}
	alg, kid := k.Algorithm, k.KeyID
	if alg == "" {
		alg = usualAlgorithm(k.Key.Public())
	}
	if kid == "" {
		var err error
		if kid, err = jose.Thumbprint(k.Key.Public()); err != nil {
			return nil, err
		}
	}
	return jose.NewSigner(alg, kid, k.Key)
}

func usualAlgorithm(key crypto.PublicKey) string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return "RS256"
	case *ecdsa.PublicKey:
		switch key.Curve.Params().BitSize {
		case 384:
			return "ES384"
		case 521:
			return "ES512"
		}
		return "ES256"
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}

var (
	jwksType    = []string{"application/jwk-set+json"}
	jwksCaching = []string{"public, max-age=300"}
	nosniff     = []string{"nosniff"}
)

// ServeHTTP answers with the app's key set (RFC 7517 §5), for whoever asks.
func (k clientKeys) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	h["Content-Type"], h["Cache-Control"], h["X-Content-Type-Options"], h["Content-Length"] = jwksType, jwksCaching, nosniff, k.length
	_, _ = w.Write(k.set)
}
