package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	josev4 "github.com/go-jose/go-jose/v4"
)

type object = map[string]any

// keyObject is a JWK as an issuer would publish it, made by go-jose.
func keyObject(t testing.TB, key crypto.PublicKey, more object) object {
	t.Helper()
	raw, err := json.Marshal(josev4.JSONWebKey{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	out := object{}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

func setOf(t testing.TB, keys ...object) []byte {
	t.Helper()
	raw, err := json.Marshal(object{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestSetsRoundTrip(t *testing.T) {
	var in []JWK
	for _, alg := range Algorithms() {
		in = append(in, JWK{KeyID: "k-" + alg, Algorithm: alg, Use: "sig", Key: testKey(t, alg, "").Public()})
	}
	in = append(in, JWK{Use: "sig", Key: testKey(t, "ES256", "").Public()})
	in = append(in, JWK{KeyID: "k", Use: "sig", Issuer: "https://issuer.example/{tenant}", Key: testKey(t, "ES256", "").Public()})
	raw, err := MarshalJWKS(in)
	if err != nil {
		t.Fatal(err)
	}
	out, skipped, err := ParseJWKS(raw)
	if err != nil || skipped != 0 {
		t.Fatalf("%d skipped, %v", skipped, err)
	}
	if !reflect.DeepEqual(in, out) {
		t.Errorf("got %+v, want %+v", out, in)
	}
	var theirs josev4.JSONWebKeySet
	if err := json.Unmarshal(raw, &theirs); err != nil {
		t.Fatal(err)
	}
	for i, k := range theirs.Keys {
		if !k.Valid() || !k.IsPublic() || k.KeyID != in[i].KeyID || k.Use != "sig" || k.Algorithm != in[i].Algorithm || !SameKey(k.Key, in[i].Key) {
			t.Errorf("go-jose reads %+v", k)
		}
	}
}

func TestMarshalJWKSWritesPublicMembersOnly(t *testing.T) {
	raw, err := MarshalJWKS([]JWK{{KeyID: "k", Algorithm: "RS256", Key: testKey(t, "RS256", "").Public()}})
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	for name := range set.Keys[0] {
		if !strings.Contains(" kty kid use alg n e ", " "+name+" ") {
			t.Errorf("member %q", name)
		}
	}
	if set.Keys[0]["e"] != "AQAB" {
		t.Errorf("e = %q", set.Keys[0]["e"])
	}
	if empty, err := MarshalJWKS(nil); err != nil || string(empty) != `{"keys":[]}` {
		t.Errorf("%s, %v", empty, err)
	}
	for name, k := range map[string]JWK{
		"a private key":  {Key: testKey(t, "ES256", "")},
		"a secret":       {Key: []byte("secret")},
		"nothing":        {},
		"misfit":         {Algorithm: "ES384", Key: testKey(t, "ES256", "").Public()},
		"ATK-022 1024":   {Key: &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 3}},
		"ATK-021 length": {Key: ed25519.PublicKey("short")},
	} {
		if raw, err := MarshalJWKS([]JWK{k}); err == nil {
			t.Errorf("%s: %s", name, raw)
		}
	}
}

func TestParseJWKSSkips(t *testing.T) {
	r := testKey(t, "RS256", "").Public()
	e := testKey(t, "ES256", "").Public().(*ecdsa.PublicKey)
	d := testKey(t, "EdDSA", "").Public()
	num := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	odd := func(bits uint) string {
		return num(new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1))
	}
	size := func(n int) string { return base64.RawURLEncoding.EncodeToString(make([]byte, n)) }
	with := func(key crypto.PublicKey, name string, value any) object {
		return keyObject(t, key, object{name: value})
	}
	x := keyObject(t, e, nil)["x"].(string)
	point, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	long := base64.RawURLEncoding.EncodeToString(append([]byte{0}, point[1:33]...))
	for name, key := range map[string]object{
		"ATK-008 use is enc":                   with(r, "use", "enc"),
		"ATK-008 use is unknown":               with(r, "use", "SIG"),
		"ATK-008 use is empty":                 with(r, "use", ""),
		"ATK-008 use is a number":              with(r, "use", 1),
		"ATK-008 key_ops is encrypt":           with(r, "key_ops", []string{"encrypt"}),
		"ATK-008 key_ops without verify":       with(e, "key_ops", []string{"sign", "deriveKey"}),
		"ATK-008 key_ops is empty":             with(e, "key_ops", []string{}),
		"ATK-008 key_ops is text":              with(e, "key_ops", "verify"),
		"RFC 7517 §4.3 key_ops has it twice":   with(e, "key_ops", []string{"verify", "verify"}),
		"ATK-020 secp256k1":                    with(e, "crv", "secp256k1"),
		"ATK-020 alg of another curve":         with(e, "alg", "ES384"),
		"ATK-006 alg of another type":          with(e, "alg", "RS256"),
		"alg is for encryption":                with(r, "alg", "RSA-OAEP"),
		"alg is symmetric":                     with(r, "alg", "HS256"),
		"alg is none":                          with(r, "alg", "none"),
		"alg is a number":                      with(r, "alg", 256),
		"kid is a number":                      with(r, "kid", 1),
		"issuer is empty":                      with(r, "issuer", ""),
		"issuer is a list":                     with(r, "issuer", []string{"https://issuer.example"}),
		"ATK-021 point not on curve":           with(e, "y", x),
		"ATK-021 point at zero":                {"kty": "EC", "crv": "P-256", "x": size(32), "y": size(32)},
		"ATK-021 x is short":                   with(e, "x", size(31)),
		"ATK-021 x has a leading zero":         with(e, "x", long),
		"ATK-021 no y":                         {"kty": "EC", "crv": "P-256", "x": x},
		"ATK-021 curve of another size":        with(e, "crv", "P-384"),
		"ATK-021 Ed25519 of 31 bytes":          {"kty": "OKP", "crv": "Ed25519", "x": size(31)},
		"ATK-021 Ed25519 of 33 bytes":          {"kty": "OKP", "crv": "Ed25519", "x": size(33)},
		"ATK-021 Ed25519 without x":            {"kty": "OKP", "crv": "Ed25519"},
		"ATK-022 RSA of 1024 bits":             {"kty": "RSA", "n": odd(1024), "e": "AQAB"},
		"ATK-023 RSA of 8200 bits":             {"kty": "RSA", "n": odd(8200), "e": "AQAB"},
		"ATK-023 RSA of 16384 bits":            {"kty": "RSA", "n": odd(16384), "e": "AQAB"},
		"ATK-023 e = 1":                        with(r, "e", "AQ"),
		"ATK-023 e = 2":                        with(r, "e", "Ag"),
		"ATK-023 e is even":                    with(r, "e", "AQAA"),
		"ATK-023 e = 2^31-1":                   with(r, "e", num(big.NewInt(1<<31-1))),
		"ATK-023 e = 2^32-1":                   with(r, "e", num(big.NewInt(1<<32-1))),
		"ATK-023 e = 2^64+3":                   with(r, "e", num(new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 64), big.NewInt(3)))),
		"ATK-023 e is empty":                   with(r, "e", ""),
		"RSA without n":                        {"kty": "RSA", "e": "AQAB"},
		"RFC 7515 §2 n with padding":           with(r, "n", odd(2048)+"=="),
		"RFC 7515 §2 n with a line break":      with(r, "n", odd(2048)[:100]+"\n"+odd(2048)[100:]),
		"n is a number":                        with(r, "n", 35),
		"ATK-026 oct":                          {"kty": "oct", "k": size(32), "alg": "HS256"},
		"ATK-026 oct in disguise":              with(r, "k", size(32)),
		"ATK-071 unknown kty":                  {"kty": "AKP", "alg": "ML-DSA-44", "pub": size(32)},
		"ATK-071 unknown crv":                  {"kty": "OKP", "crv": "Ed448", "x": size(57)},
		"ATK-071 no kty":                       {"n": odd(2048), "e": "AQAB"},
		"ATK-071 empty":                        {},
		"X25519 is not for signatures":         {"kty": "OKP", "crv": "X25519", "x": size(32)},
		"RFC 7518 §6.3.2 private RSA":          with(r, "d", size(256)),
		"RFC 7518 §6.3.2 a prime":              with(r, "p", size(128)),
		"RFC 7518 §6.2.2 private EC":           with(e, "d", size(32)),
		"RFC 8037 §2 private Ed25519":          with(d, "d", size(32)),
		"RFC 9864 alg of another type":         with(e, "alg", "Ed25519"),
		"RFC 7517 §4 member names are exact":   {"KTY": "OKP", "CRV": "Ed25519", "X": size(32)},
		"RFC 7517 §4.1 kty is case-sensitive":  with(r, "kty", "rsa"),
		"RFC 7518 §6.2.1.1 crv case-sensitive": with(e, "crv", "p-256"),
	} {
		good := keyObject(t, d, object{"kid": "good"})
		keys, skipped, err := ParseJWKS(setOf(t, key, good))
		if err != nil || skipped != 1 || len(keys) != 1 || keys[0].KeyID != "good" {
			t.Errorf("%s: %+v, %d skipped, %v", name, keys, skipped, err)
		}
	}
}

func TestParseJWKSTakes(t *testing.T) {
	r := testKey(t, "RS256", "").Public().(*rsa.PublicKey)
	e := testKey(t, "ES384", "").Public()
	d := testKey(t, "EdDSA", "").Public()
	signed := base64.RawURLEncoding.EncodeToString(append([]byte{0}, r.N.Bytes()...))
	for name, row := range map[string]struct {
		key object
		alg string
	}{
		"without any metadata":             {keyObject(t, r, nil), ""},
		"use sig":                          {keyObject(t, e, object{"use": "sig"}), ""},
		"key_ops with verify":              {keyObject(t, e, object{"key_ops": []string{"sign", "verify"}}), ""},
		"members nobody asked for":         {keyObject(t, e, object{"x5t": "AA", "x5c": []string{"??"}, "x5u": "https://evil.example", "ext": true}), ""},
		"RFC 9864 §2.2 Ed25519":            {keyObject(t, d, object{"alg": "Ed25519"}), "EdDSA"},
		"RFC 8037 §3.1 EdDSA":              {keyObject(t, d, object{"alg": "EdDSA"}), "EdDSA"},
		"a sign octet in front of n and e": {keyObject(t, r, object{"n": signed, "e": "AAEAAQ"}), ""},
	} {
		keys, skipped, err := ParseJWKS(setOf(t, row.key))
		if err != nil || skipped != 0 || len(keys) != 1 || keys[0].Algorithm != row.alg {
			t.Errorf("%s: %+v, %d skipped, %v", name, keys, skipped, err)
		}
	}
}

func TestParseJWKSSharedKeyIDs(t *testing.T) {
	r1, r2 := testKey(t, "RS256", "").Public(), testKey(t, "RS256", "other").Public()
	e1, e2 := testKey(t, "ES256", "").Public(), testKey(t, "ES384", "").Public()
	kid := func(key crypto.PublicKey, kid, alg string) object {
		out := keyObject(t, key, object{"kid": kid})
		if alg != "" {
			out["alg"] = alg
		}
		return out
	}
	of := func(issuer string, key object) object {
		key["issuer"] = issuer
		return key
	}
	for name, row := range map[string]struct {
		keys          []object
		kept, skipped int
	}{
		"ATK-013 of two issuers":                 {[]object{of("a", kid(r1, "1", "")), of("b", kid(r2, "1", ""))}, 2, 0},
		"ATK-013 of one issuer":                  {[]object{of("a", kid(r1, "1", "")), of("a", kid(r2, "1", ""))}, 0, 2},
		"ATK-013 of one issuer and of all":       {[]object{of("a", kid(r1, "1", "")), kid(r2, "1", "")}, 0, 2},
		"one key for two issuers":                {[]object{of("a", kid(r1, "1", "")), of("b", kid(r1, "1", ""))}, 2, 0},
		"ATK-013 RSA and EC":                     {[]object{kid(r1, "1", ""), kid(e1, "1", "")}, 2, 0},
		"ATK-013 two curves":                     {[]object{kid(e1, "1", ""), kid(e2, "1", "")}, 2, 0},
		"ATK-013 RSA and RSA, attacker first":    {[]object{kid(r2, "1", ""), kid(r1, "1", "")}, 0, 2},
		"ATK-013 the other order":                {[]object{kid(r1, "1", ""), kid(r2, "1", "")}, 0, 2},
		"ATK-013 one names its algorithm":        {[]object{kid(r1, "1", "RS256"), kid(r2, "1", "")}, 0, 2},
		"ATK-013 two algorithms":                 {[]object{kid(r1, "1", "RS256"), kid(r2, "1", "PS256")}, 2, 0},
		"ATK-013 a third key is not touched":     {[]object{kid(r1, "1", ""), kid(r2, "1", ""), kid(r2, "2", ""), kid(e1, "1", "")}, 2, 2},
		"listed twice":                           {[]object{kid(r1, "1", ""), kid(r1, "1", "")}, 1, 0},
		"listed twice among contenders":          {[]object{kid(r1, "1", ""), kid(r1, "1", ""), kid(r2, "1", "")}, 0, 3},
		"one key for two algorithms":             {[]object{kid(r1, "1", "RS256"), kid(r1, "1", "PS256")}, 2, 0},
		"keys without kid stand side by side":    {[]object{kid(r1, "", ""), kid(r2, "", "")}, 2, 0},
		"one key under two kids stays two":       {[]object{kid(r1, "1", ""), kid(r1, "2", "")}, 2, 0},
		"a bad key does not contend with a good": {[]object{kid(r1, "1", ""), keyObject(t, r2, object{"kid": "1", "use": "enc"})}, 1, 1},
	} {
		keys, skipped, err := ParseJWKS(setOf(t, row.keys...))
		if err != nil || len(keys) != row.kept || skipped != row.skipped {
			t.Errorf("%s: %d kept, %d skipped, %v", name, len(keys), skipped, err)
		}
	}
}

func TestParseJWKSRefuses(t *testing.T) {
	key, err := json.Marshal(keyObject(t, testKey(t, "ES256", "").Public(), nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string]string{
		"empty":              "",
		"HTML":               "<html></html>",
		"null":               "null",
		"a list":             "[" + string(key) + "]",
		"a single key":       string(key),
		"no keys":            "{}",
		"keys is null":       `{"keys":null}`,
		"keys is an object":  `{"keys":{}}`,
		"other case":         `{"KEYS":[]}`,
		"ATK-037 keys twice": `{"keys":[],"keys":[` + string(key) + `]}`,
		"ATK-039 BOM":        "\ufeff" + `{"keys":[]}`,
		"ATK-039 trailing":   `{"keys":[]} {}`,
		"ATK-039 cut":        `{"keys":[`,
		"too many":           `{"keys":[` + strings.Repeat("{},", maxKeys) + `{}]}`,
	} {
		if keys, skipped, err := ParseJWKS([]byte(doc)); !errors.Is(err, ErrKeySet) || len(keys) != 0 || skipped != 0 {
			t.Errorf("%s: %+v, %d skipped, %v", name, keys, skipped, err)
		}
	}
	if keys, skipped, err := ParseJWKS([]byte(`{"keys":[1,null,"x",[]]}`)); err != nil || len(keys) != 0 || skipped != 4 {
		t.Errorf("elements that are no keys: %+v, %d skipped, %v", keys, skipped, err)
	}
}

// TestThumbprint has the examples of RFC 7638 §3.1 and RFC 8037 §A.3.
func TestThumbprint(t *testing.T) {
	doc := `{"keys":[{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"},` +
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	keys, _, err := ParseJWKS([]byte(doc))
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for i, want := range []string{"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"} {
		if got, err := Thumbprint(keys[i].Key); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	for _, alg := range []string{"ES256", "ES384", "ES512"} {
		key := testKey(t, alg, "").Public()
		theirs, err := (&josev4.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Thumbprint(key); err != nil || got != base64.RawURLEncoding.EncodeToString(theirs) {
			t.Errorf("%s: %q, %v", alg, got, err)
		}
	}
	for _, key := range []any{nil, []byte("secret"), testKey(t, "ES256", "")} {
		if got, err := Thumbprint(key); err == nil {
			t.Errorf("%T: %q", key, got)
		}
	}
}

func ExampleParseJWKS() {
	keys, skipped, err := ParseJWKS([]byte(`{"keys":[
		{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
		{"kty":"oct","kid":"b","k":"c2VjcmV0"}
	]}`))
	fmt.Println(len(keys), keys[0].KeyID, skipped, err)
	// Output: 1 a 1 <nil>
}
