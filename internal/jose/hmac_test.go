package jose

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"testing"
)

// hs signs as an outsider would, with nothing of this package.
func hs(alg, payload string, secret []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"`+alg+`"}`)) + "." + encode([]byte(payload))
	for i := range hmacAlgorithms {
		if hmacAlgorithms[i].name == alg {
			m := hmac.New(hmacAlgorithms[i].hash.New, secret)
			m.Write([]byte(signed))
			return signed + "." + encode(m.Sum(nil))
		}
	}
	return signed + ".AA"
}

// RFC 7518 §3.2: HMAC with a secret as long as the hash.
func TestVerifyHMAC(t *testing.T) {
	for _, alg := range HMACAlgorithms() {
		size := MinHMACSecret(alg)
		secret := bytes.Repeat([]byte{7}, size)
		j, err := Parse(hs(alg, `{}`, secret))
		if err != nil {
			t.Fatal(err)
		}
		if err := j.VerifyHMAC(alg, secret); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		short := secret[:size-1]
		weak, err := Parse(hs(alg, `{}`, short))
		if err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"another secret":     j.VerifyHMAC(alg, bytes.Repeat([]byte{8}, size)),
			"a short secret":     weak.VerifyHMAC(alg, short),
			"no secret":          j.VerifyHMAC(alg, nil),
			"another algorithm":  j.VerifyHMAC("RS256", secret),
			"as if asymmetric":   j.Verify(alg, secret),
			"none":               j.VerifyHMAC("none", secret),
			"a longer algorithm": j.VerifyHMAC("HS1024", secret),
		} {
			if !errors.Is(err, ErrSignature) {
				t.Errorf("%s: %s: %v", alg, name, err)
			}
		}
	}
	if MinHMACSecret("ES256") != 0 {
		t.Error("ES256 has a secret")
	}
}

// RFC 7515 §3.2, RFC 7518 §3.2: what is signed here anybody can verify who has
// the secret, and no secret is too short.
func TestSignHMAC(t *testing.T) {
	for _, alg := range HMACAlgorithms() {
		secret := bytes.Repeat([]byte{7}, MinHMACSecret(alg))
		token, err := SignHMAC(alg, secret, "JWT", []byte(`{"iss":"a"}`))
		if err != nil {
			t.Fatal(err)
		}
		j, err := Parse(token)
		if err != nil || j.VerifyHMAC(alg, secret) != nil || j.Header.Type != "JWT" || string(j.Payload) != `{"iss":"a"}` {
			t.Errorf("%s: %s %v", alg, token, err)
		}
		if _, err := SignHMAC(alg, secret[1:], "JWT", nil); err == nil {
			t.Errorf("%s signs with a short secret", alg)
		}
	}
	if _, err := SignHMAC("ES256", bytes.Repeat([]byte{7}, 64), "", nil); err == nil {
		t.Error("ES256 is taken for a symmetric algorithm")
	}
}
