package handlers_test

import (
	"net/http"
	"testing"

	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/jose"
)

// publish makes the issuer sign with one key, and publish others.
func (p *idp) publish(signer *jose.Signer, keys ...jose.JWK) {
	p.t.Helper()
	set, err := jose.MarshalJWKS(keys)
	if err != nil {
		p.t.Fatal(err)
	}
	p.play(script{
		idToken: func(claims map[string]any) string { return signWith(signer, "JWT", claims) },
		serve: func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/jwks" {
				w.Write(set)
			}
			return r.URL.Path == "/jwks"
		},
	})
}

func published(s *jose.Signer, issuer string) jose.JWK {
	return jose.JWK{KeyID: s.KeyID(), Algorithm: s.Algorithm(), Use: "sig", Issuer: issuer, Key: s.Public()}
}

// OpenID Connect Core 1.0 §10.1: an issuer's one key has no kid, and another
// takes its place. The next login works; a stranger's signature still is none.
func TestReplacedKeyWithoutKeyID(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{config: func(c *handlers.Config) { c.IDTokenSignedResponseAlg = "ES256" }})
	first, second, stranger := newSigner("ES256", ""), newSigner("ES256", ""), newSigner("ES256", "")
	for _, row := range []struct {
		name    string
		signer  *jose.Signer
		key     *jose.Signer
		status  int
		fetches int
	}{
		{"the first key", first, first, http.StatusSeeOther, 1},
		{"replaced", second, second, http.StatusSeeOther, 2},
		{"a stranger's", stranger, second, http.StatusBadRequest, 0},
		{"the one before", first, second, http.StatusBadRequest, 0},
		{"after both", second, second, http.StatusSeeOther, 0},
	} {
		p.publish(row.signer, published(row.key, ""))
		b := a.browser()
		if res := b.step(b.begin(a, "/me")); res.StatusCode != row.status {
			t.Errorf("%s: %d %s", row.name, res.StatusCode, res.body)
		}
		if n := p.count("/jwks"); row.fetches != 0 && n != row.fetches {
			t.Errorf("%s: %d fetches, want %d", row.name, n, row.fetches)
		}
	}
}

// RFC 8725 §3.8: a key that names another issuer verifies nothing here.
func TestKeysThatNameAnIssuer(t *testing.T) {
	signer := newSigner("RS256", "k")
	for name, row := range map[string]struct {
		issuer func(own string) string
		status int
	}{
		"its own":            {func(own string) string { return own }, http.StatusSeeOther},
		"another's":          {func(string) string { return "https://other.example" }, http.StatusBadRequest},
		"a tenant of ours":   {func(own string) string { return own + "/t-1" }, http.StatusBadRequest},
		"any tenant of ours": {func(own string) string { return own + "/{tenant}" }, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t)
			a := newApp(t, p, options{})
			p.publish(signer, published(signer, row.issuer(p.URL)))
			b := a.browser()
			if res := b.step(b.begin(a, "/me")); res.StatusCode != row.status {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
		})
	}
}
