package discovery

import (
	"encoding/json"
	"net/url"
	"testing"
)

// FuzzDiscovery: what is accepted names the issuer exactly, and all of its
// endpoints are https.
func FuzzDiscovery(f *testing.F) {
	const iss = "https://id.example.com"
	f.Add([]byte(document(iss)))
	f.Add([]byte(`{"issuer":"https://id.example.com","issuer":"https://evil.example"}`))
	f.Add([]byte(`{"issuer":"https://id.example.com","userinfo_endpoint":"http://localhost/"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(iss, data)
		if err != nil {
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(data, &plain); err != nil || plain["issuer"] != iss || m.Issuer != iss {
			t.Fatalf("%q was accepted: %v", data, err)
		}
		for _, e := range []string{m.AuthorizationEndpoint, m.TokenEndpoint, m.UserinfoEndpoint, m.JWKSURI, m.EndSessionEndpoint} {
			if u, err := url.Parse(e); e != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
				t.Fatalf("endpoint %q of %q was accepted", e, data)
			}
		}
	})
}
