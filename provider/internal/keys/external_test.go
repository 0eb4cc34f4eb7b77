package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/internal/keys"
)

// kms is a signer whose key nobody sees, as a KMS is.
type kms struct {
	key   crypto.Signer
	calls atomic.Int64
	down  atomic.Bool
}

func newKMS(t *testing.T) *kms {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &kms{key: key}
}

func (k *kms) Public() crypto.PublicKey { return k.key.Public() }

func (k *kms) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.calls.Add(1)
	if k.down.Load() {
		return nil, errDown
	}
	return k.key.Sign(r, digest, opts)
}

// chain makes a certificate of the key by an authority of its own.
func (k *kms) chain(t *testing.T) []*x509.Certificate {
	t.Helper()
	root := newKMS(t)
	issue := func(name string, serial int64, public crypto.PublicKey, parent *x509.Certificate, isCA bool) *x509.Certificate {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour),
			IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		}
		if parent == nil {
			parent = c
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, public, root.key)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	ca := issue("root", 1, root.Public(), nil, true)
	return []*x509.Certificate{issue("leaf", 2, k.Public(), ca, false), ca}
}

func sign(t *testing.T, m *keys.Manager) string {
	t.Helper()
	s, err := m.Signer(t.Context(), "ES256")
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign("JWT", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func verifies(t *testing.T, m *keys.Manager, token string) bool {
	t.Helper()
	j, err := jose.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	err = m.Verify(t.Context(), j)
	if err != nil && !errors.Is(err, keys.ErrNotOurs) {
		t.Fatal(err)
	}
	return err == nil
}

// A key that lives in a KMS signs in place of those made here, which stay
// published for as long as what they signed is good; nothing is made for its
// algorithm any more. Rotation goes through the config: next, active, before.
func TestExternalSigner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		own := manager(t, store)
		ownKID, ownToken := signing(t, own), sign(t, own)

		first, second := newKMS(t), newKMS(t)
		stage := func(external ...keys.External) *keys.Manager {
			return manager(t, store, func(c *keys.Config) { c.External = external })
		}
		m := stage(keys.External{Algorithm: "ES256", KeyID: "one", Signer: first})
		if got := signing(t, m); got != "one" {
			t.Fatalf("%s signs", got)
		}
		one := sign(t, m)
		if first.calls.Load() != 1 || !verifies(t, m, one) || !verifies(t, m, ownToken) {
			t.Error("the KMS did not sign, or what was signed before is not believed")
		}
		if got := published(t, m); !slices.Equal(got, []string{"one", ownKID}) {
			t.Errorf("published %v", got)
		}
		next := stage(keys.External{Algorithm: "ES256", KeyID: "one", Signer: first}, keys.External{Algorithm: "ES256", KeyID: "two", Public: second.Public()})
		if signing(t, next) != "one" || !slices.Contains(published(t, next), "two") {
			t.Error("the next key is not published, or signs")
		}
		after := stage(keys.External{Algorithm: "ES256", KeyID: "one", Public: first.Public()}, keys.External{Algorithm: "ES256", KeyID: "two", Signer: second})
		// A replica that is a step behind believes what this one signs.
		two := sign(t, after)
		if signing(t, after) != "two" || !verifies(t, next, two) || !verifies(t, after, one) {
			t.Error("the step to the next key is not seamless")
		}
		time.Sleep(rotateEvery + publishAhead + retain + time.Hour)
		signing(t, after)
		if got := published(t, after); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("a key was made, or did not leave: %v", got)
		}
		if verifies(t, after, ownToken) {
			t.Error("a key that has expired is believed")
		}
		second.down.Store(true)
		s, err := after.Signer(t.Context(), "ES256")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sign("JWT", []byte(`{}`)); !errors.Is(err, errDown) {
			t.Error(err)
		}
	})
}

// FLT-12: the emergency that is over once the config names another key also
// ends a key made here before, and makes none.
func TestRevokeBesideExternal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		kid := signing(t, manager(t, store))
		m := manager(t, store, func(c *keys.Config) {
			c.External = []keys.External{{Algorithm: "ES256", KeyID: "kms", Signer: newKMS(t)}}
		})
		if err := errors.Join(m.Rotate(t.Context()), m.Revoke(t.Context(), kid)); err != nil {
			t.Fatal(err)
		}
		if got := published(t, m); !slices.Equal(got, []string{"kms"}) {
			t.Errorf("published %v", got)
		}
	})
}

// RFC 7517 §4.7, §4.9: x5c and x5t#S256 of the chain; what is no chain of the
// key is refused.
func TestExternalCertificates(t *testing.T) {
	signer, other := newKMS(t), newKMS(t)
	chain := signer.chain(t)
	e := keys.External{Algorithm: "ES256", KeyID: "kms", Signer: signer, Certificates: chain}
	for name, row := range map[string]struct {
		change func(*keys.External)
		want   string
	}{
		"good":             {func(*keys.External) {}, ""},
		"the leaf alone":   {func(e *keys.External) { e.Certificates = chain[:1] }, ""},
		"no kid":           {func(e *keys.External) { e.KeyID = "" }, "KeyID"},
		"a long kid":       {func(e *keys.External) { e.KeyID = strings.Repeat("k", 129) }, "KeyID"},
		"another alg":      {func(e *keys.External) { e.Algorithm = "RS256" }, "RS256"},
		"another key":      {func(e *keys.External) { e.Signer = other }, "another key"},
		"the wrong order":  {func(e *keys.External) { e.Certificates = []*x509.Certificate{chain[1], chain[0]} }, "another key"},
		"a stranger above": {func(e *keys.External) { e.Certificates = []*x509.Certificate{chain[0], other.chain(t)[1]} }, "does not certify"},
		"nothing":          {func(e *keys.External) { e.Certificates = []*x509.Certificate{nil} }, "empty"},
	} {
		changed := e
		row.change(&changed)
		if err := changed.Validate(); (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := manager(t, memory(), func(c *keys.Config) { c.External = []keys.External{e} })
	doc, err := m.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []struct {
			Chain      [][]byte `json:"x5c"`
			Thumbprint string   `json:"x5t#S256"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(doc.Body, &set); err != nil || len(set.Keys) != 1 {
		t.Fatal(err, string(doc.Body))
	}
	sum := sha256.Sum256(chain[0].Raw)
	if k := set.Keys[0]; len(k.Chain) != 2 || !slices.Equal(k.Chain[0], chain[0].Raw) || !slices.Equal(k.Chain[1], chain[1].Raw) ||
		k.Thumbprint != base64.RawURLEncoding.EncodeToString(sum[:]) {
		t.Errorf("%s", doc.Body)
	}
}

// The certificate of a key made here is the same on every replica and after
// every restart, ends with the key, and verifies what the key signs.
func TestSelfSigned(t *testing.T) {
	for _, alg := range []string{"ES256", "RS256", "PS256", "EdDSA", "ES512"} {
		store := memory()
		selfSigned := func(c *keys.Config) { c.SelfSigned, c.Algorithms = true, []string{alg} }
		a, b := manager(t, store, selfSigned), manager(t, store, selfSigned)
		got, err := a.Certificates(t.Context())
		if err != nil || len(got) != 1 || !got[0].Active || got[0].Algorithm != alg {
			t.Fatalf("%s: %v %v", alg, got, err)
		}
		again, err := b.Certificates(t.Context())
		if err != nil || string(again[0].PEM) != string(got[0].PEM) {
			t.Errorf("%s: replicas make different certificates", alg)
		}
		docA, errA := a.JWKS(t.Context())
		docB, errB := b.JWKS(t.Context())
		if errA != nil || errB != nil || docA.ETag != docB.ETag || !strings.Contains(string(docA.Body), `"x5c"`) {
			t.Errorf("%s: %s", alg, docA.Body)
		}
		records, err := store.Keys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c := parsePEM(t, got[0].PEM)
		if c.Issuer.String() != c.Subject.String() || c.NotAfter.Unix() != records[0].ExpiresAt.Unix() || c.URIs[0].String() != issuer || c.IsCA {
			t.Errorf("%s: %+v", alg, c)
		}
		s, err := a.Signer(t.Context(), alg)
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.Sign("JWT", []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		j, err := jose.Parse(token)
		if err != nil || j.Verify(alg, c.PublicKey) != nil {
			t.Errorf("%s: the certificate does not verify the token", alg)
		}
	}
	plain := manager(t, memory())
	if got, err := plain.Certificates(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("certificates without the feature: %v %v", got, err)
	}
}
