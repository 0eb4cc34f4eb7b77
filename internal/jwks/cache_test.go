package jwks

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit/internal/jose"
)

func TestNewReportsAllProblems(t *testing.T) {
	_, err := New(Config{SoftLifetime: -1, HardLifetime: -2})
	for _, field := range []string{"Fetch", "SoftLifetime", "HardLifetime"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is missing in: %v", field, err)
		}
	}
	fetch := (&issuer{}).fetch
	if _, err := New(Config{Fetch: fetch, SoftLifetime: time.Hour, HardLifetime: time.Minute}); err == nil {
		t.Error("a hard lifetime below the soft one was taken")
	}
	for _, config := range []Config{{Fetch: fetch}, {Fetch: fetch, SoftLifetime: 48 * time.Hour}} {
		if _, err := New(config); err != nil {
			t.Error(err)
		}
	}
}

// together runs n calls of fn that start at once.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			fn(i)
		})
	}
	close(gate)
	wg.Wait()
}

func TestColdRequestsShareOneFetch(t *testing.T) {
	i := &issuer{}
	i.publish(t, es256(t, "a"))
	i.slow(100 * time.Millisecond)
	c := newCache(t, Config{Fetch: i.serve(t)})
	together(200, func(int) {
		if _, err := c.Key(context.Background(), "a", "ES256"); err != nil {
			t.Error(err)
		}
	})
	i.wantFetched(t, 1)
}

func TestRotationCostsOneFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
		wantKey(t, c, "a")
		i.publish(t, es256(t, "a"), es256(t, "b"))
		i.slow(50 * time.Millisecond)
		together(200, func(n int) {
			kid := []string{"a", "b"}[n%2]
			if _, err := c.Key(context.Background(), kid, "ES256"); err != nil {
				t.Errorf("%s: %v", kid, err)
			}
		})
		i.wantFetched(t, 2)
	})
}

func TestCallerThatGoesAwayTakesNothingAlong(t *testing.T) {
	// FLT-53
	i := &issuer{}
	i.publish(t, es256(t, "a"))
	i.slow(200 * time.Millisecond)
	c := newCache(t, Config{Fetch: i.serve(t)})
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error)
	go func() {
		_, err := c.Key(ctx, "a", "ES256")
		first <- err
	}()
	for i.fetched() == 0 {
		time.Sleep(time.Millisecond)
	}
	second := make(chan error)
	go func() {
		_, err := c.Key(context.Background(), "a", "ES256")
		second <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("who stayed got %v", err)
	}
	i.wantFetched(t, 1)
}

func TestKnownKeysAreFree(t *testing.T) {
	i := &issuer{}
	i.publish(t, es256(t, "a"), jose.JWK{KeyID: "d", Key: publicKey(t, "EdDSA", "")})
	c := newCache(t, Config{Fetch: i.fetch})
	wantKey(t, c, "a")
	ctx := context.Background()
	static := Static([]jose.JWK{es256(t, "a"), {KeyID: "d", Key: publicKey(t, "EdDSA", "")}}, nil)
	for name, s := range map[string]Source{"Cache": c, "Static": static} {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := s.Key(ctx, "a", "ES256"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Key(ctx, "d", "EdDSA"); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	i.wantFetched(t, 1)
}

func TestSelection(t *testing.T) {
	r1, r2 := publicKey(t, "RS256", "1"), publicKey(t, "RS256", "2")
	e1, e2 := publicKey(t, "ES256", "1"), publicKey(t, "ES256", "2")
	p384, d := publicKey(t, "ES384", ""), publicKey(t, "EdDSA", "")
	one := []jose.JWK{{KeyID: "1", Key: r1}}
	three := []jose.JWK{{KeyID: "1", Key: r1}, {KeyID: "2", Key: r2}, {KeyID: "3", Key: e1}}
	pinned := []jose.JWK{{KeyID: "1", Algorithm: "RS256", Key: r1}, {KeyID: "2", Algorithm: "PS256", Key: r2}}
	for _, row := range []struct {
		name     string
		keys     []jose.JWK
		kid, alg string
		want     any
	}{
		{"ATK-006 no alg in the JWK, RS256", one, "1", "RS256", r1},
		{"ATK-006 no alg in the JWK, RS512", one, "1", "RS512", r1},
		{"ATK-006 no alg in the JWK, PS256", one, "1", "PS256", r1},
		{"ATK-006 HS256", one, "1", "HS256", nil},
		{"ATK-006 ES256", one, "1", "ES256", nil},
		{"ATK-001 none", one, "1", "none", nil},
		{"no algorithm", one, "1", "", nil},
		{"RFC 7517 §4.4 pinned", pinned, "1", "RS256", r1},
		{"RFC 7517 §4.4 pinned to another", pinned, "1", "PS256", nil},
		{"ATK-012 no kid, one key", one, "", "RS256", r1},
		{"ATK-012 no kid, three keys, two fit", three, "", "RS256", nil},
		{"ATK-012 no kid, three keys, one fits", three, "", "ES256", e1},
		{"ATK-012 no kid, alg of the JWK counts", pinned, "", "PS256", r2},
		{"ATK-012 no kid, no fitting key", one, "", "EdDSA", nil},
		{"ATK-013 RSA and EC share a kid", []jose.JWK{{KeyID: "1", Key: r1}, {KeyID: "1", Key: e1}}, "1", "ES256", e1},
		{"ATK-013 and the other", []jose.JWK{{KeyID: "1", Key: r1}, {KeyID: "1", Key: e1}}, "1", "RS256", r1},
		{"ATK-013 RSA and RSA share a kid", []jose.JWK{{KeyID: "1", Key: r2}, {KeyID: "1", Key: r1}}, "1", "RS256", nil},
		{"ATK-013 one key twice", []jose.JWK{{KeyID: "1", Key: r1}, {KeyID: "1", Key: r1}}, "1", "RS256", r1},
		{"ATK-020 curves", []jose.JWK{{KeyID: "1", Key: p384}}, "1", "ES256", nil},
		{"ATK-020 the curve's own", []jose.JWK{{KeyID: "1", Key: p384}}, "1", "ES384", p384},
		{"ATK-008 use enc", []jose.JWK{{KeyID: "1", Use: "enc", Key: e1}}, "1", "ES256", nil},
		{"use sig", []jose.JWK{{KeyID: "1", Use: "sig", Key: e2}}, "1", "ES256", e2},
		{"Ed25519", []jose.JWK{{KeyID: "1", Key: d}}, "1", "EdDSA", d},
		{"another kid", one, "2", "RS256", nil},
		{"kid is a prefix", one, "", "ES256", nil},
		{"a secret is no key", []jose.JWK{{KeyID: "1", Key: []byte("secret")}}, "1", "HS256", nil},
		{"no keys", nil, "1", "RS256", nil},
		{"no keys, no kid", nil, "", "RS256", nil},
	} {
		got, err := Static(row.keys, nil).Key(context.Background(), row.kid, row.alg)
		if row.want == nil {
			if got != nil || !errors.Is(err, ErrUnknownKey) {
				t.Errorf("%s: %v, %v", row.name, got, err)
			}
			continue
		}
		if err != nil || !jose.SameKey(got, row.want) {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
	}
}

func TestRemoteSets(t *testing.T) {
	good, err := jose.MarshalJWKS([]jose.JWK{es256(t, "a")})
	if err != nil {
		t.Fatal(err)
	}
	a := strings.TrimSuffix(strings.TrimPrefix(string(good), `{"keys":[`), `]}`)
	for name, other := range map[string]string{
		"ATK-026 oct":            `{"kty":"oct","kid":"h","k":"c2VjcmV0","alg":"HS256"}`,
		"ATK-071 unknown kty":    `{"kty":"AKP","kid":"h","alg":"ML-DSA-44","pub":"AA"}`,
		"ATK-071 unknown crv":    `{"kty":"EC","kid":"h","crv":"secp256k1","x":"AA","y":"AA"}`,
		"ATK-021 not on curve":   `{"kty":"EC","kid":"h","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`,
		"ATK-023 e = 1":          `{"kty":"RSA","kid":"h","n":"` + strings.Repeat("_", 342) + `w","e":"AQ"}`,
		"ATK-071 not an object":  `"key"`,
		"RFC 7517 §9.2 a secret": strings.Replace(strings.Replace(a, `"a"`, `"h"`, 1), `{`, `{"d":"AA",`, 1),
	} {
		inBubble(t, func(t *testing.T, i *issuer, c *Cache) {
			i.answer(`{"keys":[` + other + `,` + a + `]}`)
			wantKey(t, c, "a")
			for _, alg := range append(jose.Algorithms(), "HS256") {
				if key, err := c.Key(context.Background(), "h", alg); !errors.Is(err, ErrUnknownKey) {
					t.Errorf("%s as %s: %v, %v", name, alg, key, err)
				}
			}
		})
	}
}

// TestIssuersDoNotShareKeys has ATK-014: two issuers with the same kid.
func TestIssuersDoNotShareKeys(t *testing.T) {
	var caches [2]*Cache
	for n := range caches {
		i := &issuer{}
		i.publish(t, jose.JWK{KeyID: "1", Key: publicKey(t, "ES256", strconv.Itoa(n))})
		caches[n] = newCache(t, Config{Fetch: i.serve(t)})
	}
	for n, c := range caches {
		key, err := c.Key(context.Background(), "1", "ES256")
		if err != nil || !jose.SameKey(key, publicKey(t, "ES256", strconv.Itoa(n))) {
			t.Errorf("issuer %d: %v", n, err)
		}
	}
}

func TestLogs(t *testing.T) {
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.fail(errDown)
		c := newCache(t, Config{Fetch: i.fetch, Logger: zerolog.New(zerolog.SyncWriter(&out))})
		wantErr(t, c, "secret-kid", ErrUnavailable)
		i.publish(t, es256(t, "a"))
		time.Sleep(time.Second)
		if err := c.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
	for _, want := range []string{"could not be fetched", "recovered", "key set changed", errDown.Error()} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "secret-kid") {
		t.Error("a stranger's kid was logged")
	}
}

func TestConcurrentUse(t *testing.T) {
	i := &issuer{}
	i.publish(t, es256(t, "a"), es256(t, "b"))
	c := newCache(t, Config{Fetch: i.serve(t), SoftLifetime: time.Millisecond, HardLifetime: time.Hour})
	wantKey(t, c, "a")
	together(16, func(n int) {
		for round := range 200 {
			switch n % 4 {
			case 0:
				c.Key(context.Background(), strconv.Itoa(n*1000+round), "ES256")
			case 1:
				c.Generation(time.Now())
				i.publish(t, es256(t, "a"), es256(t, []string{"b", "c"}[round%2]))
			default:
				if _, err := c.Key(context.Background(), "a", "ES256"); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func BenchmarkKey(b *testing.B) {
	i := &issuer{}
	i.publish(b, es256(b, "a"))
	c := newCache(b, Config{Fetch: i.fetch})
	wantKey(b, c, "a")
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Key(ctx, "a", "ES256"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
