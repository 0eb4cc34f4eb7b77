package dpop

import (
	"net/http"
	"strings"
)

// Path returns the path that a request was sent to, escaped, as the client had
// it: a router that strips a prefix changes the URL, not the request line.
func Path(r *http.Request) string {
	if !strings.HasPrefix(r.RequestURI, "/") {
		return r.URL.EscapedPath()
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path
}

// normalize brings an http(s) URL into the one form that RFC 3986 §6.2.2 and
// §6.2.3 have for it, without query and fragment (RFC 9449 §4.3 check 9).
func normalize(raw string) (string, bool) {
	if len(raw) > maxProof {
		return "", false
	}
	raw, _, _ = strings.Cut(raw, "#")
	raw, _, _ = strings.Cut(raw, "?")
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "https" && scheme != "http" {
		return "", false
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		slash = len(rest)
	}
	host, ok := normalizeHost(scheme, rest[:slash])
	if !ok {
		return "", false
	}
	path, ok := normalizePath(rest[slash:])
	return scheme + "://" + host + path, ok
}

// normalizeHost drops the scheme's default port and the case. User information
// is no part of an address that a request can be sent to.
func normalizeHost(scheme, host string) (string, bool) {
	defaultPort := ":443"
	if scheme == "http" {
		defaultPort = ":80"
	}
	host = strings.ToLower(host)
	host = strings.TrimSuffix(strings.TrimSuffix(host, defaultPort), ":")
	if host == "" {
		return "", false
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c > '~' || strings.IndexByte(`@\%"<>`, c) >= 0 {
			return "", false
		}
	}
	return host, true
}

// normalizePath writes each octet in one way, and resolves "." and "..".
func normalizePath(path string) (string, bool) {
	if path == "" {
		return "/", true
	}
	b := make([]byte, 0, len(path)+8)
	dots := false
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case c == '%':
			if i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
				return "", false
			}
			c = unhex(path[i+1])<<4 | unhex(path[i+2])
			i += 2
			if !isUnreserved(c) {
				b = appendEscaped(b, c)
				continue
			}
		case c <= ' ' || c == 0x7f || c == '\\':
			return "", false
		// what a URI escapes and an IRI does not
		case c > 0x7f:
			b = appendEscaped(b, c)
			continue
		}
		dots = dots || c == '.' && (len(b) == 0 || b[len(b)-1] == '/')
		b = append(b, c)
	}
	if dots {
		return removeDotSegments(string(b)), true
	}
	return string(b), true
}

// removeDotSegments implements RFC 3986 §5.2.4 for a path that begins with a
// slash.
func removeDotSegments(path string) string {
	var out []string
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		case ".":
		default:
			out = append(out, s)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	return "/" + strings.Join(out, "/")
}

func appendEscaped(b []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(b, '%', digits[c>>4], digits[c&15])
}

// isUnreserved implements RFC 3986 §2.3.
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
