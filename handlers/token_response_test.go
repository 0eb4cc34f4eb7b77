package handlers

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
		got, err := parseTokens(body, now)
		if err != nil {
			return
		}
		if got.idToken == "" || strings.ContainsAny(got.accessToken, " \r\n") || got.accessToken == "" ||
			got.expires.After(now.Add(maxTokenLifetime)) || !got.expires.IsZero() && got.expires.Before(now) {
			t.Fatalf("accepted %+v of %q", got, body)
		}
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil || plain["id_token"] != got.idToken || plain["access_token"] != got.accessToken {
			t.Fatalf("%q is read in two ways: %v", body, err)
		}
	})
}

func TestTokensRecord(t *testing.T) {
	set := &tokenSet{idToken: "a", accessToken: "b", refreshToken: "c", scope: []string{"openid"}, expires: time.Unix(1000, 0)}
	b := set.encode()
	got, ok := decodeTokens(b)
	if !ok || got.idToken != "a" || got.accessToken != "b" || got.refreshToken != "c" || !got.expires.Equal(set.expires) || got.scope.String() != "openid" {
		t.Errorf("%+v %v", got, ok)
	}
	for i := range b {
		if _, ok := decodeTokens(b[:i]); ok {
			t.Errorf("a record cut at %d was read", i)
		}
	}
}
