package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// RFC 7662 §2.1, RFC 6749 §2.3.1: what goes upstream, and how the API says who
// it is.
func TestIntrospectionRequest(t *testing.T) {
	i := newIntrospector(t)
	for _, row := range []struct {
		name   string
		edit   func(*middleware.IntrospectionConfig)
		accept string
		post   bool
	}{
		{"by default", nil, "application/json", false},
		{"basic", func(c *middleware.IntrospectionConfig) { c.AuthMethod = oidckit.AuthMethodClientSecretBasic }, "application/json", false},
		{"post", func(c *middleware.IntrospectionConfig) { c.AuthMethod = oidckit.AuthMethodClientSecretPost }, "application/json", true},
		{"RFC 9701 §4 asked for", func(c *middleware.IntrospectionConfig) { c.AskSignedAnswers = true }, mediaTypeJWT + ", application/json;q=0.5", false},
		{"endpoint given", func(c *middleware.IntrospectionConfig) { c.Endpoint = i.URL + "/introspect?tenant=a" }, "application/json", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, _ := newIntrospectedAPI(t, i, row.edit)
			g.wantServed(t, g.get("Bearer "+goodToken))
			r, form := i.seen(t)
			if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Accept") != row.accept {
				t.Errorf("%s %v", r.Method, r.Header)
			}
			want := url.Values{"token": {goodToken}, "token_type_hint": {"access_token"}}
			user, password, basic := r.BasicAuth()
			if row.post {
				want.Set("client_id", apiClientID)
				want.Set("client_secret", apiSecret)
			} else if user != url.QueryEscape(apiClientID) || password != url.QueryEscape(apiSecret) {
				t.Errorf("credentials %q %q", user, password)
			}
			if basic == row.post || form.Encode() != want.Encode() {
				t.Errorf("Authorization %v, form %v", basic, form)
			}
		})
	}
}

// ATK-156: a token is one parameter, whatever is in it; and what no token can
// be never goes upstream.
func TestIntrospectionParameterInjection(t *testing.T) {
	i := newIntrospector(t)
	g, v := newIntrospectedAPI(t, i, nil)
	for _, token := range []string{
		"x&token_type_hint=x&token=" + goodToken, goodToken + "&a=b", "x=y", "x%26token%3D" + goodToken, "a b", "a\r\nb", "ü", "", "=", "x=y=",
		strings.Repeat("x", 16<<10+1),
	} {
		if _, err := v.Verify(t.Context(), token); err == nil || i.calls.Load() != 0 {
			t.Errorf("%.40q: %v, %d calls", token, err, i.calls.Load())
		}
	}
	g.wantRefused(t, g.get("Bearer x&token_type_hint=x&token="+goodToken), 400, "invalid_request")
	// Characters that a token may have and a form must escape.
	for _, token := range []string{"a+b/c~d._-", "a==", "a+token=="} {
		i.answer(token, i.active())
		g.wantServed(t, g.get("Bearer "+token))
		if _, form := i.seen(t); len(form["token"]) != 1 || form.Get("token") != token {
			t.Errorf("%q went upstream as %v", token, form)
		}
	}
}

// ATK-157: a token that is nearly one is none, whatever is remembered.
func TestIntrospectedTokenNearMisses(t *testing.T) {
	i := newIntrospector(t)
	g, _ := newIntrospectedAPI(t, i, nil)
	var rows []attack
	for n := 1; n <= 20; n++ {
		rows = append(rows, attack{fmt.Sprintf("ATK-157 cut by %d", n), goodToken[:len(goodToken)-n], "active", 0})
	}
	rows = append(rows,
		attack{"ATK-157 extended", goodToken + "a", "active", 0},
		attack{"ATK-157 padded", goodToken + "=", "active", 0},
		attack{"ATK-157 last character changed", goodToken[:len(goodToken)-1] + "n", "active", 0},
		attack{"first character changed", "O" + goodToken[1:], "active", 0},
		attack{"ATK-057 the same 512 bytes", goodToken + strings.Repeat("x", 512) + "b", "active", 0},
	)
	i.answer(goodToken+strings.Repeat("x", 512)+"a", i.active())
	g.wantServed(t, g.get("Bearer "+goodToken+strings.Repeat("x", 512)+"a"))
	refusesAll(t, g, goodToken, rows)
}

// ATK-148: what an API cannot do without, with all problems named at once.
func TestIntrospectionConfig(t *testing.T) {
	good := middleware.IntrospectionConfig{Issuer: "https://issuer.example", Audience: audience, ClientID: "a", ClientSecret: "b"}
	v, err := middleware.NewIntrospectionVerifier(good)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	_, err = middleware.NewIntrospectionVerifier(middleware.IntrospectionConfig{})
	for _, field := range []string{"Issuer", "Audience", "ClientID", "ClientSecret"} {
		if err == nil || !strings.Contains(err.Error(), field+" ") {
			t.Errorf("%v does not name %s", err, field)
		}
	}
	for field, edit := range map[string]func(*middleware.IntrospectionConfig){
		"Issuer":               func(c *middleware.IntrospectionConfig) { c.Issuer = "http://issuer.example" },
		"Audiences":            func(c *middleware.IntrospectionConfig) { c.Audiences = []string{""} },
		"Endpoint":             func(c *middleware.IntrospectionConfig) { c.Endpoint = "http://issuer.example/introspect" },
		"AuthMethod":           func(c *middleware.IntrospectionConfig) { c.AuthMethod = "none" },
		"Keys":                 func(c *middleware.IntrospectionConfig) { c.Keys.JWKSURI = "https://issuer.example/keys" },
		"SignedAnswerAlg":      func(c *middleware.IntrospectionConfig) { c.RequireSignedAnswers, c.SignedAnswerAlg = true, "HS256" },
		"SignedAnswerAudience": func(c *middleware.IntrospectionConfig) { c.SignedAnswerAudience = "a" },
		"Cache.MaxAge":         func(c *middleware.IntrospectionConfig) { c.Cache.MaxAge = 61 * time.Second },
		"Cache.RefusalMaxAge":  func(c *middleware.IntrospectionConfig) { c.Cache.RefusalMaxAge = -1 },
		"Timeout":              func(c *middleware.IntrospectionConfig) { c.Timeout = time.Hour },
		"Cache.MaxTokens":      func(c *middleware.IntrospectionConfig) { c.Cache.MaxTokens = -1 },
		"Cache": func(c *middleware.IntrospectionConfig) {
			c.Cache = middleware.IntrospectionCache{Disabled: true, MaxAge: time.Second}
		},
		"Leeway": func(c *middleware.IntrospectionConfig) { c.Leeway = time.Hour },
	} {
		cfg := good
		edit(&cfg)
		if _, err := middleware.NewIntrospectionVerifier(cfg); err == nil || !strings.HasPrefix(err.Error(), "middleware: IntrospectionConfig: "+field+" ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	for name, v := range map[string]*middleware.IntrospectionVerifier{"nil": nil, "zero": {}} {
		if _, err := v.Verify(t.Context(), goodToken); err == nil {
			t.Errorf("the %s verifier judges", name)
		}
		if v.Check(t.Context()) == nil || v.Close() != nil {
			t.Errorf("Check or Close of the %s verifier", name)
		}
		v.Forget(goodToken)
		if v.Revoke(middleware.Revocation{SessionID: "s", Until: time.Now()}) == nil {
			t.Errorf("the %s verifier revokes", name)
		}
	}
}

// FLT-08, FLT-63: neither a redirect nor a proxy of the environment gets a
// token.
func TestIntrospectionGoesNowhereElse(t *testing.T) {
	var strays atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		strays.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"active":true,"sub":"mallory","aud":%q}`, audience)
	}))
	defer elsewhere.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, elsewhere.URL)
	}
	i := newIntrospector(t)
	for name, client := range map[string]*http.Client{"own": nil, "the app's": {}} {
		g, _ := newIntrospectedAPI(t, i, func(c *middleware.IntrospectionConfig) { c.HTTPClient = client })
		for _, status := range []int{301, 302, 303, 307, 308} {
			i.play(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
			g.wantUnchecked(t, g.get("Bearer "+goodToken), fmt.Sprint(status))
			i.play(nil)
			g.get(fmt.Sprintf("Bearer %s-%d", name[:3], status))
		}
		g.wantServed(t, g.get("Bearer "+goodToken))
	}
	if strays.Load() != 0 {
		t.Errorf("%d requests went elsewhere", strays.Load())
	}
}
