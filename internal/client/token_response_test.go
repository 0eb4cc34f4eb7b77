package client

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// FuzzTokenResponse: what is accepted has everything a login needs, in a form
// that can be used, and encoding/json reads the same.
func FuzzTokenResponse(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","token_type":"Bearer","id_token":"b","expires_in":3600,"scope":"openid email"}`))
	f.Add([]byte(`{"access_token":"a","access_token":"c","token_type":"Bearer","id_token":"b"}`))
	f.Add([]byte(`{"error":"invalid_grant"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		now := time.Now()
		got, err := new(Client).parseTokens(body, now)
		if err != nil {
			return
		}
		if got.IDToken == "" || strings.ContainsAny(got.AccessToken, " \r\n") || got.AccessToken == "" ||
			got.Expires.After(now.Add(maxTokenLifetime)) || !got.Expires.IsZero() && got.Expires.Before(now) {
			t.Fatalf("accepted %+v of %q", got, body)
		}
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil || plain["id_token"] != got.IDToken || plain["access_token"] != got.AccessToken {
			t.Fatalf("%q is read in two ways: %v", body, err)
		}
	})
}
