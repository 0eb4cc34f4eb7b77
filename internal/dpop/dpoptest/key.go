package dpoptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"testing"
	"time"
)

// Key is a client's key, for ES256.
type Key struct {
	private *ecdsa.PrivateKey
	x, y    string
}

// NewKey makes one.
func NewKey(tb testing.TB) *Key {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return &Key{private: private, x: b64(point[1:33]), y: b64(point[33:])}
}

// JWK returns the public key as it stands in a header, changed by edits; a nil
// value drops a member.
func (k *Key) JWK(edits ...map[string]any) map[string]any {
	return edited(map[string]any{"kty": "EC", "crv": "P-256", "x": k.x, "y": k.y}, edits)
}

// PrivateMember returns d, which no proof may show.
func (k *Key) PrivateMember() string {
	d, err := k.private.Bytes()
	if err != nil {
		panic(err)
	}
	return b64(d)
}

// Thumbprint returns jkt (RFC 7638 §3).
func (k *Key) Thumbprint() string {
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + k.x + `","y":"` + k.y + `"}`))
	return b64(sum[:])
}

// Header returns a good proof's header, changed by edits.
func (k *Key) Header(edits ...map[string]any) map[string]any {
	return edited(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": k.JWK()}, edits)
}

// Claims returns a good proof's claims for a request made now, changed by
// edits.
func Claims(method, url string, edits ...map[string]any) map[string]any {
	return edited(map[string]any{"jti": rand.Text(), "htm": method, "htu": url, "iat": time.Now().Unix()}, edits)
}

// Proof returns a proof for a request, with claims changed by edits.
func (k *Key) Proof(method, url string, edits ...map[string]any) string {
	return k.Sign(k.Header(), Claims(method, url, edits...))
}

// Sign signs any header and claims with ES256, whatever they say.
func (k *Key) Sign(header, claims map[string]any) string {
	return k.SignText(document(header), document(claims))
}

// SignText signs what need not be JSON.
func (k *Key) SignText(header, claims []byte) string {
	input := b64(header) + "." + b64(claims)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, digest[:])
	if err != nil {
		panic(err)
	}
	return input + "." + signature(r, s)
}

// Twin returns the same proof under the other valid signature, (r, n-s).
func Twin(proof string) string {
	cut := len(proof) - base64.RawURLEncoding.EncodedLen(64)
	sig, err := base64.RawURLEncoding.DecodeString(proof[cut:])
	if err != nil {
		panic(err)
	}
	s := new(big.Int).SetBytes(sig[32:])
	return proof[:cut] + signature(new(big.Int).SetBytes(sig[:32]), s.Sub(elliptic.P256().Params().N, s))
}

func signature(r, s *big.Int) string {
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return b64(sig)
}

func document(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func edited(m map[string]any, edits []map[string]any) map[string]any {
	for _, e := range edits {
		maps.Copy(m, e)
	}
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return m
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
