package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestParseRefuses(t *testing.T) {
	good, _ := sign(t, "ES256")
	other, _ := sign(t, "RS256")
	p := strings.Split(good, ".")
	q := strings.Split(other, ".")
	header := func(h string) string { return b64(h) + "." + p[1] + "." + p[2] }
	cases := map[string]string{
		"ATK-001 none, empty signature":        b64(`{"alg":"none"}`) + "." + p[1] + ".",
		"ATK-011 kid is a number":              header(`{"alg":"ES256","kid":1}`),
		"ATK-011 kid is an object":             header(`{"alg":"ES256","kid":{}}`),
		"ATK-011 kid is an array":              header(`{"alg":"ES256","kid":["k1"]}`),
		"ATK-011 kid of 64 KiB":                header(`{"alg":"ES256","kid":"` + strings.Repeat("k", 64<<10) + `"}`),
		"ATK-027 flattened JSON":               `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`,
		"ATK-027 general JSON":                 `{"payload":"` + p[1] + `","signatures":[{"protected":"` + p[0] + `","signature":"` + p[2] + `"}]}`,
		"ATK-028 JWE with dir":                 b64(`{"alg":"dir","enc":"A128GCM"}`) + ".." + p[1] + "." + p[2] + "." + p[2],
		"ATK-028 JWE with RSA-OAEP":            b64(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + "." + p[0] + "." + p[1] + "." + p[2] + "." + p[2],
		"ATK-028 encryption members, 3 parts":  header(`{"alg":"ES256","enc":"A128GCM"}`),
		"ATK-029 zip":                          header(`{"alg":"ES256","zip":"DEF"}`),
		"ATK-031 JWE with empty parts":         p[0] + "....",
		"ATK-031 JSON without signatures":      `{"payload":"` + p[1] + `","signatures":[]}`,
		"RFC 7515 §4.1.11 crit with exp":       header(`{"alg":"ES256","crit":["exp"],"exp":1}`),
		"RFC 7515 §4.1.11 crit, empty":         header(`{"alg":"ES256","crit":[]}`),
		"RFC 7515 §4.1.11 crit, null":          header(`{"alg":"ES256","crit":null}`),
		"ATK-033 b64 false":                    header(`{"alg":"ES256","b64":false,"crit":["b64"]}`),
		"ATK-033 b64 false without crit":       header(`{"alg":"ES256","b64":false}`),
		"ATK-033 b64 true":                     header(`{"alg":"ES256","b64":true}`),
		"ATK-033 detached payload":             p[0] + ".." + p[2],
		"ATK-035 header of 5 MiB":              strings.Repeat("e", 5<<20) + "." + p[1] + "." + p[2],
		"ATK-035 signature of 5 MiB":           p[0] + "." + p[1] + "." + strings.Repeat("A", 5<<20),
		"ATK-035 one byte over":                p[0] + "." + strings.Repeat("A", MaxToken-len(p[0])-len(p[2])-1) + "." + p[2],
		"ATK-037 alg twice":                    header(`{"alg":"ES256","alg":"none"}`),
		"ATK-037 alg twice, escaped":           header(`{"alg":"ES256","a\u006cg":"none"}`),
		"ATK-037 twice deep inside":            header(`{"alg":"ES256","x":{"a":1,"a":2}}`),
		"ATK-039 bytes after the header":       header(`{"alg":"ES256"}{}`),
		"ATK-039 BOM":                          header("\ufeff" + `{"alg":"ES256"}`),
		"ATK-039 invalid UTF-8":                header("{\"alg\":\"ES256\",\"kid\":\"\xff\"}"),
		"ATK-039 lone surrogate":               header(`{"alg":"ES256","kid":"\ud800"}`),
		"ATK-060 signature removed":            p[0] + "." + p[1],
		"ATK-060 signature empty":              p[0] + "." + p[1] + ".",
		"ATK-060 fourth part":                  good + ".AAAA",
		"ATK-060 trailing dot":                 good + ".",
		"ATK-060 leading dot":                  "." + good,
		"ATK-060 leading space":                " " + good,
		"ATK-060 trailing newline":             good + "\n",
		"ATK-060 Bearer inside":                "Bearer " + good,
		"RFC 7515 §2 padding":                  p[0] + "." + p[1] + "." + p[2] + "==",
		"RFC 7515 §2 CR in a part":             p[0] + "." + p[1][:4] + "\r" + p[1][4:] + "." + p[2],
		"RFC 7515 §2 LF at the end of a part":  p[0] + "." + p[1] + "\n." + p[2],
		"RFC 7515 §2 standard alphabet":        p[0] + "." + p[1] + "." + strings.Repeat("+", 86),
		"RFC 7515 §2 trailing bits":            p[0] + "." + p[1] + "." + p[2][:85] + "B",
		"RFC 7515 §2 a character too few":      p[0] + "." + p[1] + "." + p[2][:85],
		"RFC 7515 §2 not ASCII":                p[0] + "." + p[1] + "." + p[2][:84] + "é",
		"RFC 7515 §4.1.1 no alg":               header(`{"typ":"JWT"}`),
		"RFC 7515 §4.1.1 alg is empty":         header(`{"alg":""}`),
		"RFC 7515 §4.1.1 alg is null":          header(`{"alg":null}`),
		"RFC 7515 §4.1.1 alg is a list":        header(`{"alg":["ES256"]}`),
		"RFC 7515 §4.1.1 alg, other case":      header(`{"ALG":"ES256"}`),
		"RFC 7515 §4.1.9 typ is a number":      header(`{"alg":"ES256","typ":1}`),
		"RFC 7515 §4 header is an array":       header(`["ES256"]`),
		"RFC 7515 §4 header is null":           header(`null`),
		"RFC 7515 §4 header is no JSON":        header(`alg`),
		"empty":                                "",
		"two dots":                             "..",
		"one part":                             p[0],
		"two tokens":                           good + "." + other,
		"header of one, all of the other, 4":   q[0] + "." + good,
		"RFC 7515 §2 one digit in a part":      p[0] + ".A." + p[2],
		"RFC 8259 §2 control character in kid": header("{\"alg\":\"ES256\",\"kid\":\"a\x00b\"}"),
	}
	for name, token := range cases {
		if j, err := Parse(token); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, j, err)
		}
	}
}

func TestParseTakes(t *testing.T) {
	_, key := sign(t, "ES256")
	tail := "." + b64(claims) + "." + strings.Repeat("A", 86)
	for name, row := range map[string]struct{ header, kid string }{
		"ATK-010 jku, x5u, x5c and jwk are ignored": {
			`{"alg":"ES256","jku":"https://evil.example","x5u":"https://evil.example","x5c":["AA=="],"jwk":{"kty":"oct","k":"AA"}}`, ""},
		"ATK-011 a kid is text and nothing else": {`{"alg":"ES256","kid":"../../dev/null"}`, "../../dev/null"},
		"ATK-011 even with NUL":                  {`{"alg":"ES256","kid":"a\u0000b"}`, "a\x00b"},
		"ATK-011 and quotes":                     {`{"alg":"ES256","kid":"' OR 1=1--"}`, "' OR 1=1--"},
	} {
		j, err := Parse(b64(row.header) + tail)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if j.Header.KeyID != row.kid {
			t.Errorf("%s: kid %q", name, j.Header.KeyID)
		}
		if err := j.Verify("ES256", key.Public()); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAlgorithmIsTheCallers has ATK-001, 004, 006 and 020: what the header
// says never chooses the algorithm, and what the caller says must fit the key.
func TestAlgorithmIsTheCallers(t *testing.T) {
	for _, signed := range Algorithms() {
		token, key := sign(t, signed)
		j, err := Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range append(Algorithms(), "none", "HS256", "ES256K", "", "es256") {
			if err := j.Verify(asked, key.Public()); (err == nil) != (asked == signed) {
				t.Errorf("%s verified as %s: %v", signed, asked, err)
			}
		}
		for _, named := range append(Algorithms(), "none", "HS256", "ES256K") {
			parts := strings.Split(token, ".")
			relabelled, err := Parse(b64(`{"alg":"`+named+`","kid":"k1"}`) + "." + parts[1] + "." + parts[2])
			if err != nil {
				t.Fatal(err)
			}
			if err := relabelled.Verify(named, key.Public()); !errors.Is(err, ErrSignature) {
				t.Errorf("%s relabelled %s: %v", signed, named, err)
			}
		}
	}
}

// TestHeaderMustNameTheAlgorithm: a signature that is right under RS256 does
// not help a token that says PS256 (RFC 8725 §3.1).
func TestHeaderMustNameTheAlgorithm(t *testing.T) {
	key := testKey(t, "RS256", "")
	for _, named := range []string{"PS256", "RS512", "none", "rs256"} {
		input := b64(`{"alg":"`+named+`"}`) + "." + b64(claims)
		digest := sha256.Sum256([]byte(input))
		sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		j, err := Parse(input + "." + b64(string(sig)))
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range []string{"RS256", named} {
			if err := j.Verify(asked, key.Public()); !errors.Is(err, ErrSignature) {
				t.Errorf("%s, asked for %s: %v", named, asked, err)
			}
		}
	}
}

func TestDecodeHasOneSpelling(t *testing.T) {
	for _, in := range []string{"", "AA", "AAA", "AAAA", "_-8", "Zm9vYmFy", "Zm9vYmE", "Zm9vYg"} {
		got, ok := decodeString(in)
		want, err := base64.RawURLEncoding.DecodeString(in)
		if !ok || err != nil || string(got) != string(want) {
			t.Errorf("%q: %q, %v; want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"A", "AAAAA", "AB", "AAB", "AA==", "AAA=", "A A", "AA\n", "\nAA", "AAAA\r\n", "AA+A", "AA/A", "AA.A", "AAA\x00", "AAAÄ"} {
		if got, ok := decodeString(in); ok {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestHMACUnderAPublicKey(t *testing.T) {
	key := testKey(t, "RS256", "").Public().(*rsa.PublicKey)
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	inPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	set, err := MarshalJWKS([]JWK{{Key: key}})
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{
		"ATK-004 SPKI PEM":             inPEM,
		"ATK-004 without last newline": strings.TrimSpace(inPEM),
		"ATK-004 leading whitespace":   "\n " + inPEM,
		"ATK-004 SPKI DER":             string(spki),
		"ATK-004 PKCS#1 DER":           string(x509.MarshalPKCS1PublicKey(key)),
		"ATK-004 JWK":                  string(set),
		"ATK-004 empty":                "",
	} {
		input := b64(`{"alg":"HS256"}`) + "." + b64(claims)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(input))
		j, err := Parse(input + "." + b64(string(mac.Sum(nil))))
		if err != nil {
			t.Fatal(err)
		}
		for _, alg := range []string{"HS256", "RS256"} {
			for _, k := range []crypto.PublicKey{key, spki, []byte(secret), nil} {
				if err := j.Verify(alg, k); !errors.Is(err, ErrSignature) {
					t.Errorf("%s as %s under %T: %v", name, alg, k, err)
				}
			}
		}
	}
}

func TestECDSAEdges(t *testing.T) {
	token, key := sign(t, "ES256")
	input := token[:strings.LastIndexByte(token, '.')]
	real, err := base64.RawURLEncoding.DecodeString(token[len(input)+1:])
	if err != nil {
		t.Fatal(err)
	}
	n := elliptic.P256().Params().N
	pair := func(r, s *big.Int) string {
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return string(out)
	}
	zero, one, max := big.NewInt(0), big.NewInt(1), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	for name, sig := range map[string]string{
		"ATK-016 r = s = 0":         pair(zero, zero),
		"ATK-016 r = 0, s = 1":      pair(zero, one),
		"ATK-016 r = 1, s = 0":      pair(one, zero),
		"ATK-016 r = n":             pair(n, one),
		"ATK-016 s = n":             pair(one, n),
		"ATK-016 r = s = n":         pair(n, n),
		"ATK-016 largest values":    pair(max, max),
		"ATK-016 trailing zero":     string(real) + "\x00",
		"ATK-016 leading zero":      "\x00" + string(real),
		"ATK-016 twice":             string(real) + string(real),
		"ATK-016 one byte short":    string(real[:63]),
		"ATK-016 r alone":           string(real[:32]),
		"ATK-016 r and s swapped":   string(real[32:]) + string(real[:32]),
		"ATK-016 padded to ES384":   strings.Repeat("\x00", 16) + string(real[:32]) + strings.Repeat("\x00", 16) + string(real[32:]),
		"RFC 7518 §3.4 DER instead": "\x30\x44\x02\x20" + string(real[:32]) + "\x02\x20" + string(real[32:]),
	} {
		j, err := Parse(input + "." + b64(sig))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := j.Verify("ES256", key.Public()); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestECDSAHasTwoSignatures documents ATK-018: the negated s verifies as well,
// so whatever refuses replays must go by jti and never by the token's bytes.
func TestECDSAHasTwoSignatures(t *testing.T) {
	token, key := sign(t, "ES256")
	input := token[:strings.LastIndexByte(token, '.')]
	sig, err := base64.RawURLEncoding.DecodeString(token[len(input)+1:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(sig[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(sig[32:])
	j, err := Parse(input + "." + b64(string(sig)))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Verify("ES256", key.Public()); err != nil {
		t.Error("the twin no longer verifies; the advice in this test is out of date")
	}
}

// TestPSSSaltLengthIsPinned: golang-jwt's own PS methods take any salt.
func TestPSSSaltLengthIsPinned(t *testing.T) {
	key := testKey(t, "RS256", "").(*rsa.PrivateKey)
	input := b64(`{"alg":"PS256"}`) + "." + b64(claims)
	digest := sha256.Sum256([]byte(input))
	for salt, good := range map[int]bool{1: false, 20: false, 31: false, 32: true, 33: false, 64: false, rsa.PSSSaltLengthAuto: false} {
		opts := &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
		sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], opts)
		if err != nil {
			t.Fatal(err)
		}
		j, err := Parse(input + "." + b64(string(sig)))
		if err != nil {
			t.Fatal(err)
		}
		// RFC 7518 §3.5
		if err := j.Verify("PS256", key.Public()); (err == nil) != good {
			t.Errorf("salt length %d: %v", salt, err)
		}
	}
}

// rawPoint makes a key past the checks of crypto/ecdsa, as jwkset and older
// code do.
func rawPoint(curve elliptic.Curve, x, y *big.Int) *ecdsa.PublicKey {
	//lint:ignore SA1019 no other way makes an invalid key
	return &ecdsa.PublicKey{Curve: curve, X: x, Y: y}
}

func TestCheckKeyRefuses(t *testing.T) {
	rsaOf := func(bits uint, e int) *rsa.PublicKey {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: e}
	}
	p256 := testKey(t, "ES256", "").Public().(*ecdsa.PublicKey)
	point, err := p256.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	x, y := new(big.Int).SetBytes(point[1:33]), new(big.Int).SetBytes(point[33:])
	for _, row := range []struct {
		name, alg string
		key       crypto.PublicKey
	}{
		{"ATK-022 RSA of 1024 bits", "RS256", rsaOf(1024, 65537)},
		{"ATK-022 RSA of 2047 bits", "PS256", rsaOf(2047, 65537)},
		{"ATK-023 RSA of 8193 bits", "RS256", rsaOf(8193, 65537)},
		{"ATK-023 RSA of 16384 bits", "RS256", rsaOf(16384, 65537)},
		{"ATK-023 e = 1", "RS256", rsaOf(2048, 1)},
		{"ATK-023 e = 0", "RS256", rsaOf(2048, 0)},
		{"ATK-023 e = -1", "RS256", rsaOf(2048, -1)},
		{"ATK-023 e = 2", "RS256", rsaOf(2048, 2)},
		{"ATK-023 e even", "RS256", rsaOf(2048, 65536)},
		{"ATK-023 e = 2^31-1", "RS256", rsaOf(2048, 1<<31-1)},
		{"even modulus", "RS256", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 3}},
		{"no modulus", "RS256", &rsa.PublicKey{E: 3}},
		{"nil RSA", "RS256", (*rsa.PublicKey)(nil)},
		{"nil EC", "ES256", (*ecdsa.PublicKey)(nil)},
		{"EC without curve", "ES256", &ecdsa.PublicKey{}},
		{"ATK-020 P-384 under ES256", "ES256", testKey(t, "ES384", "").Public()},
		{"ATK-020 P-521 under ES256", "ES256", testKey(t, "ES512", "").Public()},
		{"ATK-020 P-224", "ES256", rawPoint(elliptic.P224(), x, y)},
		{"ATK-020 ES256K", "ES256K", p256},
		{"ATK-021 point not on curve", "ES256", rawPoint(elliptic.P256(), x, x)},
		{"ATK-021 no point", "ES256", rawPoint(elliptic.P256(), new(big.Int), new(big.Int))},
		{"ATK-021 Ed25519 of 31 bytes", "EdDSA", ed25519.PublicKey(make([]byte, 31))},
		{"RSA under EdDSA", "EdDSA", rsaOf(2048, 65537)},
		{"EC under RS256", "RS256", p256},
		{"a private key", "ES256", testKey(t, "ES256", "")},
		{"RSA by value", "RS256", *rsaOf(2048, 65537)},
		{"a secret", "HS256", []byte("secret")},
		{"a secret under RS256", "RS256", []byte("secret")},
		{"nothing", "RS256", nil},
		{"none", "none", nil},
	} {
		if err := CheckKey(row.alg, row.key); err == nil {
			t.Errorf("%s: taken", row.name)
		}
		j := &JWS{Header: Header{Algorithm: row.alg}, signed: "a.b", signature: make([]byte, 64)}
		if err := j.Verify(row.alg, row.key); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: Verify: %v", row.name, err)
		}
	}
	for _, bits := range []uint{2048, 3072, 8192} {
		for _, e := range []int{3, 17, 65537, 1<<31 - 3} {
			if err := CheckKey("RS256", rsaOf(bits, e)); err != nil {
				t.Errorf("%d bits, e = %d: %v", bits, e, err)
			}
		}
	}
}

func TestParseIsFrugal(t *testing.T) {
	token, _ := sign(t, "ES256")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := Parse(token); err != nil {
			t.Fatal(err)
		}
	}); n > 4 {
		t.Errorf("%v allocations for a token, want 4 at most", n)
	}
}
