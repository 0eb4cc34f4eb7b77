package middleware_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

func TestAttacksOnClaims(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	now := time.Now().Unix()
	with := func(name string, value any) string { return iss.token(t, map[string]any{name: value}) }
	raw := func(payload string) string { return forge(t, header(""), []byte(payload)) }
	// twice is a good document with a further member in front.
	twice := func(member string) string { return raw("{" + member + "," + string(iss.claims()[1:])) }

	refusesAll(t, g, iss.token(t), []attack{
		{"ATK-037 sub twice", twice(`"sub":"mallory"`), "token", 0},
		{"ATK-037 aud twice", twice(`"aud":"https://other.example"`), "token", 0},
		{"ATK-037 exp twice", twice(`"exp":1`), "token", 0},
		{"ATK-037 iss twice", twice(`"iss":"https://other.example"`), "token", 0},
		{"ATK-037 iss twice, escaped", twice(`"is\u0073":"https://other.example"`), "token", 0},
		{"ATK-037 twice below", twice(`"act":{"sub":"a","sub":"b"}`), "token", 0},
		{"ATK-039 trailing bytes", raw(string(iss.claims()) + "x"), "token", 0},
		{"ATK-039 BOM", raw("\xef\xbb\xbf" + string(iss.claims())), "token", 0},
		{"ATK-039 UTF-16", raw("{\x00}\x00"), "token", 0},
		{"ATK-039 invalid UTF-8 in sub", raw(strings.Replace(string(iss.claims()), "alice", "alice\xff", 1)), "token", 0},
		{"ATK-039 lone surrogate in sub", raw(strings.Replace(string(iss.claims()), "alice", `alice\ud800`, 1)), "token", 0},
		{"ATK-040 null", raw("null"), "token", 0},
		{"ATK-040 array", raw("[]"), "token", 0},
		{"ATK-040 string", raw(`"x"`), "token", 0},
		{"ATK-040 number", raw("1"), "token", 0},
		{"ATK-040 empty", raw(""), "token", 0},
		{"empty object", raw("{}"), "iss", 0},

		{"iss missing", with("iss", nil), "iss", 0},
		{"iss with a slash", with("iss", iss.URL+"/"), "iss", 0},
		{"iss in upper case", with("iss", strings.ToUpper(iss.URL)), "iss", 0},
		{"iss an array", with("iss", []string{iss.URL}), "iss", 0},
		{"ISS instead of iss", iss.token(t, map[string]any{"iss": nil, "ISS": iss.URL}), "iss", 0},
		{"ATK-045 prefix", with("aud", "https://api.exampl"), "aud", 0},
		{"ATK-045 suffix", with("aud", audience+".evil"), "aud", 0},
		{"ATK-045 trailing slash", with("aud", audience+"/"), "aud", 0},
		{"ATK-045 case", with("aud", "https://API.example"), "aud", 0},
		{"ATK-045 .com.evil", with("aud", audience+".com.evil"), "aud", 0},
		{"ATK-045 near misses in an array", with("aud", []string{audience + "/", "api.example"}), "aud", 0},
		{"aud missing", with("aud", nil), "aud", 0},
		{"aud empty", with("aud", ""), "aud", 0},
		{"aud an empty array", with("aud", []string{}), "aud", 0},
		{"aud an object", with("aud", map[string]string{"a": audience}), "aud", 0},
		{"aud nested", with("aud", [][]string{{audience}}), "aud", 0},
		{"aud partly no string", with("aud", []any{audience, 1}), "aud", 0},
		{"aud a list in a string", with("aud", audience+" https://other.example"), "aud", 0},
		{"exp missing", with("exp", nil), "exp", 0},
		{"exp passed", with("exp", now-61), "exp", 0},
		{"exp a string", with("exp", "9999999999"), "exp", 0},
		{"exp null", twice(`"exp":null`), "exp", 0},
		{"exp 1e300", raw(strings.Replace(string(iss.claims(map[string]any{"exp": 7})), `"exp":7`, `"exp":1e300`, 1)), "exp", 0},
		{"exp negative", with("exp", -1), "exp", 0},
		{"ATK-043 nbf ahead", with("nbf", now+62), "nbf", 0},
		{"nbf a string", with("nbf", "0"), "nbf", 0},
		{"ATK-043 iat an hour ahead", with("iat", now+3600), "iat", 0},
		{"RFC 9068 §2.2 iat missing", with("iat", nil), "iat", 0},
		{"RFC 9068 §2.2 sub missing", with("sub", nil), "sub", 0},
		{"sub empty", with("sub", ""), "sub", 0},
		{"sub a number", with("sub", 7), "sub", 0},
		{"RFC 9068 §2.2 client_id missing", with("client_id", nil), "client_id", 0},
		{"RFC 9068 §2.2 jti missing", with("jti", nil), "jti", 0},
		{"jti a number", with("jti", 1), "jti", 0},
		{"RFC 7519 §4.1.7 jti an array", with("jti", []string{"t-1"}), "jti", 0},
		{"RFC 7519 §4.1.2 sub an object", with("sub", map[string]string{"id": "alice"}), "sub", 0},
		{"sid a number", with("sid", 1), "sid", 0},
		{"sid an array", with("sid", []string{"s-1"}), "sid", 0},
		{"sid an object", with("sid", map[string]string{"id": "s-1"}), "sid", 0},
		{"sid null", twice(`"sid":null`), "sid", 0},
		{"sid true", with("sid", true), "sid", 0},
		{"nonce", with("nonce", "n"), "nonce", 0},
		{"at_hash", with("at_hash", "h"), "at_hash", 0},
		{"c_hash", with("c_hash", "h"), "c_hash", 0},
		{"RFC 7800 §3 bound to a key", with("cnf", map[string]string{"jkt": "x"}), "", 0},
		{"RFC 7800 §3 bound in an unknown way", with("cnf", map[string]string{"kid": "x"}), "", 0},
		{"cnf null", twice(`"cnf":null`), "cnf", 0},
		{"cnf a string", with("cnf", "x"), "cnf", 0},
		{"RFC 9449 §6.1 jkt a number", with("cnf", map[string]int{"jkt": 1}), "cnf", 0},
		{"RFC 8705 §3.1 x5t#S256 empty", with("cnf", map[string]string{"x5t#S256": ""}), "cnf", 0},
	})
}

// Clocks may differ by the leeway and no more.
func TestLeeway(t *testing.T) {
	iss := newIssuer(t)
	lenient := newAPI(t, iss, nil)
	exact := newAPI(t, iss, func(c *middleware.JWTConfig) { c.Leeway = -1 })
	now := time.Now().Unix()
	for name, edit := range map[string]map[string]any{
		"exp passed": {"exp": now - 30}, "nbf ahead": {"nbf": now + 30}, "iat ahead": {"iat": now + 30},
	} {
		t.Run(name, func(t *testing.T) {
			token := iss.token(t, edit)
			lenient.wantServed(t, lenient.get("Bearer "+token))
			exact.wantRefused(t, exact.get("Bearer "+token), 401, "invalid_token")
		})
	}
	resp := lenient.get("Bearer " + iss.token(t, map[string]any{"exp": now - 3600}))
	if c := resp.Header.Get("WWW-Authenticate"); !strings.Contains(c, "expired") {
		t.Errorf("challenge %q", c)
	}
}

// RFC 9068 §2.1 and §4, ASVS 9.2.2: only access tokens are access tokens.
func TestTokenTypes(t *testing.T) {
	iss := newIssuer(t)
	strict := newAPI(t, iss, nil)
	lenient := newAPI(t, iss, func(c *middleware.JWTConfig) { c.AllowTypJWT = true })
	old := map[string]any{"jti": nil, "client_id": nil, "iat": nil, "azp": "webapp"}
	for _, row := range []struct {
		name, typ                string
		edit                     map[string]any
		strict, lenient, setting bool
	}{
		{"at+jwt", "at+jwt", nil, true, true, false},
		{"upper case", "AT+JWT", nil, true, true, false},
		{"with prefix", "application/at+jwt", nil, true, true, false},
		{"JWT", "JWT", nil, false, true, true},
		{"jwt", "jwt", nil, false, true, true},
		{"none", "", nil, false, true, true},
		{"JWT that predates RFC 9068", "JWT", old, false, true, true},
		{"at+jwt without what RFC 9068 demands", "at+jwt", old, false, false, false},
		{"JWT with a nonce", "JWT", map[string]any{"nonce": "n"}, false, false, true},
		{"JWT with at_hash", "JWT", map[string]any{"at_hash": "h"}, false, false, true},
		{"JWT with c_hash", "JWT", map[string]any{"c_hash": "h"}, false, false, true},
		{"RFC 8725 §3.12 JWT that is a logout token", "JWT", map[string]any{"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}, false, false, true},
		{"no type, and events", "", map[string]any{"events": nil, "Events": 1}, false, true, true},
		{"JWT that says ID", "JWT", map[string]any{"typ": "ID"}, false, false, true},
		{"JWT that says Refresh", "JWT", map[string]any{"typ": "Refresh"}, false, false, true},
		{"JWT that says Offline", "JWT", map[string]any{"typ": "Offline"}, false, false, true},
		{"JWT that says Logout", "JWT", map[string]any{"typ": "Logout"}, false, false, true},
		{"no type, and says refresh", "", map[string]any{"typ": "refresh"}, false, false, true},
		{"JWT that says Bearer", "JWT", map[string]any{"typ": "Bearer"}, false, true, true},
		{"JWT for use as ID token", "JWT", map[string]any{"token_use": "id"}, false, false, true},
		{"JWT for use as access token", "JWT", map[string]any{"token_use": "access"}, false, true, true},
		{"at+jwt that says ID", "at+jwt", map[string]any{"typ": "ID", "token_use": "id"}, true, true, false},
		{"JWT without sub", "JWT", map[string]any{"sub": nil}, false, false, true},
		{"JWT without exp", "JWT", map[string]any{"exp": nil}, false, false, true},
		{"logout token", "logout+jwt", nil, false, false, false},
		{"DPoP proof", "dpop+jwt", nil, false, false, false},
		{"a type that ends alike", "x/at+jwt", nil, false, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			token := iss.sign(t, "ES256", row.typ, iss.claims(row.edit))
			for g, ok := range map[*guarded]bool{strict: row.strict, lenient: row.lenient} {
				resp := g.get("Bearer " + token)
				if ok {
					g.wantServed(t, resp)
					continue
				}
				g.wantRefused(t, resp, 401, "invalid_token")
				log, _ := g.reported()
				if g == strict && strings.Contains(log, "JWTConfig.AllowTypJWT") != row.setting {
					t.Errorf("log %s", log)
				}
			}
		})
	}
}

func TestIdentityOfToken(t *testing.T) {
	iss := newIssuer(t)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: iss.URL, Audience: "https://new.example", Audiences: []string{audience}})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	now := time.Now().Unix()
	edit := map[string]any{"aud": []string{"https://other.example", audience}, "sub": "ali\"ce\u00e9", "sid": "s-1", "acr": "gold",
		"amr": []string{"pwd", "otp"}, "auth_time": now - 60, "scope": "openid orders:read openid", "realm_access": map[string]any{"roles": []string{"a"}}}
	claims := iss.claims(edit)
	id, err := v.Verify(t.Context(), iss.sign(t, "ES256", "at+jwt", claims))
	if err != nil {
		t.Fatal(err)
	}
	want := &oidckit.Identity{
		Issuer: iss.URL, Subject: "ali\"ce\u00e9", Audience: []string{"https://other.example", audience}, ClientID: "webapp",
		Scope: oidckit.Scope{"openid", "orders:read"}, SessionID: "s-1", TokenID: "t-1", IssuedAt: id.IssuedAt, ExpiresAt: id.ExpiresAt,
		AuthTime: time.Unix(now-60, 0), ACR: "gold", AMR: []string{"pwd", "otp"}, Claims: claims,
	}
	if !reflect.DeepEqual(id, want) {
		t.Errorf("got  %+v\nwant %+v", id, want)
	}
	if d := id.ExpiresAt.Sub(id.IssuedAt); d != time.Hour {
		t.Errorf("lifetime %s", d)
	}
	// Claims that only add to an identity add nothing where their type is wrong.
	odd := maps.Clone(edit)
	maps.Copy(odd, map[string]any{"acr": []string{"gold"}, "amr": "pwd", "auth_time": "now", "scope": 1})
	id, err = v.Verify(t.Context(), iss.token(t, odd))
	if err != nil || id.ACR != "" || id.AMR != nil || id.Scope != nil || !id.AuthTime.IsZero() {
		t.Errorf("%+v, %v", id, err)
	}
}

// ATK-148, and every other problem of a configuration, all at once.
func TestJWTConfig(t *testing.T) {
	ok := middleware.JWTConfig{Issuer: "https://issuer.example", Audience: audience}
	for _, row := range []struct {
		name  string
		edit  func(*middleware.JWTConfig)
		names []string
	}{
		{"ATK-148 no issuer", func(c *middleware.JWTConfig) { c.Issuer = "" }, []string{"Issuer"}},
		{"ATK-148 no audience", func(c *middleware.JWTConfig) { c.Audience = "" }, []string{"Audience"}},
		{"ATK-148 empty list of algorithms", func(c *middleware.JWTConfig) { c.Algorithms = []string{} }, []string{"Algorithms"}},
		{"ATK-001 none", func(c *middleware.JWTConfig) { c.Algorithms = []string{"none"} }, []string{"Algorithms", `"none"`}},
		{"ASVS 9.1.2 symmetric", func(c *middleware.JWTConfig) { c.Algorithms = []string{"ES256", "HS256"} }, []string{"Algorithms", `"HS256"`}},
		{"issuer without TLS", func(c *middleware.JWTConfig) { c.Issuer = "http://issuer.example" }, []string{"Issuer"}},
		{"leeway", func(c *middleware.JWTConfig) { c.Leeway = 61 * time.Second }, []string{"Leeway"}},
		{"JWKS without TLS", func(c *middleware.JWTConfig) { c.Keys.JWKSURI = "http://issuer.example/keys" }, []string{"JWKSURI"}},
		{"an empty further audience", func(c *middleware.JWTConfig) { c.Audiences = []string{""} }, []string{"Audiences"}},
		{"everything", func(c *middleware.JWTConfig) {
			*c = middleware.JWTConfig{Audiences: []string{""}, Algorithms: []string{}, Keys: middleware.KeySource{JWKSURI: "x"}, Leeway: time.Hour}
		}, []string{"Issuer", "Audience ", "Audiences", "Algorithms", "JWKSURI", "Leeway"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := ok
			row.edit(&cfg)
			v, err := middleware.NewJWTVerifier(cfg)
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
	v, err := middleware.NewJWTVerifier(ok)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(v.Close(), v.Close()); err != nil {
		t.Error(err)
	}
}

// Every algorithm verifies, over keys from the metadata and from a URL.
func TestAlgorithms(t *testing.T) {
	algs := []string{"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"}
	iss := newIssuer(t, algs...)
	for name, edit := range map[string]func(*middleware.JWTConfig){
		"discovery": nil,
		"JWKSURI":   func(c *middleware.JWTConfig) { c.Keys.JWKSURI = iss.URL + "/keys" },
	} {
		g := newAPI(t, iss, edit)
		for _, alg := range algs {
			t.Run(name+" "+alg, func(t *testing.T) {
				g.wantServed(t, g.get("Bearer "+iss.sign(t, alg, "at+jwt", iss.claims())))
			})
		}
	}
	pinned := newAPI(t, iss, func(c *middleware.JWTConfig) { c.Algorithms = []string{"ES256"} })
	pinned.wantRefused(t, pinned.get("Bearer "+iss.sign(t, "RS256", "at+jwt", iss.claims())), 401, "invalid_token")
	if log, _ := pinned.reported(); !strings.Contains(log, "JWTConfig.Algorithms") {
		t.Errorf("log %s", log)
	}
}

// The whole path works over a real connection, where header values arrive as
// net/http has them.
func TestOverHTTP(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	server := httptest.NewServer(g.handler)
	defer server.Close()
	for header, status := range map[string]int{
		"": 401, "Bearer ": 400, "Bearer  " + iss.token(t): 400, " \tBearer " + iss.token(t) + " ": 200, "bearer " + iss.token(t): 200,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%.12q…: status %d, want %d", header, resp.StatusCode, status)
		}
	}
}
