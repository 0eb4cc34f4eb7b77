package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// OpenID Connect Discovery 1.0 §3, ui_locales_supported; OpenID Connect Core
// 1.0 §3.1.2.1, ui_locales: the pages are there in English and German.
func TestLanguages(t *testing.T) {
	addr, issuer := freeIssuer(t, "")
	r := launch(t, t.TempDir(), addr, issuer)
	doc := r.discovery()
	tags, _ := doc["ui_locales_supported"].([]any)
	if !slices.Equal(tags, []any{"en", "de"}) {
		t.Errorf("ui_locales_supported %v", tags)
	}
	q := url.Values{
		"client_id": {"webapp"}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {"http://localhost:8081/auth/callback"},
		"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"},
	}
	endpoint, _ := doc["authorization_endpoint"].(string)
	for locale, want := range map[string]string{"": "Sign in", "de": "Anmelden", "fr de-AT": "Anmelden", "en": "Sign in"} {
		q.Set("ui_locales", locale)
		res, body := do(t, http.MethodGet, endpoint+"?"+q.Encode())
		if res.StatusCode != http.StatusOK || !strings.Contains(body, "<h1>"+want+"</h1>") {
			t.Errorf("%q: %d, %q\n%s", locale, res.StatusCode, res.Header.Get("Content-Language"), body)
		}
	}
}
