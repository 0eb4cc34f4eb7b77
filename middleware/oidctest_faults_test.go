package middleware_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// These tests walk the faults of an issuer with a whole one, the provider of
// this module, behind oidctest: what an app's own tests can do.

func newProvider(t *testing.T, cfg oidctest.Config) *oidctest.Server {
	t.Helper()
	cfg.Configure = func(c *provider.Config) {
		c.Resources = []provider.Resource{{Resource: audience}}
		c.SigningAlgs = []string{"ES256"}
	}
	return oidctest.New(t, cfg)
}

// newProviderAPI guards a handler for tokens of a provider. Its keys are
// renewed all the time.
func newProviderAPI(t *testing.T, op *oidctest.Server) (*guarded, *middleware.JWTVerifier) {
	t.Helper()
	return newAPIOf(t, middleware.JWTConfig{Issuer: op.Issuer, Audience: audience, HTTPClient: op.HTTPClient(),
		Keys: middleware.KeySource{SoftLifetime: 20 * time.Millisecond}})
}

func bearerOf(t *testing.T, op *oidctest.Server, token oidctest.Token) string {
	t.Helper()
	return "Bearer " + op.AccessToken(t, token)
}

// RFC 9068 §4, RFC 8725 §3.1, §3.11, FLT-25: the good token passes; with one
// thing wrong it is refused, for that reason and without asking anybody.
func TestProviderTokens(t *testing.T) {
	op := newProvider(t, oidctest.Config{})
	g, v := newAPIOf(t, middleware.JWTConfig{Issuer: op.Issuer, Audience: audience})
	if err := v.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := len(op.Requests(oidctest.EndpointAny))
	claim := func(name string, value any) oidctest.Token {
		return oidctest.Token{Claims: map[string]any{name: value}}
	}
	header := func(name string, value any) oidctest.Token {
		return oidctest.Token{Header: map[string]any{name: value}}
	}
	now := time.Now()
	for name, row := range map[string]struct {
		token  oidctest.Token
		reason string // "" where it passes
	}{
		"good":                 {},
		"FLT-25 exp −30 s":     {token: claim("exp", now.Add(-30*time.Second))},
		"FLT-25 exp −5 min":    {claim("exp", now.Add(-5*time.Minute)), "exp"},
		"FLT-25 iat +5 min":    {claim("iat", now.Add(5*time.Minute)), "clock_skew"},
		"FLT-25 nbf +1 day":    {claim("nbf", now.Add(24*time.Hour)), "clock_skew"},
		"another issuer":       {claim("iss", "https://other.example"), "iss"},
		"another audience":     {claim("aud", []string{op.Issuer}), "aud"},
		"no aud":               {claim("aud", nil), "aud"},
		"no exp":               {claim("exp", nil), "exp"},
		"no sub":               {claim("sub", nil), "sub"},
		"no jti":               {claim("jti", nil), "jti"},
		"no iat":               {claim("iat", nil), "iat"},
		"no client_id":         {claim("client_id", nil), "client_id"},
		"exp as text":          {claim("exp", "tomorrow"), "exp"},
		"typ JWT":              {header("typ", "JWT"), "typ"},
		"typ logout+jwt":       {header("typ", "logout+jwt"), "typ"},
		"crit":                 {header("crit", []string{"b64"}), "crit"},
		"alg of another key":   {header("alg", "RS256"), "kid"},
		"alg HS256":            {header("alg", "HS256"), "alg"},
		"alg none":             {oidctest.Token{Signed: oidctest.ByNobody}, "parts"},
		"alg none, signed":     {header("alg", "none"), "alg"},
		"a stranger's key":     {oidctest.Token{Signed: oidctest.ByStranger}, "signature"},
		"a key in the header":  {oidctest.Token{Signed: oidctest.ByStranger, Header: map[string]any{"jku": "https://evil.example/jwks"}}, "signature"},
		"a binding, not shown": {claim("cnf", map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), "cnf"},
	} {
		t.Run(name, func(t *testing.T) {
			resp := g.get(bearerOf(t, op, row.token))
			if row.reason == "" {
				g.wantServed(t, resp)
				return
			}
			g.wantRefused(t, resp, 401, "invalid_token")
			if log, _ := g.reported(); !strings.Contains(log, row.reason) {
				t.Errorf("log %s, want %q", log, row.reason)
			}
		})
	}
	id := op.IDToken(t, oidctest.Token{Claims: map[string]any{"aud": audience}})
	g.wantRefused(t, g.get("Bearer "+id), 401, "invalid_token")
	if n := len(op.Requests(oidctest.EndpointAny)) - asked; n != 0 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

// FLT-01: the issuer is down at start. 503 with Retry-After, and it recovers.
func TestFLT01ProviderDownAtStart(t *testing.T) {
	op := newProvider(t, oidctest.Config{})
	token := bearerOf(t, op, oidctest.Token{})
	up := op.Down(t)
	g, v := newProviderAPI(t, op)
	for range 3 {
		g.wantRefused(t, g.get(token), 503, "temporarily_unavailable")
	}
	if err := v.Check(t.Context()); err == nil {
		t.Error("Check is content")
	}
	if n := len(op.Requests(oidctest.EndpointAny)); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
	up()
	eventually(t, 30*time.Second, func() bool { return g.get(token).StatusCode == http.StatusOK })
}

// FLT-02: the issuer goes down after warm-up. What is known serves, what is not
// cannot be judged, and a probe sees it.
func TestFLT02ProviderDownAfterWarmUp(t *testing.T) {
	op := newProvider(t, oidctest.Config{})
	g, v := newProviderAPI(t, op)
	known, notSeen := bearerOf(t, op, oidctest.Token{}), bearerOf(t, op, oidctest.Token{})
	g.wantServed(t, g.get(known))
	op.Down(t)
	op.RotateKeys(t)
	unknown := bearerOf(t, op, oidctest.Token{})
	eventually(t, 30*time.Second, func() bool {
		g.wantServed(t, g.get(known))
		return v.KeyStates()[0].Failures > 0
	})
	for range 3 {
		g.wantRefused(t, g.get(unknown), 503, "temporarily_unavailable")
		g.wantServed(t, g.get(known))
		g.wantServed(t, g.get(notSeen))
	}
}

// FLT-07, FLT-08: whatever stands where the keys were, the old ones serve and
// no other is believed.
func TestFLT07FLT08ProviderKeysReplaced(t *testing.T) {
	op := newProvider(t, oidctest.Config{})
	stranger := newProvider(t, oidctest.Config{})
	for name, fault := range map[string]oidctest.Fault{
		"FLT-07 endless":       oidctest.Endless(`{"keys":[`),
		"FLT-07 gzip bomb":     gzipBomb,
		"FLT-08 redirect":      oidctest.Redirect(stranger.Issuer + "/jwks"),
		"FLT-08 redirect loop": oidctest.Redirect(op.Issuer + "/jwks"),
		"500":                  oidctest.Answer(500, "text/html", "<p>Sorry"),
		"garbage":              oidctest.Answer(200, "application/json", "\x00\xff{{"),
		"a page":               oidctest.Answer(200, "text/html", "<p>Maintenance"),
		"dropped":              oidctest.Drop(),
		"no keys":              oidctest.EditJSON(func(answer map[string]any) { delete(answer, "keys") }),
	} {
		t.Run(name, func(t *testing.T) {
			g, v := newProviderAPI(t, op)
			good := bearerOf(t, op, oidctest.Token{})
			g.wantServed(t, g.get(good))
			before := heap()
			op.Break(t, oidctest.EndpointJWKS, fault)
			eventually(t, 30*time.Second, func() bool {
				g.wantServed(t, g.get(good))
				return v.KeyStates()[0].Failures > 0
			})
			if grown := heap() - before; grown > 8<<20 {
				t.Errorf("the heap has grown by %d bytes", grown)
			}
			theirs := stranger.AccessToken(t, oidctest.Token{Claims: map[string]any{"iss": op.Issuer}})
			if resp := g.get("Bearer " + theirs); resp.StatusCode == http.StatusOK {
				t.Error("a stranger's token passes")
			}
		})
	}
	if n := len(stranger.Requests(oidctest.EndpointAny)); n != 0 {
		t.Errorf("%d redirects followed", n)
	}
}

func gzipBomb(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			panic(err)
		}
		filler := make([]byte, 1<<20)
		for range 50 {
			if _, err := z.Write(filler); err != nil {
				return
			}
		}
		z.Close()
	})
}

// A key that cannot be read, or that nobody may use, takes nothing from those
// beside it.
func TestProviderPublishesABadKey(t *testing.T) {
	for name, bad := range map[string]map[string]any{
		"not on the curve": {"kty": "EC", "crv": "P-256", "kid": "bad", "x": "AAAA", "y": "AAAA"},
		"symmetric":        {"kty": "oct", "kid": "bad", "k": "c2VjcmV0"},
		"of no known type": {"kty": "AKP", "kid": "bad"},
	} {
		t.Run(name, func(t *testing.T) {
			op := newProvider(t, oidctest.Config{})
			op.Break(t, oidctest.EndpointJWKS, oidctest.EditJSON(func(answer map[string]any) {
				answer["keys"] = append([]any{bad}, answer["keys"].([]any)...)
			}))
			g, _ := newProviderAPI(t, op)
			g.wantServed(t, g.get(bearerOf(t, op, oidctest.Token{})))
			g.wantRefused(t, g.get(bearerOf(t, op, oidctest.Token{Header: map[string]any{"kid": "bad"}})), 401, "invalid_token")
		})
	}
}

// OpenID Connect Discovery 1.0 §4.3: metadata of another issuer, or that sends
// an API to another place for the keys, is not believed.
func TestProviderMetadata(t *testing.T) {
	stranger := newProvider(t, oidctest.Config{})
	for name, edit := range map[string]func(m map[string]any){
		"another issuer": func(m map[string]any) { m["issuer"] = stranger.Issuer },
		"no key set":     func(m map[string]any) { delete(m, "jwks_uri") },
		"a file":         func(m map[string]any) { m["jwks_uri"] = "file:///etc/passwd" },
	} {
		t.Run(name, func(t *testing.T) {
			op := newProvider(t, oidctest.Config{})
			op.Break(t, oidctest.EndpointDiscovery, oidctest.EditJSON(edit))
			g, _ := newProviderAPI(t, op)
			g.wantRefused(t, g.get(bearerOf(t, op, oidctest.Token{})), 503, "temporarily_unavailable")
			if n := len(op.Requests(oidctest.EndpointJWKS)); n != 0 {
				t.Errorf("the keys were fetched %d times", n)
			}
		})
	}
}

// FLT-09: the issuer's certificate expires. What is known serves, the error
// says what it is, and nothing insecure takes its place.
func TestFLT09ProviderCertificateExpires(t *testing.T) {
	op := newProvider(t, oidctest.Config{TLS: true})
	var ahead atomic.Int64
	transport := op.HTTPClient().Transport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	transport.TLSClientConfig.Time = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	g, v := newAPIOf(t, middleware.JWTConfig{Issuer: op.Issuer, Audience: audience, HTTPClient: &http.Client{Transport: transport},
		Keys: middleware.KeySource{SoftLifetime: 20 * time.Millisecond}})
	token := bearerOf(t, op, oidctest.Token{})
	g.wantServed(t, g.get(token))
	ahead.Store(int64(200 * 365 * 24 * time.Hour))
	eventually(t, 30*time.Second, func() bool {
		g.wantServed(t, g.get(token))
		_, expired := errors.AsType[*tls.CertificateVerificationError](v.KeyStates()[0].Err)
		return expired
	})
}

// FLT-10: the new key signs at once. Its first token costs a fetch, the old
// one's tokens nothing.
func TestFLT10ProviderRotates(t *testing.T) {
	op := newProvider(t, oidctest.Config{})
	g, _ := newAPIOf(t, middleware.JWTConfig{Issuer: op.Issuer, Audience: audience})
	old := bearerOf(t, op, oidctest.Token{})
	g.wantServed(t, g.get(old))
	op.RotateKeys(t)
	for range 20 {
		g.wantServed(t, g.get(bearerOf(t, op, oidctest.Token{})))
		g.wantServed(t, g.get(old))
	}
	if n := len(op.Requests(oidctest.EndpointJWKS)); n != 2 {
		t.Errorf("%d fetches", n)
	}
}

// FLT-12: tokens of a revoked key are refused once the keys are renewed, those
// that were seen before too; the new key's pass.
func TestFLT12ProviderRevokes(t *testing.T) {
	op := newProvider(t, oidctest.Config{})
	g, _ := newProviderAPI(t, op)
	token := op.AccessToken(t, oidctest.Token{})
	g.wantServed(t, g.get("Bearer "+token))
	op.RevokeKeyOf(t, token)
	eventually(t, 30*time.Second, func() bool { return g.get("Bearer "+token).StatusCode == http.StatusUnauthorized })
	g.served.Store(0)
	g.wantServed(t, g.get(bearerOf(t, op, oidctest.Token{})))
}

// introspection is where the provider of these tests answers about tokens.
const introspection oidctest.Endpoint = "/introspect"

func newIntrospectedProvider(t *testing.T, timeout time.Duration) (*oidctest.Server, *guarded) {
	t.Helper()
	op := newProvider(t, oidctest.Config{})
	op.Break(t, introspection, oidctest.Answer(200, "application/json",
		`{"active":true,"sub":"alice","client_id":"webapp","token_type":"Bearer","iss":"`+op.Issuer+`","aud":"`+audience+`","exp":4102444800}`))
	g := &guarded{}
	v, err := middleware.NewIntrospectionVerifier(middleware.IntrospectionConfig{Issuer: op.Issuer, Audience: audience, ClientID: apiClientID,
		ClientSecret: apiSecret, Endpoint: op.Issuer + string(introspection), Timeout: timeout, Events: g.event})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	g.handler = middleware.RequireBearer(v)(http.HandlerFunc(g.serve))
	return op, g
}

// FLT-21: whatever the introspection endpoint does instead of judging a token,
// it is 503 and not remembered.
func TestFLT21IntrospectionAtProvider(t *testing.T) {
	op, g := newIntrospectedProvider(t, 0)
	for name, fault := range map[string]oidctest.Fault{
		"500":             oidctest.Answer(500, "application/json", `{"active":true}`),
		"our-credentials": oidctest.Answer(401, "application/json", `{"active":false}`),
		"a-page":          oidctest.Answer(200, "text/html", "<p>Sorry"),
		"dropped":         oidctest.Drop(),
		"redirect":        oidctest.Redirect(op.Issuer + "/elsewhere"),
		"endless":         oidctest.Endless(`{"active":true,`),
	} {
		token := "Bearer opaque-" + name
		t.Run(name, func(t *testing.T) {
			op.Break(t, introspection, fault)
			g.wantRefused(t, g.get(token), 503, "temporarily_unavailable")
		})
		g.wantServed(t, g.get(token))
	}
	for _, r := range op.Requests(introspection) {
		if _, secret, ok := (&http.Request{Header: r.Header}).BasicAuth(); !ok || secret == "" || !strings.HasPrefix(r.Form.Get("token"), "opaque-") {
			t.Errorf("RFC 7662 §2.1: %v", r)
		}
	}
	if n := len(op.Requests("/elsewhere")); n != 0 {
		t.Errorf("%d redirects followed", n)
	}
}

// FLT-21: an introspection endpoint that hangs costs each request its time, and
// nothing once it answers.
func TestFLT21IntrospectionHangsAtProvider(t *testing.T) {
	op, g := newIntrospectedProvider(t, 200*time.Millisecond)
	endpoint := op.Hold(t, introspection)
	g.wantRefused(t, g.get("Bearer opaque"), 503, "temporarily_unavailable")
	endpoint.Release()
	eventually(t, 30*time.Second, func() bool { return g.get("Bearer opaque").StatusCode == http.StatusOK })
}

// FLT-53: the request that made the keys be fetched goes away; the one fetch
// goes on for the others.
func TestFLT53ProviderIsSlow(t *testing.T) {
	op := newProvider(t, oidctest.Config{})
	_, v := newAPIOf(t, middleware.JWTConfig{Issuer: op.Issuer, Audience: audience, HTTPClient: op.HTTPClient()})
	token := op.AccessToken(t, oidctest.Token{})
	keys := op.Hold(t, oidctest.EndpointJWKS)
	ctx, leave := context.WithCancel(t.Context())
	first, second := make(chan error), make(chan error)
	go func() {
		_, err := v.Verify(ctx, token)
		first <- err
	}()
	<-keys.Arrived
	go func() {
		_, err := v.Verify(t.Context(), token)
		second <- err
	}()
	leave()
	if err := <-first; err == nil || errors.Is(err, oidckit.InvalidToken) {
		t.Errorf("who left: %v", err)
	}
	keys.Release()
	if err := <-second; err != nil {
		t.Errorf("who stayed: %v", err)
	}
	if n := len(op.Requests(oidctest.EndpointJWKS)); n != 1 {
		t.Errorf("%d fetches", n)
	}
}
