package client

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/httpx"
)

// FuzzPushAnswer: what is accepted can stand in an address as it is, and
// encoding/json reads the same.
func FuzzPushAnswer(f *testing.F) {
	f.Add(`{"request_uri":"urn:ietf:params:oauth:request_uri:bwc4JK-ESC0w8acc191e-Y1LTC2","expires_in":60}`)
	f.Add(`{"request_uri":"urn:a","request_uri":"urn:b","expires_in":60}`)
	f.Add(`{"request_uri":"urn:a\r\nb","expires_in":1}`)
	f.Add(`{"request_uri":"urn:a","expires_in":0}`)
	f.Fuzz(func(t *testing.T, body string) {
		resp := &httpx.Response{Status: http.StatusCreated, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
		got, err := readPushAnswer(resp)
		if err != nil {
			if got != "" {
				t.Fatalf("%q beside %v", got, err)
			}
			return
		}
		if u, err := url.Parse(got); err != nil || !u.IsAbs() || len(got) > maxRequestURI || strings.ContainsAny(got, " \r\n\t\x00") {
			t.Fatalf("accepted %q of %q", got, body)
		}
		var plain map[string]any
		if err := json.Unmarshal([]byte(body), &plain); err != nil || plain["request_uri"] != got {
			t.Fatalf("%q is read in two ways: %v", body, err)
		}
	})
}
