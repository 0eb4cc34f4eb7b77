package jose

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	josev4 "github.com/go-jose/go-jose/v4"
)

// FuzzParse: what we take as a signed token, go-jose takes, and both read the
// same payload, algorithm and verdict.
func FuzzParse(f *testing.F) {
	key := testKey(f, "ES256", "").Public()
	token, _ := sign(f, "ES256")
	p := strings.Split(token, ".")
	f.Add(token)
	f.Add(token + "\n")
	f.Add(token + ".")
	f.Add(p[0] + ".." + p[2])
	f.Add(b64(`{"alg":"ES256","kid":"a\u0000"}`) + "." + p[1] + "." + p[2])
	f.Add(b64(`{"alg":"none"}`) + "." + p[1] + ".")
	f.Add(b64(`{"alg":"ES256","crit":["b64"],"b64":false}`) + "." + p[1] + "." + p[2])
	all := make([]josev4.SignatureAlgorithm, 0, len(algorithms))
	for _, name := range Algorithms() {
		all = append(all, josev4.SignatureAlgorithm(name))
	}
	f.Fuzz(func(t *testing.T, s string) {
		j, err := Parse(s)
		if err != nil {
			return
		}
		if len(s) > MaxToken || strings.Count(s, ".") != 2 {
			t.Fatalf("taken: %q", s)
		}
		// strict decoding: one token has one spelling
		for i, part := range [][]byte{j.Payload, j.signature} {
			if base64.RawURLEncoding.EncodeToString(part) != strings.Split(s, ".")[i+1] {
				t.Fatalf("part %d of %q decodes to another spelling", i+1, s)
			}
		}
		if lookup(j.Header.Algorithm) == nil {
			return
		}
		theirs, err := josev4.ParseSignedCompact(s, all)
		if err != nil {
			// go-jose wants a valid embedded key and well-formed x5c where we ignore both
			if strings.Contains(err.Error(), "jwk") || strings.Contains(err.Error(), "x5c") || headerHas(s, "jwk", "x5c", "nonce") {
				return
			}
			t.Fatalf("go-jose refuses %q: %v", s, err)
		}
		if got := theirs.UnsafePayloadWithoutVerification(); string(got) != string(j.Payload) {
			t.Fatalf("payloads %q and %q", got, j.Payload)
		}
		if h := theirs.Signatures[0].Header; h.Algorithm != j.Header.Algorithm || h.KeyID != j.Header.KeyID {
			t.Fatalf("headers %+v and %+v", h, j.Header)
		}
		if j.Verify("ES256", key) == nil {
			if _, err := theirs.Verify(key); err != nil {
				t.Fatalf("go-jose does not verify %q: %v", s, err)
			}
		}
	})
}

func headerHas(token string, names ...string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token[:strings.IndexByte(token, '.')])
	if err != nil {
		return false
	}
	members := map[string]any{}
	if json.Unmarshal(raw, &members) != nil {
		return false
	}
	for _, name := range names {
		if _, ok := members[name]; ok {
			return true
		}
	}
	return false
}

// FuzzParseJWKS: keys that we take are fit for their algorithm, go-jose reads
// the same ones, and a set written from them reads back.
func FuzzParseJWKS(f *testing.F) {
	f.Add(setOf(f, keyObject(f, testKey(f, "ES256", "").Public(), object{"kid": "1"})))
	f.Add(setOf(f, keyObject(f, testKey(f, "RS256", "").Public(), object{"kid": "1"}), keyObject(f, testKey(f, "EdDSA", "").Public(), nil)))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"},{"kty":"RSA","n":"AQAB","e":"AQ"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, _, err := ParseJWKS(data)
		if err != nil {
			return
		}
		for i := range keys {
			k := &keys[i]
			if !usable(k.Key) || k.Algorithm != "" && !k.Fits(k.Algorithm) {
				t.Fatalf("took %+v", k)
			}
			one, err := MarshalJWKS([]JWK{*k})
			if err != nil {
				t.Fatal(err)
			}
			back, skipped, err := ParseJWKS(one)
			if err != nil || skipped != 0 || len(back) != 1 || !SameKey(back[0].Key, k.Key) {
				t.Fatalf("%s reads back as %+v, %d skipped, %v", one, back, skipped, err)
			}
			var theirs josev4.JSONWebKeySet
			if err := json.Unmarshal(one, &theirs); err != nil || !SameKey(theirs.Keys[0].Key, k.Key) {
				t.Fatalf("go-jose reads %s as %+v, %v", one, theirs, err)
			}
		}
	})
}
