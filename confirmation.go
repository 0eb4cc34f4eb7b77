package oidckit

import (
	"errors"
	"fmt"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// Confirmation is the key that a token is bound to (RFC 7800 §3.1): only who
// shows possession of it may use the token. Every member that is set must be
// met.
type Confirmation struct {
	// JWKThumbprint is jkt: the RFC 7638 thumbprint of the key that signs the
	// DPoP proofs of the token's holder (RFC 9449 §6.1).
	JWKThumbprint string
	// CertificateThumbprint is x5t#S256: the SHA-256 of the client certificate
	// of the holder's TLS connections (RFC 8705 §3.1), base64url.
	CertificateThumbprint string
	// Unknown says that the token is bound in a way that no guard of the kit
	// can check. Such a token is always refused.
	Unknown bool
}

var errEmptyThumbprint = errors.New("is an empty string")

// ParseConfirmation reads the value of the claim cnf, of a JWT or of an
// introspection answer. Anything but an object is an error, and so is a
// thumbprint that is not a string; an object without a member that is known
// here is Unknown.
func ParseConfirmation(cnf []byte) (*Confirmation, error) {
	c := &Confirmation{}
	err := strictjson.Object(cnf, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "jkt":
			c.JWKThumbprint, err = thumbprint(v)
		case "x5t#S256":
			c.CertificateThumbprint, err = thumbprint(v)
		default:
			c.Unknown = true
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("oidckit: cnf: %w", err)
	}
	c.Unknown = c.Unknown || *c == Confirmation{}
	return c, nil
}

func thumbprint(v strictjson.Value) (string, error) {
	text, err := v.Text()
	if err == nil && text == "" {
		err = errEmptyThumbprint
	}
	return text, err
}
