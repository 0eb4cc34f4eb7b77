package handlers_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/jose"
)

const wellKnown = "/.well-known/openid-configuration"

// byHand is what an operator writes down of the issuer.
func (p *idp) byHand() *oidckit.ProviderMetadata {
	return &oidckit.ProviderMetadata{
		Issuer: p.URL, AuthorizationEndpoint: p.URL + "/authorize", TokenEndpoint: p.URL + "/token",
		UserinfoEndpoint: p.URL + "/userinfo", JWKSURI: p.URL + "/jwks", EndSessionEndpoint: p.URL + "/logout",
	}
}

// selfSigned makes a certificate that has expired long ago and that nobody has signed
// but the key itself.
func selfSigned(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keySet(t *testing.T, keys ...jose.JWK) []byte {
	t.Helper()
	set, err := jose.MarshalJWKS(keys)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// certified is a signer under a kid, and the certificate of its key.
func certified(t *testing.T, kid string) (*jose.Signer, []byte) {
	t.Helper()
	key, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner("ES256", kid, key)
	if err != nil {
		t.Fatal(err)
	}
	return s, selfSigned(t, key)
}

// Row A11: endpoints and keys by hand serve a login as those of a document do,
// nothing is fetched that is known, and what is checked stays checked.
func TestByHand(t *testing.T) {
	one, certOne := certified(t, "1")
	two, certTwo := certified(t, "2")
	stranger, _ := certified(t, "1")
	public := func(s *jose.Signer, kid string) jose.JWK { return jose.JWK{KeyID: kid, Key: s.Public()} }
	both := append(append([]byte("Issued to: nobody\n"), certOne...), certTwo...)
	for _, row := range []struct {
		name      string
		signer    *jose.Signer
		keys      []byte
		certs     []byte
		discovery bool
		ok        bool
	}{
		{name: "keys at their address", signer: one, ok: true},
		{name: "key set", signer: one, keys: keySet(t, public(one, "1"), public(two, "2")), ok: true},
		{name: "key without kid, token with one", signer: one, keys: keySet(t, public(one, "")), ok: true},
		{name: "two keys without kid", signer: two, keys: keySet(t, public(one, ""), public(two, "")), ok: true},
		{name: "another kid", signer: one, keys: keySet(t, public(one, "3")), ok: false},
		{name: "the kid of another key", signer: stranger, keys: keySet(t, public(one, "1"), public(stranger, "")), ok: false},
		{name: "certificate", signer: one, certs: certOne, ok: true},
		{name: "the second certificate", signer: two, certs: both, ok: true},
		{name: "a stranger's signature", signer: stranger, certs: both, ok: false},
		{name: "certificate beside discovery", signer: one, certs: certOne, discovery: true, ok: true},
		{name: "RFC 8725 §3.8 another issuer's key", signer: one, ok: false,
			keys: keySet(t, jose.JWK{KeyID: "1", Issuer: "https://other.example", Key: one.Public()}, public(two, "2"))},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newIDP(t)
			p.publish(row.signer, public(one, "1"))
			a := newApp(t, p, options{config: func(c *handlers.Config) {
				c.IDTokenSignedResponseAlg, c.KeySet, c.Certificates = "ES256", row.keys, row.certs
				if !row.discovery {
					c.Metadata = p.byHand()
				}
			}})
			if err := a.rp.Check(t.Context()); err != nil {
				t.Error(err)
			}
			b := a.browser()
			res := b.step(b.begin(a, "/me"))
			if in := b.loggedIn(a) == "alice"; in != row.ok || (res.StatusCode == http.StatusSeeOther) != row.ok {
				t.Errorf("%d %s %s", res.StatusCode, res.body, a.logs.String())
			}
			if n := p.count(wellKnown); (n > 0) != row.discovery {
				t.Errorf("%d fetches of the metadata", n)
			}
			if n := p.count("/jwks"); (n > 0) != (row.keys == nil && row.certs == nil) {
				t.Errorf("%d fetches of the keys", n)
			}
		})
	}
}

// OpenID Connect RP-Initiated Logout 1.0 §2, RFC 9207 §2.4: a logout finds its
// endpoint, and an answer of another issuer is refused though nothing promises
// an iss.
func TestByHandBesideTheLogin(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{config: func(c *handlers.Config) { c.Metadata = p.byHand() }})
	b := a.browser()
	b.open(b.begin(a, "/me"))
	if out := b.post(a.URL+"/auth/logout", nil, a.URL); !strings.HasPrefix(out.Header.Get("Location"), p.URL+"/logout?") {
		t.Errorf("logout: %d to %s", out.StatusCode, out.Header.Get("Location"))
	}
	callback := b.begin(a, "/me")
	if res := b.step(strings.Replace(callback, "iss=http", "iss=https", 1)); res.StatusCode != http.StatusBadRequest || b.loggedIn(a) != "" {
		t.Errorf("mix-up: %d", res.StatusCode)
	}
	if n := p.count(wellKnown); n != 0 {
		t.Errorf("%d fetches of the metadata", n)
	}
}

// ATK-065, ATK-110 and Discovery §4.3 for what is known by hand: every problem
// is named together, each with its field.
func TestByHandProblems(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	const issuer = "https://id.example"
	good := func() *oidckit.ProviderMetadata {
		return &oidckit.ProviderMetadata{Issuer: issuer, AuthorizationEndpoint: issuer + "/a", TokenEndpoint: issuer + "/t", JWKSURI: issuer + "/k"}
	}
	signer, cert := certified(t, "1")
	set := keySet(t, jose.JWK{Key: signer.Public()})
	key, _ := jose.GenerateKey("ES256")
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, row := range map[string]struct {
		edit func(*handlers.Config)
		want []string
	}{
		"none":                  {func(*handlers.Config) {}, nil},
		"keys in their place":   {func(c *handlers.Config) { c.Metadata.JWKSURI, c.KeySet = "", set }, nil},
		"another issuer":        {func(c *handlers.Config) { c.Metadata.Issuer += "/" }, []string{"Config.Metadata issuer"}},
		"nothing":               {func(c *handlers.Config) { c.Metadata = &oidckit.ProviderMetadata{} }, []string{"Metadata issuer", "authorization_endpoint is empty", "token_endpoint is empty", "jwks_uri is empty"}},
		"ATK-065 http":          {func(c *handlers.Config) { c.Metadata.TokenEndpoint = "http://id.example/t" }, []string{"Config.Metadata token_endpoint"}},
		"ATK-065 http loopback": {func(c *handlers.Config) { c.Metadata.UserinfoEndpoint = "http://localhost/u" }, []string{"Config.Metadata userinfo_endpoint must be https"}},
		"ATK-110 http issuer": {func(c *handlers.Config) { c.Issuer, c.Metadata.Issuer = "http://id.example", "http://id.example" },
			[]string{"Config.Issuer"}},
		"javascript":         {func(c *handlers.Config) { c.Metadata.AuthorizationEndpoint = "javascript:alert(1)" }, []string{"Config.Metadata authorization_endpoint"}},
		"both kinds of keys": {func(c *handlers.Config) { c.KeySet, c.Certificates = set, cert }, []string{"Config.Certificates"}},
		"no set":             {func(c *handlers.Config) { c.KeySet = []byte("{}") }, []string{"Config.KeySet"}},
		"an empty set":       {func(c *handlers.Config) { c.KeySet = []byte(`{"keys":[]}`) }, []string{"Config.KeySet"}},
		"another algorithm":  {func(c *handlers.Config) { c.KeySet, c.IDTokenSignedResponseAlg = set, "RS256" }, []string{"Config.KeySet", "IDTokenSignedResponseAlg"}},
		"no PEM":             {func(c *handlers.Config) { c.Certificates = []byte("MIIB") }, []string{"Config.Certificates"}},
		"a private key":      {func(c *handlers.Config) { c.Certificates = append(cert[:len(cert):len(cert)], secret...) }, []string{"Config.Certificates"}},
		"cut short":          {func(c *handlers.Config) { c.Certificates = append(cert[:len(cert):len(cert)], cert[:len(cert)/2]...) }, []string{"Config.Certificates"}},
		"too many":           {func(c *handlers.Config) { c.Certificates = []byte(strings.Repeat(string(cert), 17)) }, []string{"Config.Certificates"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := handlers.Config{Issuer: issuer, Metadata: good(), ClientID: "x", BaseURL: a.URL, Sessions: a.sessions, IDTokenSignedResponseAlg: "ES256"}
			row.edit(&c)
			rp, err := handlers.NewRelyingParty(c)
			if rp != nil {
				rp.Close()
			}
			if (err == nil) != (row.want == nil) {
				t.Fatalf("%v", err)
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %q", want, err)
				}
			}
		})
	}
}
