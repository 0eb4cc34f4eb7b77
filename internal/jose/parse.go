package jose

import (
	"crypto"
	"errors"
	"fmt"
	"strings"

	"github.com/oidckit/oidckit/internal/strictjson"
)

// MaxToken is the size in bytes above which a token is refused unread.
const MaxToken = 16 << 10

// What Parse and Verify return, wrapped with a reason. Neither reason ever
// holds a part of the token's payload or signature.
var (
	ErrMalformed = errors.New("jose: malformed token")
	ErrSignature = errors.New("jose: signature does not verify")
)

// Header is what the kit uses of a JOSE header. A header that names a key by
// URL or value (jku, jwk, x5u, x5c) is taken and those members are ignored:
// keys come from configured sources only (RFC 8725 §3.10).
type Header struct {
	// Algorithm is alg, as claimed; Verify compares it.
	Algorithm string
	// KeyID is kid, empty where absent.
	KeyID string
	// Type and ContentType are typ and cty, as written.
	Type        string
	ContentType string
}

// JWS is a token that has been read and not yet been believed: until Verify
// has returned nil, Payload is a stranger's word. It is immutable and safe for
// concurrent use.
type JWS struct {
	Header  Header
	Payload []byte

	signed    string
	signature []byte
}

// Parse reads a token in compact form (RFC 7515 §7.1): three parts of strict
// base64url, none of them empty, the first one a JSON object without repeated
// members. Extensions it would have to understand are refused: crit, b64
// (RFC 7797 §7), zip and enc. Errors wrap ErrMalformed.
func Parse(compact string) (*JWS, error) {
	j, header, err := split(compact)
	if err != nil {
		return nil, err
	}
	if err := j.Header.parse(header, j.Header.member); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	return j, nil
}

// split decodes the three parts and reads none of them.
func split(compact string) (j *JWS, header []byte, err error) {
	if len(compact) > MaxToken {
		return nil, nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxToken)
	}
	first := strings.IndexByte(compact, '.')
	last := strings.LastIndexByte(compact, '.')
	if first <= 0 || last-first < 2 || last == len(compact)-1 {
		return nil, nil, fmt.Errorf("%w: not three parts", ErrMalformed)
	}
	h, p, s := compact[:first], compact[first+1:last], compact[last+1:]
	hLen, pLen := decodedLen(len(h)), decodedLen(len(p))

	// a further dot is outside the alphabet, so a fourth part ends here
	buf := make([]byte, hLen+pLen+decodedLen(len(s)))
	_, hOK := decode(buf, h)
	_, pOK := decode(buf[hLen:], p)
	_, sOK := decode(buf[hLen+pLen:], s)
	if !hOK || !pOK || !sOK {
		return nil, nil, fmt.Errorf("%w: not three parts of base64url", ErrMalformed)
	}
	j = &JWS{
		Payload:   buf[hLen : hLen+pLen : hLen+pLen],
		signed:    compact[:last],
		signature: buf[hLen+pLen:],
	}
	return j, buf[:hLen:hLen], nil
}

func (h *Header) parse(data []byte, member func([]byte, strictjson.Value) error) error {
	if err := strictjson.Object(data, member); err != nil {
		return err
	}
	// RFC 7515 §4.1.1
	if h.Algorithm == "" {
		return errors.New("no alg")
	}
	return nil
}

func (h *Header) member(name []byte, v strictjson.Value) (err error) {
	switch string(name) {
	case "alg":
		h.Algorithm, err = known(v)
	case "typ":
		h.Type, err = known(v)
	case "kid":
		h.KeyID, err = v.Text()
	case "cty":
		h.ContentType, err = known(v)
	// RFC 7515 §4.1.11: no extension is understood, so none may be critical
	case "crit":
		return errors.New("crit is not supported")
	// RFC 7797 §7
	case "b64":
		return errors.New("b64 is not supported")
	// RFC 7516 §4.1: marks of an encrypted token
	case "zip", "enc":
		return errors.New("encryption members in a signed token")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// known is Text without an allocation for values seen all day.
func known(v strictjson.Value) (string, error) {
	switch string(v) {
	case `"RS256"`:
		return "RS256", nil
	case `"ES256"`:
		return "ES256", nil
	case `"PS256"`:
		return "PS256", nil
	case `"EdDSA"`:
		return "EdDSA", nil
	case `"JWT"`:
		return "JWT", nil
	case `"at+jwt"`:
		return "at+jwt", nil
	}
	return v.Text()
}

// Verify checks the signature under the algorithm the caller expects: the
// header's alg must be that one (RFC 8725 §3.1), and the key must fit it as
// CheckKey has it. Errors wrap ErrSignature.
func (j *JWS) Verify(alg string, key crypto.PublicKey) error {
	if j.Header.Algorithm != alg {
		return fmt.Errorf("%w: not signed with %s", ErrSignature, alg)
	}
	a := lookup(alg)
	if a == nil {
		return fmt.Errorf("%w: algorithm is not supported", ErrSignature)
	}
	if err := a.fits(key); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if err := a.method.Verify(j.signed, j.signature, key); err != nil {
		return ErrSignature
	}
	return nil
}
