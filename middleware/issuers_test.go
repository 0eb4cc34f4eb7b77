package middleware_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// newAPIOf guards a handler by whatever cfg says.
func newAPIOf(tb testing.TB, cfg middleware.JWTConfig) (*guarded, *middleware.JWTVerifier) {
	tb.Helper()
	g := &guarded{}
	cfg.Logger, cfg.Events = zerolog.New(g), g.event
	v, err := middleware.NewJWTVerifier(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { v.Close() })
	g.bearer = middleware.RequireBearer(v)
	g.handler = g.bearer(http.HandlerFunc(g.serve))
	return g, v
}

// rekey gives the issuer a key of its own, under a kid that all issuers have.
func (i *testIssuer) rekey(tb testing.TB, alg, kid string) {
	tb.Helper()
	key, err := jose.GenerateKey(alg)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := jose.NewSigner(alg, kid, key)
	if err != nil {
		tb.Fatal(err)
	}
	i.signers[alg] = s
	i.set(false, jose.JWK{KeyID: kid, Algorithm: alg, Key: key.Public()})
}

// ATK-014: the same kid at two issuers means two keys.
func TestIssuersDoNotMix(t *testing.T) {
	a, b := newIssuer(t), newIssuer(t)
	a.rekey(t, "ES256", "1")
	b.rekey(t, "ES256", "1")
	for name, cfg := range map[string]middleware.JWTConfig{
		"Issuers":            {Audience: audience, Issuers: []middleware.JWTIssuer{{Issuer: a.URL}, {Issuer: b.URL}}},
		"Issuer and Issuers": {Audience: audience, Issuer: a.URL, Issuers: []middleware.JWTIssuer{{Issuer: b.URL}}},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := newAPIOf(t, cfg)
			for round := range 2 {
				g.wantServed(t, g.get("Bearer "+a.token(t)))
				g.wantServed(t, g.get("Bearer "+b.token(t)))
				for claimed, signer := range map[*testIssuer]*testIssuer{a: b, b: a} {
					g.wantRefused(t, g.get("Bearer "+signer.sign(t, "ES256", "at+jwt", claimed.claims())), 401, "invalid_token")
					log, event := g.reported()
					g.wantReason(t, log, event, "signature")
					if event.Issuer != claimed.URL {
						t.Errorf("round %d: event %+v", round, event)
					}
				}
			}
		})
	}
}

// ATK-015: nobody is called for the token of an issuer that is not accepted.
func TestForeignIssuerOfSeveral(t *testing.T) {
	a, b, foreign := newIssuer(t), newIssuer(t), newIssuer(t)
	g, _ := newAPIOf(t, middleware.JWTConfig{Audience: audience, Issuers: []middleware.JWTIssuer{{Issuer: a.URL}, {Issuer: b.URL}}})
	for _, iss := range []any{foreign.URL, a.URL + "/", strings.ToUpper(a.URL), "", nil, 1, []string{a.URL}} {
		g.wantRefused(t, g.get("Bearer "+foreign.token(t, map[string]any{"iss": iss})), 401, "invalid_token")
		log, event := g.reported()
		g.wantReason(t, log, event, "iss")
		if !strings.Contains(log, `"setting":"JWTConfig.Issuers"`) {
			t.Errorf("log %s", log)
		}
	}
	if n := a.calls.Load() + b.calls.Load() + foreign.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// Each issuer's tokens are judged by its own settings, and a refusal names
// them.
func TestSettingsOfIssuers(t *testing.T) {
	strict, old := newIssuer(t, "ES256", "RS256"), newIssuer(t, "ES256", "RS256")
	const other = "https://other.example"
	g, _ := newAPIOf(t, middleware.JWTConfig{
		Issuer: strict.URL, Audience: audience, Algorithms: []string{"ES256"}, Leeway: -1,
		Issuers: []middleware.JWTIssuer{{Issuer: old.URL, Audience: other, Algorithms: []string{"RS256"}, AllowTypJWT: true}},
	})
	now := time.Now().Unix()
	atOther := map[string]any{"aud": other}
	late := map[string]any{"exp": now - 30}
	for _, row := range []struct {
		name, token    string
		claim, setting string
	}{
		{"strict", strict.token(t), "", ""},
		{"old", old.sign(t, "RS256", "JWT", old.claims(atOther)), "", ""},
		{"old, within its leeway", old.sign(t, "RS256", "JWT", old.claims(atOther, late)), "", ""},
		{"strict, with the other's algorithm", strict.sign(t, "RS256", "at+jwt", strict.claims()), "alg", "JWTConfig.Algorithms"},
		{"strict, with the other's type", strict.sign(t, "ES256", "JWT", strict.claims()), "typ", "JWTConfig.AllowTypJWT"},
		{"strict, for the other's audience", strict.token(t, atOther), "aud", "JWTConfig.Audience"},
		{"strict, within the other's leeway", strict.token(t, late), "exp", ""},
		{"old, with the other's algorithm", old.sign(t, "ES256", "JWT", old.claims(atOther)), "alg", "JWTConfig.Issuers[0].Algorithms"},
		{"old, for the other's audience", old.sign(t, "RS256", "JWT", old.claims()), "aud", "JWTConfig.Issuers[0].Audience"},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp := g.get("Bearer " + row.token)
			if row.claim == "" {
				g.wantServed(t, resp)
				return
			}
			g.wantRefused(t, resp, 401, "invalid_token")
			log, event := g.reported()
			g.wantReason(t, log, event, row.claim)
			if strings.Contains(log, `"setting":"`+row.setting+`"`) != (row.setting != "") {
				t.Errorf("log %s, want the setting %q", log, row.setting)
			}
		})
	}
}

// An issuer that is down is no fault of another's.
func TestOneIssuerDown(t *testing.T) {
	up, down := newIssuer(t), newIssuer(t)
	down.set(true)
	g, v := newAPIOf(t, middleware.JWTConfig{Audience: audience, Issuers: []middleware.JWTIssuer{{Issuer: down.URL}, {Issuer: up.URL}}})
	if err := v.Check(t.Context()); err == nil || !strings.Contains(err.Error(), down.URL) || strings.Contains(err.Error(), up.URL) {
		t.Errorf("Check = %v", err)
	}
	g.wantServed(t, g.get("Bearer "+up.token(t)))
	g.wantRefused(t, g.get("Bearer "+down.token(t)), 503, "temporarily_unavailable")
	if _, event := g.reported(); event.Issuer != down.URL {
		t.Errorf("event %+v", event)
	}
}

func TestConfigOfIssuers(t *testing.T) {
	allow := middleware.Tenants{Allowed: []string{"a"}}
	one := func(i middleware.JWTIssuer) middleware.JWTConfig {
		return middleware.JWTConfig{Audience: audience, Issuers: []middleware.JWTIssuer{{Issuer: "https://first.example"}, i}}
	}
	template := func(issuer string) middleware.JWTConfig {
		return one(middleware.JWTIssuer{Issuer: issuer, Tenants: allow})
	}
	for _, row := range []struct {
		name  string
		cfg   middleware.JWTConfig
		names []string
	}{
		{"ATK-148 nothing", middleware.JWTConfig{}, []string{"Issuer", "Audience"}},
		{"the same twice", one(middleware.JWTIssuer{Issuer: "https://first.example"}), []string{"Issuers[1].Issuer", "the same"}},
		{"no issuer", one(middleware.JWTIssuer{}), []string{"Issuers[1].Issuer", "empty"}},
		{"ATK-148 no audience", middleware.JWTConfig{Issuers: []middleware.JWTIssuer{{Issuer: "https://a.example"}}}, []string{"Issuers[0].Audience"}},
		{"settings without effect", middleware.JWTConfig{Audience: audience, Algorithms: []string{"ES256"}, AllowTypJWT: true, AllowScopeArray: true, ScopeClaim: "scp", Leeway: 1,
			Keys: middleware.KeySource{JWKSFile: "x"}, Tenants: allow, Issuers: []middleware.JWTIssuer{{Issuer: "https://a.example"}}},
			[]string{"Algorithms", "AllowTypJWT", "AllowScopeArray", "ScopeClaim", "Leeway", "Keys", "Tenants"}},
		{"every issuer's problems at once", middleware.JWTConfig{Issuer: "x", Audience: audience, Issuers: []middleware.JWTIssuer{
			{Issuer: "y", Leeway: time.Hour}, {Issuer: "https://z.example", Algorithms: []string{"none"}}}},
			[]string{` Issuer "x"`, `Issuers[0].Issuer "y"`, "Issuers[0].Leeway", "Issuers[1].Algorithms"}},
		{"template without tenants", one(middleware.JWTIssuer{Issuer: "https://t.example/{tenant}"}), []string{"Issuers[1].Tenants", "Allow"}},
		{"tenants without template", one(middleware.JWTIssuer{Issuer: "https://t.example/", Tenants: allow}), []string{"Issuers[1].Tenants"}},
		{"template of the host", template("https://{tenant}/v2.0"), []string{"Issuers[1].Issuer", "whole segment"}},
		{"template of a part of the host", template("https://{tenant}.t.example/"), []string{"whole segment"}},
		{"template of the scheme", template("{tenant}://t.example/"), []string{"whole segment"}},
		{"template of a part of a segment", template("https://t.example/x{tenant}"), []string{"whole segment"}},
		{"template of a part of a segment, behind", template("https://t.example/{tenant}x/"), []string{"whole segment"}},
		{"template of the query", template("https://t.example/?a/{tenant}"), []string{"whole segment"}},
		{"two segments", template("https://t.example/{a}/{b}"), []string{"exactly one"}},
		{"nested", template("https://t.example/{a{b}}"), []string{"exactly one"}},
		{"open", template("https://t.example/{a"), []string{"exactly one"}},
		{"closed only", template("https://t.example/a}"), []string{"exactly one"}},
		{"nameless", template("https://t.example/{}/"), []string{"no name"}},
		{"template without TLS", template("http://t.example/{tenant}"), []string{"https"}},
		{"template with a query", template("https://t.example/{tenant}/?x"), []string{"query"}},
		{"templates that overlap", middleware.JWTConfig{Issuer: "https://t.example/{a}/v2", Tenants: allow, Audience: audience,
			Issuers: []middleware.JWTIssuer{{Issuer: "https://t.example/x/{b}", Tenants: allow}}}, []string{"Issuers[0].Issuer", "the same"}},
		{"names of tenants", one(middleware.JWTIssuer{Issuer: "https://t.example/{tenant}", Tenants: middleware.Tenants{
			Allowed: []string{"a", "../b", ".."}, MetadataURI: "http://t.example/", Max: -1}}), []string{`"../b"`, `".."`, "MetadataURI", "Tenants.Max"}},
		{"keys of another segment", one(middleware.JWTIssuer{Issuer: "https://t.example/{tenant}", Tenants: allow,
			Keys: middleware.KeySource{JWKSURI: "https://t.example/{tid}/keys"}}), []string{"Keys.JWKSURI"}},
		{"keys per tenant without tenants", one(middleware.JWTIssuer{Issuer: "https://t.example/",
			Keys: middleware.KeySource{JWKSURI: "https://t.example/{tenant}/keys"}}), []string{"Keys.JWKSURI"}},
		{"keys on a host of the token's choice", one(middleware.JWTIssuer{Issuer: "https://t.example/{tenant}", Tenants: allow,
			Keys: middleware.KeySource{JWKSURI: "https://{tenant}/keys"}}), []string{"Keys.JWKSURI"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			v, err := middleware.NewJWTVerifier(row.cfg)
			if err == nil || v != nil {
				t.Fatalf("%v, %v", v, err)
			}
			for _, name := range row.names {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("%q does not name %s", err, name)
				}
			}
		})
	}
}
