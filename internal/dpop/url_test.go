package dpop_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/dpop"
	"github.com/oidckit/oidckit/internal/dpop/dpoptest"
)

// ATK-164: htu is compared as RFC 3986 §6.2.2 and §6.2.3 have it, with the
// configured origin.
func TestTarget(t *testing.T) {
	key := dpoptest.NewKey(t)
	several := func(c *dpop.Config) {
		c.Origins = []string{origin, "http://localhost:8080", "https://[2001:db8::1]:8443"}
	}
	prefix := func(c *dpop.Config) { c.Prefix = "/v1" }
	for _, row := range []struct {
		name, path, htu string
		edit            func(*dpop.Config)
		ok              bool
	}{
		{"same", "/orders", target, nil, true},
		{"ATK-164 query", "/orders", target + "?a=1", nil, true},
		{"ATK-164 fragment", "/orders", target + "#top", nil, true},
		{"ATK-164 query and fragment", "/orders", target + "?a=/b#c?d", nil, true},
		{"ATK-164 host in upper case", "/orders", "https://API.Example/orders", nil, true},
		{"ATK-164 scheme in upper case", "/orders", "HTTPS://api.example/orders", nil, true},
		{"ATK-164 default port", "/orders", "https://api.example:443/orders", nil, true},
		{"RFC 3986 §6.2.3 empty port", "/orders", "https://api.example:/orders", nil, true},
		{"RFC 3986 §6.2.3 empty path", "/", "https://api.example", nil, true},
		{"RFC 3986 §6.2.3 empty path and query", "/", "https://api.example?a", nil, true},
		{"RFC 3986 §6.2.2.2 unreserved, escaped", "/orders", "https://api.example/%6Frders", nil, true},
		{"RFC 3986 §6.2.2.1 case of an escape", "/a%2Fb", "https://api.example/a%2fb", nil, true},
		{"RFC 3986 §6.2.2.2 unreserved, escaped in the request", "/%7Ealice", "https://api.example/~alice", nil, true},
		{"RFC 3986 §6.2.2.3 dots", "/orders", "https://api.example/a/.././orders", nil, true},
		{"RFC 3986 §6.2.2.3 escaped dots", "/orders", "https://api.example/a/%2e%2e/orders", nil, true},
		{"RFC 3986 §5.2.4 dots above the root", "/orders", "https://api.example/../orders", nil, true},
		{"RFC 3986 §5.2.4 a dot at the end", "/orders/", "https://api.example/orders/.", nil, true},
		{"RFC 3986 §5.2.4 dots at the end", "/orders/", "https://api.example/orders/x/..", nil, true},
		{"dots at the end are a folder", "/orders", "https://api.example/orders/x/..", nil, false},
		{"dots within a name", "/..a/.b/c..", "https://api.example/..a/.b/c..", nil, true},
		{"an IRI", "/%C3%A4", "https://api.example/\u00e4", nil, true},
		{"a slash is no escaped slash", "/a/b", "https://api.example/a%2Fb", nil, false},
		{"ATK-164 another path", "/orders", origin + "/orders/7", nil, false},
		{"another case of the path", "/orders", origin + "/Orders", nil, false},
		{"a trailing slash", "/orders", target + "/", nil, false},
		{"two slashes", "/orders", origin + "//orders", nil, false},
		{"another host", "/orders", "https://evil.example/orders", nil, false},
		{"a host that begins alike", "/orders", "https://api.example.evil/orders", nil, false},
		{"a host in the path", "/orders", "https://evil.example/https://api.example/orders", nil, false},
		{"user information", "/orders", "https://api.example@evil.example/orders", nil, false},
		{"user information of its own", "/orders", "https://a@api.example/orders", nil, false},
		{"another port", "/orders", "https://api.example:8443/orders", nil, false},
		{"two colons before the port", "/orders", "https://api.example::443/orders", nil, false},
		{"two colons", "/orders", "https://api.example::/orders", nil, false},
		{"the port twice", "/orders", "https://api.example:443:443/orders", nil, false},
		{"the other scheme's port", "/orders", "https://api.example:80/orders", nil, false},
		{"another scheme", "/orders", "http://api.example/orders", nil, false},
		{"a scheme of the attacker's", "/orders", "javascript://api.example/orders", nil, false},
		{"a path alone", "/orders", "/orders", nil, false},
		{"no scheme", "/orders", "//api.example/orders", nil, false},
		{"no host", "/orders", "https:///orders", nil, false},
		{"opaque", "/orders", "https:api.example/orders", nil, false},
		{"a broken escape", "/orders", "https://api.example/orders%2", nil, false},
		{"a broken escape at the end", "/orders%", "https://api.example/orders%", nil, true},
		{"a broken escape in front of what makes it whole", "/%25", "https://api.example/%%32%35", nil, false},
		{"a broken escape that is no letter", "/orders", "https://api.example/%6Grders", nil, false},
		{"white space", "/orders", " " + target, nil, false},
		{"a backslash", "/orders", `https://api.example\orders`, nil, false},
		{"control characters", "/orders", "https://api.example/\x00orders", nil, false},
		{"not a path", "*", "https://api.example*", nil, false},
		{"not a path either", ".evil/orders", "https://api.example.evil/orders", nil, false},
		{"the second origin", "/orders", "http://LOCALHOST:8080/orders", several, true},
		{"RFC 3986 §6.2.3 default port of http", "/orders", "http://localhost:80/orders", func(c *dpop.Config) { c.Origins = []string{"http://localhost"} }, true},
		{"the port of the other scheme, http", "/orders", "http://localhost:443/orders", func(c *dpop.Config) { c.Origins = []string{"http://localhost"} }, false},
		{"the third origin", "/orders", "https://[2001:DB8::1]:8443/orders", several, true},
		{"the origins mixed", "/orders", "https://localhost:8080/orders", several, false},
		{"a prefix", "/orders", origin + "/v1/orders", prefix, true},
		{"a prefix, not said", "/orders", target, prefix, false},
		{"a prefix, left by dots", "/../orders", target, prefix, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := checker(row.edit).Check(t.Context(), []string{key.Proof("GET", row.htu)}, dpop.Request{Method: "GET", Path: row.path})
			want := oidckit.InvalidDPoPProof
			if row.ok {
				want = ""
			}
			wantCode(t, err, want)
		})
	}
}

// The path is the one that the client asked for.
func TestPath(t *testing.T) {
	get := func(target string) *http.Request { return httptest.NewRequest(http.MethodGet, target, nil) }
	var seen string
	http.StripPrefix("/v1", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = dpop.Path(r) })).
		ServeHTTP(nil, get("/v1/orders?a=/b"))
	made, err := http.NewRequest(http.MethodGet, "https://evil.example/a%2Fb?c", nil)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		seen:                                     "/v1/orders",
		dpop.Path(get("/a%2Fb")):                 "/a%2Fb",
		dpop.Path(get("https://evil.example/c")): "/c",
		dpop.Path(made):                          "/a%2Fb",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
