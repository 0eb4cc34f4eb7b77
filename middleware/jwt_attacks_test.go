package middleware_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/middleware"
)

// attack is a token that must be refused, and what the log must name.
type attack struct {
	name, token string
	// claim is empty where the guard refuses before the verifier is asked.
	claim string
	// status is 401 where it is not set.
	status int
}

// refusesAll sends every token, and after each one a good one (I7).
func refusesAll(t *testing.T, g *guarded, good string, rows []attack) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			resp := g.get("Bearer " + row.token)
			if row.status == http.StatusBadRequest {
				g.wantRefused(t, resp, 400, "invalid_request")
			} else {
				g.wantRefused(t, resp, 401, "invalid_token")
				log, event := g.reported()
				if row.claim != "" {
					g.wantReason(t, log, event, row.claim)
				}
				if len(row.token) > 20 && strings.Contains(log, row.token[len(row.token)-20:]) {
					t.Errorf("the token is in the log: %s", log)
				}
			}
			g.wantServed(t, g.get("Bearer "+good))
			g.reported()
		})
	}
}

// wantReason demands that the last log line and the event name the claim.
func (g *guarded) wantReason(t *testing.T, log string, event oidckit.Event, claim string) {
	t.Helper()
	var line struct{ Level, Claim, Reason string }
	for text := range strings.Lines(log) {
		// A fetch that ran beside the request writes when it likes.
		if strings.Contains(text, `"level":"info"`) {
			continue
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("log %s: %v", text, err)
		}
	}
	if line.Claim != claim || line.Reason == "" || line.Level != "warn" {
		t.Errorf("log %s, want the claim %s", log, claim)
	}
	cause, ok := errors.AsType[*middleware.TokenError](event.Err)
	if !ok || event.Name != oidckit.EventTokenRefused || cause.Claim != claim {
		t.Errorf("event %+v, want the claim %s", event, claim)
	}
}

func TestAttacksOnSignatures(t *testing.T) {
	iss := newIssuer(t, "RS256", "ES256")
	g := newAPI(t, iss, nil)
	good := iss.token(t)
	part := strings.Split(good, ".")
	other := strings.Split(iss.token(t, map[string]any{"sub": "mallory"}), ".")
	payload := b64(iss.claims())

	rows := []attack{
		{"ATK-001 none", b64([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + payload + ".", "token", 0},
		{"ATK-001 none with a signature", b64([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + payload + "." + part[2], "alg", 0},
		{"ATK-001 None", b64([]byte(`{"alg":"None","typ":"at+jwt"}`)) + "." + payload + "." + part[2], "alg", 0},
		{"no alg", b64([]byte(`{"typ":"at+jwt"}`)) + "." + payload + "." + part[2], "token", 0},
		{"ATK-020 ES256K", forge(t, `{"alg":"ES256K","kid":"kid-ES256","typ":"at+jwt"}`, iss.claims()), "alg", 0},
		{"ATK-020 ES384 header, P-256 key", forge(t, `{"alg":"ES384","kid":"kid-ES256","typ":"at+jwt"}`, iss.claims()), "kid", 0},
		{"ATK-060 no signature", part[0] + "." + part[1] + ".", "token", 0},
		{"ATK-060 two parts", part[0] + "." + part[1], "token", 0},
		{"ATK-060 a fourth part", good + ".e30", "token", 0},
		{"ATK-060 trailing dot", good + ".", "token", 0},
		{"ATK-060 leading dot", "." + good, "token", 0},
		{"ATK-060 another token's payload", part[0] + "." + other[1] + "." + part[2], "signature", 0},
		{"ATK-060 another token's signature", part[0] + "." + part[1] + "." + other[2], "signature", 0},
		{"ATK-060 header and payload swapped", part[1] + "." + part[0] + "." + part[2], "token", 0},
		{"padding", part[0] + "." + part[1] + "." + part[2] + "==", "token", 0},
		{"base64 of the other alphabet", part[0] + "." + part[1] + "." + "+/" + part[2][2:], "token", 0},
		{"signature cut", good[:len(good)-2], "signature", 0},
		{"signature extended", good + "AAAA", "signature", 0},
		{"signature of zeros", part[0] + "." + part[1] + "." + b64(make([]byte, 64)), "signature", 0},
		{"ATK-028 five parts", b64([]byte(`{"alg":"dir","enc":"A256GCM"}`)) + "..AAAA." + payload + ".AAAA", "token", 0},
		{"ATK-028 five parts, RSA-OAEP", b64([]byte(`{"alg":"RSA-OAEP","enc":"A256GCM","cty":"JWT"}`)) + ".AAAA.AAAA." + payload + ".AAAA", "token", 0},
		{"ATK-028 three parts, encrypted by name", forge(t, header(`,"enc":"A256GCM"`), iss.claims()), "token", 0},
		{"ATK-031 JWE without tag", b64([]byte(`{"alg":"dir","enc":"A256GCM"}`)) + "..AAAA.AAAA.", "token", 0},
		{"ATK-031 JWE without header", ".AAAA.AAAA.AAAA.AAAA", "token", 0},
		{"ATK-031 dots", "....", "token", 0},
		{"ATK-027 flattened", `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`, "", 400},
		{"ATK-027 general, without signatures", `{"payload":"` + part[1] + `","signatures":[]}`, "", 400},
		{"ATK-033 b64 false", forge(t, header(`,"b64":false`), iss.claims()), "token", 0},
		{"ATK-033 b64 false and critical", forge(t, header(`,"b64":false,"crit":["b64"]`), iss.claims()), "token", 0},
		{"RFC 7515 §4.1.11 crit", forge(t, header(`,"crit":["exp"]`), iss.claims()), "token", 0},
		{"ATK-035 5 MiB header", strings.Repeat("A", 5<<20) + "." + part[1] + "." + part[2], "", 0},
		{"ATK-035 5 MiB signature", part[0] + "." + part[1] + "." + strings.Repeat("A", 5<<20), "", 0},
		{"ATK-037 alg twice", forge(t, `{"alg":"none","kid":"kid-ES256","typ":"at+jwt","alg":"ES256"}`, iss.claims()), "token", 0},
		{"ATK-039 header with a BOM", forge(t, "\xef\xbb\xbf"+header(""), iss.claims()), "token", 0},
		{"ATK-040 header is null", forge(t, "null", iss.claims()), "token", 0},
		{"header is an array", forge(t, `["ES256"]`, iss.claims()), "token", 0},
	}
	refusesAll(t, g, good, rows)
	if n := iss.fetches.Load(); n > 1 {
		t.Errorf("%d fetches of the keys", n)
	}
}

// ATK-004: an HMAC under whatever text a public key has.
func TestAttackByConfusion(t *testing.T) {
	iss := newIssuer(t, "RS256", "ES256")
	g := newAPI(t, iss, nil)
	public := testKey(t, "RS256").Public().(*rsa.PublicKey)
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	jwk, err := jose.MarshalJWKS([]jose.JWK{{KeyID: "kid-RS256", Algorithm: "RS256", Key: public}})
	if err != nil {
		t.Fatal(err)
	}
	jwk = bytes.TrimSuffix(bytes.TrimPrefix(jwk, []byte(`{"keys":[`)), []byte("]}"))
	var rows []attack
	for name, secret := range map[string][]byte{
		"SPKI PEM": text, "SPKI PEM, no newline": bytes.TrimSpace(text), "SPKI PEM after white space": append([]byte(" \n"), text...),
		"SPKI DER": spki, "PKCS #1 DER": x509.MarshalPKCS1PublicKey(public), "JWK": jwk,
	} {
		input := b64([]byte(`{"alg":"HS256","kid":"kid-RS256","typ":"at+jwt"}`)) + "." + b64(iss.claims())
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		rows = append(rows, attack{"ATK-004 " + name, input + "." + b64(mac.Sum(nil)), "alg", 0})
	}
	refusesAll(t, g, iss.token(t), rows)
}

// ATK-006: a key without alg takes the algorithms of its type that are
// accepted, and no other.
func TestKeyWithoutAlgorithm(t *testing.T) {
	iss := newIssuer(t, "RS256", "ES256")
	iss.set(false, jose.JWK{KeyID: "kid-RS256", Key: testKey(t, "RS256").Public()}, iss.keys[1])
	g := newAPI(t, iss, func(c *middleware.JWTConfig) { c.Algorithms = []string{"RS256", "RS512", "ES256"} })
	sign := func(alg, kid string) string {
		key := testKey(t, "RS256")
		if strings.HasPrefix(alg, "ES") {
			key = testKey(t, alg)
		}
		s, err := jose.NewSigner(alg, kid, key)
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.Sign("at+jwt", iss.claims())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, alg := range []string{"RS256", "RS512"} {
		g.wantServed(t, g.get("Bearer "+sign(alg, "kid-RS256")))
	}
	refusesAll(t, g, iss.token(t), []attack{
		{"ATK-006 PS256 is not accepted", sign("PS256", "kid-RS256"), "alg", 0},
		{"ATK-006 RS384 is not accepted", sign("RS384", "kid-RS256"), "alg", 0},
		{"ATK-006 HS256", b64([]byte(`{"alg":"HS256","kid":"kid-RS256"}`)) + "." + b64(iss.claims()) + ".AAAA", "alg", 0},
		{"ATK-006 ES256 under the id of the RSA key", sign("ES256", "kid-RS256"), "kid", 0},
		{"the key's own algorithm is ES256", sign("RS256", "kid-ES256"), "kid", 0},
	})
}

// ATK-010: material that the token itself names is not used.
func TestHeaderNamesKeys(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the attacker was called") }))
	defer evil.Close()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jose.MarshalJWKS([]jose.JWK{{KeyID: "kid-ES256", Key: own.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	jwk := strings.TrimSuffix(strings.TrimPrefix(string(set), `{"keys":[`), "]}")
	var rows []attack
	for _, extra := range []string{`,"jku":"` + evil.URL + `"`, `,"x5u":"` + evil.URL + `"`, `,"x5c":["MIIB"]`, `,"jwk":` + jwk} {
		input := b64([]byte(header(extra))) + "." + b64(iss.claims())
		digest := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, own, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		rows = append(rows, attack{"ATK-010 " + extra[2:5], input + "." + b64(sig), "signature", 0})
	}
	refusesAll(t, g, iss.token(t), rows)
	g.wantServed(t, g.get("Bearer "+forge(t, header(`,"jku":"`+evil.URL+`"`), iss.claims())))
}

// ATK-011, ATK-012: kid is a name in the issuer's set and nothing else.
func TestKeyID(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	good := iss.token(t)
	g.wantServed(t, g.get("Bearer "+good))
	before := iss.calls.Load()
	kid := func(v string) string {
		return forge(t, `{"alg":"ES256","typ":"at+jwt","kid":`+v+`}`, iss.claims())
	}
	refusesAll(t, g, good, []attack{
		{"ATK-011 path", kid(`"../../dev/null"`), "kid", 0},
		{"ATK-011 SQL", kid(`"' OR 1=1--"`), "kid", 0},
		{"ATK-011 NUL", kid(`"a\u0000b"`), "kid", 0},
		{"ATK-011 URL", kid(`"http://evil/"`), "kid", 0},
		{"ATK-011 64 KiB", kid(`"` + strings.Repeat("k", 64<<10) + `"`), "", 0},
		{"ATK-011 number", kid("1"), "token", 0},
		{"ATK-011 object", kid(`{"a":1}`), "token", 0},
		{"ATK-011 array", kid(`["kid-ES256"]`), "token", 0},
		{"ATK-011 null", kid("null"), "token", 0},
	})
	if n := iss.calls.Load() - before; n > 1 {
		t.Errorf("%d calls for unknown key ids", n)
	}
	noKid := forge(t, `{"alg":"ES256","typ":"at+jwt"}`, iss.claims())
	t.Run("ATK-012 no kid, one key", func(t *testing.T) { g.wantServed(t, g.get("Bearer "+noKid)) })
	t.Run("ATK-012 no kid, three keys", func(t *testing.T) {
		many := newIssuer(t)
		var keys []jose.JWK
		for i := range 3 {
			k, err := jose.GenerateKey("ES256")
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, jose.JWK{KeyID: fmt.Sprint(i), Key: k.Public()})
		}
		keys[1].Key = testKey(t, "ES256").Public()
		many.set(false, keys...)
		g := newAPI(t, many, nil)
		g.wantRefused(t, g.get("Bearer "+forge(t, `{"alg":"ES256","typ":"at+jwt"}`, many.claims())), 401, "invalid_token")
		g.wantServed(t, g.get("Bearer "+forge(t, `{"alg":"ES256","typ":"at+jwt","kid":"1"}`, many.claims())))
	})
}

// ATK-020: an EC key of another curve than the algorithm's.
func TestCurves(t *testing.T) {
	iss := newIssuer(t)
	var keys []jose.JWK
	for _, alg := range []string{"ES384", "ES512"} {
		keys = append(keys, jose.JWK{KeyID: alg, Key: testKey(t, alg).Public()})
	}
	iss.set(false, append(keys, iss.keys...)...)
	g := newAPI(t, iss, nil)
	refusesAll(t, g, iss.token(t), []attack{
		{"ATK-020 P-384 key with ES256", forge(t, `{"alg":"ES256","kid":"ES384","typ":"at+jwt"}`, iss.claims()), "kid", 0},
		{"ATK-020 P-521 key with ES256", forge(t, `{"alg":"ES256","kid":"ES512","typ":"at+jwt"}`, iss.claims()), "kid", 0},
	})
}

// ATK-015: another issuer's token costs no call at all.
func TestForeignIssuer(t *testing.T) {
	ours, theirs := newIssuer(t), newIssuer(t)
	g := newAPI(t, ours, nil)
	g.wantRefused(t, g.get("Bearer "+theirs.token(t)), 401, "invalid_token")
	log, event := g.reported()
	g.wantReason(t, log, event, "iss")
	if !strings.Contains(log, `"setting":"JWTConfig.Issuer"`) || !strings.Contains(log, theirs.URL) {
		t.Errorf("the log does not say whose token it was: %s", log)
	}
	if n := ours.calls.Load() + theirs.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}
