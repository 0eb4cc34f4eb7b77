package middleware_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/middleware"
)

type object = map[string]any

// member is a key as a member of a JWK set, changed by edits.
func member(tb testing.TB, key crypto.PublicKey, edits ...object) object {
	tb.Helper()
	var set struct {
		Keys []object `json:"keys"`
	}
	if err := json.Unmarshal(marshal(tb, jose.JWK{Key: key}), &set); err != nil {
		tb.Fatal(err)
	}
	for _, e := range edits {
		maps.Copy(set.Keys[0], e)
	}
	maps.DeleteFunc(set.Keys[0], func(_ string, v any) bool { return v == nil })
	return set.Keys[0]
}

// overSet is an API over a JWK set that holds a good key and those given.
func overSet(t *testing.T, iss *testIssuer, keys ...object) *guarded {
	t.Helper()
	set, err := json.Marshal(object{"keys": append(keys, member(t, testKey(t, "ES256").Public(), object{"kid": "kid-ES256"}))})
	if err != nil {
		t.Fatal(err)
	}
	iss.publish(set)
	return newAPI(t, iss, nil)
}

// signed makes a token whose signature is whatever sign makes of its digest.
func signed(alg, kid string, claims []byte, sign func(digest []byte) []byte) string {
	input := b64([]byte(fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":"at+jwt"}`, alg, kid))) + "." + b64(claims)
	digest := sha256.Sum256([]byte(input))
	return input + "." + b64(sign(digest[:]))
}

// withKey signs with a key that the kit itself might refuse to use.
func withKey(tb testing.TB, alg, kid string, key crypto.Signer, claims []byte) string {
	tb.Helper()
	return signed(alg, kid, claims, func(digest []byte) []byte {
		if k, ok := key.(*ecdsa.PrivateKey); ok {
			r, s, err := ecdsa.Sign(rand.Reader, k, digest)
			if err != nil {
				tb.Fatal(err)
			}
			size := (k.Params().BitSize + 7) / 8
			sig := make([]byte, 2*size)
			r.FillBytes(sig[:size])
			s.FillBytes(sig[size:])
			return sig
		}
		sig, err := key.Sign(rand.Reader, digest, crypto.SHA256)
		if err != nil {
			tb.Fatal(err)
		}
		return sig
	})
}

// Keys of a JWK set that must not verify anything, beside a good one that
// must go on doing so.
func TestAttacksThroughKeys(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	iss := newIssuer(t)
	es, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	public := es.Public()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs := testKey(t, "RS256").(*rsa.PrivateKey)
	n := rs.N.Bytes()
	own := withKey(t, "ES256", "k", es, iss.claims())
	rsaToken := withKey(t, "RS256", "k", rs, iss.claims())
	mac := func(secret string) string {
		input := b64([]byte(`{"alg":"HS256","kid":"k","typ":"at+jwt"}`)) + "." + b64(iss.claims())
		h := hmac.New(sha256.New, []byte(secret))
		h.Write([]byte(input))
		return input + "." + b64(h.Sum(nil))
	}
	ec := func(edits ...object) object { return member(t, public, append([]object{{"kid": "k"}}, edits...)...) }
	rk := func(e any, edits ...object) object {
		return member(t, rs.Public(), append([]object{{"kid": "k", "e": e}}, edits...)...)
	}
	for _, row := range []struct {
		name  string
		key   object
		token string
	}{
		{"ATK-008 use enc", ec(object{"use": "enc"}), own},
		{"ATK-008 key_ops encrypt", ec(object{"use": nil, "key_ops": []string{"encrypt"}}), own},
		{"ATK-008 key_ops without verify", ec(object{"use": nil, "key_ops": []string{"sign", "deriveKey"}}), own},
		{"ATK-020 P-521 key with ES256", member(t, p521.Public(), object{"kid": "k"}), withKey(t, "ES256", "k", p521, iss.claims())},
		{"ATK-021 not on the curve", ec(object{"y": ec()["x"]}), own},
		{"ATK-021 short coordinate", ec(object{"x": ec()["x"].(string)[:40]}), own},
		{"ATK-021 point at zero", ec(object{"x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))}), own},
		{"ATK-021 short Ed25519 key", object{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": b64(make([]byte, 31))}, own},
		{"ATK-021 long Ed25519 key", object{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": b64(make([]byte, 33))}, own},
		{"ATK-022 1024 bits", object{"kty": "RSA", "kid": "k", "n": b64(weak.N.Bytes()), "e": "AQAB"}, withKey(t, "RS256", "k", weak, iss.claims())},
		{"ATK-023 16384 bits", object{"kty": "RSA", "kid": "k", "n": b64(append([]byte{0x80}, make([]byte, 2046)...)) + "AB", "e": "AQAB"}, rsaToken},
		{"ATK-023 e = 1", rk("AQ"), signed("RS256", "k", iss.claims(), func(digest []byte) []byte { return padded(digest, len(n)) })},
		{"ATK-023 e even", rk("Ag"), rsaToken},
		{"ATK-023 e = 2^31-1", rk(b64([]byte{0x7f, 0xff, 0xff, 0xff})), rsaToken},
		{"ATK-023 e of 33 bits", rk(b64([]byte{1, 0, 1, 0, 1})), rsaToken},
		{"ATK-026 symmetric key", object{"kty": "oct", "kid": "k", "k": b64([]byte("secret")), "alg": "HS256"}, mac("secret")},
		{"ATK-026 symmetric key for ES256", object{"kty": "oct", "kid": "k", "k": b64([]byte("secret")), "alg": "ES256"}, own},
		{"ATK-061 of a broken generator", object{"kty": "RSA", "kid": "k", "n": b64(brokenModulus()), "e": "AQAB"}, rsaToken},
		{"ATK-071 unknown kty", ec(object{"kty": "AKP"}), own},
		{"ATK-071 unknown crv", ec(object{"crv": "secp256k1"}), own},
		{"ATK-071 null", nil, own},
		{"RFC 7517 §9.2 a published secret", ec(object{"d": b64(make([]byte, 32))}), own},
		{"alg of another key", ec(object{"alg": "ES384"}), own},
		{"alg of another type", ec(object{"alg": "RS256"}), own},
		{"kid a number", ec(object{"kid": 1}), own},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := overSet(t, iss, row.key)
			g.wantServed(t, g.get("Bearer "+iss.token(t)))
			g.wantRefused(t, g.get("Bearer "+row.token), 401, "invalid_token")
			g.wantServed(t, g.get("Bearer "+iss.token(t)))
		})
	}
	t.Run("the key itself", func(t *testing.T) {
		g := overSet(t, iss, ec())
		g.wantServed(t, g.get("Bearer "+own))
	})
}

// padded is a signature that verifies under e = 1: the padding itself.
func padded(digest []byte, size int) []byte {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	out := append([]byte{0, 1}, make([]byte, size-3-len(prefix)-len(digest))...)
	for i := 2; i < len(out); i++ {
		out[i] = 0xff
	}
	return append(append(append(out, 0), prefix...), digest...)
}

// brokenModulus is 65537^k mod M for the primes M of CVE-2017-15361, as every
// modulus of that generator is, of 2048 bits.
func brokenModulus() []byte {
	m := big.NewInt(1)
	for p := int64(3); p <= 701; p += 2 {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
		}
	}
	r := new(big.Int).Exp(big.NewInt(65537), big.NewInt(123457), m)
	top := new(big.Int).Lsh(big.NewInt(3), 2046)
	n := new(big.Int).Add(new(big.Int).Mul(new(big.Int).Div(top, m), m), r)
	if n.Bit(0) == 0 {
		n.Add(n, m)
	}
	return n.Bytes()
}

// ATK-013: where a kid could mean either of two keys it means none, whatever
// their order, and the others still serve.
func TestKeyIDOfTwoKeys(t *testing.T) {
	iss := newIssuer(t)
	attacker, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	rsaKeys := []crypto.Signer{testKey(t, "RS256"), testKey(t, "PS256")}
	named := func(kid string, key crypto.PublicKey, edits ...object) object {
		return member(t, key, append([]object{{"kid": kid}}, edits...)...)
	}
	own := testKey(t, "ES384").(*ecdsa.PrivateKey)
	for _, row := range []struct {
		name   string
		keys   []object
		tokens map[string]bool
	}{
		{"RSA and EC", []object{named("k", rsaKeys[0].Public()), named("k", attacker.Public())}, map[string]bool{
			withKey(t, "RS256", "k", rsaKeys[0], iss.claims()): true, withKey(t, "ES256", "k", attacker, iss.claims()): true}},
		{"RSA twice", []object{named("k", rsaKeys[0].Public()), named("k", rsaKeys[1].Public())}, map[string]bool{
			withKey(t, "RS256", "k", rsaKeys[0], iss.claims()): false, withKey(t, "RS256", "k", rsaKeys[1], iss.claims()): false}},
		{"RSA twice, the other way round", []object{named("k", rsaKeys[1].Public()), named("k", rsaKeys[0].Public())}, map[string]bool{
			withKey(t, "RS256", "k", rsaKeys[0], iss.claims()): false, withKey(t, "RS256", "k", rsaKeys[1], iss.claims()): false}},
		{"RSA twice, each with an algorithm", []object{named("k", rsaKeys[0].Public(), object{"alg": "RS256"}), named("k", rsaKeys[1].Public(), object{"alg": "PS256"})},
			map[string]bool{withKey(t, "RS256", "k", rsaKeys[0], iss.claims()): true, withKey(t, "RS256", "k", rsaKeys[1], iss.claims()): false}},
		{"EC of two curves", []object{named("k", own.Public()), named("k", attacker.Public())}, map[string]bool{
			withKey(t, "ES256", "k", attacker, iss.claims()): true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := overSet(t, iss, row.keys...)
			for token, ok := range row.tokens {
				resp := g.get("Bearer " + token)
				if ok {
					g.wantServed(t, resp)
				} else {
					g.wantRefused(t, resp, 401, "invalid_token")
				}
			}
			g.wantServed(t, g.get("Bearer "+iss.token(t)))
		})
	}
}

// ATK-016: signatures at the edges of ECDSA verify nothing.
func TestECDSASignaturesAtTheEdge(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	n := elliptic.P256().Params().N
	p := elliptic.P256().Params().P
	values := map[string]*big.Int{"0": new(big.Int), "1": big.NewInt(1), "n": n, "n-1": new(big.Int).Sub(n, big.NewInt(1)),
		"n+1": new(big.Int).Add(n, big.NewInt(1)), "p": p, "2^256-1": new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))}
	good := iss.token(t)
	input, goodSig, _ := cutLast(good)
	raw, err := base64.RawURLEncoding.DecodeString(goodSig)
	if err != nil {
		t.Fatal(err)
	}
	var rows []attack
	add := func(name string, sig []byte, claim string) {
		rows = append(rows, attack{"ATK-016 " + name, input + "." + b64(sig), claim, 0})
	}
	for rName, r := range values {
		for sName, s := range values {
			sig := make([]byte, 64)
			r.FillBytes(sig[:32])
			s.FillBytes(sig[32:])
			add("r="+rName+" s="+sName, sig, "signature")
		}
	}
	// r + n still fits in 33 bytes
	wide := make([]byte, 66)
	new(big.Int).Add(new(big.Int).SetBytes(raw[:32]), n).FillBytes(wide[:33])
	copy(wide[34:], raw[32:])
	add("r beyond n, wide", wide, "signature")
	add("trailing zeros", append(append([]byte{}, raw...), 0, 0), "signature")
	add("leading zeros", append([]byte{0, 0}, raw...), "signature")
	add("too short", raw[:63], "signature")
	add("r alone", raw[:32], "signature")
	add("r and s swapped", append(append([]byte{}, raw[32:]...), raw[:32]...), "signature")
	der, err := testKey(t, "ES256").Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	add("DER", der, "signature")
	refusesAll(t, g, good, rows)
}

func cutLast(token string) (input, sig string, ok bool) {
	dot := strings.LastIndexByte(token, '.')
	return token[:dot], token[dot+1:], dot > 0
}

// ATK-023: the largest key that is taken is still cheap enough: what it costs
// is bounded by its size, which is what the limit is for.
func TestLargestKey(t *testing.T) {
	key := &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 8191), 0, 1), E: 65537}
	larger := &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 8192), 0, 1), E: 65537}
	for k, ok := range map[*rsa.PublicKey]bool{key: true, larger: false} {
		_, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: "https://issuer.example", Audience: audience,
			Keys: middleware.KeySource{PublicKeys: []middleware.PublicKey{{Key: k}}}})
		if (err == nil) != ok {
			t.Errorf("%d bits: %v", k.N.BitLen(), err)
		}
	}
}
