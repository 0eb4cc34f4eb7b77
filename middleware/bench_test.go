package middleware_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

var measured = []string{"RS256", "PS256", "ES256", "EdDSA"}

// firstSight is one token on its way through the whole middleware, and the
// bare check of its signature: the limit no middleware can beat.
type firstSight struct {
	bare    func()
	handler http.Handler
	request *http.Request
	writer  *httptest.ResponseRecorder
}

func newFirstSight(tb testing.TB, alg string) *firstSight {
	tb.Helper()
	iss := newIssuer(tb, alg)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: iss.URL, Audience: audience})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { v.Close() })
	token := iss.sign(tb, alg, "at+jwt", iss.claims())
	f := &firstSight{bare: bareCheck(tb, alg, token), writer: httptest.NewRecorder()}
	f.handler = middleware.RequireBearer(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	f.request = httptest.NewRequest(http.MethodGet, "/orders", nil)
	f.request.Header.Set("Authorization", "Bearer "+token)
	f.whole()
	if f.writer.Code != http.StatusOK {
		tb.Fatalf("status %d: %s", f.writer.Code, f.writer.Body)
	}
	return f
}

// bareCheck verifies the token's signature with the standard library and does
// nothing else: what it verifies, and under which key, is there beforehand.
func bareCheck(tb testing.TB, alg, token string) func() {
	tb.Helper()
	dot := strings.LastIndexByte(token, '.')
	input := []byte(token[:dot])
	sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		tb.Fatal(err)
	}
	check := func(ok bool) {
		if !ok {
			panic("the signature does not verify")
		}
	}
	switch key := testKey(tb, alg).Public().(type) {
	case *rsa.PublicKey:
		if alg == "PS256" {
			options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return func() {
				digest := sha256.Sum256(input)
				check(rsa.VerifyPSS(key, crypto.SHA256, digest[:], sig, options) == nil)
			}
		}
		return func() {
			digest := sha256.Sum256(input)
			check(rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig) == nil)
		}
	case *ecdsa.PublicKey:
		r, s := new(big.Int).SetBytes(sig[:len(sig)/2]), new(big.Int).SetBytes(sig[len(sig)/2:])
		return func() {
			digest := sha256.Sum256(input)
			check(ecdsa.Verify(key, digest[:], r, s))
		}
	default:
		return func() { check(ed25519.Verify(key.(ed25519.PublicKey), input, sig)) }
	}
}

func (f *firstSight) whole() { f.handler.ServeHTTP(f.writer, f.request) }

// BenchmarkFirstSight has the limit row and the middleware of each algorithm
// one after the other, and a row in which they take turns: the latter's ratio
// is the one to look at on a noisy machine.
func BenchmarkFirstSight(b *testing.B) {
	for _, alg := range measured {
		f := newFirstSight(b, alg)
		b.Run(alg+"/limit=bare-signature", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.bare()
			}
		})
		b.Run(alg+"/middleware", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.whole()
			}
		})
		b.Run(alg+"/ratio", func(b *testing.B) {
			const batch = 16
			var bare, whole time.Duration
			for b.Loop() {
				bare += timed(batch, f.bare)
				whole += timed(batch, f.whole)
			}
			b.ReportMetric(float64(whole)/float64(bare), "x-bare")
		})
	}
}

func timed(n int, fn func()) time.Duration {
	start := time.Now()
	for range n {
		fn()
	}
	return time.Since(start)
}

// The middleware allocates at most 15 times more than the bare check.
func TestFirstSightAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, alg := range measured {
		t.Run(alg, func(t *testing.T) {
			f := newFirstSight(t, alg)
			bare, whole := testing.AllocsPerRun(100, f.bare), testing.AllocsPerRun(100, f.whole)
			if whole > bare+15 {
				t.Errorf("%v allocations, the bare check has %v", whole, bare)
			}
			t.Logf("bare %v, middleware %v", bare, whole)
		})
	}
}

// A request that carries no token, or junk, costs no more than a handful.
func TestJunkAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	iss := newIssuer(t)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: iss.URL, Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, token := range []string{"x", "a.b.c", fmt.Sprintf("%s.e30.AAAA", b64([]byte(header(""))))} {
		n := testing.AllocsPerRun(100, func() { _, _ = v.Verify(t.Context(), token) })
		if n > 20 {
			t.Errorf("%q: %v allocations", token, n)
		}
	}
	if n := iss.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}
