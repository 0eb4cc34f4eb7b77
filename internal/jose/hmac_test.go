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
