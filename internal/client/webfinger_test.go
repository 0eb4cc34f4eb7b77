package client

import (
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/safeurl"
)

// OpenID Connect Discovery 1.0 §2.1.2, §2.2: what is asked about, and who is
// asked.
func TestNormalizeIdentifier(t *testing.T) {
	for _, row := range []struct{ identifier, resource, host string }{
		// §2.2.1, §2.2.2, §2.2.3, §2.2.4
		{"joe@example.com", "acct:joe@example.com", "example.com"},
		{"https://example.com/joe", "https://example.com/joe", "example.com"},
		{"example.com:8080", "https://example.com:8080/", "example.com:8080"},
		{"acct:juliet%40capulet.example@shopping.example.com", "acct:juliet%40capulet.example@shopping.example.com", "shopping.example.com"},
		{"example.com", "https://example.com/", "example.com"},
		{"example.com/joe", "https://example.com/joe", "example.com"},
		{"example.com/joe?x=1#top", "https://example.com/joe?x=1", "example.com"},
		{"https://example.com/joe#top", "https://example.com/joe", "example.com"},
		{"HTTPS://example.com/joe", "HTTPS://example.com/joe", "example.com"},
		{"ACCT:joe@example.com", "acct:joe@example.com", "example.com"},
		{"acct:joe@localhost:8443", "acct:joe@localhost:8443", "localhost:8443"},
		{" joe@example.com ", "acct:joe@example.com", "example.com"},
		{"joe+tag@[2001:db8::1]", "", ""},
		{"127.0.0.1:8443/a@b", "https://127.0.0.1:8443/a@b", "127.0.0.1:8443"},
		{"", "", ""}, {"   ", "", ""}, {"#", "", ""},
		{"=example", "", ""}, {"@example", "", ""}, {"!example", "", ""},
		{"http://example.com/joe", "", ""}, {"ftp://example.com", "", ""}, {"mailto:joe@example.com", "", ""}, {"javascript:alert(1)", "", ""},
		{"joe@example.com:8080", "", ""}, {"https://joe@example.com/", "", ""}, {"https://", "", ""}, {"acct:joe", "", ""}, {"acct:@example.com", "", ""},
		{"acct:joe@", "", ""}, {"joe@", "", ""}, {"a@b@example.com", "", ""}, {"joe@example.com\r\nHost: evil", "", ""}, {"jo e@example.com", "", ""},
		{`joe@example.com\evil.example`, "", ""}, {"jöe@example.com", "", ""}, {"acct:joe@example.com/path", "", ""}, {"acct:joe@example.com?x", "", ""},
		{"joe@.example.com", "", ""}, {strings.Repeat("a", 600) + "@example.com", "", ""},
	} {
		resource, host, err := normalize(row.identifier)
		if resource != row.resource || host != row.host || (err == nil) != (row.resource != "") {
			t.Errorf("%q: %q %q %v, want %q %q", row.identifier, resource, host, err, row.resource, row.host)
		}
	}
}

// FuzzNormalizeIdentifier: whoever is asked is a host, of https, that the
// identifier names, and the resource is one URI of visible ASCII.
func FuzzNormalizeIdentifier(f *testing.F) {
	for _, s := range []string{"joe@example.com", "acct:a@b", "https://example.com/joe", "example.com:8080", "a@b@c", "//x", "x?@y", "[::1]", "acct:a@[::1]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, identifier string) {
		resource, host, err := normalize(identifier)
		if err != nil {
			return
		}
		origin, err := safeurl.Issuer("https://" + host)
		if err != nil || origin.Host != host || origin.Path != "" || !strings.Contains(identifier, host) {
			t.Fatalf("%q asks the host %q: %v", identifier, host, err)
		}
		if u, err := url.Parse(resource); err != nil || u.Scheme != "acct" && u.Scheme != "https" || !visibleText(resource) || strings.ContainsAny(resource, " #") {
			t.Fatalf("%q asks about %q: %v", identifier, resource, err)
		}
	})
}
