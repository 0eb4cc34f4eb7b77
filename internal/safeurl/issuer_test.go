package safeurl

import (
	"strings"
	"testing"
)

func TestIssuer(t *testing.T) {
	rows := []struct {
		name, raw string
		ok        bool
	}{
		{"https", "https://id.example.com", true},
		{"https with port and path", "https://id.example.com:8443/realms/a", true},
		{"a trailing slash belongs to the issuer", "https://id.example.com/", true},
		{"IPv6", "https://[2001:db8::1]:8443/x", true},
		{"http on localhost", "http://localhost:9000", true},
		{"http on 127/8", "http://127.0.0.2:9000/moas", true},
		{"http on ::1", "http://[::1]:9000", true},
		{"ATK-065 http elsewhere", "http://id.example.com", false},
		{"ATK-065 http on a private address", "http://10.0.0.1", false},
		{"a name that begins like loopback", "http://localhost.evil.example", false},
		{"an address that begins like loopback", "http://127.0.0.1.evil.example", false},
		{"short form of an address", "http://127.1", false},
		{"number form of an address", "http://2130706433", false},
		{"hexadecimal form", "http://0x7f.1", false},
		{"mapped loopback", "http://[::ffff:127.0.0.1]", false},
		{"zone", "http://[::1%25lo]", false},
		{"Discovery §3 query", "https://id.example.com/?a=b", false},
		{"Discovery §3 empty query", "https://id.example.com/?", false},
		{"Discovery §3 fragment", "https://id.example.com/#a", false},
		{"empty fragment", "https://id.example.com/#", false},
		{"userinfo", "https://user@id.example.com", false},
		{"empty userinfo", "https://@id.example.com", false},
		{"two at signs", "https://a@b@id.example.com", false},
		{"opaque", "https:id.example.com", false},
		{"no scheme", "//id.example.com", false},
		{"path only", "/issuer", false},
		{"other scheme", "ftp://id.example.com", false},
		{"file", "file:///etc/passwd", false},
		{"javascript", "javascript:alert(1)", false},
		{"no host", "https:///path", false},
		{"port only", "https://:443", false},
		{"empty port", "https://id.example.com:", false},
		{"port 0", "https://id.example.com:0", false},
		{"port beyond 16 bits", "https://id.example.com:65536", false},
		{"backslash", `https://id.example.com\@evil`, false},
		{"space", "https://id.example.com/a b", false},
		{"line break", "https://id.example.com/\r\nX: y", false},
		{"beyond ASCII", "https://id.exämple.com", false},
		{"empty", "", false},
		{"empty label", "https://id..example.com", false},
		{"percent in host", "https://id%2eexample.com", false},
		{"escaped byte in host", "https://id%80.example.com", false},
		{"endless", "https://id.example.com/" + strings.Repeat("a", 3000), false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if _, err := Issuer(row.raw); (err == nil) != row.ok {
				t.Errorf("Issuer(%q) = %v, want ok %v", row.raw, err, row.ok)
			}
		})
	}
}

func TestEndpointAllowsAQuery(t *testing.T) {
	u, err := Endpoint("https://id.example.com/token?tenant=a")
	if err != nil || u.RawQuery != "tenant=a" {
		t.Fatalf("Endpoint = %v, %v", u, err)
	}
	if _, err := Endpoint("http://id.example.com/token"); err == nil {
		t.Fatal("an http endpoint was accepted")
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.255.255.254": true, "::1": true,
		"localhost.": false, "localhost.evil": false, "127.1": false, "128.0.0.1": false, "::2": false,
		"::ffff:127.0.0.1": false, "0.0.0.0": false, "": false, "[::1]": false,
	} {
		if got := IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %v", host, got)
		}
	}
}
