package provider_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// Row A10: who is given a certificate in place of the key set verifies an ID
// token with it. RFC 7517 §4.7, §4.9: the key set has it too.
func TestSeedA10Certificate(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) { c.Certificates = &provider.Certificates{} }})
	token := f.tokens().ID
	a := f.browse(http.MethodGet, "/certificate", nil)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/x-pem-file" || a.header.Get("ETag") == "" {
		t.Fatalf("%+v", a)
	}
	block, rest := pem.Decode([]byte(a.body))
	if block == nil {
		t.Fatal(a.body)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	head, payload, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(payload, ".")
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(head + "." + payload))
	if err := rsa.VerifyPKCS1v15(c.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], raw); err != nil {
		t.Error("the first certificate does not verify an ID token:", err)
	}
	if next, _ := pem.Decode(rest); next == nil {
		t.Error("the certificate of the other key is missing")
	}
	_, doc, _ := f.get("/jwks", "")
	for _, k := range doc["keys"].([]any) {
		k := k.(map[string]any)
		one := f.browse(http.MethodGet, "/certificate?"+url.Values{"kid": {k["kid"].(string)}}.Encode(), nil)
		block, rest := pem.Decode([]byte(one.body))
		if block == nil || len(rest) != 0 {
			t.Fatalf("%+v", one)
		}
		sum := sha256.Sum256(block.Bytes)
		if k["x5c"].([]any)[0] != base64.StdEncoding.EncodeToString(block.Bytes) || k["x5t#S256"] != base64.RawURLEncoding.EncodeToString(sum[:]) {
			t.Errorf("%v", k)
		}
	}
	if a := f.browse(http.MethodGet, "/certificate?alg=ES256", nil); a.status != http.StatusOK || strings.Count(a.body, "BEGIN") != 1 {
		t.Errorf("%+v", a)
	}
	if a := f.browse(http.MethodGet, "/certificate?kid=none", nil); a.status != http.StatusNotFound {
		t.Errorf("%+v", a)
	}
	off := newFixture(t, oidctest.Config{})
	if a := off.browse(http.MethodGet, "/certificate", nil); a.status != http.StatusNotFound {
		t.Errorf("off: %+v", a)
	}
}

// vault is a key that signs and is not seen.
type vault struct{ crypto.Signer }

func (v vault) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return v.Signer.Sign(r, digest, opts)
}

func newVault(t *testing.T) vault {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return vault{key}
}

// Access tokens are signed by a key that the issuer never sees.
func TestSigningKeys(t *testing.T) {
	next := newVault(t)
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		c.SigningKeys = []provider.SigningKey{
			{Algorithm: "ES256", KeyID: "kms-1", Signer: newVault(t)},
			{Algorithm: "ES256", KeyID: "kms-2", Signer: next, PublishOnly: true},
		}
	}})
	res := f.tokens()
	if f.kid(res.Access) != "kms-1" || !f.alive(res.Access) || f.kid(res.ID) == "kms-1" {
		t.Errorf("%s %s", f.kid(res.Access), f.kid(res.ID))
	}
	if kids := f.kids(); len(kids) != 3 || kids[0] != "kms-1" || kids[1] != "kms-2" {
		t.Errorf("%v", kids)
	}
}

// New names every problem of keys that live elsewhere.
func TestSigningKeysAreChecked(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	c := f.watch.config
	one, two := newVault(t), newVault(t)
	c.SigningKeys = []provider.SigningKey{
		{Algorithm: "ES256", KeyID: "a", Signer: one},
		{Algorithm: "ES256", KeyID: "a", Signer: two},
		{Algorithm: "PS256", KeyID: "b", Signer: one},
		{Algorithm: "RS256", KeyID: "c", Signer: one},
		{Algorithm: "ES256", KeyID: "d"},
		{Algorithm: "ES256", KeyID: "e", PublishOnly: true},
		{Algorithm: "ES256", KeyID: "f", Signer: one, Public: two.Public(), PublishOnly: true},
	}
	_, err := provider.New(c)
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{
		`SigningKeys[1]: KeyID "a" is there twice`, `SigningKeys[1]: a second key signs with ES256`, `SigningKeys[2]: Algorithm "PS256"`,
		"SigningKeys[3]: the key does not fit", "SigningKeys[4]: Signer is nil", "SigningKeys[5]: Signer is nil", "SigningKeys[6]: Public goes without Signer",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("lacks %s: %v", want, err)
		}
	}
}
