package clients

import (
	"errors"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// assertionAlgorithms are those by which a client can sign its assertions (RFC
// 7523 §2.2, OpenID Connect Core 1.0 §9).
func assertionAlgorithms(method string) []string {
	switch method {
	case oidckit.AuthMethodClientSecretJWT:
		return jose.HMACAlgorithms()
	case oidckit.AuthMethodPrivateKeyJWT:
		return jose.Algorithms()
	}
	return nil
}

func checkKeys(ps *problems, m *oidckit.ClientMetadata, _ Policy) {
	hasSet := len(m.JWKS) > 0
	// RFC 7591 §2: MUST NOT both be present
	if hasSet && m.JWKSURI != "" {
		ps.add("jwks_uri", "and jwks are both set; only one of them may be")
	}
	if m.JWKSURI != "" && !endpointURL(m.JWKSURI) {
		ps.add("jwks_uri", "must be an https URL")
	}
	usable := 0
	if hasSet {
		var err error
		if usable, err = publicKeys(m.JWKS); err != nil {
			ps.add("jwks", "%s", err.Error())
			return
		}
	}
	if m.TokenEndpointAuthMethod == oidckit.AuthMethodPrivateKeyJWT && usable == 0 && m.JWKSURI == "" {
		ps.add("jwks", "has no key, and jwks_uri is missing (token_endpoint_auth_method is private_key_jwt)")
	}
}

var (
	errNoSet   = errors.New("is not a JWK set")
	errPrivate = errors.New("holds a symmetric or private key")
	errWeak    = errors.New("holds a key that is invalid or too weak")
)

// publicKeys returns how many keys of a set can verify signatures. Keys for
// another use and of types that nobody here knows are let be (RFC 7517 §5).
func publicKeys(set []byte) (usable int, err error) {
	_, _, err = jose.ParseJWKS(set)
	if err != nil {
		return 0, errNoSet
	}
	err = strictjson.Object(set, func(name []byte, v strictjson.Value) error {
		if string(name) != "keys" {
			return nil
		}
		return v.Array(func(key strictjson.Value) error {
			ok, err := publicKey(key)
			if ok {
				usable++
			}
			return err
		})
	})
	return usable, err
}

// signatureTypes are the key types that signatures are verified with.
var signatureTypes = []string{"RSA", "EC"}

func publicKey(v strictjson.Value) (usable bool, err error) {
	var kty, use, crv string
	err = v.Object(func(name []byte, v strictjson.Value) error {
		switch string(name) {
		case "kty":
			kty, err = v.Text()
			return err
		case "use":
			use, err = v.Text()
			return err
		case "crv":
			crv, err = v.Text()
			return err
		// RFC 7518 §6.2.2, §6.3.2, §6.4: what is published must stay secret
		case "d", "p", "q", "dp", "dq", "qi", "oth", "k":
			return errPrivate
		}
		return nil
	})
	switch {
	case errors.Is(err, errPrivate), kty == "oct":
		return false, errPrivate
	case err != nil:
		return false, errNoSet
	case use == "enc":
		return false, nil
	}
	keys, _, err := jose.ParseJWKS(slices.Concat([]byte(`{"keys":[`), v, []byte(`]}`)))
	if err != nil {
		return false, errNoSet
	}
	if len(keys) == 0 && slices.Contains(signatureTypes, kty) && (kty == "RSA" || slices.Contains([]string{"P-256", "P-384", "P-521"}, crv)) {
		return false, errWeak
	}
	return len(keys) > 0, nil
}
