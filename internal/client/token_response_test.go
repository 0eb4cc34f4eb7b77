package client

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/httpx"
)

// FuzzTokenResponse: what is accepted has everything a login needs, in a form
// that can be used, and encoding/json reads the same.
func FuzzTokenResponse(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","token_type":"Bearer","id_token":"b","expires_in":3600,"scope":"openid email"}`))
	f.Add([]byte(`{"access_token":"a","access_token":"c","token_type":"Bearer","id_token":"b"}`))
	f.Add([]byte(`{"error":"invalid_grant"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		now := time.Now()
		got, err := new(Client).readTokenAnswer(&httpx.Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body})
		if err != nil {
			return
		}
		if got.IDToken == "" || strings.ContainsAny(got.AccessToken, " \r\n") || got.AccessToken == "" ||
			got.Expires.After(time.Now().Add(maxTokenLifetime)) || !got.Expires.IsZero() && got.Expires.Before(now) {
			t.Fatalf("accepted %+v of %q", got, body)
		}
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil || plain["id_token"] != got.IDToken || plain["access_token"] != got.AccessToken {
			t.Fatalf("%q is read in two ways: %v", body, err)
		}
	})
}

// Row B2: some servers mean milliseconds.
func TestExpiresIn(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, row := range []struct {
		value        string
		milliseconds bool
		want         time.Duration
		ok           bool
	}{
		{"3600", false, time.Hour, true},
		{"3600000", true, time.Hour, true},
		{"1999", true, time.Second, true},
		{"999", true, 0, true},
		{"315360000000", true, maxTokenLifetime, true},
		{"-1", false, 0, false},
		{"-1", true, 0, false},
		{"-1000", true, 0, false},
		{"9223372036854775807", false, 0, false},
		{"9223372036854775807", true, 0, false},
	} {
		c := &Client{cfg: Config{Legacy: Legacy{ExpiresInMilliseconds: row.milliseconds}}}
		got, err := c.parseTokens([]byte(`{"access_token":"a","token_type":"bearer","id_token":"b","expires_in":`+row.value+`}`), now)
		if (err == nil) != row.ok || err == nil && got.Expires.Sub(now) != row.want {
			t.Errorf("%s, milliseconds %v: %+v %v", row.value, row.milliseconds, got, err)
		}
	}
}
