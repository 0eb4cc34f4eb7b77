package broker

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// An address that may be saved is https, has no credentials and no fragment, and
// is not written as an inner address.
func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{
		"https://id.example.com/token", "https://id.example.com:8443/a?b=c", "http://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://0x7f.1/",
		"https://a@b/", "https://localhost./", "https://1.1.1.1/", "https://id.example.com:22/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if (Outbound{}).checkURL(raw) != nil {
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Hostname() == "" || strings.ContainsAny(raw, "\\\r\n\t #") {
			t.Fatalf("%q is taken: %v, %v", raw, u, err)
		}
		host := strings.TrimSuffix(u.Hostname(), ".")
		if a, err := netip.ParseAddr(host); err == nil {
			if a = a.Unmap(); a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast() {
				t.Fatalf("%q is taken", raw)
			}
		} else if last := host[strings.LastIndexByte(host, '.')+1:]; strings.EqualFold(host, "localhost") || last == "" || last[0] >= '0' && last[0] <= '9' {
			t.Fatalf("%q is taken", raw)
		}
	})
}

// A mapping is domains or a label: never something with a dot or an @ that
// routes nobody and refuses nobody.
func FuzzDomainMapping(f *testing.F) {
	for _, s := range []string{"", "AZURE", "domain.com", "a.example, b.example", "domain..com", "@a.b", "xn--mller-kva.de", "a.1", "\u212aelvin.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		domains, err := parseDomainMapping(text)
		if err != nil {
			return
		}
		if len(domains) == 0 && strings.ContainsAny(text, ".@") {
			t.Fatalf("%q is a label", text)
		}
		for _, d := range domains {
			if emailDomain("ada@"+d) != d || emailDomain("ada@"+strings.ToUpper(d)) != d || !strings.Contains(strings.ToLower(text), d) {
				t.Fatalf("%q has the domain %q", text, d)
			}
		}
	})
}
