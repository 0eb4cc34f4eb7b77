package client

import "testing"

// A set that tenants share names them by a path with one open segment.
func TestKeyScope(t *testing.T) {
	const issuer = "https://login.example/t-1/v2.0"
	for named, want := range map[string]bool{
		issuer:                                  true,
		"https://login.example/{tenantid}/v2.0": true,
		"https://login.example/{}/v2.0":         false,
		"https://login.example/{a}/{b}":         false,
		"https://login.example/{tenantid}/v1.0": false,
		"https://login.example/{tenantid}":      false,
		"https://login.example/t-2/v2.0":        false,
		"https://evil.example/{tenantid}/v2.0":  false,
		"https://{host}/t-1/v2.0":               false,
		"{scheme}//login.example/t-1/v2.0":      false,
		"https://login.example/t-{n}/v2.0":      false,
		"https://login.example/t-1/v2.0/":       false,
		"":                                      false,
	} {
		if scope, ok := keyScope(issuer)(named); ok != want || scope != "" {
			t.Errorf("%s: %q, %v", named, scope, ok)
		}
	}
	if _, ok := keyScope("https://login.example//v2.0")("https://login.example/{tenantid}/v2.0"); ok {
		t.Error("an empty segment is a tenant")
	}
}
