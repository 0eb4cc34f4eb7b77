package middleware_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

const audience = "https://api.example"

// testIssuer is a real HTTP server that publishes metadata and keys.
type testIssuer struct {
	*httptest.Server
	signers map[string]*jose.Signer

	mu   sync.Mutex
	keys []jose.JWK
	down bool
	// raw is published in place of keys where it is set.
	raw     []byte
	fetches atomic.Int64
	calls   atomic.Int64
}

// keyOnce makes one key an algorithm for all tests: RSA keys are slow to make.
var keyOnce sync.Map

func testKey(tb testing.TB, alg string) crypto.Signer {
	tb.Helper()
	if k, ok := keyOnce.Load(alg); ok {
		return k.(crypto.Signer)
	}
	k, err := jose.GenerateKey(alg)
	if err != nil {
		tb.Fatal(err)
	}
	kept, _ := keyOnce.LoadOrStore(alg, k)
	return kept.(crypto.Signer)
}

func newIssuer(tb testing.TB, algs ...string) *testIssuer {
	tb.Helper()
	if len(algs) == 0 {
		algs = []string{"ES256"}
	}
	iss := &testIssuer{signers: map[string]*jose.Signer{}}
	for _, alg := range algs {
		s, err := jose.NewSigner(alg, "kid-"+alg, testKey(tb, alg))
		if err != nil {
			tb.Fatal(err)
		}
		iss.signers[alg] = s
		iss.keys = append(iss.keys, jose.JWK{KeyID: s.KeyID(), Algorithm: alg, Use: "sig", Key: s.Public()})
	}
	iss.Server = httptest.NewServer(http.HandlerFunc(iss.serve))
	tb.Cleanup(iss.Close)
	return iss
}

func (i *testIssuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls.Add(1)
	if i.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(oidckit.ProviderMetadata{Issuer: i.URL, JWKSURI: i.URL + "/keys",
			AuthorizationEndpoint: i.URL + "/authorize", TokenEndpoint: i.URL + "/token"})
	case "/keys":
		i.fetches.Add(1)
		set, err := i.raw, error(nil)
		if set == nil {
			set, err = jose.MarshalJWKS(i.keys)
		}
		if err != nil {
			panic(err)
		}
		w.Write(set)
	default:
		http.NotFound(w, r)
	}
}

func (i *testIssuer) set(down bool, keys ...jose.JWK) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
	if keys != nil {
		i.keys = keys
	}
}

// publish makes any text the JWK set.
func (i *testIssuer) publish(set []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.raw = set
}

// claims is a good access token's document, changed by edits; a nil value
// drops the claim.
func (i *testIssuer) claims(edits ...map[string]any) []byte {
	now := time.Now().Unix()
	c := map[string]any{"iss": i.URL, "aud": audience, "sub": "alice", "client_id": "webapp", "jti": "t-1",
		"iat": now, "exp": now + 3600, "scope": "openid orders:read"}
	for _, e := range edits {
		maps.Copy(c, e)
	}
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return b
}

// token signs a good token with the first algorithm given, or ES256.
func (i *testIssuer) token(tb testing.TB, edits ...map[string]any) string {
	tb.Helper()
	return i.sign(tb, "ES256", "at+jwt", i.claims(edits...))
}

func (i *testIssuer) sign(tb testing.TB, alg, typ string, claims []byte) string {
	tb.Helper()
	token, err := i.signers[alg].Sign(typ, claims)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// forge signs any header and payload with the issuer's ES256 key.
func forge(tb testing.TB, header string, payload []byte) string {
	tb.Helper()
	input := b64([]byte(header)) + "." + b64(payload)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, testKey(tb, "ES256").(*ecdsa.PrivateKey), digest[:])
	if err != nil {
		tb.Fatal(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + b64(sig)
}

// header is a good header but for what extra adds: `,"x":1`.
func header(extra string) string {
	return `{"alg":"ES256","kid":"kid-ES256","typ":"at+jwt"` + extra + `}`
}

// guarded is an API behind a bearer guard, with all that it reported.
type guarded struct {
	bearer  func(http.Handler) http.Handler
	handler http.Handler
	served  atomic.Int64
	mu      sync.Mutex
	log     bytes.Buffer
	events  []oidckit.Event
}

func (g *guarded) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.Write(p)
}

func (g *guarded) event(_ context.Context, e oidckit.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, e)
}

// reported returns the log and forgets it, and the last event.
func (g *guarded) reported() (log string, last oidckit.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	log = g.log.String()
	g.log.Reset()
	if n := len(g.events); n > 0 {
		last = g.events[n-1]
	}
	g.events = nil
	return log, last
}

func (g *guarded) serve(w http.ResponseWriter, r *http.Request) {
	g.served.Add(1)
	id, ok := oidckit.IdentityFromContext(r.Context())
	if !ok {
		http.Error(w, "no identity", http.StatusInternalServerError)
		return
	}
	w.Write([]byte(id.Subject))
}

// newAPI guards a handler for tokens of the issuer, changed by edit.
func newAPI(tb testing.TB, iss *testIssuer, edit func(*middleware.JWTConfig)) *guarded {
	tb.Helper()
	g := &guarded{}
	cfg := middleware.JWTConfig{Issuer: iss.URL, Audience: audience, Logger: zerolog.New(g), Events: g.event}
	if edit != nil {
		edit(&cfg)
	}
	v, err := middleware.NewJWTVerifier(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { v.Close() })
	g.bearer = middleware.RequireBearer(v)
	g.handler = g.bearer(http.HandlerFunc(g.serve))
	return g
}

func (g *guarded) get(authorization ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	for _, a := range authorization {
		r.Header.Add("Authorization", a)
	}
	return serve(g.handler, r)
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(tb testing.TB, resp *http.Response) string {
	tb.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// wantRefused checks an answer of RFC 6750 §3: status, error code, JSON body,
// no caching, and a handler that did not run.
func (g *guarded) wantRefused(t *testing.T, resp *http.Response, status int, code string) {
	t.Helper()
	if n := g.served.Swap(0); n != 0 {
		t.Errorf("the handler ran %d times", n)
	}
	text := body(t, resp)
	if resp.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", resp.StatusCode, status, text)
	}
	challenge := resp.Header.Get("WWW-Authenticate")
	if strings.Contains(challenge+text, "canary") {
		t.Errorf("the cause reached the client: %s %s", challenge, text)
	}
	switch {
	case status >= 500:
		if challenge != "" {
			t.Errorf("challenge %q for what is no matter of credentials", challenge)
		}
	case !strings.HasPrefix(challenge, "Bearer realm="):
		t.Errorf("challenge %q", challenge)
	case code == "" && strings.Contains(challenge, "error"):
		t.Errorf("challenge %q tells an error to who sent no credentials", challenge)
	case code != "" && !strings.Contains(challenge, `error="`+code+`"`):
		t.Errorf("challenge %q lacks %s", challenge, code)
	}
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("body %q of type %q", text, resp.Header.Get("Content-Type"))
	}
	if code != "" && doc["error"] != code {
		t.Errorf("body %s, want error %s", text, code)
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", resp.Header.Get("Cache-Control"))
	}
	if (status == http.StatusServiceUnavailable) != (resp.Header.Get("Retry-After") != "") {
		t.Errorf("status %d with Retry-After %q", status, resp.Header.Get("Retry-After"))
	}
}

func (g *guarded) wantServed(t *testing.T, resp *http.Response) {
	t.Helper()
	if n := g.served.Swap(0); n != 1 || resp.StatusCode != http.StatusOK {
		log, _ := g.reported()
		t.Fatalf("status %d, handler ran %d times: %s %s", resp.StatusCode, n, body(t, resp), log)
	}
}
