package oidctest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Endpoint says where a fault happens and which requests are meant: the member
// of the issuer's metadata that names the endpoint ("registration_endpoint"),
// one of the constants below, or a path, "/…", that need not be the issuer's.
type Endpoint string

// The endpoints that every issuer of this package has.
const (
	// EndpointAny is every address of the issuer, its pages included.
	EndpointAny Endpoint = "*"
	// EndpointDiscovery is the metadata, at each of its well-known places
	// (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).
	EndpointDiscovery     Endpoint = "discovery"
	EndpointJWKS          Endpoint = "jwks_uri"
	EndpointAuthorization Endpoint = "authorization_endpoint"
	EndpointToken         Endpoint = "token_endpoint"
	EndpointUserinfo      Endpoint = "userinfo_endpoint"
	EndpointEndSession    Endpoint = "end_session_endpoint"
)

const (
	openIDConfiguration = "/.well-known/openid-configuration"
	serverMetadata      = "/.well-known/oauth-authorization-server"
)

// readMetadata learns from the issuer itself where its endpoints are and which
// algorithms it signs with, the first of them access tokens.
func (s *Server) readMetadata(tb testing.TB) {
	tb.Helper()
	issuer, err := url.Parse(s.Provider.Issuer())
	if err != nil {
		tb.Fatal(err)
	}
	rec := httptest.NewRecorder()
	s.Provider.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, issuer.Path+openIDConfiguration, nil))
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		tb.Fatalf("oidctest: metadata with status %d: %v", rec.Code, err)
	}
	if err := json.Unmarshal(doc["id_token_signing_alg_values_supported"], &s.algorithms); err != nil || len(s.algorithms) == 0 {
		tb.Fatalf("oidctest: the issuer has no signing algorithm: %v", err)
	}
	s.endpoints = map[string]Endpoint{}
	for name, value := range doc {
		var address string
		if json.Unmarshal(value, &address) != nil || name != string(EndpointJWKS) && !strings.HasSuffix(name, "_endpoint") {
			continue
		}
		if u, err := url.Parse(address); err == nil {
			s.endpoints[u.Path] = Endpoint(name)
		}
	}
}

// endpointOf returns the name of the endpoint at a path, "" for a page.
func (s *Server) endpointOf(path string) Endpoint {
	// RFC 8414 §3.1 and OpenID Connect Discovery 1.0 §4 differ in the order.
	if strings.Contains(path, openIDConfiguration) || strings.Contains(path, serverMetadata) {
		return EndpointDiscovery
	}
	return s.endpoints[path]
}

// covers reports whether e means a request to this endpoint or path.
func (e Endpoint) covers(endpoint Endpoint, path string) bool {
	return e == EndpointAny || e == endpoint || string(e) == path
}

// mustKnow fails the test for an endpoint that no request could ever reach.
func (s *Server) mustKnow(tb testing.TB, e Endpoint) {
	tb.Helper()
	if e == EndpointAny || e == EndpointDiscovery || strings.HasPrefix(string(e), "/") {
		return
	}
	for _, known := range s.endpoints {
		if e == known {
			return
		}
	}
	tb.Fatalf("oidctest: the issuer has no %q in its metadata", e)
}
