package provider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// memoryWriter keeps the answer and nothing else.
type memoryWriter struct {
	header http.Header
	status int
	body   []byte
}

func (w *memoryWriter) Header() http.Header    { return w.header }
func (w *memoryWriter) WriteHeader(status int) { w.status = status }
func (w *memoryWriter) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}

func (w *memoryWriter) reset() *memoryWriter {
	clear(w.header)
	w.status, w.body = http.StatusOK, w.body[:0]
	return w
}

// bench is an issuer as it would run, with logging on, and what calls it.
type bench struct {
	p      *provider.Provider
	w      *memoryWriter
	cookie string
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	return newBenchWith(tb, func(*provider.Config) {})
}

func newBenchWith(tb testing.TB, configure func(*provider.Config)) *bench {
	tb.Helper()
	return signInToBench(tb, newBenchIssuer(tb, configure))
}

func signInToBench(tb testing.TB, p *provider.Provider) *bench {
	tb.Helper()
	browser := oidctest.NewBrowser(tb, p.Issuer(), &http.Client{Transport: p.LocalTransport(nil)})
	if _, err := browser.Authorize(p.Issuer() + "/authorize?" + request().Encode()); err != nil {
		tb.Fatal(err)
	}
	b := &bench{p: p, w: &memoryWriter{header: http.Header{}}}
	for _, c := range browser.Client.Jar.Cookies(&url.URL{Scheme: "https", Host: "op.example", Path: "/"}) {
		b.cookie = c.Name + "=" + c.Value
	}
	return b
}

// newBenchIssuer is an issuer that nobody has signed in to.
func newBenchIssuer(tb testing.TB, configure func(*provider.Config)) *provider.Provider {
	tb.Helper()
	const issuer = "https://op.example"
	set := opstore.NewMemory().Open(issuer)
	client := webClient
	client.IDTokenSignedResponseAlg = "ES256"
	c := provider.Config{
		Issuer: issuer, Secrets: newSecrets(tb), Stores: set, Clients: []oidckit.ClientMetadata{client}, SigningAlgs: []string{"ES256"},
		TrustedClients: []string{"web"}, Logger: zerolog.New(io.Discard),
		Resources: []provider.Resource{{Resource: ordersAPI, Scopes: []string{"orders:read"}}},
	}
	configure(&c)
	if _, err := provider.NewAccounts(set.Users).Create(tb.Context(), provider.Account{Username: oidctest.Username, PasswordHash: aliceHash}); err != nil {
		tb.Fatal(err)
	}
	return newProvider(tb, c)
}

func (b *bench) get(target string) *memoryWriter {
	u, err := url.Parse("https://op.example" + target)
	if err != nil {
		panic(err)
	}
	b.p.ServeHTTP(b.w.reset(), &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{"Cookie": {b.cookie}}, Body: http.NoBody})
	return b.w
}

func (b *bench) token(form string) *memoryWriter {
	r := tokenRequest(form)
	b.p.ServeHTTP(b.w.reset(), r)
	if b.w.status != http.StatusOK {
		panic(string(b.w.body))
	}
	return b.w
}

func tokenRequest(form string) *http.Request {
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/token"}, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(form))}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("web", "web-secret")
	return r
}

// bareAnswer signs n payloads of the size of the issuer's and returns the same
// JSON: the least that such an answer costs.
func bareAnswer(tb testing.TB, n int) func() []byte {
	tb.Helper()
	key, err := jose.GenerateKey("ES256")
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := jose.NewSigner("ES256", "bench-bench-bench-bench", key)
	if err != nil {
		tb.Fatal(err)
	}
	payload := map[string]any{
		"iss": "https://op.example", "sub": "web", "aud": []string{ordersAPI}, "client_id": "web", "exp": 1, "iat": 1,
		"jti": "0123456789012345678901.0123456789012345678901", "scope": "orders:read",
	}
	return func() []byte {
		res := map[string]any{"token_type": "Bearer", "expires_in": 3600, "scope": "orders:read"}
		for i := range n {
			claims, err := json.Marshal(payload)
			if err != nil {
				panic(err)
			}
			if res[[]string{"access_token", "id_token"}[i]], err = signer.Sign("at+jwt", claims); err != nil {
				panic(err)
			}
		}
		body, err := json.Marshal(res)
		if err != nil {
			panic(err)
		}
		return body
	}
}

// bare reads a request and answers it so.
func bare(tb testing.TB, n int) func() {
	tb.Helper()
	sign, w := bareAnswer(tb, n), &memoryWriter{header: http.Header{}}
	return func() {
		form, err := io.ReadAll(tokenRequest("grant_type=client_credentials").Body)
		if err != nil || len(form) == 0 {
			panic(err)
		}
		w.reset().Header().Set("Content-Type", "application/json")
		w.Write(sign())
	}
}

// against runs the limit row, the issuer's, and one in which they take turns:
// the median of its ratios is what to look at on a noisy machine.
func against(b *testing.B, limit, whole func()) {
	b.Run("limit=bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			limit()
		}
	})
	b.Run("issuer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			whole()
		}
	})
	b.Run("ratio", func(b *testing.B) {
		const batch = 16
		var ratios []float64
		for b.Loop() {
			l, w := timed(batch, limit), timed(batch, whole)
			ratios = append(ratios, float64(w)/float64(l))
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "x-of-bare")
	})
}

func timed(n int, run func()) time.Duration {
	start := time.Now()
	for range n {
		run()
	}
	return time.Since(start)
}

// One signature, no store.
func BenchmarkClientCredentials(b *testing.B) {
	op := newBench(b)
	against(b, bare(b, 1), func() { op.token("grant_type=client_credentials") })
}

// Two requests and two signatures, the person being signed in.
func BenchmarkCodeFlow(b *testing.B) {
	op := newBench(b)
	against(b, bare(b, 2), op.sessionFlow)
}

var (
	benchQuery = "/authorize?" + request("scope", "openid orders:read").Encode()
	benchForm  = codeForm("").Encode() + "&code="
)

// sessionFlow is a code flow of the person who is signed in.
func (b *bench) sessionFlow() {
	b.redeem(b.get(benchQuery).header.Get("Location"))
}

func (b *bench) redeem(location string) {
	_, code, ok := strings.Cut(location, "?code=")
	if !ok {
		panic(location)
	}
	code, _, _ = strings.Cut(code, "&")
	b.token(benchForm + code)
}

var publicDocuments = []string{"/jwks", "/.well-known/openid-configuration"}

func BenchmarkPublicDocuments(b *testing.B) {
	op := newBench(b)
	for _, path := range publicDocuments {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op.get(path)
			}
		})
	}
}

// The public documents are bytes that were made once: a request costs the
// handler at most two allocations.
func TestPublicDocumentsAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	op := newBench(t)
	for _, path := range publicDocuments {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}, Header: http.Header{}, Body: http.NoBody}
		if n := testing.AllocsPerRun(100, func() { op.p.ServeHTTP(op.w.reset(), r) }); n > 2 || len(op.w.body) == 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}
