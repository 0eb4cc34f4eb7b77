package client

import (
	"encoding/json"
	"testing"

	"github.com/oidckit/oidckit/internal/safeurl"
)

// FuzzRegistration: what is accepted can be used as it is, and encoding/json
// reads the same client.
func FuzzRegistration(f *testing.F) {
	f.Add([]byte(`{"client_id":"c","client_secret":"s","client_secret_expires_at":0,"redirect_uris":["https://app.example/"],"logo_uri":null}`))
	f.Add([]byte(`{"client_id":"c","registration_access_token":"t","registration_client_uri":"https://id.example/r?client_id=c"}`))
	f.Add([]byte(`{"client_id":"c","client_id":"d"}`))
	f.Add([]byte(`{"client_id":"c","jwks":{"keys":[]},"default_max_age":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		reg, err := parseRegistration(body)
		if err != nil {
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil || plain["client_id"] != reg.ClientID {
			t.Fatalf("%q is read in two ways: %v", body, err)
		}
		if reg.ClientID == "" || !visibleText(reg.ClientID) || !visibleText(reg.ClientSecret) || reg.ClientSecret != "" && reg.ClientSecretExpiresAt == nil {
			t.Fatalf("accepted %q", body)
		}
		if reg.RegistrationClientURI != "" {
			if _, err := safeurl.Endpoint(reg.RegistrationClientURI); err != nil || !bearerText(reg.RegistrationAccessToken) {
				t.Fatalf("accepted %q: %v", body, err)
			}
		}
	})
}
