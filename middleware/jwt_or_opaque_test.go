package middleware_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// mixed is an API that takes JWTs of one issuer, opaque tokens of another, and
// JWTs that a third one is asked about.
type mixed struct {
	*guarded
	jwt            *testIssuer
	opaque, asked  *testIntrospector
	verifier       *middleware.JWTOrOpaqueVerifier
	jwtVerifier    *middleware.JWTVerifier
	opaqueVerifier *middleware.IntrospectionVerifier
}

func newMixed(tb testing.TB) *mixed {
	tb.Helper()
	m := &mixed{guarded: &guarded{}, jwt: newIssuer(tb), opaque: newIntrospector(tb), asked: newIntrospector(tb)}
	var err error
	m.jwtVerifier, err = middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: m.jwt.URL, Audience: audience, Logger: zerolog.New(m), Events: m.event})
	if err != nil {
		tb.Fatal(err)
	}
	_, m.opaqueVerifier = newIntrospectedAPI(tb, m.opaque, func(c *middleware.IntrospectionConfig) { *c = m.opaque.config(m.guarded) })
	_, asked := newIntrospectedAPI(tb, m.asked, func(c *middleware.IntrospectionConfig) { *c = m.asked.config(m.guarded) })
	m.verifier, err = middleware.NewJWTOrOpaqueVerifier(middleware.JWTOrOpaqueConfig{JWT: m.jwtVerifier, Opaque: m.opaqueVerifier,
		Introspected: []*middleware.IntrospectionVerifier{asked}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.verifier.Close() })
	m.handler = middleware.RequireBearer(m.verifier)(http.HandlerFunc(m.serve))
	return m
}

// Every kind of token goes to the one verifier it is for, whoever else would
// have it.
func TestEachTokenHasOneJudge(t *testing.T) {
	m := newMixed(t)
	stranger := newIssuer(t)
	// sign makes a good token but for what edits change; its key is the same
	// for all issuers of the tests.
	sign := func(edits ...map[string]any) string { return m.jwt.token(t, edits...) }
	named := func(iss any) map[string]any { return map[string]any{"iss": iss} }
	good := sign()
	part := strings.Split(good, ".")
	bad := part[0] + "." + part[1] + "." + b64(make([]byte, 64))
	twice := func(first, second string) string {
		return forge(t, header(""), []byte(fmt.Sprintf(`{"iss":%q,"iss":%q,%s`, first, second, m.jwt.claims(named(nil))[1:])))
	}
	const toJWT, toOpaque, toAsked = "jwt", "opaque", "asked"
	for _, row := range []struct {
		name, token, judge string
		served             bool
	}{
		{"a JWT of the JWT verifier's issuer", good, toJWT, true},
		{"an opaque token", goodToken, toOpaque, true},
		{"an opaque token with dots", "v2.local.opaque", toOpaque, true},
		{"an encrypted token", b64([]byte(`{"alg":"dir","enc":"A128GCM"}`)) + "..AAAA.AAAA.AAAA", toOpaque, true},
		{"a JWT without iss", sign(named(nil)), toOpaque, true},
		{"a JWT whose iss is no string", sign(named([]string{m.jwt.URL})), toOpaque, true},
		{"a JWT of the issuer of opaque tokens", sign(named(m.opaque.URL)), toOpaque, true},
		{"a JWT of the issuer that is asked", sign(named(m.asked.URL)), toAsked, true},

		{"a bad signature", bad, toJWT, false},
		{"ATK-060 no signature", part[0] + "." + part[1], toJWT, false},
		{"ATK-060 an empty signature", part[0] + "." + part[1] + ".", toJWT, false},
		{"ATK-060 a fourth part", good + ".AAAA", toJWT, false},
		{"ATK-001 alg none", b64([]byte(`{"alg":"none"}`)) + "." + part[1] + ".AAAA", toJWT, false},
		{"an expired JWT", sign(map[string]any{"exp": time.Now().Unix() - 100}), toJWT, false},
		{"another audience", sign(map[string]any{"aud": "https://other.example"}), toJWT, false},
		{"an ID token", m.jwt.sign(t, "ES256", "JWT", m.jwt.claims()), toJWT, false},
		{"ATK-037 two issuers, that of JWTs first", twice(m.jwt.URL, m.opaque.URL), toJWT, false},
		{"ATK-037 two issuers, that of opaque tokens first", twice(m.opaque.URL, m.jwt.URL), toJWT, false},
		{"ATK-037 two issuers, neither that of JWTs", twice(m.opaque.URL, m.asked.URL), toJWT, false},
		{"ATK-039 an issuer, and trailing bytes", forge(t, header(""), append(m.jwt.claims(named(m.opaque.URL)), 'x')), toJWT, false},
		{"ATK-037 two issuers, the first of them no string", forge(t, header(""), []byte(strings.Replace(string(m.jwt.claims(named(m.opaque.URL))), "{", `{"iss":1,`, 1))), toJWT, false},
		{"ATK-037 the same issuer twice", twice(m.opaque.URL, m.opaque.URL), toJWT, false},
		{"ATK-015 a JWT of a stranger", stranger.token(t), toJWT, false},
		{"ATK-015 an issuer that is nearly ours", sign(named(m.opaque.URL + "/")), toJWT, false},
		{"an empty iss", sign(named("")), toJWT, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			// Both would say that the token is good.
			m.opaque.answer(row.token, m.opaque.active())
			m.asked.answer(row.token, m.asked.active())
			opaque, asked := m.opaque.calls.Load(), m.asked.calls.Load()
			// The second time it is remembered, where it can be.
			for range 2 {
				if resp := m.get("Bearer " + row.token); row.served {
					m.wantServed(t, resp)
				} else {
					m.wantRefused(t, resp, 401, "invalid_token")
				}
			}
			opaque, asked = m.opaque.calls.Load()-opaque, m.asked.calls.Load()-asked
			if (opaque != 0) != (row.judge == toOpaque) || (asked != 0) != (row.judge == toAsked) {
				t.Errorf("%d and %d calls, want the judge %s", opaque, asked, row.judge)
			}
		})
	}
	if n := stranger.calls.Load(); n != 0 {
		t.Errorf("%d calls to a stranger", n)
	}
}

// An issuer's word about the very token counts where it is asked, bad
// signature or not, and nowhere else.
func TestIntrospectedJWTIsForItsIssuerToJudge(t *testing.T) {
	m := newMixed(t)
	token := m.jwt.token(t, map[string]any{"iss": m.asked.URL})
	forged := token[:strings.LastIndexByte(token, '.')+1] + b64(make([]byte, 64))
	m.asked.answer(token, m.asked.active())
	m.wantRefused(t, m.get("Bearer "+forged), 401, "invalid_token")
	m.wantServed(t, m.get("Bearer "+token))
	if m.asked.calls.Load() != 2 || m.opaque.calls.Load() != 0 || m.jwt.calls.Load() != 0 {
		t.Errorf("%d, %d and %d calls", m.asked.calls.Load(), m.opaque.calls.Load(), m.jwt.calls.Load())
	}
}

// Keys that cannot be had are no reason to ask somebody else.
func TestNoOtherJudgeWhileKeysAreDown(t *testing.T) {
	m := newMixed(t)
	m.jwt.set(true)
	token := m.jwt.token(t)
	m.opaque.answer(token, m.opaque.active())
	m.wantUnchecked(t, m.get("Bearer "+token), "keys of")
	m.wantServed(t, m.get("Bearer "+goodToken))
	if n := m.opaque.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
	if err := m.verifier.Check(t.Context()); err == nil || !strings.Contains(err.Error(), m.jwt.URL) {
		t.Errorf("Check = %v", err)
	}
	m.jwt.set(false)
	eventually(t, 60*time.Second, func() bool { return m.verifier.Check(t.Context()) == nil })
}

// With IntrospectJWTs a token must pass both judges, and the signature first.
func TestJWTsAreIntrospectedToo(t *testing.T) {
	i := newIntrospector(t)
	g := &guarded{}
	jwt, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: i.URL, Audience: audience, Logger: zerolog.New(g), Events: g.event})
	if err != nil {
		t.Fatal(err)
	}
	_, introspection := newIntrospectedAPI(t, i, func(c *middleware.IntrospectionConfig) { *c = i.config(g) })
	v, err := middleware.NewJWTOrOpaqueVerifier(middleware.JWTOrOpaqueConfig{JWT: jwt, Opaque: introspection, IntrospectJWTs: true})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	g.handler = middleware.RequireBearer(v)(http.HandlerFunc(g.serve))
	iss := &testIssuer{Server: i.Server, signers: newIssuer(t).signers}

	signed := func(jti string) string { return iss.token(t, map[string]any{"jti": jti}) }
	active, revoked, unknown := signed("active"), signed("revoked"), signed("unknown")
	forged := signed("x")
	forged = forged[:strings.LastIndexByte(forged, '.')+1] + b64(make([]byte, 64))
	i.answer(active, i.active())
	i.answer(revoked, `{"active":false}`)
	i.answer(forged, i.active())

	for range 2 {
		g.wantServed(t, g.get("Bearer "+active))
		g.wantServed(t, g.get("Bearer "+goodToken))
		g.wantRefused(t, g.get("Bearer "+revoked), 401, "invalid_token")
	}
	if id, err := v.Verify(t.Context(), active); err != nil || id.Subject != "alice" || id.TokenID != "active" {
		t.Errorf("identity %+v, %v: not the signed one", id, err)
	}
	// What the answer says beside that counts too.
	for name, answer := range map[string]map[string]any{
		"another subject": {"sub": "somebody else"},
		"another client":  {"client_id": "another"},
		"bound to a key":  {"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}, "token_type": "DPoP"},
		"another scope":   {"scope": "nothing"},
	} {
		token := signed(name)
		i.answer(token, i.active(answer))
		id, err := v.Verify(t.Context(), token)
		switch name {
		case "bound to a key":
			if err != nil || id.Confirmation == nil || id.Confirmation.JWKThumbprint == "" {
				t.Errorf("%s: %+v, %v", name, id, err)
			}
			g.wantRefused(t, g.get("Bearer "+token), 401, "invalid_token")
		case "another scope":
			if err != nil || len(id.Scope) != 0 {
				t.Errorf("%s: %+v, %v", name, id, err)
			}
		default:
			if !errors.Is(err, oidckit.InvalidToken) {
				t.Errorf("%s: %+v, %v", name, id, err)
			}
		}
	}
	// RFC 7800 §3.1: token and answer name one key, or the token is nobody's.
	own, other := strings.Repeat("A", 43), strings.Repeat("B", 43)
	bound := iss.token(t, map[string]any{"jti": "bound", "cnf": map[string]string{"jkt": own}})
	i.answer(bound, i.active(map[string]any{"cnf": map[string]string{"jkt": other}}))
	if id, err := v.Verify(t.Context(), bound); !errors.Is(err, oidckit.InvalidToken) {
		t.Errorf("another key: %+v, %v", id, err)
	}
	bound = iss.token(t, map[string]any{"jti": "bound-2", "cnf": map[string]string{"jkt": own}})
	i.answer(bound, i.active(map[string]any{"cnf": map[string]string{"jkt": own}}))
	if id, err := v.Verify(t.Context(), bound); err != nil || id.Confirmation.JWKThumbprint != own {
		t.Errorf("the same key: %+v, %v", id, err)
	}
	before := i.calls.Load()
	g.wantRefused(t, g.get("Bearer "+forged), 401, "invalid_token")
	if n := i.calls.Load() - before; n != 0 {
		t.Errorf("%d calls for a forged token", n)
	}
	i.play(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	g.wantUnchecked(t, g.get("Bearer "+unknown), "500")
	i.play(nil)

	// Of one issuer, a revocation need not name it.
	if err := v.Revoke(middleware.Revocation{SessionID: "s-1", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	g.wantRefused(t, g.get("Bearer "+goodToken), 401, "invalid_token")
}

func TestRevokeOfEitherKind(t *testing.T) {
	m := newMixed(t)
	until := time.Now().Add(time.Hour)
	token := m.jwt.token(t)
	m.wantServed(t, m.get("Bearer "+token))
	m.wantServed(t, m.get("Bearer "+goodToken))
	if err := m.verifier.Revoke(middleware.Revocation{Subject: "alice", Until: until}); err == nil {
		t.Error("a revocation that names none of several issuers is taken")
	}
	if err := m.verifier.Revoke(middleware.Revocation{Issuer: m.jwt.URL, Subject: "alice", IssuedBefore: until, Until: until}); err != nil {
		t.Fatal(err)
	}
	m.wantRefused(t, m.get("Bearer "+token), 401, "invalid_token")
	m.wantServed(t, m.get("Bearer "+goodToken))
	if err := m.verifier.Revoke(middleware.Revocation{Issuer: m.opaque.URL, Subject: "alice", Until: until}); err != nil {
		t.Fatal(err)
	}
	m.wantRefused(t, m.get("Bearer "+goodToken), 401, "invalid_token")
	before := m.opaque.calls.Load()
	m.verifier.Forget(goodToken)
	m.wantRefused(t, m.get("Bearer "+goodToken), 401, "invalid_token")
	if n := m.opaque.calls.Load() - before; n != 1 {
		t.Errorf("%d calls after Forget", n)
	}
}

func TestJWTOrOpaqueConfig(t *testing.T) {
	m := newMixed(t)
	jwt, opaque := m.jwtVerifier, m.opaqueVerifier
	same, err := middleware.NewIntrospectionVerifier(middleware.IntrospectionConfig{Issuer: m.jwt.URL, Audience: audience, ClientID: "a", ClientSecret: "b"})
	if err != nil {
		t.Fatal(err)
	}
	defer same.Close()
	list := func(v ...*middleware.IntrospectionVerifier) []*middleware.IntrospectionVerifier { return v }
	for name, row := range map[string]struct {
		cfg   middleware.JWTOrOpaqueConfig
		names []string
	}{
		"nothing":           {middleware.JWTOrOpaqueConfig{}, []string{"JWT ", "Opaque "}},
		"zero verifiers":    {middleware.JWTOrOpaqueConfig{JWT: &middleware.JWTVerifier{}, Opaque: &middleware.IntrospectionVerifier{}}, []string{"JWT ", "Opaque "}},
		"nil in the list":   {middleware.JWTOrOpaqueConfig{JWT: jwt, Opaque: opaque, Introspected: list(nil)}, []string{"Introspected[0] "}},
		"one issuer twice":  {middleware.JWTOrOpaqueConfig{JWT: jwt, Opaque: opaque, Introspected: list(opaque)}, []string{"Introspected[0] "}},
		"never asked":       {middleware.JWTOrOpaqueConfig{JWT: jwt, Opaque: opaque, Introspected: list(same)}, []string{"Introspected[0] "}},
		"nothing to do":     {middleware.JWTOrOpaqueConfig{JWT: jwt, Opaque: opaque, IntrospectJWTs: true}, []string{"IntrospectJWTs "}},
		"good":              {middleware.JWTOrOpaqueConfig{JWT: jwt, Opaque: opaque, Introspected: list(same), IntrospectJWTs: true}, nil},
		"one issuer of all": {middleware.JWTOrOpaqueConfig{JWT: jwt, Opaque: same}, nil},
	} {
		_, err := middleware.NewJWTOrOpaqueVerifier(row.cfg)
		if (err != nil) != (row.names != nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, field := range row.names {
			if err != nil && !strings.Contains(err.Error(), field) {
				t.Errorf("%s: %v does not name %s", name, err, field)
			}
		}
	}
	for name, v := range map[string]*middleware.JWTOrOpaqueVerifier{"nil": nil, "zero": {}} {
		if _, err := v.Verify(t.Context(), goodToken); err == nil {
			t.Errorf("the %s verifier judges", name)
		}
		v.Forget(goodToken)
		if v.Check(t.Context()) == nil || v.Revoke(middleware.Revocation{}) == nil || v.Close() != nil {
			t.Errorf("Check, Revoke or Close of the %s verifier", name)
		}
		g := &guarded{}
		g.handler = middleware.RequireBearer(v)(http.HandlerFunc(g.serve))
		g.wantRefused(t, g.get("Bearer "+goodToken), 503, "server_error")
	}
}

// hits are tokens of every kind that were seen before, on their way through the
// whole middleware.
func (m *mixed) hits(tb testing.TB) map[string]func() {
	tb.Helper()
	hits := map[string]func(){}
	for name, token := range map[string]string{"JWT": m.jwt.token(tb), "opaque": goodToken, "introspected": m.jwt.token(tb, map[string]any{"iss": m.asked.URL})} {
		m.asked.answer(token, m.asked.active())
		if resp := m.get("Bearer " + token); resp.StatusCode != http.StatusOK {
			tb.Fatalf("%s: status %d", name, resp.StatusCode)
		}
		h := middleware.RequireBearer(m.verifier)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		r := httptest.NewRequest(http.MethodGet, "/orders", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		hits[name] = func() { h.ServeHTTP(w, r) }
	}
	return hits
}

// Choosing allocates nothing, for no kind of token.
func TestJWTOrOpaqueHitAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, hit := range newMixed(t).hits(t) {
		if n := testing.AllocsPerRun(1000, hit); n != 2 {
			t.Errorf("%s: %v allocations, want 2", name, n)
		}
	}
}

func BenchmarkJWTOrOpaqueHit(b *testing.B) {
	for name, hit := range newMixed(b).hits(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hit()
			}
		})
	}
}

// One guard for the signed tokens of one issuer and the opaque ones of another.
func ExampleNewJWTOrOpaqueVerifier() {
	tb := &exampleTB{}
	defer tb.close()
	modern, legacy := newIssuer(tb), newIntrospector(tb)

	jwt, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: modern.URL, Audience: "https://api.example"})
	if err != nil {
		panic(err)
	}
	opaque, err := middleware.NewIntrospectionVerifier(middleware.IntrospectionConfig{
		Issuer: legacy.URL, Audience: "https://api.example", ClientID: "orders-api", ClientSecret: "secret",
	})
	if err != nil {
		panic(err)
	}
	v, err := middleware.NewJWTOrOpaqueVerifier(middleware.JWTOrOpaqueConfig{JWT: jwt, Opaque: opaque})
	if err != nil {
		panic(err)
	}
	defer v.Close()
	orders := middleware.RequireBearer(v)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "orders") }))

	call(orders, "GET", "/", modern.token(tb))
	call(orders, "GET", "/", goodToken)
	fmt.Println("asked", legacy.calls.Load(), "time")
	// Output:
	// 200  orders
	// 200  orders
	// asked 1 time
}
