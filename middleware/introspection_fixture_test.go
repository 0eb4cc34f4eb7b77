package middleware_test

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
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

const (
	goodToken    = "opaque-good-token-0123456789-abcdefghijklm"
	apiClientID  = "the api"
	apiSecret    = "p%ss:wörd+canary"
	mediaTypeJWT = "application/token-introspection+jwt"
)

// testIntrospector is an issuer with a real introspection endpoint, whose every
// answer a test can choose.
type testIntrospector struct {
	*httptest.Server
	signer *jose.Signer
	// calls are those to the endpoint, others those to metadata and keys.
	calls, others, connections, inFlight, mostInFlight atomic.Int64

	mu      sync.Mutex
	answers map[string]string
	// script, where it is set, answers in place of everything.
	script http.HandlerFunc
	// last is the last request to the endpoint, and its body.
	last     *http.Request
	lastBody string
}

func newIntrospector(tb testing.TB) *testIntrospector {
	tb.Helper()
	s, err := jose.NewSigner("ES256", "kid-ES256", testKey(tb, "ES256"))
	if err != nil {
		tb.Fatal(err)
	}
	i := &testIntrospector{signer: s, answers: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.metadata)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("/introspect", i.introspect)
	i.Server = httptest.NewUnstartedServer(mux)
	i.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			i.connections.Add(1)
		}
	}
	i.Start()
	tb.Cleanup(i.Close)
	i.answer(goodToken, i.active())
	return i
}

func (i *testIntrospector) metadata(w http.ResponseWriter, _ *http.Request) {
	i.others.Add(1)
	json.NewEncoder(w).Encode(oidckit.ProviderMetadata{Issuer: i.URL, JWKSURI: i.URL + "/keys", IntrospectionEndpoint: i.URL + "/introspect",
		AuthorizationEndpoint: i.URL + "/authorize", TokenEndpoint: i.URL + "/token"})
}

func (i *testIntrospector) keys(w http.ResponseWriter, _ *http.Request) {
	i.others.Add(1)
	set, err := jose.MarshalJWKS([]jose.JWK{{KeyID: i.signer.KeyID(), Algorithm: "ES256", Use: "sig", Key: i.signer.Public()}})
	if err != nil {
		panic(err)
	}
	w.Write(set)
}

func (i *testIntrospector) introspect(w http.ResponseWriter, r *http.Request) {
	i.calls.Add(1)
	n := i.inFlight.Add(1)
	defer i.inFlight.Add(-1)
	for most := i.mostInFlight.Load(); n > most && !i.mostInFlight.CompareAndSwap(most, n); most = i.mostInFlight.Load() {
	}
	b, _ := io.ReadAll(r.Body)
	i.mu.Lock()
	i.last, i.lastBody = r, string(b)
	script := i.script
	form, _ := url.ParseQuery(string(b))
	answer, ok := i.answers[form.Get("token")]
	i.mu.Unlock()
	switch {
	case script != nil:
		r.Body = io.NopCloser(strings.NewReader(string(b)))
		script(w, r)
		return
	case !ok:
		answer = `{"active":false}`
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, answer)
}

// answer sets what the endpoint says of a token.
func (i *testIntrospector) answer(token, doc string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answers[token] = doc
}

// play replaces the endpoint; nil puts it back.
func (i *testIntrospector) play(fn http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.script = fn
}

// hold keeps every answer, which is a good one, until the channel is closed.
func (i *testIntrospector) hold() chan struct{} {
	release := make(chan struct{})
	i.play(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, i.active())
	})
	return release
}

// seen returns the last request to the endpoint.
func (i *testIntrospector) seen(tb testing.TB) (*http.Request, url.Values) {
	tb.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	form, err := url.ParseQuery(i.lastBody)
	if err != nil {
		tb.Fatal(err)
	}
	return i.last, form
}

// active is a good answer, changed by edits; a nil value drops the member.
func (i *testIntrospector) active(edits ...map[string]any) string {
	now := time.Now().Unix()
	doc := map[string]any{"active": true, "iss": i.URL, "aud": audience, "sub": "alice", "client_id": "webapp", "username": "alice@example.com",
		"token_type": "Bearer", "scope": "openid orders:read", "jti": "t-1", "sid": "s-1", "acr": "gold", "amr": []string{"pwd", "otp"},
		"auth_time": now - 60, "iat": now - 30, "nbf": now - 30, "exp": now + 3600}
	for _, e := range edits {
		maps.Copy(doc, e)
	}
	maps.DeleteFunc(doc, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// config is a good configuration that reports to g.
func (i *testIntrospector) config(g *guarded) middleware.IntrospectionConfig {
	return middleware.IntrospectionConfig{Issuer: i.URL, Audience: audience, ClientID: apiClientID, ClientSecret: apiSecret,
		Logger: zerolog.New(g), Events: g.event}
}

// newIntrospectedAPI guards a handler for tokens that are introspected.
func newIntrospectedAPI(tb testing.TB, i *testIntrospector, edit func(*middleware.IntrospectionConfig)) (*guarded, *middleware.IntrospectionVerifier) {
	tb.Helper()
	g := &guarded{}
	cfg := i.config(g)
	if edit != nil {
		edit(&cfg)
	}
	v, err := middleware.NewIntrospectionVerifier(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { v.Close() })
	g.bearer = middleware.RequireBearer(v)
	g.handler = g.bearer(http.HandlerFunc(g.serve))
	return g, v
}

// wantUnchecked demands 503, a report that says what was at odds, and no secret in
// it; and that nothing of it is remembered.
func (g *guarded) wantUnchecked(t *testing.T, resp *http.Response, reason string) {
	t.Helper()
	g.wantRefused(t, resp, 503, "temporarily_unavailable")
	log, event := g.reported()
	if !strings.Contains(log, reason) || strings.Contains(log, "canary") || event.Name != oidckit.EventTokenUnchecked {
		t.Errorf("log %s, event %+v, want %q", log, event, reason)
	}
}
