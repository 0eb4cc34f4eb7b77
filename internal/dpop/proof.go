package dpop

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	// maxProof is the length in bytes above which a proof is refused unread:
	// the largest RSA key and signature fit twice.
	maxProof = 8 << 10
	// maxID bounds jti, which a store may have to keep.
	maxID = 512
)

// Proof is a proof as it was sent (RFC 9449 §4.2). Until the signature has
// been verified it is a stranger's word.
type Proof struct {
	// Thumbprint is the RFC 7638 thumbprint of the key in the header, which is
	// what jkt names.
	Thumbprint string
	// ID is jti, Method htm, URL htu as written, TokenHash ath.
	ID, Method, URL, TokenHash, Nonce string
	// IssuedAt is iat, in seconds since 1970.
	IssuedAt int64

	jws *jose.JWS
	key crypto.PublicKey
}

// parse reads a proof: its form, type, algorithm, key and claims.
func parse(proof string, algorithms []string) (*Proof, error) {
	if len(proof) > maxProof {
		return nil, fmt.Errorf("longer than %d bytes", maxProof)
	}
	// RFC 9449 §4.3 check 2; 5 and 7 by what package jose takes: no "none", no
	// symmetric algorithm, no private key
	jws, key, err := jose.ParseProof(proof)
	if err != nil {
		return nil, err
	}
	// RFC 9449 §4.3 check 4; media types have no case (RFC 7515 §4.1.9)
	if !strings.EqualFold(jws.Header.Type, "dpop+jwt") {
		return nil, fmt.Errorf("typ: %.40q is not dpop+jwt", jws.Header.Type)
	}
	// RFC 9449 §4.3 check 5
	if !slices.Contains(algorithms, jws.Header.Algorithm) {
		return nil, fmt.Errorf("alg: %.40q is not accepted", jws.Header.Algorithm)
	}
	p := &Proof{jws: jws, key: key}
	if err := strictjson.Object(jws.Payload, p.member); err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	// RFC 9449 §4.3 check 3
	if p.ID == "" || p.Method == "" || p.URL == "" || p.IssuedAt == 0 {
		return nil, errors.New("claims: one of jti, htm, htu and iat is missing")
	}
	if len(p.ID) > maxID {
		return nil, fmt.Errorf("jti: longer than %d bytes", maxID)
	}
	p.Thumbprint, err = jose.Thumbprint(key)
	return p, err
}

// member reads one claim. Further ones, exp and nbf among them, mean nothing
// in a proof.
func (p *Proof) member(name []byte, v strictjson.Value) (err error) {
	switch string(name) {
	case "jti":
		p.ID, err = v.Text()
	case "htm":
		p.Method, err = v.Text()
	case "htu":
		p.URL, err = v.Text()
	case "ath":
		p.TokenHash, err = v.Text()
	case "nonce":
		p.Nonce, err = v.Text()
	case "iat":
		p.IssuedAt, err = v.NumericDate()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// verify checks the signature: RFC 9449 §4.3 check 6.
func (p *Proof) verify() error { return p.jws.Verify(p.jws.Header.Algorithm, p.key) }
