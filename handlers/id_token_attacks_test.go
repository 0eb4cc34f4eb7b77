package handlers_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/jose"
)

// rawKeys sign what a jose.Signer would not.
var rawKeys = sync.OnceValue(func() (k struct {
	rsa, small *rsa.PrivateKey
	p256, p384 *ecdsa.PrivateKey
}) {
	var errs [4]error
	k.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	k.small, errs[1] = rsa.GenerateKey(rand.Reader, 1024)
	k.p256, errs[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.p384, errs[3] = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
	return k
})

// rawToken signs any header and payload.
func rawToken(header string, payload []byte, key crypto.Signer) string {
	part := base64.RawURLEncoding.EncodeToString
	input := part([]byte(header)) + "." + part(payload)
	digest := sha256.Sum256([]byte(input))
	var sig []byte
	var err error
	if k, ok := key.(*ecdsa.PrivateKey); ok {
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, k, digest[:])
		size := (k.Params().BitSize + 7) / 8
		sig = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	} else {
		sig, err = key.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
	if err != nil {
		panic(err)
	}
	return input + "." + part(sig)
}

func claimsJSON(c map[string]any) []byte {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return data
}

// keyMember is a key as a member of a set, with a name and further members.
func keyMember(key crypto.PublicKey, kid, more string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	head := `{"kid":"` + kid + `",` + more
	if k, ok := key.(*rsa.PublicKey); ok {
		return head + `"kty":"RSA","n":"` + b64(k.N.Bytes()) + `","e":"AQAB"}`
	}
	data, err := jose.MarshalJWKS([]jose.JWK{{Key: key}})
	if err != nil {
		panic(err)
	}
	return head + strings.TrimSuffix(strings.TrimPrefix(string(bytes.TrimSpace(data)), `{"keys":[{`), "]}")
}

// An ID token is believed for the issuer's signature under the registered
// algorithm, by a key that the issuer publishes for that, and for claims that can
// be read in one way: what the packages below show of tokens, at the end of a
// login (I1 to I7).
func TestForgedIDTokens(t *testing.T) {
	k := rawKeys()
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the attacker was called") }))
	defer evil.Close()
	public := k.rsa.Public().(*rsa.PublicKey)
	named := keyMember(public, "raw", "")
	header := func(more string) func(c map[string]any) string {
		return func(c map[string]any) string {
			return rawToken(`{"alg":"RS256","kid":"raw"`+more+`}`, claimsJSON(c), k.rsa)
		}
	}
	head := func(h string, key crypto.Signer) func(c map[string]any) string {
		return func(c map[string]any) string { return rawToken(h, claimsJSON(c), key) }
	}
	// payload changes the text of the claims, under a good signature.
	payload := func(edit func(text string) string) func(c map[string]any) string {
		return func(c map[string]any) string {
			return rawToken(`{"alg":"RS256","kid":"raw"}`, []byte(edit(string(claimsJSON(c)))), k.rsa)
		}
	}
	always := func(text string) func(map[string]any) string { return payload(func(string) string { return text }) }
	mac := func(secret []byte) func(c map[string]any) string {
		return func(c map[string]any) string {
			input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"raw"}`)) + "." + base64.RawURLEncoding.EncodeToString(claimsJSON(c))
			m := hmac.New(sha256.New, secret)
			m.Write([]byte(input))
			return input + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
		}
	}
	signedAs := func(alg string) func(c map[string]any) string {
		return func(c map[string]any) string {
			s, err := jose.NewSigner(alg, "raw", k.rsa)
			if err != nil {
				panic(err)
			}
			return signWith(s, "JWT", c)
		}
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	huge := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 16383), E: 65537}
	huge.N.SetBit(huge.N, 0, 1)

	for _, row := range []struct {
		name string
		// set is what is published beside the issuer's key.
		set   string
		token func(c map[string]any) string
		alg   string
		// good and reason are those of a token that passes, or that does not.
		good   bool
		reason string
	}{
		{name: "nothing wrong", set: named, token: header(""), good: true},
		{name: "nothing wrong, ES256", alg: "ES256", set: keyMember(k.p256.Public(), "raw", ""), token: head(`{"alg":"ES256","kid":"raw"}`, k.p256), good: true},
		{name: "ATK-004 SPKI PEM", set: named, token: mac(text)},
		{name: "ATK-004 SPKI PEM, no newline", set: named, token: mac(bytes.TrimSpace(text))},
		{name: "ATK-004 SPKI PEM after white space", set: named, token: mac(append([]byte(" \n"), text...))},
		{name: "ATK-004 SPKI DER", set: named, token: mac(spki)},
		{name: "ATK-004 PKCS #1 DER", set: named, token: mac(x509.MarshalPKCS1PublicKey(public))},
		{name: "ATK-004 JWK", set: named, token: mac([]byte(named))},
		{name: "ATK-006 RS512", set: named, token: signedAs("RS512")},
		{name: "ATK-006 PS256", set: named, token: signedAs("PS256")},
		{name: "ATK-006 ES256 under the name of the RSA key", set: named, token: head(`{"alg":"ES256","kid":"raw"}`, k.p256)},
		{name: "ATK-008 use enc", set: keyMember(public, "raw", `"use":"enc",`), token: header("")},
		{name: "ATK-008 key_ops encrypt", set: keyMember(public, "raw", `"key_ops":["encrypt"],`), token: header("")},
		{name: "ATK-008 key_ops without verify", set: keyMember(public, "raw", `"key_ops":["sign"],`), token: header("")},
		{name: "ATK-010 jku", token: header(`,"jku":"` + evil.URL + `"`)},
		{name: "ATK-010 x5u", token: header(`,"x5u":"` + evil.URL + `"`)},
		{name: "ATK-010 jwk", token: header(`,"jwk":` + named)},
		{name: "ATK-010 x5c", token: header(`,"x5c":["MIIB"]`)},
		{name: "ATK-011 path", set: named, token: head(`{"alg":"RS256","kid":"../../dev/null"}`, k.rsa)},
		{name: "ATK-011 SQL", set: named, token: head(`{"alg":"RS256","kid":"' OR 1=1--"}`, k.rsa)},
		{name: "ATK-011 NUL", set: named, token: head(`{"alg":"RS256","kid":"raw\u0000"}`, k.rsa)},
		{name: "ATK-011 URL", set: named, token: head(`{"alg":"RS256","kid":"`+evil.URL+`"}`, k.rsa)},
		{name: "ATK-011 number", set: named, token: head(`{"alg":"RS256","kid":1}`, k.rsa)},
		{name: "ATK-011 array", set: named, token: head(`{"alg":"RS256","kid":["raw"]}`, k.rsa)},
		{name: "ATK-013 two RSA keys of a name", set: keyMember(testKeys()["foreign"].Public(), "raw", "") + "," + named, token: header("")},
		{name: "ATK-013 an EC key of the name", set: keyMember(k.p256.Public(), "raw", "") + "," + named, token: header(""), good: true},
		{name: "ATK-015 another issuer's token", set: named, token: payload(func(s string) string { return strings.Replace(s, `"iss":"http`, `"iss":"https`, 1) })},
		{name: "ATK-016 r and s are 0", alg: "ES256", set: keyMember(k.p256.Public(), "raw", ""), token: func(c map[string]any) string {
			good := rawToken(`{"alg":"ES256","kid":"raw"}`, claimsJSON(c), k.p256)
			return good[:strings.LastIndexByte(good, '.')+1] + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
		}},
		{name: "ATK-020 P-384 key with ES256", alg: "ES256", set: keyMember(k.p384.Public(), "raw", ""), token: head(`{"alg":"ES256","kid":"raw"}`, k.p384)},
		{name: "ATK-020 ES256K", alg: "ES256", set: keyMember(k.p256.Public(), "raw", ""), token: head(`{"alg":"ES256K","kid":"raw"}`, k.p256)},
		{name: "ATK-021 not on the curve", alg: "ES256", token: head(`{"alg":"ES256","kid":"raw"}`, k.p256), set: `{"kid":"raw","kty":"EC","crv":"P-256",` +
			`"x":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","y":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}`},
		{name: "ATK-022 RSA of 1024 bits", set: keyMember(k.small.Public(), "raw", ""), token: head(`{"alg":"RS256","kid":"raw"}`, k.small)},
		{name: "ATK-023 RSA of 16384 bits", set: keyMember(huge, "raw", ""), token: header("")},
		{name: "ATK-023 exponent 1", set: strings.Replace(named, `"e":"AQAB"`, `"e":"AQ"`, 1), token: header("")},
		{name: "ATK-026 an oct key", set: `{"kid":"raw","kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}`, token: mac([]byte("secret-secret-secret-secret-secret"))},
		{name: "ATK-027 JSON serialization", set: named, token: func(c map[string]any) string {
			p := strings.Split(header("")(c), ".")
			return `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`
		}},
		{name: "ATK-029, ATK-031 encrypted, without tag", token: func(map[string]any) string {
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"dir","enc":"A256GCM","zip":"DEF"}`)) + "..AAAA." + strings.Repeat("A", 8<<10) + "."
		}},
		{name: "ATK-033 b64 false", set: named, token: header(`,"b64":false,"crit":["b64"]`)},
		{name: "ATK-037 alg twice", set: named, token: head(`{"alg":"none","kid":"raw","alg":"RS256"}`, k.rsa)},
		{name: "ATK-037 sub twice", set: named, token: payload(func(s string) string { return strings.Replace(s, `"sub":"alice"`, `"sub":"alice","sub":"alice"`, 1) })},
		{name: "ATK-037 aud twice", set: named, token: payload(func(s string) string { return `{"aud":"other",` + s[1:] })},
		{name: "ATK-039 trailing bytes", set: named, token: payload(func(s string) string { return s + "{}" })},
		{name: "ATK-039 BOM", set: named, token: payload(func(s string) string { return "\xef\xbb\xbf" + s })},
		{name: "ATK-039 invalid UTF-8", set: named, token: payload(func(s string) string { return strings.Replace(s, `"alice"`, "\"ali\xffce\"", 1) })},
		{name: "ATK-039 lone surrogate", set: named, token: payload(func(s string) string { return strings.Replace(s, `"alice"`, `"ali\ud800ce"`, 1) })},
		{name: "ATK-040 null", set: named, token: always("null")},
		{name: "ATK-040 array", set: named, token: always("[]")},
		{name: "ATK-040 text", set: named, token: always(`"x"`)},
		{name: "ATK-040 number", set: named, token: always("1")},
		{name: "ATK-040 nothing", set: named, token: always("")},
		{name: "ATK-045 a prefix", set: named, token: payload(func(s string) string { return strings.Replace(s, `"aud":"webapp"`, `"aud":"weba"`, 1) })},
		{name: "ATK-045 a suffix", set: named, token: payload(func(s string) string { return strings.Replace(s, `"aud":"webapp"`, `"aud":"webapp.evil"`, 1) })},
		{name: "ATK-045 a slash", set: named, token: payload(func(s string) string { return strings.Replace(s, `"aud":"webapp"`, `"aud":"webapp/"`, 1) })},
		{name: "ATK-060 two tokens' parts", set: named, token: func(c map[string]any) string {
			one := strings.Split(header("")(c), ".")
			c["sub"] = "mallory"
			return one[0] + "." + strings.Split(header("")(c), ".")[1] + "." + one[2]
		}},
		{name: "ATK-071 one bad key beside", set: `{"kid":"odd","kty":"XYZ"},{"kid":"odder","kty":"EC","crv":"P-999","x":"AA","y":"AA"},` + named, token: header(""), good: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newIDP(t)
			a := newApp(t, p, options{config: func(c *handlers.Config) { c.IDTokenSignedResponseAlg = row.alg }})
			set := keyMember(p.signer.Public(), p.signer.KeyID(), "")
			if row.set != "" {
				set += "," + row.set
			}
			s := raw("/jwks", http.StatusOK, "application/jwk-set+json", `{"keys":[`+set+`]}`)
			s.idToken = row.token
			if row.good {
				p.play(s)
				if b := a.browser(); !strings.Contains(b.open(a.URL+"/me").body, "sub=alice") {
					t.Errorf("not logged in: %s", a.logs.String())
				}
				return
			}
			if row.alg != "" {
				// A good login would need another alg: I7 is for the rest.
				p.play(s)
				b := a.browser()
				if res := b.step(b.begin(a, "/me")); res.StatusCode != http.StatusBadRequest || b.loggedIn(a) != "" {
					t.Errorf("%d %s", res.StatusCode, res.body)
				}
				return
			}
			expectRefusal(t, p, a, refusal{script: s, reason: "id_token", exchanged: true})
		})
	}
}
