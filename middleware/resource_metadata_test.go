package middleware_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// RFC 9728 §3.1: the well-known part goes between host and path.
func TestResourceMetadataURL(t *testing.T) {
	for resource, path := range map[string]string{
		"https://api.example":           "/.well-known/oauth-protected-resource",
		"https://api.example/":          "/.well-known/oauth-protected-resource",
		"https://api.example/mcp":       "/.well-known/oauth-protected-resource/mcp",
		"https://api.example/a/b/":      "/.well-known/oauth-protected-resource/a/b/",
		"http://localhost:8082/a":       "/.well-known/oauth-protected-resource/a",
		"https://api.example:8443/v1%2": "",
	} {
		m, err := middleware.NewResourceMetadata(oidckit.ResourceMetadata{Resource: resource})
		if path == "" {
			if err == nil {
				t.Errorf("%s: taken", resource)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		origin := strings.Join(strings.SplitN(resource, "/", 4)[:3], "/")
		if m.URL() != origin+path {
			t.Errorf("%s: URL %s", resource, m.URL())
		}
		for _, mux := range []interface {
			oidckit.Mux
			http.Handler
		}{http.NewServeMux(), chi.NewRouter()} {
			m.Mount(mux)
			resp := serve(mux, httptest.NewRequest(http.MethodGet, m.URL(), nil))
			var doc oidckit.ResourceMetadata
			if err := json.Unmarshal([]byte(body(t, resp)), &doc); err != nil || resp.StatusCode != 200 || doc.Resource != resource {
				t.Errorf("%s: %d, %+v, %v", resource, resp.StatusCode, doc, err)
			}
			for _, other := range []string{"/x", "x", "//"} {
				if resp := serve(mux, httptest.NewRequest(http.MethodGet, m.URL()+other, nil)); resp.StatusCode == 200 {
					t.Errorf("%s: the same at %s", resource, m.URL()+other)
				}
			}
		}
	}
}

func TestResourceMetadata(t *testing.T) {
	m, err := middleware.NewResourceMetadata(oidckit.ResourceMetadata{
		Resource: "https://api.example", AuthorizationServers: []string{"https://issuer.example"}, ScopesSupported: []string{"orders:read"},
		DPoPSigningAlgValuesSupported: []string{"ES256"}, TLSClientCertificateBoundAccessTokens: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	ask := func(method string, header http.Header) *http.Response {
		r := httptest.NewRequest(method, m.URL(), nil)
		r.Header = header
		return serve(mux, r)
	}
	resp := ask(http.MethodGet, http.Header{"Origin": {"https://app.example"}})
	const want = `{"resource":"https://api.example","authorization_servers":["https://issuer.example"],"scopes_supported":["orders:read"],` +
		`"bearer_methods_supported":["header"],"dpop_signing_alg_values_supported":["ES256"],"tls_client_certificate_bound_access_tokens":true}`
	if got := body(t, resp); got != want {
		t.Errorf("document %s", got)
	}
	h := resp.Header
	if h.Get("Content-Type") != "application/json" || h.Get("Access-Control-Allow-Origin") != "https://app.example" ||
		h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Cache-Control"), "max-age") || h.Get("ETag") == "" {
		t.Errorf("headers %v", h)
	}
	for _, row := range []struct {
		name, method string
		header       http.Header
		status       int
	}{
		{"HEAD", http.MethodHead, http.Header{}, 200},
		{"unchanged", http.MethodGet, http.Header{"If-None-Match": {h.Get("ETag")}}, 304},
		{"unchanged, weak", http.MethodGet, http.Header{"If-None-Match": {"W/" + h.Get("ETag")}}, 304},
		{"unchanged, one of a list", http.MethodGet, http.Header{"If-None-Match": {`"x", W/"y" ,W/` + h.Get("ETag")}}, 304},
		{"unchanged, one of two headers", http.MethodHead, http.Header{"If-None-Match": {`"x"`, h.Get("ETag")}}, 304},
		{"unchanged, whatever it is", http.MethodGet, http.Header{"If-None-Match": {"*"}}, 304},
		{"changed, a list", http.MethodGet, http.Header{"If-None-Match": {`"x", ` + strings.Trim(h.Get("ETag"), `"`)}}, 200},
		{"changed", http.MethodGet, http.Header{"If-None-Match": {`"x"`}}, 200},
		{"POST", http.MethodPost, http.Header{}, 405},
		{"preflight", http.MethodOptions, http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"GET"}}, 204},
	} {
		resp := ask(row.method, row.header)
		if text := body(t, resp); resp.StatusCode != row.status || (row.method == http.MethodHead || row.status == 304) && text != "" {
			t.Errorf("%s: status %d, %q", row.name, resp.StatusCode, text)
		}
	}
}

// Clients of the Model Context Protocol send its version with every request.
func TestResourceMetadataPreflight(t *testing.T) {
	m, err := middleware.NewResourceMetadata(oidckit.ResourceMetadata{Resource: "https://api.example"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodOptions, m.URL(), nil)
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Access-Control-Request-Method", "GET")
	r.Header.Set("Access-Control-Request-Headers", "mcp-protocol-version")
	if allowed := serve(m, r).Header.Get("Access-Control-Allow-Headers"); !strings.Contains(strings.ToLower(allowed), "mcp-protocol-version") {
		t.Errorf("allowed are %q", allowed)
	}
}

// What was not built publishes nothing, and harms nothing.
func TestResourceMetadataNotBuilt(t *testing.T) {
	for name, m := range map[string]*middleware.ResourceMetadata{"zero value": {}, "nil": nil} {
		if resp := serve(m, httptest.NewRequest(http.MethodGet, "/", nil)); resp.StatusCode != 404 || m.URL() != "" {
			t.Errorf("%s: status %d, URL %q", name, resp.StatusCode, m.URL())
		}
		mux := http.NewServeMux()
		m.Mount(mux)
		if resp := serve(mux, httptest.NewRequest(http.MethodGet, "/.well-known/oauth-protected-resource", nil)); resp.StatusCode != 404 {
			t.Errorf("%s, mounted: status %d", name, resp.StatusCode)
		}
	}
}

func TestResourceMetadataConfig(t *testing.T) {
	for _, row := range []struct {
		name  string
		m     oidckit.ResourceMetadata
		names []string
	}{
		{"RFC 9728 §2 no resource", oidckit.ResourceMetadata{}, []string{"Resource"}},
		{"RFC 9728 §1.2 fragment", oidckit.ResourceMetadata{Resource: "https://api.example#x"}, []string{"Resource"}},
		{"RFC 9728 §1.2 without TLS", oidckit.ResourceMetadata{Resource: "http://api.example"}, []string{"Resource"}},
		{"a query", oidckit.ResourceMetadata{Resource: "https://api.example?x"}, []string{"Resource"}},
		{"everything", oidckit.ResourceMetadata{Resource: "orders", AuthorizationServers: []string{"issuer"}, JWKSURI: "keys",
			BearerMethodsSupported: []string{"cookie"}, DPoPSigningAlgValuesSupported: []string{"none"}},
			[]string{"Resource ", "AuthorizationServers", "JWKSURI", "BearerMethodsSupported", "DPoPSigningAlgValuesSupported"}},
	} {
		m, err := middleware.NewResourceMetadata(row.m)
		if err == nil || m != nil {
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
