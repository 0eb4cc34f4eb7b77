package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	josev4 "github.com/go-jose/go-jose/v4"
)

const claims = `{"iss":"https://issuer.example","sub":"alice","aud":"api","exp":1893456000}`

var testKeys sync.Map

// testKey makes one key for each algorithm and name: RSA keys are slow to make.
func testKey(t testing.TB, alg, name string) crypto.Signer {
	t.Helper()
	if alg[:2] == "PS" {
		alg = "RS256"
	}
	if k, ok := testKeys.Load(alg + name); ok {
		return k.(crypto.Signer)
	}
	k, err := GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	actual, _ := testKeys.LoadOrStore(alg+name, k)
	return actual.(crypto.Signer)
}

func sign(t testing.TB, alg string) (token string, key crypto.Signer) {
	t.Helper()
	key = testKey(t, alg, "")
	s, err := NewSigner(alg, "k1", key)
	if err != nil {
		t.Fatal(err)
	}
	token, err = s.Sign("at+jwt", []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return token, key
}

func TestWhatWeSignGoJoseTakes(t *testing.T) {
	for _, alg := range Algorithms() {
		t.Run(alg, func(t *testing.T) {
			token, key := sign(t, alg)
			j, err := Parse(token)
			if err != nil {
				t.Fatal(err)
			}
			if want := (Header{Algorithm: alg, KeyID: "k1", Type: "at+jwt"}); j.Header != want {
				t.Errorf("header %+v, want %+v", j.Header, want)
			}
			if string(j.Payload) != claims {
				t.Errorf("payload %q", j.Payload)
			}
			if err := j.Verify(alg, key.Public()); err != nil {
				t.Error(err)
			}
			theirs, err := josev4.ParseSignedCompact(token, []josev4.SignatureAlgorithm{josev4.SignatureAlgorithm(alg)})
			if err != nil {
				t.Fatal(err)
			}
			payload, err := theirs.Verify(key.Public())
			if err != nil || string(payload) != claims {
				t.Errorf("go-jose: %q, %v", payload, err)
			}
		})
	}
}

func TestWhatGoJoseSignsWeTake(t *testing.T) {
	for _, alg := range Algorithms() {
		t.Run(alg, func(t *testing.T) {
			key := testKey(t, alg, "")
			opts := (&josev4.SignerOptions{}).WithType("JWT").WithHeader("kid", "k2")
			s, err := josev4.NewSigner(josev4.SigningKey{Algorithm: josev4.SignatureAlgorithm(alg), Key: key}, opts)
			if err != nil {
				t.Fatal(err)
			}
			object, err := s.Sign([]byte(claims))
			if err != nil {
				t.Fatal(err)
			}
			token, err := object.CompactSerialize()
			if err != nil {
				t.Fatal(err)
			}
			j, err := Parse(token)
			if err != nil {
				t.Fatal(err)
			}
			if j.Header.KeyID != "k2" || j.Header.Type != "JWT" {
				t.Errorf("header %+v", j.Header)
			}
			if err := j.Verify(alg, key.Public()); err != nil {
				t.Error(err)
			}
			other := testKey(t, alg, "other")
			if err := j.Verify(alg, other.Public()); !errors.Is(err, ErrSignature) {
				t.Errorf("under another key: %v", err)
			}
		})
	}
}

// opaque is a key as a KMS has it: a signer and nothing more.
type opaque struct{ crypto.Signer }

type wrongDER struct {
	crypto.Signer
	out []byte
}

func (w wrongDER) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return w.out, nil }

func TestSignerTakesAnySigner(t *testing.T) {
	for _, alg := range Algorithms() {
		key := testKey(t, alg, "")
		s, err := NewSigner(alg, "", opaque{key})
		if err != nil {
			t.Fatal(err)
		}
		// many signatures: r and s with leading zeros must be padded
		for range 40 {
			token, err := s.Sign("JWT", []byte(claims))
			if err != nil {
				t.Fatal(err)
			}
			j, err := Parse(token)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Verify(alg, key.Public()); err != nil {
				t.Fatalf("%s: %v", alg, err)
			}
			if j.Header.KeyID != "" {
				t.Errorf("kid %q without one given", j.Header.KeyID)
			}
		}
	}
}

func TestSignerRefusesWhatNoKeyReturns(t *testing.T) {
	for name, out := range map[string][]byte{
		"empty":            {},
		"not DER":          []byte("signature"),
		"one integer":      {0x30, 3, 2, 1, 1},
		"trailing bytes":   {0x30, 6, 2, 1, 1, 2, 1, 1, 0},
		"three integers":   {0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1},
		"negative":         {0x30, 6, 2, 1, 0x81, 2, 1, 1},
		"empty integer":    {0x30, 5, 2, 0, 2, 1, 1},
		"length past end":  {0x30, 9, 2, 1, 1, 2, 1, 1},
		"long form cut":    {0x30, 0x81},
		"indefinite":       {0x30, 0x80, 2, 1, 1, 2, 1, 1, 0, 0},
		"integer too long": append(append([]byte{0x30, 38, 2, 33}, make33(0x7f)...), 2, 1, 1),
	} {
		s, err := NewSigner("ES256", "", wrongDER{testKey(t, "ES256", ""), out})
		if err != nil {
			t.Fatal(err)
		}
		if token, err := s.Sign("JWT", []byte(claims)); err == nil {
			t.Errorf("%s: signed %q", name, token)
		}
	}
	s, err := NewSigner("EdDSA", "", wrongDER{testKey(t, "EdDSA", ""), make([]byte, 63)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign("JWT", []byte(claims)); err == nil {
		t.Error("a short Ed25519 signature was taken")
	}
}

func make33(b byte) []byte {
	out := make([]byte, 33)
	for i := range out {
		out[i] = b
	}
	return out
}

func TestSignerHeaders(t *testing.T) {
	key := testKey(t, "ES256", "")
	s, err := NewSigner("ES256", "a\"b<\n", key)
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{"", "JWT", "at+jwt", "logout+jwt", "something+jwt"} {
		token, err := s.Sign(typ, []byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		raw, _, _ := strings.Cut(token, ".")
		header, err := base64.RawURLEncoding.DecodeString(raw)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(header, &got); err != nil {
			t.Fatal(err)
		}
		typed, present := got["typ"]
		if typed != typ || present != (typ != "") || got["kid"] != "a\"b<\n" || got["alg"] != "ES256" {
			t.Errorf("typ %q: header %s", typ, header)
		}
	}
	if s.Algorithm() != "ES256" || s.KeyID() != "a\"b<\n" || !SameKey(s.Public(), key.Public()) {
		t.Error("the signer does not say what it is")
	}
}

func TestSignerIsSafeForConcurrentUse(t *testing.T) {
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		s, err := NewSigner(alg, "k", testKey(t, alg, ""))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				body := `{"n":"` + strings.Repeat("x", i*50) + `"}`
				for range 20 {
					token, err := s.Sign("at+jwt", []byte(body))
					if err != nil {
						t.Error(err)
						return
					}
					j, err := Parse(token)
					if err != nil || string(j.Payload) != body || j.Verify(alg, s.Public()) != nil {
						t.Errorf("mixed up: %v", err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestNewSignerRefusesKeysThatDoNotFit(t *testing.T) {
	for _, row := range []struct {
		name, alg string
		key       crypto.Signer
	}{
		{"none", "none", testKey(t, "ES256", "")},
		{"symmetric", "HS256", testKey(t, "ES256", "")},
		{"no key", "ES256", nil},
		{"wrong curve (RFC 7518 §3.4)", "ES256", testKey(t, "ES384", "")},
		{"wrong type", "RS256", testKey(t, "EdDSA", "")},
	} {
		if _, err := NewSigner(row.alg, "k", row.key); err == nil {
			t.Errorf("%s: taken", row.name)
		}
	}
}

func TestPrivateKeysSurviveStorage(t *testing.T) {
	for _, alg := range Algorithms() {
		key := testKey(t, alg, "")
		der, err := MarshalPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParsePrivateKey(der)
		if err != nil {
			t.Fatal(err)
		}
		if !SameKey(back.Public(), key.Public()) {
			t.Errorf("%s: another key came back", alg)
		}
		if _, err := ParsePrivateKey(der[:len(der)-1]); err == nil {
			t.Errorf("%s: a cut key was read", alg)
		}
	}
	if _, err := MarshalPrivateKey(opaque{testKey(t, "ES256", "")}); err == nil {
		t.Error("a key that cannot be exported was exported")
	}
}

// TestHalfHash has the example of OpenID Connect Core 1.0 §A.3 and A.4.
func TestHalfHash(t *testing.T) {
	for _, row := range []struct{ alg, value, want string }{
		{"RS256", "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "77QmUPtjPfzWtF2AnpK9RQ"},
		{"RS256", "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", "LDktKdoQak3Pk0cnXxCltA"},
	} {
		if got, err := HalfHash(row.alg, row.value); err != nil || got != row.want {
			t.Errorf("%s: %q, %v; want %q", row.alg, got, err, row.want)
		}
	}
	for alg, length := range map[string]int{"ES256": 22, "PS384": 32, "ES512": 43, "EdDSA": 43} {
		if got, err := HalfHash(alg, "x"); err != nil || len(got) != length {
			t.Errorf("%s: %d characters, want %d (%v)", alg, len(got), length, err)
		}
	}
	if _, err := HalfHash("none", "x"); err == nil {
		t.Error("a hash for none")
	}
}

func TestGeneratedKeysFit(t *testing.T) {
	for _, alg := range Algorithms() {
		key := testKey(t, alg, "")
		if err := CheckKey(alg, key.Public()); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		switch k := key.Public().(type) {
		case *rsa.PublicKey:
			if k.N.BitLen() != 2048 || k.E != 65537 {
				t.Errorf("%s: %d bits, e = %d", alg, k.N.BitLen(), k.E)
			}
		case *ecdsa.PublicKey:
			if !strings.HasSuffix(k.Params().Name, map[string]string{"ES256": "256", "ES384": "384", "ES512": "521"}[alg]) {
				t.Errorf("%s: curve %s", alg, k.Params().Name)
			}
		}
	}
	if _, err := GenerateKey("HS256"); err == nil {
		t.Error("a key for HS256")
	}
}
