package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// RFC 6749 §3.1, OpenID Connect Core 1.0 §3.1.2.1: what is unknown or only a
// wish does not break a request.
func TestAuthorizeAcceptsWhatItNeedNotHonour(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	f.authorize()
	for clause, with := range map[string][]string{
		"conformance: unknown parameter":        {"extra", "foobar"},
		"RFC 6749 §3.1 empty parameter":         {"state", "the state"},
		"conformance: display=page":             {"display", "page"},
		"conformance: display=popup":            {"display", "popup"},
		"conformance: ui_locales":               {"ui_locales", "se"},
		"conformance: claims_locales":           {"claims_locales", "se"},
		"conformance: login_hint":               {"login_hint", "buffy@example.com"},
		"conformance: acr_values":               {"acr_values", "1 2"},
		"conformance: scope order":              {"scope", "email profile openid"},
		"Core §3.1.2.1 scope not understood":    {"scope", "openid profile nonsense"},
		"Core §5.5 claims":                      {"claims", `{"userinfo":{"name":{"essential":true}}}`},
		"RFC 6749 §3.3 repeated scope":          {"scope", "openid openid"},
		"response_mode=query":                   {"response_mode", "query"},
		"RFC 8707 §2 resource":                  {"resource", ordersAPI},
		"conformance: no nonce":                 {"nonce", ""},
		"conformance: no state":                 {"state", ""},
		"FAPI 2.0: nonce of 384 characters":     {"nonce", strings.Repeat("n", 384)},
		"state of 4096 characters":              {"state", strings.Repeat("s", 4096)},
		"ATK-178 the registered query":          {"redirect_uri", "https://app.example/cb?foo=bar"},
		"max_age that no clock will ever reach": {"max_age", "9223372036854775807"},
		"SQL and markup are just text":          {"state", `'; DROP TABLE codes; --<script>`},
	} {
		t.Run(clause, func(t *testing.T) {
			g := *f
			g.t = t
			q := g.authorize(with...)
			// The client has to consent anew to a resource.
			if q.Get("code") == "" || q.Get("iss") != f.base || q.Get("state") != request(with...).Get("state") {
				t.Fatalf("response: %v", q)
			}
			if q.Has("state") != (request(with...).Get("state") != "") {
				t.Errorf("state: %v", q)
			}
		})
	}
}

// RFC 6749 §4.1.2: state comes back as it was, byte for byte, over the login
// and the consent page too.
func TestStateComesBackUnchanged(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	for _, deny := range []bool{false, true} {
		g := f.sub(t)
		g.browser.Deny = deny
		q := g.authorize("state", oddState, "prompt", "consent")
		if q.Get("state") != oddState || q.Get("iss") != f.base || len(g.browser.Seen) != 2 || q.Has("error") != deny {
			t.Errorf("%q", q)
		}
	}
}

// Conformance, redirect-uri-query-OK: a registered query stays, parameters are
// appended to it.
func TestAuthorizeKeepsRegisteredQuery(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	callback, err := f.browser.Authorize(f.authorizationURL("redirect_uri", "https://app.example/cb?foo=bar"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(callback.String(), "https://app.example/cb?foo=bar&") {
		t.Fatalf("redirected to %s", callback)
	}
}

// RFC 8252 §7.3: a native app takes whatever port is free, and only the port
// may differ.
func TestATK182LoopbackRedirect(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	for _, row := range []struct {
		uri string
		ok  bool
	}{
		{"http://127.0.0.1/cb", true},
		{"http://127.0.0.1:54321/cb", true},
		{"com.example.app:/cb", true},
		{"http://localhost:1/cb", false},
		{"http://127.0.0.1.evil/cb", false},
		{"http://127.0.0.1:80.evil/cb", false},
		{"http://127.0.0.1:80@evil/cb", false},
		{"http://127.1/cb", false},
		{"http://[::1]/cb", false},
		{"http://localhost.evil/cb", false},
		{"http://127.0.0.1:54321/cb/x", false},
		{"http://127.0.0.1:54321/cb?x", false},
		{"https://127.0.0.1:54321/cb", false},
		{"com.example.app:/other", false},
	} {
		t.Run(row.uri, func(t *testing.T) {
			g := f.sub(t)
			q := request("client_id", "native", "redirect_uri", row.uri, "scope", "openid")
			if !row.ok {
				g.browse(http.MethodGet, "/authorize?"+q.Encode(), nil).page(t, http.StatusBadRequest)
				return
			}
			callback, err := g.browser.Authorize(f.base + "/authorize?" + q.Encode())
			if err != nil || !strings.HasPrefix(callback.String(), row.uri+"?") || callback.Query().Get("code") == "" {
				t.Fatalf("%v %v", callback, err)
			}
		})
	}
}

// OpenID Connect Core 1.0 §3.1.2.1: the endpoint takes POST, also as another
// site's page sends it, without the session cookie.
func TestAuthorizePost(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	f.authorize()
	a := f.browse(http.MethodPost, "/authorize", request("state", oddState))
	if !strings.HasPrefix(a.location, redirectURI+"?code=") {
		t.Fatalf("with the session: %d %q", a.status, a.location)
	}
	stranger := f.sub(t)
	a = stranger.browse(http.MethodPost, "/authorize", request("state", oddState), "Origin", "https://app.example", "Sec-Fetch-Site", "cross-site")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, "/authorize?") {
		t.Fatalf("without it: %d %q", a.status, a.location)
	}
	// The browser follows with its cookie, because that is a navigation.
	if a = f.follow(a); !strings.HasPrefix(a.location, redirectURI+"?code=") {
		t.Fatalf("the navigation: %d %q", a.status, a.location)
	}
	t.Run("the query is not read", func(t *testing.T) {
		a := f.browse(http.MethodPost, "/authorize?"+request().Encode(), url.Values{"x": {"y"}})
		a.page(t, http.StatusBadRequest)
	})
	t.Run("JSON", func(t *testing.T) {
		a := f.browse(http.MethodPost, "/authorize", request(), "Content-Type", "application/json")
		if a.location != "" || a.status != http.StatusBadRequest {
			t.Errorf("%d %q", a.status, a.location)
		}
	})
	t.Run("too large a body", func(t *testing.T) {
		f.browse(http.MethodPost, "/authorize", request("login_hint", strings.Repeat("x", 65<<10))).page(t, http.StatusRequestEntityTooLarge)
	})
	t.Run("too large for a query, nobody signed in", func(t *testing.T) {
		stranger.browse(http.MethodPost, "/authorize", request("login_hint", strings.Repeat("x", 20<<10))).refusal(t, oidckit.InvalidRequest, f.base, "the state")
	})
	t.Run("too large to wait for consent", func(t *testing.T) {
		f.browse(http.MethodPost, "/authorize", request("prompt", "consent", "login_hint", strings.Repeat("x", 20<<10))).refusal(t, oidckit.InvalidRequest, f.base, "the state")
	})
}

// HEAD never starts a login, and nothing but GET and POST is served.
func TestAuthorizeMethods(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	f.authorize()
	for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
		a := f.browse(method, "/authorize?"+request().Encode(), nil, "Origin", "https://app.example")
		if a.status != http.StatusMethodNotAllowed || a.location != "" || a.header.Get("Allow") != "GET, POST" {
			t.Errorf("%s: %d %q %q", method, a.status, a.location, a.header.Get("Allow"))
		}
		// ASVS 3.4.2: no script reads the authorization endpoint
		if got := a.header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: Access-Control-Allow-Origin %q", method, got)
		}
	}
}

// ATK-234 and RFC 9700 §2.1.1: the exemption from PKCE is for clients that
// have a secret, and a verifier then needs its challenge.
func TestAllowConfidentialWithoutPKCE(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) { c.AllowConfidentialWithoutPKCE = true }})
	without := []string{"code_challenge", "", "code_challenge_method", ""}
	t.Run("public client", func(t *testing.T) {
		a := f.sub(t).browse(http.MethodGet, "/authorize?"+request(append(without, "client_id", "spa")...).Encode(), nil)
		a.refusal(t, oidckit.InvalidRequest, f.base, "the state")
	})
	for _, row := range []struct {
		clause   string
		request  []string
		verifier string
		status   int
	}{
		{"no challenge, no verifier", without, "", 200},
		{"ATK-234 no challenge, a verifier", without, verifier, 400},
		{"ATK-234 a challenge, no verifier", nil, "", 400},
		{"a challenge, another verifier", nil, strings.Repeat("x", 43), 400},
		{"a challenge and its verifier", nil, verifier, 200},
	} {
		t.Run(row.clause, func(t *testing.T) {
			g := f.sub(t)
			res := g.token(codeForm(g.code(row.request...), "code_verifier", row.verifier))
			if res.status != row.status || (row.status == 400 && (res.Error != "invalid_grant" || res.Access != "")) {
				t.Errorf("%+v", res)
			}
		})
	}
	t.Run("plain is no way out", func(t *testing.T) {
		a := f.sub(t).browse(http.MethodGet, "/authorize?"+request("code_challenge_method", "plain").Encode(), nil)
		a.refusal(t, oidckit.InvalidRequest, f.base, "the state")
	})
}

// ATK-209: codes are unique and long; they live a minute unless told
// otherwise, and the store knows their hashes only.
func TestATK209Codes(t *testing.T) {
	stores := &spyStores{}
	f := newFixture(t, oidctest.Config{Stores: stores.open})
	seen := map[string]bool{}
	for range 300 {
		code := f.code()
		if len(code) < 43 || seen[code] {
			t.Fatalf("code %q", code)
		}
		seen[code] = true
	}
	if len(stores.codes) != len(seen) {
		t.Fatalf("%d codes stored, %d sent", len(stores.codes), len(seen))
	}
	for _, c := range stores.codes {
		if left := time.Until(c.ExpiresAt); left > time.Minute {
			t.Errorf("a code lives for %v", left)
		}
	}
	for code := range seen {
		if _, ok := stores.codes[oidckit.HashToken(code)]; !ok {
			t.Error("a code is not stored by its hash")
		}
	}
}
