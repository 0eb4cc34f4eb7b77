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
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

var measured = []string{"RS256", "PS256", "ES256", "EdDSA"}

// pool is how many tokens take turns where each has to be one that the
// verifier does not know: many more than its cache then holds.
const pool = 512

// traffic is requests on their way through the whole middleware.
type traffic struct {
	issuer   *testIssuer
	handler  http.Handler
	requests []*http.Request
	tokens   []string
	writer   *httptest.ResponseRecorder
	next     int
}

// newTraffic guards a handler that does nothing, and has n different tokens.
func newTraffic(tb testing.TB, alg string, n int, cache middleware.TokenCache) *traffic {
	tb.Helper()
	iss := newIssuer(tb, alg)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: iss.URL, Audience: audience, TokenCache: cache})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { v.Close() })
	t := &traffic{issuer: iss, writer: httptest.NewRecorder()}
	t.handler = middleware.RequireBearer(v)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for i := range n {
		token := iss.sign(tb, alg, "at+jwt", iss.claims(map[string]any{"jti": "t-" + strconv.Itoa(i)}))
		r := httptest.NewRequest(http.MethodGet, "/orders", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		t.tokens, t.requests = append(t.tokens, token), append(t.requests, r)
	}
	for range n {
		t.serve()
	}
	if t.writer.Code != http.StatusOK || t.writer.Body.Len() > 0 {
		tb.Fatalf("status %d: %s", t.writer.Code, t.writer.Body)
	}
	return t
}

// serve sends the next request.
func (t *traffic) serve() {
	t.handler.ServeHTTP(t.writer, t.requests[t.next])
	t.next++
	if t.next == len(t.requests) {
		t.next = 0
	}
}

// unknown is a cache that never has the token of a pool.
var unknown = middleware.TokenCache{MaxTokens: 1}

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
		return func() {
			r, s := new(big.Int).SetBytes(sig[:len(sig)/2]), new(big.Int).SetBytes(sig[len(sig)/2:])
			digest := sha256.Sum256(input)
			check(ecdsa.Verify(key, digest[:], r, s))
		}
	default:
		return func() { check(ed25519.Verify(key.(ed25519.PublicKey), input, sig)) }
	}
}

// BenchmarkFirstSight has the limit row and the middleware of each algorithm
// one after the other, and a row in which they take turns: the median of its
// ratios is what to look at on a noisy machine.
func BenchmarkFirstSight(b *testing.B) {
	for _, alg := range measured {
		t := newTraffic(b, alg, pool, unknown)
		bare := bareCheck(b, alg, t.tokens[0])
		b.Run(alg+"/limit=bare-signature", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bare()
			}
		})
		b.Run(alg+"/middleware", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				t.serve()
			}
		})
		b.Run(alg+"/ratio", func(b *testing.B) {
			const batch = 16
			var ratios []float64
			for b.Loop() {
				limit, whole := timed(batch, bare), timed(batch, t.serve)
				ratios = append(ratios, float64(whole)/float64(limit))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x-bare")
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

// BenchmarkSeenToken is a token that was verified before: always the same
// one, one of 50 000 in turn, and the same one on every processor at once. The
// limit row is the bare check of its signature.
func BenchmarkSeenToken(b *testing.B) {
	for _, alg := range []string{"RS256", "ES256"} {
		one := newTraffic(b, alg, 1, middleware.TokenCache{})
		b.Run(alg+"/limit=bare-signature", func(b *testing.B) {
			bare := bareCheck(b, alg, one.tokens[0])
			b.ReportAllocs()
			for b.Loop() {
				bare()
			}
		})
		b.Run(alg+"/hot", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				one.serve()
			}
		})
		b.Run(alg+"/hot-parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				w := httptest.NewRecorder()
				for pb.Next() {
					one.handler.ServeHTTP(w, one.requests[0])
				}
			})
		})
	}
	many := newTraffic(b, "EdDSA", 50_000, middleware.TokenCache{})
	b.Run("EdDSA/live=50000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			many.serve()
		}
	})
}

// The middleware allocates at most 15 times more than the bare check for a
// token it has not seen, and twice for one that it has.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, alg := range measured {
		t.Run(alg, func(t *testing.T) {
			first := newTraffic(t, alg, pool, unknown)
			bare := testing.AllocsPerRun(100, bareCheck(t, alg, first.tokens[0]))
			whole := testing.AllocsPerRun(1000, first.serve)
			if whole > bare+15 {
				t.Errorf("%v allocations, the bare check has %v", whole, bare)
			}
			seen := testing.AllocsPerRun(100, newTraffic(t, alg, 1, middleware.TokenCache{}).serve)
			if seen > 2 {
				t.Errorf("%v allocations for a token seen before", seen)
			}
			t.Logf("bare %v, first sight %v, seen %v", bare, whole, seen)
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
