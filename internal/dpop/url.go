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

// normalize brings a URL into the one form that RFC 3986 §6.2.2 and §6.2.3
// have for it, without query and fragment (RFC 9449 §4.3 check 9). What is no
// URL of a server comes out as nothing that equals the form of one.
func normalize(raw string) string {
	raw, _, _ = strings.Cut(raw, "#")
	raw, _, _ = strings.Cut(raw, "?")
	scheme, rest, _ := strings.Cut(raw, "://")
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		slash = len(rest)
	}
	scheme, host := strings.ToLower(scheme), strings.ToLower(rest[:slash])
	defaultPort := ":443"
	if scheme == "http" {
		defaultPort = ":80"
	}
	// An empty port is the default one, and goes with its colon.
	if trimmed, ok := strings.CutSuffix(host, defaultPort); ok {
		host = trimmed
	} else {
		host = strings.TrimSuffix(host, ":")
	}
	return scheme + "://" + host + normalizePath(rest[slash:])
}

// normalizePath writes each octet in one way, and resolves "." and "..". The
// sign of a broken escape is an octet like another.
func normalizePath(path string) string {
	if path == "" {
		return "/"
	}
	b := make([]byte, 0, len(path)+8)
	dots := false
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case c == '%' && i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2]):
			c = unhex(path[i+1])<<4 | unhex(path[i+2])
			i += 2
			if !isUnreserved(c) {
				b = appendEscaped(b, c)
				continue
			}
		// what a URI escapes and an IRI does not
		case c > 0x7f || c == '%':
			b = appendEscaped(b, c)
			continue
		}
		dots = dots || c == '.' && (len(b) == 0 || b[len(b)-1] == '/')
		b = append(b, c)
	}
	if dots {
		return removeDotSegments(string(b))
	}
	return string(b)
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
