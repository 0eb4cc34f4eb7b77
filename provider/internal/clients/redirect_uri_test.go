package clients_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/provider/internal/clients"
)

var registered = []string{
	"https://app.example/cb", "https://app.example/cb?foo=bar", "http://127.0.0.1/cb", "http://[::1]:8080/cb?x=1",
	"http://localhost:3000/cb", "com.example.app:/cb", "https://app.example",
}

// RFC 6749 §3.1.2.3, RFC 9700 §2.1, RFC 8252 §7.3.
func TestMatchRedirectURI(t *testing.T) {
	for _, row := range []struct {
		clause, got string
		ok          bool
	}{
		{"the same", "https://app.example/cb", true},
		{"the same, with its query", "https://app.example/cb?foo=bar", true},
		{"no path", "https://app.example", true},
		{"a slash more", "https://app.example/", false},
		{"empty", "", false},
		{"ATK-182 loopback", "http://127.0.0.1/cb", true},
		{"ATK-182 loopback with a port", "http://127.0.0.1:1/cb", true},
		{"ATK-182 loopback, highest port", "http://127.0.0.1:65535/cb", true},
		{"ATK-182 IPv6, other port", "http://[::1]:9/cb?x=1", true},
		{"ATK-182 IPv6, no port", "http://[::1]/cb?x=1", true},
		{"RFC 8252 §8.3 localhost, other port", "http://localhost:3001/cb", false},
		{"localhost, registered port", "http://localhost:3000/cb", true},
		{"port 0", "http://127.0.0.1:0/cb", false},
		{"a port beyond the last", "http://127.0.0.1:65536/cb", false},
		{"a leading zero", "http://127.0.0.1:080/cb", false},
		{"six digits", "http://127.0.0.1:123456/cb", false},
		{"no digits", "http://127.0.0.1:/cb", false},
		{"a sign", "http://127.0.0.1:+80/cb", false},
		{"a port of another kind of digits", "http://127.0.0.1:８０/cb", false},
		{"a user in the port's place", "http://127.0.0.1:80@evil/cb", false},
		{"a user", "http://127.0.0.1@evil/cb", false},
		{"a backslash", `http://127.0.0.1:80\@evil/cb`, false},
		{"longer host", "http://127.0.0.10/cb", false},
		{"longer name", "http://127.0.0.1.evil/cb", false},
		{"another path", "http://127.0.0.1:1/cbx", false},
		{"another query", "http://127.0.0.1:1/cb?x", false},
		{"a fragment", "http://127.0.0.1:1/cb#x", false},
		{"a fragment in the port", "http://127.0.0.1:1#/cb", false},
		{"https for http", "https://127.0.0.1:1/cb", false},
		{"IPv6 in another form", "http://[0:0:0:0:0:0:0:1]/cb?x=1", false},
		{"ATK-175 suffix", "https://app.example.evil/cb", false},
		{"ATK-178 query added", "https://app.example/cb?foo=bar&x=y", false},
		{"ATK-179 fragment", "https://app.example/cb#", false},
		{"private-use scheme, other path", "com.example.app:/cb2", false},
	} {
		if got := clients.MatchRedirectURI(registered, row.got); got != row.ok {
			t.Errorf("%s: %q: %v", row.clause, row.got, got)
		}
	}
	if clients.MatchRedirectURI(nil, "") || clients.MatchRedirectURI([]string{""}, "x") {
		t.Error("nothing registered")
	}
}

// What is accepted is a registered URI byte for byte, or differs from one in
// the port of a loopback address alone: the same host, path and query.
func FuzzMatchRedirectURI(f *testing.F) {
	for _, uri := range registered {
		f.Add(uri)
		f.Add(uri + "@evil.example/")
		f.Add(strings.Replace(uri, "://", "://evil@", 1))
	}
	for _, uri := range []string{
		"http://127.0.0.1:80@evil/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:99999/cb", "http://127.0.0.1:0/cb", "http://[::1]:1/cb?x=1",
		"http://[::1]:1?x=1", "http://127.0.0.1:1\\/cb", "http://127.0.0.1:1;/cb", "http://127.0.0.1%3a1/cb",
	} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, got string) {
		if !clients.MatchRedirectURI(registered, got) || slices.Contains(registered, got) {
			return
		}
		u, err := url.Parse(got)
		if err != nil {
			t.Fatalf("%q was accepted and does not parse: %v", got, err)
		}
		ok := slices.ContainsFunc(registered, func(raw string) bool {
			r, err := url.Parse(raw)
			return err == nil && r.Scheme == "http" && u.Scheme == "http" && u.User == nil && u.Opaque == "" && u.Fragment == "" &&
				(r.Hostname() == "127.0.0.1" || r.Hostname() == "::1") && u.Hostname() == r.Hostname() &&
				u.EscapedPath() == r.EscapedPath() && u.RawQuery == r.RawQuery && u.ForceQuery == r.ForceQuery
		})
		if !ok {
			t.Fatalf("%q was accepted", got)
		}
	})
}

// What may be registered is a URI that a browser sends the code to nobody else
// by.
func FuzzCheckRedirectURI(f *testing.F) {
	for _, uri := range append(registered, "javascript:alert(1)", "https:/cb", "https:app.example", "HTTPS://app.example/cb", "http://app.example/", "a.b:c", "file:///x") {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if clients.CheckRedirectURI(raw) != nil {
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.Fragment != "" || strings.ContainsAny(raw, "#\\ \t\r\n") || u.User != nil {
			t.Fatalf("%q may be registered", raw)
		}
		switch u.Scheme {
		case "https", "http":
			if u.Hostname() == "" {
				t.Fatalf("%q has no host", raw)
			}
		case "javascript", "data", "file", "vbscript", "blob", "about":
			t.Fatalf("%q may be registered", raw)
		}
	})
}
