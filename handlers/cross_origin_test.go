package handlers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/handlers/rpstore"
)

// crossOriginParty has a callback that takes a POST from the issuer's page.
func crossOriginParty(t *testing.T, base, prefix string) *RelyingParty {
	t.Helper()
	sessions, err := NewSessions(SessionConfig{Secrets: ring(t, 1), Store: rpstore.NewMemory().Open("t"), BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	rp, err := NewRelyingParty(Config{Issuer: "https://id.example", ClientID: "c", BaseURL: base, Prefix: prefix, Sessions: sessions})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rp.Close() })
	rp.crossSite = []string{strings.TrimSuffix(rp.cfg.Prefix, "/") + "/callback"}
	return rp
}

// OWASP ASVS 5.0 3.5.1: a POST of another site reaches the app's own routes
// never, and the relying party's where it belongs there.
func TestCrossOriginProtection(t *testing.T) {
	for _, site := range []struct{ base, prefix, at string }{
		{"https://app.example", "", "/auth"},
		{"https://app.example/shop", "", "/shop/auth"},
		{"https://app.example/shop", "/", "/shop"},
		{"https://APP.example:443", "/in", "/in"},
	} {
		rp := crossOriginParty(t, site.base, site.prefix)
		mux := http.NewServeMux()
		rp.Mount(mux)
		callback := site.at + "/callback"
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "changed") })
		app := rp.CrossOriginProtection().Handler(mux)
		post := func(path string, header ...string) (status int, body string) {
			r := httptest.NewRequest(http.MethodPost, "https://behind.example"+path, nil)
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
		browsers := map[string][]string{
			"the issuer's page":    {"Sec-Fetch-Site", "cross-site", "Origin", "https://id.example"},
			"a page without name":  {"Sec-Fetch-Site", "cross-site", "Origin", "null"},
			"a neighbour":          {"Sec-Fetch-Site", "same-site", "Origin", "https://other.app.example"},
			"an old browser":       {"Origin", "https://evil.example"},
			"the origin over http": {"Origin", "http://app.example"},
		}
		for who, header := range browsers {
			if status, body := post("/orders", header...); status != http.StatusForbidden || strings.Contains(body, "changed") {
				t.Errorf("%s: %s posts to the app: %d %s", site.base, who, status, body)
			}
			// The callback itself takes no POST here: 405 is its own answer.
			if status, body := post(callback, header...); status != http.StatusMethodNotAllowed || strings.Contains(body, "changed") {
				t.Errorf("%s: %s posts to the callback: %d %s", site.base, who, status, body)
			}
			for _, path := range []string{
				callback + "/", callback + "/x", "/" + callback, site.at + "/login", site.at + "/logout", site.at + "/x/../callback",
				site.at + "//callback", site.at + "/./callback", site.at + "%2Fcallback", callback + "%2F", callback + "%00", callback + ";x",
				"/x/.." + callback, site.at + "/Callback", "/x" + callback, site.at + "/x/%2e%2e/callback",
			} {
				if status, body := post(path, header...); status != http.StatusForbidden {
					t.Errorf("%s: %s posts to %s: %d %s", site.base, who, path, status, body)
				}
			}
			// What stands for the callback's address reaches the callback.
			if status, body := post(site.at+"/%63allback", header...); strings.Contains(body, "changed") {
				t.Errorf("%s: %s: %d %s", site.base, who, status, body)
			}
		}
		for who, header := range map[string][]string{
			"the app's own page":             {"Sec-Fetch-Site", "same-origin", "Origin", "https://app.example"},
			"the app's page, through a name": {"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example"},
			"the app's page, old browser":    {"Origin", "https://app.example"},
			"a program":                      nil,
		} {
			if status, body := post("/orders", header...); status != http.StatusOK || body != "changed" {
				t.Errorf("%s: %s: %d %s", site.base, who, status, body)
			}
		}
	}
}

// Every call returns one of its own, so that what one app adds no other has.
func TestCrossOriginProtectionIsNotShared(t *testing.T) {
	rp := crossOriginParty(t, "https://app.example", "")
	if err := rp.CrossOriginProtection().AddTrustedOrigin("https://admin.example"); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "https://app.example/orders", nil)
	r.Header.Set("Origin", "https://admin.example")
	if rp.CrossOriginProtection().Check(r) == nil || rp.origins.Check(r) == nil {
		t.Error("a trusted origin is shared")
	}
}
