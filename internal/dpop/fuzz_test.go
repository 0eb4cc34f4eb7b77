package dpop_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	josev4 "github.com/go-jose/go-jose/v4"
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/dpop"
	"github.com/oidckit/oidckit/internal/dpop/dpoptest"
)

func signGoJose(t *testing.T, signer josev4.Signer, claims edit) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// FuzzDPoPProof: what we take as a proof, go-jose takes as a token signed by
// the public key in its header, and its claims are those of the request. A
// refusal never is an error of another kind.
func FuzzDPoPProof(f *testing.F) {
	key := dpoptest.NewKey(f)
	for _, proof := range []string{
		good(key), good(key, edit{"iat": nil}), good(key, edit{"exp": 1, "nonce": "n"}), "", "..", good(key) + "\n", dpoptest.Twin(good(key)),
		key.Sign(key.Header(edit{"jwk": key.JWK(edit{"d": "AAAA"})}), dpoptest.Claims("GET", target)),
		key.Sign(key.Header(edit{"jwk": key.JWK(edit{"use": "sig", "key_ops": []string{"verify"}})}), dpoptest.Claims("GET", target)),
	} {
		f.Add(proof)
	}
	var algorithms []josev4.SignatureAlgorithm
	for _, alg := range dpop.Algorithms() {
		algorithms = append(algorithms, josev4.SignatureAlgorithm(alg))
	}
	c := checker(func(c *dpop.Config) { c.Replay = storeFunc(func(time.Time) {}); c.Window = 1 << 60 })
	f.Fuzz(func(t *testing.T, proof string) {
		p, err := c.Check(context.Background(), []string{proof}, dpop.Request{Method: "GET", Path: "/orders"})
		if err != nil {
			if !errors.Is(err, oidckit.InvalidDPoPProof) {
				t.Fatalf("%q: %v", proof, err)
			}
			return
		}
		theirs, err := josev4.ParseSignedCompact(proof, algorithms)
		if err != nil {
			t.Fatalf("go-jose refuses %q: %v", proof, err)
		}
		jwk := theirs.Signatures[0].Header.JSONWebKey
		if jwk == nil || !jwk.IsPublic() {
			t.Fatalf("go-jose sees no public key in %q", proof)
		}
		payload, err := theirs.Verify(jwk)
		if err != nil {
			t.Fatalf("go-jose does not verify %q: %v", proof, err)
		}
		claims := map[string]any{}
		if err := json.Unmarshal(payload, &claims); err != nil || claims["jti"] != p.ID || claims["htm"] != "GET" || claims["htu"] != p.URL {
			t.Fatalf("%+v, %v, we read %+v", claims, err, p)
		}
	})
}
