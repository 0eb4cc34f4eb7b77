package clients

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/oidckit/oidckit/internal/safeurl"
)

// CheckRedirectURI says whether a URI may be registered to redirect to: https,
// http on a loopback host, or the private-use scheme of a native app.
func CheckRedirectURI(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || !visible(raw) || strings.ContainsAny(raw, " \\"):
		return errors.New("is not a URI")
	// RFC 6749 §3.1.2: MUST NOT include a fragment component
	case strings.Contains(raw, "#"):
		return errors.New("has a fragment")
	case u.User != nil:
		return errors.New("has user information")
	}
	switch u.Scheme {
	case "https":
		if u.Hostname() == "" || u.Opaque != "" {
			return errors.New("has no host")
		}
	case "http":
		// RFC 8252 §7.3, RFC 9700 §2.6
		if !safeurl.IsLoopback(u.Hostname()) || u.Opaque != "" {
			return errors.New("is http on a host that is not loopback")
		}
	default:
		// RFC 8252 §7.1: a scheme based on a domain name the app controls
		if !strings.Contains(u.Scheme, ".") {
			return errors.New("has a scheme that is neither https nor a private-use one such as com.example.app")
		}
	}
	return nil
}

// MatchRedirectURI reports whether a request's redirect_uri is one of the
// registered: the same bytes, but for the port of a loopback address.
func MatchRedirectURI(registered []string, got string) bool {
	for _, r := range registered {
		// RFC 6749 §3.1.2.3, RFC 9700 §2.1: exact string matching
		if r == got || loopbackMatch(r, got) {
			return true
		}
	}
	return false
}

// loopbackMatch implements the one exception of RFC 8252 §7.3: a native app
// takes whatever port is free. localhost is not a loopback address (§8.3).
func loopbackMatch(registered, got string) bool {
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		r, ok := strings.CutPrefix(registered, host)
		if !ok {
			continue
		}
		g, ok := strings.CutPrefix(got, host)
		return ok && withoutPort(r) == withoutPort(g) && plainPort(r) && plainPort(g)
	}
	return false
}

// withoutPort drops a leading :port from what follows a host.
func withoutPort(rest string) string {
	if !strings.HasPrefix(rest, ":") {
		return rest
	}
	i := strings.IndexAny(rest, "/?")
	if i < 0 {
		return ""
	}
	return rest[i:]
}

// plainPort reports whether what follows a host is a port of digits, a path
// or a query: nothing that would make the host end elsewhere.
func plainPort(rest string) bool {
	if rest == "" || rest[0] == '/' || rest[0] == '?' {
		return !strings.Contains(rest, "#")
	}
	if rest[0] != ':' {
		return false
	}
	port := rest[1:]
	if i := strings.IndexAny(port, "/?"); i >= 0 {
		port = port[:i]
	}
	// RFC 3986 §3.2.3: digits alone, and a port that there is
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && port[0] != '0' && !strings.Contains(rest, "#")
}
