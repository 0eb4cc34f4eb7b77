package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/middleware"
)

// tenantProvider is an issuer of many tenants: each has metadata and keys of
// its own under its name, and "common" has one of each for all.
type tenantProvider struct {
	*httptest.Server
	commonIssuer string

	mu      sync.Mutex
	calls   []string
	signers map[string]*jose.Signer
	// common is what is published at common/keys, where it is set.
	common []jose.JWK
	// gone are the tenants that the provider does not know any more.
	gone map[string]bool
}

func newTenantProvider(tb testing.TB) *tenantProvider {
	tb.Helper()
	p := &tenantProvider{signers: map[string]*jose.Signer{}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	p.commonIssuer = p.URL + "/{tenantid}/v2.0"
	tb.Cleanup(p.Close)
	return p
}

// signer returns a tenant's own key, always under the kid 1.
func (p *tenantProvider) signer(tenant string) *jose.Signer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.signers[tenant] == nil {
		key, err := jose.GenerateKey("ES256")
		if err != nil {
			panic(err)
		}
		if p.signers[tenant], err = jose.NewSigner("ES256", "1", key); err != nil {
			panic(err)
		}
	}
	return p.signers[tenant]
}

func (p *tenantProvider) issuer(tenant string) string { return p.URL + "/" + tenant + "/v2.0" }

func (p *tenantProvider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.calls = append(p.calls, r.URL.Path)
	p.mu.Unlock()
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if p.without(tenant) {
		http.NotFound(w, r)
		return
	}
	switch rest {
	case "v2.0/.well-known/openid-configuration":
		m := oidckit.ProviderMetadata{Issuer: p.issuer(tenant), JWKSURI: p.URL + "/" + tenant + "/keys"}
		if tenant == "common" {
			m.Issuer = p.commonIssuer
		}
		json.NewEncoder(w).Encode(m)
	case "keys", "shared":
		if rest == "shared" {
			tenant = "common"
		}
		set, err := jose.MarshalJWKS(p.keysOf(tenant))
		if err != nil {
			panic(err)
		}
		w.Write(set)
	default:
		http.NotFound(w, r)
	}
}

// local reaches the provider without a network, for tests on synctest's clock.
func (p *tenantProvider) local() *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		p.serve(w, r)
		return w.Result(), nil
	})}
}

func (p *tenantProvider) keysOf(tenant string) []jose.JWK {
	s := p.signer(tenant)
	p.mu.Lock()
	defer p.mu.Unlock()
	if tenant == "common" && p.common != nil {
		return p.common
	}
	return []jose.JWK{{KeyID: s.KeyID(), Algorithm: "ES256", Key: s.Public()}}
}

func (p *tenantProvider) without(tenant string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone[tenant]
}

// lose makes tenants unknown to the provider, and all others known.
func (p *tenantProvider) lose(tenants ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = map[string]bool{}
	for _, tenant := range tenants {
		p.gone[tenant] = true
	}
}

func (p *tenantProvider) called() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.calls = nil }()
	return p.calls
}

// token is one of a tenant, signed with the key of another where that is
// given, and changed by edits.
func (p *tenantProvider) token(tb testing.TB, tenant, keyOf string, edits ...map[string]any) string {
	tb.Helper()
	i := testIssuer{Server: &httptest.Server{URL: p.issuer(tenant)}}
	token, err := p.signer(keyOf).Sign("at+jwt", i.claims(append([]map[string]any{{"tid": tenant}}, edits...)...))
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func (p *tenantProvider) config(t middleware.Tenants) middleware.JWTConfig {
	return middleware.JWTConfig{Issuer: p.URL + "/{tenant}/v2.0", Audience: audience, Tenants: t}
}

// allowed approves of tenants whose name begins with "t-".
func allowed(_ context.Context, tenant string) (bool, error) {
	return strings.HasPrefix(tenant, "t-"), nil
}

// RFC 8725 §3.8: a tenant's tokens are signed with that tenant's keys.
func TestTenants(t *testing.T) {
	p := newTenantProvider(t)
	for name, tenants := range map[string]middleware.Tenants{
		"listed":   {Allowed: []string{"t-1", "t-2"}, Claim: "tid"},
		"asked":    {Allow: allowed, Claim: "tid"},
		"one each": {Allowed: []string{"t-1"}, Allow: allowed, Claim: "tid"},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := newAPIOf(t, p.config(tenants))
			for range 2 {
				g.wantServed(t, g.get("Bearer "+p.token(t, "t-1", "t-1")))
				g.wantServed(t, g.get("Bearer "+p.token(t, "t-2", "t-2")))
			}
			// metadata and keys, once for each
			if calls := p.called(); len(calls) != 4 {
				t.Errorf("calls %q", calls)
			}
			g.reported()
			for _, row := range []attack{
				{"another tenant's key", p.token(t, "t-1", "t-2"), "signature", 0},
				{"a stranger", p.token(t, "x-1", "x-1"), "iss", 0},
				{"another tenant's claim", p.token(t, "t-1", "t-1", map[string]any{"tid": "t-2"}), "tid", 0},
				{"no claim", p.token(t, "t-1", "t-1", map[string]any{"tid": nil}), "tid", 0},
				{"claim of another type", p.token(t, "t-1", "t-1", map[string]any{"tid": []string{"t-1"}}), "tid", 0},
				{"claim twice", forge(t, header(""), []byte(`{"tid":"t-1",`+string((&testIssuer{Server: &httptest.Server{URL: p.issuer("t-1")}}).claims(map[string]any{"tid": "t-1"})[1:]))), "token", 0},
				{"another audience", p.token(t, "t-1", "t-1", map[string]any{"aud": "x"}), "aud", 0},
			} {
				t.Run(row.name, func(t *testing.T) {
					g.wantRefused(t, g.get("Bearer "+row.token), 401, "invalid_token")
					log, event := g.reported()
					g.wantReason(t, log, event, row.claim)
				})
			}
			if calls := p.called(); calls != nil {
				t.Errorf("calls %q", calls)
			}
		})
	}
}

// What is no single path segment is no tenant: nobody is asked about it, and
// nothing is fetched.
func TestTenantNames(t *testing.T) {
	p := newTenantProvider(t)
	g, _ := newAPIOf(t, p.config(middleware.Tenants{Allow: func(_ context.Context, tenant string) (bool, error) {
		t.Errorf("asked about %q", tenant)
		return true, nil
	}}))
	for _, tenant := range []string{"", ".", "..", "a/b", "a%2fb", "a?b", "a#b", `a\b`, "a b", "é", "a\u0000", "{tenant}", "a@b", "a:b", strings.Repeat("a", 129), "a/v2.0/../b"} {
		g.wantRefused(t, g.get("Bearer "+p.token(t, tenant, "x")), 401, "invalid_token")
		log, event := g.reported()
		g.wantReason(t, log, event, "iss")
	}
	for _, iss := range []string{p.URL, p.URL + "/v2.0", p.URL + "/a/v2.0/", p.URL + "/a/V2.0", p.URL + "/a/v1.0", "https://evil.example/a/v2.0", p.URL + ".evil.example/a/v2.0"} {
		g.wantRefused(t, g.get("Bearer "+p.token(t, "a", "a", map[string]any{"iss": iss})), 401, "invalid_token")
	}
	if calls := p.called(); calls != nil {
		t.Errorf("calls %q", calls)
	}
}

// A tenant is asked about with every token, so that a withdrawal counts at
// once, and what cannot be answered is no refusal.
func TestTenantsAsked(t *testing.T) {
	p := newTenantProvider(t)
	var answer func() (bool, error)
	g, _ := newAPIOf(t, p.config(middleware.Tenants{Allowed: []string{"listed"}, Allow: func(ctx context.Context, _ string) (bool, error) {
		if ctx.Err() != nil {
			return true, ctx.Err()
		}
		return answer()
	}}))
	token := p.token(t, "t-1", "t-1")
	for _, row := range []struct {
		name   string
		answer func() (bool, error)
		status int
		code   string
	}{
		{"yes", func() (bool, error) { return true, nil }, 200, ""},
		{"no", func() (bool, error) { return false, nil }, 401, "invalid_token"},
		{"no, with yes", func() (bool, error) { return true, errors.New("canary") }, 503, "temporarily_unavailable"},
		{"FLT-55 panic", func() (bool, error) { panic("canary") }, 503, "temporarily_unavailable"},
		{"yes again", func() (bool, error) { return true, nil }, 200, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer = row.answer
			for range 2 {
				resp := g.get("Bearer " + token)
				if row.status == 200 {
					g.wantServed(t, resp)
					continue
				}
				g.wantRefused(t, resp, row.status, row.code)
			}
			g.wantServed(t, g.get("Bearer "+p.token(t, "listed", "listed")))
		})
	}
	// FLT-56: one that ends with the request costs that request alone.
	answer = func() (bool, error) { panic("not to be reached") }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+p.token(t, "t-2", "t-2"))
	g.wantRefused(t, serve(g.handler, r), 503, "temporarily_unavailable")
}

// Providers that publish one document for all tenants name the template in it.
func TestSharedMetadata(t *testing.T) {
	p := newTenantProvider(t)
	tenants := middleware.Tenants{Allow: allowed, MetadataURI: p.URL + "/common/v2.0/.well-known/openid-configuration"}
	good := func() string { return p.token(t, "t-1", "common") }
	t.Run("the template", func(t *testing.T) {
		g, v := newAPIOf(t, p.config(tenants))
		if err := v.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			g.wantServed(t, g.get("Bearer "+p.token(t, "t-"+strconv.Itoa(i), "common")))
		}
		if calls := p.called(); len(calls) != 2 {
			t.Errorf("calls %q", calls)
		}
		g.wantRefused(t, g.get("Bearer "+p.token(t, "t-1", "t-1")), 401, "invalid_token")
	})
	for name, issuer := range map[string]string{
		"a tenant's": p.issuer("t-1"), "another host's": "https://evil.example/{tenantid}/v2.0", "of another path": p.URL + "/{tenantid}/v1.0",
		"longer": p.URL + "/{tenantid}/v2.0/", "empty": "", "of two segments": p.URL + "/{a}/{b}/v2.0",
	} {
		t.Run(name, func(t *testing.T) {
			p.commonIssuer = issuer
			g, v := newAPIOf(t, p.config(tenants))
			if err := v.Check(t.Context()); err == nil {
				t.Error("Check passes")
			}
			g.wantRefused(t, g.get("Bearer "+good()), 503, "temporarily_unavailable")
		})
	}
}

// A provider whose answer for one tenant names another, or the template, is
// not believed.
func TestTenantMetadataIsChecked(t *testing.T) {
	p := newTenantProvider(t)
	p.commonIssuer = p.URL + "/{tenant}/v2.0"
	g, _ := newAPIOf(t, p.config(middleware.Tenants{Allowed: []string{"common"}}))
	g.wantRefused(t, g.get("Bearer "+p.token(t, "common", "common")), 503, "temporarily_unavailable")
	p.commonIssuer = p.issuer("t-1")
	g, _ = newAPIOf(t, p.config(middleware.Tenants{Allowed: []string{"common"}}))
	g.wantRefused(t, g.get("Bearer "+p.token(t, "common", "common")), 503, "temporarily_unavailable")
}

// Keys at a URL, one for all tenants or one for each.
func TestTenantsAtJWKSURI(t *testing.T) {
	p := newTenantProvider(t)
	cfg := p.config(middleware.Tenants{Allow: allowed})
	cfg.Keys.JWKSURI = p.URL + "/common/keys"
	g, _ := newAPIOf(t, cfg)
	g.wantServed(t, g.get("Bearer "+p.token(t, "t-1", "common")))
	g.wantServed(t, g.get("Bearer "+p.token(t, "t-2", "common")))
	cfg.Keys.JWKSURI = p.URL + "/{tenant}/keys"
	g, _ = newAPIOf(t, cfg)
	g.wantServed(t, g.get("Bearer "+p.token(t, "t-1", "t-1")))
	g.wantServed(t, g.get("Bearer "+p.token(t, "t-2", "t-2")))
	g.wantRefused(t, g.get("Bearer "+p.token(t, "t-1", "common")), 401, "invalid_token")
	if calls := p.called(); len(calls) != 3 {
		t.Errorf("calls %q", calls)
	}
}

// Keys are kept for a bounded number of tenants, and forged names push nobody
// out that is in use.
func TestTenantsAreBounded(t *testing.T) {
	p := newTenantProvider(t)
	g, _ := newAPIOf(t, p.config(middleware.Tenants{Allow: allowed, Max: 2}))
	g.wantServed(t, g.get("Bearer "+p.token(t, "t-1", "t-1")))
	g.wantServed(t, g.get("Bearer "+p.token(t, "t-2", "t-2")))
	for i := range 50 {
		g.wantRefused(t, g.get("Bearer "+p.token(t, "t-forged-"+strconv.Itoa(i), "t-1")), 503, "temporarily_unavailable")
	}
	if log, _ := g.reported(); !strings.Contains(log, "Tenants.Max") {
		t.Errorf("log %s", log)
	}
	g.wantServed(t, g.get("Bearer "+p.token(t, "t-1", "t-1")))
	if calls := p.called(); len(calls) != 4 {
		t.Errorf("calls %q", calls)
	}
}

// An issuer with settings of its own is judged by them, though a template
// fits it as well.
func TestIssuerBesideTemplate(t *testing.T) {
	p := newTenantProvider(t)
	cfg := p.config(middleware.Tenants{Allow: allowed})
	cfg.Issuers = []middleware.JWTIssuer{{Issuer: p.issuer("t-1"), Audience: "https://own.example"}}
	g, _ := newAPIOf(t, cfg)
	g.wantServed(t, g.get("Bearer "+p.token(t, "t-2", "t-2")))
	g.wantServed(t, g.get("Bearer "+p.token(t, "t-1", "t-1", map[string]any{"aud": "https://own.example"})))
	g.wantRefused(t, g.get("Bearer "+p.token(t, "t-1", "t-1")), 401, "invalid_token")
}
