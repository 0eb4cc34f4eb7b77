package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/dpop"
	"github.com/oidckit/oidckit/internal/dpop/dpoptest"
	"github.com/oidckit/oidckit/internal/memtable"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// dpopAPI is an API for tokens that are bound to a key.
type dpopAPI struct {
	*guarded
	iss *testIssuer
	key *dpoptest.Key
	// bound and plain are good tokens.
	bound, plain string
}

func newDPoPAPI(t *testing.T, edit func(*middleware.DPoPConfig)) *dpopAPI {
	t.Helper()
	cfg := middleware.DPoPConfig{Origin: audience}
	if edit != nil {
		edit(&cfg)
	}
	d, err := middleware.NewDPoP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	api := &dpopAPI{guarded: &guarded{}, iss: newIssuer(t), key: dpoptest.NewKey(t)}
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: api.iss.URL, Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	b := middleware.Bearer{Verifier: v, DPoP: d, Logger: zerolog.New(api.guarded), Events: api.event}
	api.handler = b.Require(http.HandlerFunc(api.serve))
	api.bound = api.iss.token(t, map[string]any{"cnf": map[string]string{"jkt": api.key.Thumbprint()}})
	api.plain = api.iss.token(t)
	return api
}

// proof is a good one for a request of the API, changed by edits.
func (a *dpopAPI) proof(edits ...map[string]any) string {
	return a.key.Proof("GET", audience+"/orders", append([]map[string]any{{"ath": dpop.TokenHash(a.bound)}}, edits...)...)
}

func (a *dpopAPI) get(authorization string, proofs ...string) *http.Response {
	return serve(a.handler, dpopRequest(authorization, proofs...))
}

func dpopRequest(authorization string, proofs ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/orders?page=2", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	return r
}

// ATK-159: what RFC 9449 §4.3 and §7 refuse, and the conformance suite's
// negative list at the resource. After each row a good request works (I7).
func TestDPoP(t *testing.T) {
	api := newDPoPAPI(t, nil)
	other := dpoptest.NewKey(t)
	claims := func(edits ...map[string]any) map[string]any {
		return dpoptest.Claims("GET", audience+"/orders", append([]map[string]any{{"ath": dpop.TokenHash(api.bound)}}, edits...)...)
	}
	header := func(e map[string]any) string { return api.key.Sign(api.key.Header(e), claims()) }
	ofPlain := map[string]any{"ath": dpop.TokenHash(api.plain)}
	foreign := api.iss.token(t, map[string]any{"cnf": map[string]string{"jkt": other.Thumbprint()}})
	certificate := api.iss.token(t, map[string]any{"cnf": map[string]string{"jkt": api.key.Thumbprint(), "x5t#S256": "x"}})
	unknown := api.iss.token(t, map[string]any{"cnf": map[string]any{"jkt": api.key.Thumbprint(), "kid": "x"}})
	now := time.Now().Unix()
	const badProof, badToken = "invalid_dpop_proof", "invalid_token"
	for _, row := range []struct {
		name, authorization string
		proofs              []string
		status              int
		code                string
	}{
		{"good", "DPoP " + api.bound, []string{api.proof()}, 200, ""},
		{"scheme in another case", "dPoP " + api.bound, []string{api.proof()}, 200, ""},
		{"a plain token", "Bearer " + api.plain, nil, 200, ""},
		{"a plain token, scheme in another case", "BEARER " + api.plain, nil, 200, ""},
		{"htu with query and fragment", "DPoP " + api.bound, []string{api.proof(map[string]any{"htu": audience + "/orders?page=2#x"})}, 200, ""},
		{"htu with default port, in upper case", "DPoP " + api.bound, []string{api.proof(map[string]any{"htu": "HTTPS://API.example:443/orders"})}, 200, ""},
		{"10 s ago", "DPoP " + api.bound, []string{api.proof(map[string]any{"iat": now - 10})}, 200, ""},
		{"10 s ahead", "DPoP " + api.bound, []string{api.proof(map[string]any{"iat": now + 10})}, 200, ""},
		{"nbf and exp", "DPoP " + api.bound, []string{api.proof(map[string]any{"nbf": now, "exp": now + 60})}, 200, ""},
		{"no credentials", "", nil, 401, ""},
		{"no credentials, a proof", "", []string{api.proof()}, 401, ""},
		{"no proof", "DPoP " + api.bound, nil, 401, badProof},
		{"two proofs", "DPoP " + api.bound, []string{api.proof(), api.proof()}, 401, badProof},
		{"not a JWT", "DPoP " + api.bound, []string{"x"}, 401, badProof},
		{"a token as proof", "DPoP " + api.bound, []string{api.bound}, 401, badProof},
		{"typ", "DPoP " + api.bound, []string{header(map[string]any{"typ": "jwt"})}, 401, badProof},
		{"alg none", "DPoP " + api.bound, []string{header(map[string]any{"alg": "none"})}, 401, badProof},
		{"private key", "DPoP " + api.bound, []string{header(map[string]any{"jwk": api.key.JWK(map[string]any{"d": api.key.PrivateMember()})})}, 401, badProof},
		{"signature", "DPoP " + api.bound, []string{other.Sign(api.key.Header(), claims())}, 401, badProof},
		{"htm", "DPoP " + api.bound, []string{api.proof(map[string]any{"htm": "POST"})}, 401, badProof},
		{"htu", "DPoP " + api.bound, []string{api.proof(map[string]any{"htu": audience + "/other"})}, 401, badProof},
		{"an hour ago", "DPoP " + api.bound, []string{api.proof(map[string]any{"iat": now - 3600})}, 401, badProof},
		{"an hour ahead", "DPoP " + api.bound, []string{api.proof(map[string]any{"iat": now + 3600})}, 401, badProof},
		{"no ath", "DPoP " + api.bound, []string{api.proof(map[string]any{"ath": nil})}, 401, badProof},
		{"ath of another token", "DPoP " + api.bound, []string{api.proof(ofPlain)}, 401, badProof},
		{"another key's proof", "DPoP " + api.bound, []string{other.Proof("GET", audience+"/orders", map[string]any{"ath": dpop.TokenHash(api.bound)})}, 401, badToken},
		{"another key's token", "DPoP " + foreign, []string{api.proof(map[string]any{"ath": dpop.TokenHash(foreign)})}, 401, badToken},
		{"RFC 9449 §7.2 under Bearer", "Bearer " + api.bound, nil, 401, badToken},
		{"RFC 9449 §7.2 under Bearer, with a proof", "Bearer " + api.bound, []string{api.proof()}, 401, badToken},
		{"a plain token under DPoP", "DPoP " + api.plain, []string{api.proof(ofPlain)}, 401, badToken},
		{"a certificate that is not asked for", "DPoP " + certificate, []string{api.proof(map[string]any{"ath": dpop.TokenHash(certificate)})}, 401, badToken},
		{"RFC 7800 §3.1 a way that is not known", "DPoP " + unknown, []string{api.proof(map[string]any{"ath": dpop.TokenHash(unknown)})}, 401, badToken},
		{"a bad token", "DPoP a.b.c", []string{api.proof()}, 401, badToken},
		{"ATK-145 the scheme alone", "DPoP", []string{api.proof()}, 400, "invalid_request"},
		{"ATK-145 two spaces", "DPoP  " + api.bound, []string{api.proof()}, 400, "invalid_request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp := api.get(row.authorization, row.proofs...)
			if row.status == 200 {
				api.wantServed(t, resp)
				return
			}
			wantDPoPChallenge(t, resp, row.authorization, row.code)
			if n := api.served.Swap(0); n != 0 || resp.StatusCode != row.status {
				t.Errorf("status %d, handler ran %d times", resp.StatusCode, n)
			}
			log, event := api.reported()
			if strings.Contains(log, api.bound[len(api.bound)-20:]) || row.code != "" && event.Name != oidckit.EventTokenRefused {
				t.Errorf("log %s, event %+v", log, event)
			}
			api.wantServed(t, api.get("DPoP "+api.bound, api.proof()))
		})
	}
}

// wantDPoPChallenge demands both schemes' challenges where another token may
// help, and the reason in that of the scheme which was used (RFC 9449 §7.2).
func wantDPoPChallenge(t *testing.T, resp *http.Response, authorization, code string) {
	t.Helper()
	challenges := resp.Header.Values("WWW-Authenticate")
	used, other := "Bearer ", "DPoP "
	if len(authorization) > 3 && strings.EqualFold(authorization[:4], "dpop") {
		used, other = other, used
	}
	want := 2
	if resp.StatusCode != 401 {
		want = 1
	}
	if len(challenges) != want || !strings.HasPrefix(challenges[0], used) || want == 2 && !strings.HasPrefix(challenges[1], other) {
		t.Fatalf("challenges %q", challenges)
	}
	if (code != "") != strings.Contains(challenges[0], `error="`+code+`"`) && code != "" {
		t.Errorf("challenge %s, want %s", challenges[0], code)
	}
	for i, c := range challenges {
		if strings.HasPrefix(c, "DPoP ") != strings.Contains(c, `algs="PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"`) {
			t.Errorf("challenge %s", c)
		}
		if (i > 0 || code == "") && strings.Contains(c, "error") {
			t.Errorf("challenge %s", c)
		}
	}
}

// A bound token is never a bearer token: neither where DPoP is not set up, nor
// for who has seen it accepted before.
func TestBoundTokenWithoutProof(t *testing.T) {
	api := newDPoPAPI(t, nil)
	api.wantServed(t, api.get("DPoP "+api.bound, api.proof()))
	for range 3 {
		if resp := api.get("DPoP " + api.bound); resp.StatusCode != 401 {
			t.Errorf("status %d without a proof", resp.StatusCode)
		}
	}
	off := newAPI(t, api.iss, nil)
	for _, authorization := range []string{"Bearer " + api.bound, "DPoP " + api.bound} {
		resp := serve(off.handler, dpopRequest(authorization, api.proof()))
		code := "invalid_token"
		if strings.HasPrefix(authorization, "DPoP") {
			code = ""
		}
		off.wantRefused(t, resp, 401, code)
	}
	if log, _ := off.reported(); !strings.Contains(log, "Bearer.DPoP") {
		t.Errorf("the log does not name the setting: %s", log)
	}
	zero := &guarded{}
	zero.handler = middleware.Bearer{Verifier: verifierFunc(func(string) (*oidckit.Identity, error) {
		return &oidckit.Identity{Confirmation: &oidckit.Confirmation{JWKThumbprint: "x"}}, nil
	}), DPoP: &middleware.DPoP{}}.Require(http.HandlerFunc(zero.serve))
	zero.wantRefused(t, serve(zero.handler, dpopRequest("DPoP t", api.proof())), 503, "server_error")
	// a verifier of the app's own that has found a binding and not which
	zero.handler = middleware.RequireBearer(verifierFunc(func(string) (*oidckit.Identity, error) {
		return &oidckit.Identity{Confirmation: &oidckit.Confirmation{}}, nil
	}))(http.HandlerFunc(zero.serve))
	zero.wantRefused(t, zero.get("Bearer t"), 401, "invalid_token")
}

func TestDPoPRequired(t *testing.T) {
	api := newDPoPAPI(t, func(c *middleware.DPoPConfig) { c.Required = true })
	api.wantServed(t, api.get("DPoP "+api.bound, api.proof()))
	for authorization, code := range map[string]string{"": "", "Bearer " + api.plain: "invalid_token", "Bearer " + api.bound: "invalid_token"} {
		resp := api.get(authorization)
		challenges := resp.Header.Values("WWW-Authenticate")
		if resp.StatusCode != 401 || len(challenges) != 1 || !strings.HasPrefix(challenges[0], `DPoP realm="api"`) || !strings.Contains(challenges[0], code) {
			t.Errorf("%.20s: %d %q", authorization, resp.StatusCode, challenges)
		}
	}
}

// A scope that lacks is asked for under the scheme of the token.
func TestDPoPScopeChallenge(t *testing.T) {
	api := newDPoPAPI(t, nil)
	d, err := middleware.NewDPoP(middleware.DPoPConfig{Origin: audience})
	if err != nil {
		t.Fatal(err)
	}
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: api.iss.URL, Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	api.handler = middleware.Bearer{Verifier: v, DPoP: d}.Require(middleware.RequireScope("orders:write")(http.HandlerFunc(api.serve)))
	for authorization, want := range map[string]string{"DPoP " + api.bound: "DPoP ", "Bearer " + api.plain: "Bearer "} {
		resp := api.get(authorization, api.proof())
		challenges := resp.Header.Values("WWW-Authenticate")
		if resp.StatusCode != 403 || len(challenges) != 1 || !strings.HasPrefix(challenges[0], want) || !strings.Contains(challenges[0], `scope="orders:write"`) {
			t.Errorf("%d %q", resp.StatusCode, challenges)
		}
	}
}

// ATK-164: whom a request names as its host is the client's word.
func TestDPoPHostHeaders(t *testing.T) {
	api := newDPoPAPI(t, nil)
	for htu, status := range map[string]int{audience + "/orders": 200, "https://evil.example/orders": 401} {
		r := dpopRequest("DPoP "+api.bound, api.proof(map[string]any{"htu": htu}))
		r.Host = "evil.example"
		for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Server", "X-Original-Host"} {
			r.Header.Set(name, "evil.example")
		}
		r.Header.Set("Forwarded", "host=evil.example;proto=https")
		if resp := serve(api.handler, r); resp.StatusCode != status {
			t.Errorf("%s: status %d", htu, resp.StatusCode)
		}
	}
	// the path as the client has it, whatever a router does to it
	api.handler = http.StripPrefix("/v1", api.handler)
	r := httptest.NewRequest(http.MethodGet, "/v1/orders", nil)
	r.Header.Set("Authorization", "DPoP "+api.bound)
	r.Header.Set("DPoP", api.proof(map[string]any{"htu": audience + "/v1/orders"}))
	if resp := serve(api.handler, r); resp.StatusCode != 200 {
		t.Errorf("below a prefix: status %d", resp.StatusCode)
	}
	proxied := newDPoPAPI(t, func(c *middleware.DPoPConfig) { c.StrippedPrefix = "/v1" })
	proxied.wantServed(t, proxied.get("DPoP "+proxied.bound, proxied.proof(map[string]any{"htu": audience + "/v1/orders"})))
}

// ATK-161: of the same proof on two replicas at once, one is taken.
func TestDPoPReplayOnReplicas(t *testing.T) {
	store := memtable.NewReplay(10_000)
	first := newDPoPAPI(t, func(c *middleware.DPoPConfig) { c.Replay = store })
	d, err := middleware.NewDPoP(middleware.DPoPConfig{Origin: audience, Replay: store})
	if err != nil {
		t.Fatal(err)
	}
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: first.iss.URL, Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	second := middleware.Bearer{Verifier: v, DPoP: d}.Require(http.HandlerFunc(first.serve))
	for range 50 {
		proof := first.proof()
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 8 {
			h, p := first.handler, proof
			if i%2 == 1 {
				h, p = second, dpoptest.Twin(proof)
			}
			wg.Go(func() {
				<-start
				serve(h, dpopRequest("DPoP "+first.bound, p))
			})
		}
		close(start)
		wg.Wait()
		if n := first.served.Swap(0); n != 1 {
			t.Fatalf("served %d times", n)
		}
	}
}

// A store that cannot answer is no reason to take or to refuse a token.
func TestDPoPStoreDown(t *testing.T) {
	api := newDPoPAPI(t, func(c *middleware.DPoPConfig) { c.Replay = brokenStore{} })
	resp := api.get("DPoP "+api.bound, api.proof())
	api.wantRefused(t, resp, 503, "server_error")
	if log, event := api.reported(); event.Name != oidckit.EventTokenUnchecked || !strings.Contains(log, "canary") {
		t.Errorf("log %s, event %+v", log, event)
	}
}

type brokenStore struct{}

func (brokenStore) UseOnce(context.Context, string, time.Time) error { return errors.New("canary") }

// RFC 9449 §9: the client learns the nonce when it is refused, and the next one
// before the old one ends.
func TestDPoPNonce(t *testing.T) {
	secrets, err := oidckit.NewSecrets(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	api := newDPoPAPI(t, func(c *middleware.DPoPConfig) { c.NonceSecrets, c.NonceLifetime = secrets, time.Hour })
	resp := api.get("DPoP "+api.bound, api.proof())
	nonce := resp.Header.Get("DPoP-Nonce")
	wantDPoPChallenge(t, resp, "DPoP", "use_dpop_nonce")
	if nonce == "" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	if log, event := api.reported(); log != "" || event.Name != "" {
		t.Errorf("a nonce that is asked for is reported: %s", log)
	}
	resp = api.get("DPoP "+api.bound, api.proof(map[string]any{"nonce": nonce}))
	if resp.Header.Get("DPoP-Nonce") != "" {
		t.Error("a nonce that is good is replaced")
	}
	api.wantServed(t, resp)
	// replicas and a ring that rotates: the old key's nonce is good, and replaced
	ring, err := oidckit.NewSecrets(bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	rotated := newDPoPAPI(t, func(c *middleware.DPoPConfig) { c.NonceSecrets, c.NonceLifetime = ring, time.Hour })
	r := dpopRequest("DPoP "+rotated.bound, rotated.proof(map[string]any{"nonce": nonce}))
	r.Header.Set("Origin", "https://app.example")
	resp = serve(rotated.handler, r)
	h := resp.Header
	if h.Get("DPoP-Nonce") == "" || h.Get("DPoP-Nonce") == nonce || h.Get("Cache-Control") != "no-store" || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "DPoP-Nonce") {
		t.Errorf("headers %v", h)
	}
	rotated.wantServed(t, resp)
	if resp := api.get("Bearer " + api.plain); resp.StatusCode != 200 || resp.Header.Get("DPoP-Nonce") != "" {
		t.Errorf("a plain token: %d", resp.StatusCode)
	}
}

func TestDPoPAlgorithms(t *testing.T) {
	var none *middleware.DPoP
	d, err := middleware.NewDPoP(middleware.DPoPConfig{Origin: audience, Algorithms: []string{"ES256", "RS256"}})
	if err != nil || strings.Join(d.Algorithms(), " ") != "ES256 RS256" || none.Algorithms() != nil {
		t.Errorf("%v, %v", d.Algorithms(), err)
	}
}

func TestDPoPConfig(t *testing.T) {
	for _, row := range []struct {
		name  string
		edit  func(*middleware.DPoPConfig)
		names []string
	}{
		{"ATK-164 no origin", func(c *middleware.DPoPConfig) { c.Origin = "" }, []string{"Origin"}},
		{"an origin without TLS", func(c *middleware.DPoPConfig) { c.Origin = "http://api.example" }, []string{"Origin"}},
		{"an origin with a path", func(c *middleware.DPoPConfig) { c.Origins = []string{"https://api.example/v1"} }, []string{"Origins"}},
		{"a prefix", func(c *middleware.DPoPConfig) { c.StrippedPrefix = "v1/" }, []string{"StrippedPrefix"}},
		{"no algorithm", func(c *middleware.DPoPConfig) { c.Algorithms = []string{} }, []string{"Algorithms"}},
		{"RFC 9449 §4.3 symmetric", func(c *middleware.DPoPConfig) { c.Algorithms = []string{"HS256"} }, []string{`"HS256"`}},
		{"a window", func(c *middleware.DPoPConfig) { c.Window = time.Hour }, []string{"Window"}},
		{"everything", func(c *middleware.DPoPConfig) {
			*c = middleware.DPoPConfig{StrippedPrefix: "/", Algorithms: []string{"none"}, Window: -1, NonceLifetime: 2 * time.Hour}
		}, []string{"Origin ", "StrippedPrefix", "Algorithms", "Window", "NonceLifetime", "NonceSecrets"}},
	} {
		cfg := middleware.DPoPConfig{Origin: audience}
		row.edit(&cfg)
		d, err := middleware.NewDPoP(cfg)
		if err == nil || d != nil {
			t.Errorf("%s: taken", row.name)
			continue
		}
		for _, name := range row.names {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %q does not name %s", row.name, err, name)
			}
		}
	}
}
