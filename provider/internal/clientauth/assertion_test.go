package clientauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/secret"
)

// RFC 7523 §3, OpenID Connect Core 1.0 §9: what an assertion must say.
func TestAssertionClaims(t *testing.T) {
	f := newFixture(t, nil)
	now := time.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, row := range []struct {
		name    string
		changes []any
		ok      bool
	}{
		{"as it should be", nil, true},
		{"aud is the issuer", []any{"aud", issuer}, true},
		{"aud is another endpoint of this issuer", []any{"aud", issuer + "/introspect"}, true},
		{"aud is a list of one", []any{"aud", []string{tokenURL}}, true},
		{"aud is a list of ours", []any{"aud", []string{issuer, tokenURL}}, true},
		{"RFC 8725 §3.9 aud also names another issuer", []any{"aud", []string{tokenURL, "https://other.example"}}, false},
		{"aud is another issuer", []any{"aud", "https://other.example"}, false},
		{"aud has a slash more", []any{"aud", issuer + "/"}, false},
		{"aud is empty", []any{"aud", []string{}}, false},
		{"§3 3. no aud", []any{"aud", nil}, false},
		{"§3 1. no iss", []any{"iss", nil}, false},
		{"§3 2. no sub", []any{"sub", nil}, false},
		{"§3 2. sub is another client", []any{"sub", "other"}, false},
		{"iss is another client", []any{"iss", "other"}, false},
		{"§3 4. no exp", []any{"exp", nil}, false},
		{"expired, within the leeway", []any{"exp", at(-50 * time.Second)}, true},
		{"expired", []any{"exp", at(-2 * time.Minute)}, false},
		{"exp in five minutes", []any{"exp", at(5 * time.Minute)}, true},
		{"exp in an hour", []any{"exp", at(time.Hour)}, false},
		{"exp beyond all time", []any{"exp", 1e18}, false},
		{"exp is text", []any{"exp", "soon"}, false},
		{"§3 5. nbf a little ahead", []any{"nbf", at(30 * time.Second)}, true},
		{"§3 5. nbf ahead", []any{"nbf", at(2 * time.Minute)}, false},
		{"§3 6. iat a little ahead", []any{"iat", at(30 * time.Second)}, true},
		{"§3 6. iat ahead", []any{"iat", at(2 * time.Minute)}, false},
		{"iat an hour ago", []any{"iat", at(-time.Hour)}, true},
		{"OIDC Core §9 no jti", []any{"jti", nil}, false},
		{"jti is empty", []any{"jti", ""}, false},
		{"jti is a number", []any{"jti", 1}, false},
		{"jti of 2 KB", []any{"jti", strings.Repeat("x", 2048)}, false},
		{"unknown claims", []any{"scope", "admin", "client_id", "post"}, true},
	} {
		for id, sign := range map[string]func(map[string]any) string{
			"key":    func(c map[string]any) string { return f.signed(t, "JWT", c) },
			"shared": func(c map[string]any) string { return hs256(t, f.secret, c) },
		} {
			want := "invalid_client"
			if row.ok {
				want = id
			}
			if got := f.try(t, assertionForm(sign(claimSet(id, row.changes...)))); got != want {
				t.Errorf("%s: %s: %s", id, row.name, got)
			}
		}
	}
}

// Which assertion is taken of whom (RFC 7521 §4.2, RFC 8725 §3.1, §3.11).
func TestAssertionMethods(t *testing.T) {
	f := newFixture(t, nil)
	pem := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(t, f.key.Public())})
	good := func(id string) string { return f.signed(t, "", claimSet(id)) }
	stranger, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	strange := &fixture{key: stranger}
	encode := base64.RawURLEncoding.EncodeToString
	none := encode([]byte(`{"alg":"none"}`)) + "." + encode(marshal(t, claimSet("key"))) + "."
	twice := strings.Replace(string(marshal(t, claimSet("key"))), "{", `{"iss":"post",`, 1)
	for _, row := range []struct {
		name string
		form map[string][]string
		want string
	}{
		{"private_key_jwt", assertionForm(good("key")), "key"},
		{"with client_id", assertionForm(good("key"), "client_id", "key"), "key"},
		{"RFC 7521 §4.2 client_id of another", assertionForm(good("key"), "client_id", "basic"), "invalid_client"},
		{"client_secret_jwt", assertionForm(hs256(t, f.secret, claimSet("shared"))), "shared"},
		{"another secret", assertionForm(hs256(t, secret.Token(), claimSet("shared"))), "invalid_client"},
		{"the secret of a client that sends it", assertionForm(hs256(t, f.secret, claimSet("basic"))), "invalid_client"},
		{"a key for a client with a secret", assertionForm(good("shared")), "invalid_client"},
		{"ATK-004 HMAC under the public key", assertionForm(hs256(t, string(pem), claimSet("key"))), "invalid_client"},
		{"an empty secret", assertionForm(hs256(t, "", claimSet("key"))), "invalid_client"},
		{"ATK-001 no signature", assertionForm(none), "invalid_client"},
		{"another's key", assertionForm(strange.signed(t, "", claimSet("key"))), "invalid_client"},
		{"another algorithm than the registered one", assertionForm(good("pinned")), "invalid_client"},
		{"an unknown client", assertionForm(good("nobody")), "invalid_client"},
		{"a public client", assertionForm(good("public")), "invalid_client"},
		{"typ of the new draft", assertionForm(f.signed(t, "client-authentication+jwt", claimSet("key"))), "key"},
		{"RFC 8725 §3.11 a request object", assertionForm(f.signed(t, "oauth-authz-req+jwt", claimSet("key"))), "invalid_client"},
		{"a DPoP proof", assertionForm(f.signed(t, "dpop+jwt", claimSet("key"))), "invalid_client"},
		{"iss named twice", assertionForm(resigned(t, f, twice)), "invalid_client"},
		{"no JWT", assertionForm("x"), "invalid_client"},
		{"16 KB", assertionForm(f.signed(t, "", claimSet("key", "pad", strings.Repeat("x", 16<<10)))), "invalid_client"},
		{"another type", assertionForm(good("key"), "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), "invalid_client"},
		{"no type", map[string][]string{"client_assertion": {good("key")}}, "invalid_client"},
		{"no assertion", map[string][]string{"client_assertion_type": {assertionType}, "client_id": {"public"}}, "invalid_client"},
		{"ATK-220 and a secret", assertionForm(good("key"), "client_secret", "x"), "invalid_request"},
	} {
		if got := f.try(t, row.form); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
	if got := f.try(t, assertionForm(good("key")), basic("basic", f.secret)); got != "invalid_request" {
		t.Errorf("ATK-220 Basic and an assertion: %s", got)
	}
}

func spki(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func resigned(t testing.TB, f *fixture, payload string) string {
	t.Helper()
	s, err := jose.NewSigner("ES256", "1", f.key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign("", []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// ATK-226: an assertion is used once, by whomever comes first, until it has
// expired, leeway included; another client's jti is another one.
func TestAssertionIsUsedOnce(t *testing.T) {
	f := newFixture(t, nil)
	token := f.signed(t, "", claimSet("key", "jti", "1"))
	if got := f.try(t, assertionForm(token)); got != "key" {
		t.Fatal(got)
	}
	if got := f.try(t, assertionForm(token)); got != "invalid_client" {
		t.Errorf("the same again: %s", got)
	}
	if got := f.try(t, assertionForm(f.signed(t, "", claimSet("key", "jti", "1", "exp", time.Now().Add(2*time.Minute).Unix())))); got != "invalid_client" {
		t.Errorf("the same jti in another assertion: %s", got)
	}
	if got := f.try(t, assertionForm(hs256(t, f.secret, claimSet("shared", "jti", "1")))); got != "shared" {
		t.Errorf("another client's jti: %s", got)
	}
	// ATK-018: the twin of an ECDSA signature is the same assertion.
	once := f.signed(t, "", claimSet("key"))
	if got := f.try(t, assertionForm(once)); got != "key" {
		t.Fatal(got)
	}
	if got := f.try(t, assertionForm(twin(t, once, f.key.Public().(*ecdsa.PublicKey)))); got != "invalid_client" {
		t.Errorf("ATK-018: %s", got)
	}
	for range 20 {
		token, won := f.signed(t, "", claimSet("key")), atomic.Int32{}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if f.try(t, assertionForm(token)) == "key" {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if n := won.Load(); n != 1 {
			t.Fatalf("%d of 50 were accepted", n)
		}
	}
}

// twin returns the token with the other signature that verifies: (r, n−s).
func twin(t testing.TB, token string, key *ecdsa.PublicKey) string {
	t.Helper()
	cut := strings.LastIndexByte(token, '.') + 1
	sig, err := base64.RawURLEncoding.DecodeString(token[cut:])
	if err != nil || len(sig) != 64 {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(sig[32:])
	s.Sub(key.Params().N, s).FillBytes(sig[32:])
	return token[:cut] + base64.RawURLEncoding.EncodeToString(sig)
}

// A jti is remembered for as long as its assertion counts, and a store that
// cannot answer is no refusal.
func TestAssertionMemory(t *testing.T) {
	var replay fakeReplay
	f := newFixture(t, func(c *Config) { c.Replay = &replay })
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(time.Minute).Truncate(time.Second)
		if got := f.try(t, assertionForm(f.signed(t, "", claimSet("key", "exp", end.Unix())))); got != "key" {
			t.Fatal(got)
		}
		if !replay.until.Equal(end.Add(time.Minute)) {
			t.Errorf("remembered until %v, counts until %v", replay.until, end.Add(time.Minute))
		}
	})
	replay.err = errors.New("down")
	if got := f.try(t, assertionForm(f.signed(t, "", claimSet("key")))); got != "fault" {
		t.Errorf("the store is down: %s", got)
	}
	// What is refused anyway costs no record.
	replay.calls = 0
	f.try(t, assertionForm(hs256(t, secret.Token(), claimSet("shared"))))
	f.try(t, assertionForm(f.signed(t, "", claimSet("key", "aud", "https://other.example"))))
	if replay.calls != 0 {
		t.Errorf("%d records for assertions that nobody has signed", replay.calls)
	}
}

type fakeReplay struct {
	calls int
	until time.Time
	err   error
}

func (r *fakeReplay) UseOnce(_ context.Context, _ string, until time.Time) error {
	r.calls++
	r.until = until
	return r.err
}

var _ oidckit.ReplayStore = (*fakeReplay)(nil)

// Replay keys of two clients never meet, wherever their names end.
func TestReplayKeys(t *testing.T) {
	if replayKey("a", "bc") == replayKey("ab", "c") || replayKey("1", "1:x") == replayKey("11", ":x") {
		t.Error("two clients share a jti")
	}
}
