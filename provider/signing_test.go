package provider_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// verifyPublished checks a signature by the key that the issuer publishes, and
// returns the payload.
func (f *fixture) verifyPublished(token, alg string) []byte {
	f.t.Helper()
	set, _, err := jose.ParseJWKS([]byte(f.send(f.client, f.newRequest(http.MethodGet, "/jwks", nil)).body))
	if err != nil {
		f.t.Fatal(err)
	}
	j, err := jose.Parse(token)
	if err != nil {
		f.t.Fatal(err)
	}
	i := slices.IndexFunc(set, func(k jose.JWK) bool { return k.KeyID == j.Header.KeyID })
	if i < 0 || j.Header.Type != "JWT" {
		f.t.Fatalf("header %+v", j.Header)
	}
	if err := j.Verify(alg, set[i].Key); err != nil {
		f.t.Fatalf("%s: %v", alg, err)
	}
	return j.Payload
}

// OpenID Connect Dynamic Client Registration 1.0 §2 and Core §5.3.2: each
// client's ID tokens and answers of userinfo are signed as it is registered;
// hashes go with the algorithm.
func TestSigningAlgorithmsOfClients(t *testing.T) {
	algs := []string{"ES256", "RS256", "PS256", "EdDSA"}
	var clients []oidckit.ClientMetadata
	for _, alg := range algs {
		clients = append(clients, publicTwin(alg, func(m *oidckit.ClientMetadata) {
			m.IDTokenSignedResponseAlg, m.UserinfoSignedResponseAlg = alg, alg
		}))
	}
	clients = append(clients, publicTwin("plain", func(*oidckit.ClientMetadata) {}))
	f := newFixture(t, oidctest.Config{Clients: clients, Configure: func(c *provider.Config) { c.SigningAlgs = algs }})
	for _, alg := range algs {
		t.Run(alg, func(t *testing.T) {
			g := f.sub(t)
			res := g.token(g.as(alg, codeForm(g.code("client_id", alg))))
			var id struct {
				Hash string `json:"at_hash"`
				Sub  string `json:"sub"`
			}
			if err := json.Unmarshal(g.verifyPublished(res.ID, alg), &id); err != nil {
				t.Fatal(err)
			}
			if want, err := jose.HalfHash(alg, res.Access); err != nil || id.Hash != want {
				t.Errorf("at_hash %q, want %q", id.Hash, want)
			}
			a := g.userinfo(res.Access)
			if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/jwt" || a.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %v", a.status, a.header)
			}
			info := map[string]any{}
			if err := json.Unmarshal(g.verifyPublished(a.body, alg), &info); err != nil {
				t.Fatal(err)
			}
			// conformance, userinfo-rs256
			if info["iss"] != f.base || info["aud"] != alg || info["sub"] != id.Sub || info["email"] != "alice@example.com" || info["nonce"] != nil {
				t.Errorf("%v", info)
			}
			t.Run("is no hint", func(t *testing.T) {
				h := *g
				h.t = t
				h.browse(http.MethodGet, "/authorize?"+request("client_id", alg, "prompt", "none", "id_token_hint", a.body).Encode(), nil).refusal(t, oidckit.InvalidRequest, f.base, "the state")
			})
		})
	}
	t.Run("plain", func(t *testing.T) {
		g := f.sub(t)
		res := g.token(g.as("plain", codeForm(g.code("client_id", "plain"))))
		g.verifyPublished(res.ID, "RS256")
		_, info, header := g.get("/userinfo", res.Access)
		if header.Get("Content-Type") != "application/json" || info["iss"] != nil || info["aud"] != nil {
			t.Errorf("%v %v", header, info)
		}
	})
}
