package middleware_test

import (
	"crypto/rsa"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/middleware"
)

func marshal(tb testing.TB, keys ...jose.JWK) []byte {
	tb.Helper()
	set, err := jose.MarshalJWKS(keys)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// overFile is an API that takes the issuer's keys from a file, and writes it.
func overFile(t *testing.T, iss *testIssuer, lifetime time.Duration) (g *guarded, v *middleware.JWTVerifier, write func(string)) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	g, v = newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience, Keys: middleware.KeySource{JWKSFile: path, SoftLifetime: lifetime}})
	return g, v, func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A file is read when it is needed, and again as it changes; what is no JWK
// set takes nothing away.
func TestKeysFromFile(t *testing.T) {
	iss := newIssuer(t, "ES256", "ES384")
	first, second := iss.keys[0], iss.keys[1]
	g, v, write := overFile(t, iss, 20*time.Millisecond)
	one, two := "Bearer "+iss.token(t), "Bearer "+iss.sign(t, "ES384", "at+jwt", iss.claims())

	if err := v.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "jwks.json") {
		t.Errorf("Check = %v", err)
	}
	g.wantRefused(t, g.get(one), 503, "temporarily_unavailable")
	write(string(marshal(t, first)))
	eventually(t, 10*time.Second, func() bool { return v.Check(t.Context()) == nil })
	g.wantServed(t, g.get(one))
	write(string(marshal(t, first, second)))
	eventually(t, 10*time.Second, func() bool { return g.get(two).StatusCode == http.StatusOK })
	g.served.Store(0)

	for name, text := range map[string]string{"half": string(marshal(t, second))[:80], "no set": "{}", "600 KiB": `{"x":"` + strings.Repeat("x", 600<<10) + `","keys":[]}`} {
		g.reported()
		write(text)
		eventually(t, 10*time.Second, func() bool {
			g.wantServed(t, g.get(one))
			return v.KeyStates()[0].Failures > 0
		})
		write(string(marshal(t, first, second)))
		if log, _ := g.reported(); strings.Contains(log, `"level":"error"`) {
			t.Errorf("%s: log %s", name, log)
		}
		eventually(t, 60*time.Second, func() bool {
			g.wantServed(t, g.get(two))
			return v.KeyStates()[0].Failures == 0
		})
	}

	// ATK-075
	write(string(marshal(t, second)))
	eventually(t, 10*time.Second, func() bool { return g.get(one).StatusCode == http.StatusUnauthorized })
	g.served.Store(0)
	g.wantServed(t, g.get(two))
	if n := iss.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// What is no file is not waited for.
func TestKeysFromNoFile(t *testing.T) {
	iss := newIssuer(t)
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{pipe, dir, "/dev/zero", filepath.Join(dir, "none")} {
		_, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience, Keys: middleware.KeySource{JWKSFile: path}})
		reason := "no regular file"
		if strings.HasSuffix(path, "none") {
			reason = "no such file"
		}
		if err := v.Check(t.Context()); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: Check = %v", path, err)
		}
	}
}

// Keys that are given serve without any call.
func TestFixedKeys(t *testing.T) {
	iss := newIssuer(t, "ES256", "RS256")
	public := func(kid, alg, of string) middleware.PublicKey {
		return middleware.PublicKey{KeyID: kid, Algorithm: alg, Key: testKey(t, of).Public()}
	}
	es, rs := iss.token(t), iss.sign(t, "RS256", "at+jwt", iss.claims())
	for name, row := range map[string]struct {
		keys   middleware.KeySource
		es, rs int
	}{
		"JWK set":               {middleware.KeySource{JWKS: marshal(t, iss.keys...)}, 200, 200},
		"JWK set, one key":      {middleware.KeySource{JWKS: marshal(t, iss.keys[0])}, 200, 401},
		"public keys":           {middleware.KeySource{PublicKeys: []middleware.PublicKey{public("kid-ES256", "", "ES256"), public("kid-RS256", "RS256", "RS256")}}, 200, 200},
		"under another kid":     {middleware.KeySource{PublicKeys: []middleware.PublicKey{public("kid", "", "ES256")}}, 401, 401},
		"for another algorithm": {middleware.KeySource{PublicKeys: []middleware.PublicKey{public("kid-RS256", "PS256", "RS256"), public("kid-ES256", "ES256", "ES256")}}, 200, 401},
	} {
		t.Run(name, func(t *testing.T) {
			g, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience, Keys: row.keys})
			if err := v.Check(t.Context()); err != nil || v.KeyStates() != nil {
				t.Errorf("Check = %v, %v", err, v.KeyStates())
			}
			for range 2 {
				if a, b := g.get("Bearer "+es).StatusCode, g.get("Bearer "+rs).StatusCode; a != row.es || b != row.rs {
					t.Errorf("status %d and %d", a, b)
				}
			}
		})
	}
	if n := iss.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestConfigOfKeys(t *testing.T) {
	rsa1024 := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 65537}
	es := testKey(t, "ES256").Public()
	other, err := jose.GenerateKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		keys  middleware.KeySource
		names []string
	}{
		{"two sources", middleware.KeySource{JWKSURI: "https://issuer.example/keys", JWKSFile: "x"}, []string{"JWKSURI, JWKSFile"}},
		{"all sources", middleware.KeySource{JWKSURI: "https://issuer.example/keys", JWKSFile: "x", JWKS: []byte("{}"), PublicKeys: []middleware.PublicKey{}},
			[]string{"JWKSURI, JWKSFile, JWKS, PublicKeys"}},
		{"no JWK set", middleware.KeySource{JWKS: []byte("{}")}, []string{"Keys.JWKS"}},
		{"empty JWK set", middleware.KeySource{JWKS: []byte(`{"keys":[]}`)}, []string{"Keys.JWKS", "no key"}},
		{"ATK-026 symmetric key alone", middleware.KeySource{JWKS: []byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`)}, []string{"Keys.JWKS", "no key"}},
		{"no public keys", middleware.KeySource{PublicKeys: []middleware.PublicKey{}}, []string{"Keys.PublicKeys"}},
		{"ATK-022 weak key", middleware.KeySource{PublicKeys: []middleware.PublicKey{{KeyID: "weak", Key: rsa1024}}}, []string{"Keys.PublicKeys", `"weak"`}},
		{"no key in it", middleware.KeySource{PublicKeys: []middleware.PublicKey{{KeyID: "none"}}}, []string{"Keys.PublicKeys", `"none"`}},
		{"symmetric key", middleware.KeySource{PublicKeys: []middleware.PublicKey{{KeyID: "h", Key: []byte("secret")}}}, []string{"Keys.PublicKeys", `"h"`}},
		{"key of another algorithm", middleware.KeySource{PublicKeys: []middleware.PublicKey{{KeyID: "x", Algorithm: "RS256", Key: es}}}, []string{"Keys.PublicKeys", `"x"`}},
		{"ATK-013 a kid twice", middleware.KeySource{PublicKeys: []middleware.PublicKey{{KeyID: "1", Key: es}, {KeyID: "1", Key: other.Public()}}}, []string{"Keys.PublicKeys"}},
		{"lifetimes", middleware.KeySource{SoftLifetime: -1, HardLifetime: -2}, []string{"Keys.SoftLifetime", "Keys.HardLifetime"}},
		{"hard before soft", middleware.KeySource{SoftLifetime: time.Hour, HardLifetime: time.Minute}, []string{"Keys.HardLifetime"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: "https://issuer.example", Audience: audience, Keys: row.keys})
			for _, name := range row.names {
				if err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("%v does not name %s", err, name)
				}
			}
		})
	}
}

// FLT-02: for a probe, how old the keys are and why.
func TestKeyStates(t *testing.T) {
	iss := newIssuer(t)
	g, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience, Keys: middleware.KeySource{SoftLifetime: 20 * time.Millisecond}})
	if s := v.KeyStates(); len(s) != 1 || s[0] != (middleware.KeyState{Issuer: iss.URL}) {
		t.Errorf("before: %+v", s)
	}
	token := "Bearer " + iss.token(t)
	g.wantServed(t, g.get(token))
	before := v.KeyStates()[0]
	if before.Keys != 1 || before.Fetched.IsZero() || before.Failures != 0 || before.Err != nil {
		t.Errorf("up: %+v", before)
	}
	iss.set(true)
	eventually(t, 10*time.Second, func() bool {
		g.wantServed(t, g.get(token))
		return v.KeyStates()[0].Failures > 0
	})
	if s := v.KeyStates()[0]; s.Keys != 1 || s.Err == nil {
		t.Errorf("down: %+v", s)
	}
}
