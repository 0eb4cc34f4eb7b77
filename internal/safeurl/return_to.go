package safeurl

import (
	"net/url"
	"strings"
)

// decodeRounds is how often a path is decoded to see what a chain of proxies
// could make of it. One that is nested deeper is refused.
const decodeRounds = 8

// ReturnTo accepts a target to send a person back to: a path on this origin,
// with its query, as a browser's request line has it. Everything that a browser
// or a proxy on the way could read as another origin is refused, and the caller
// falls back to a page of its own: a second slash or backslash after the first
// (encoded ones too), dot segments, control characters, anything beyond ASCII,
// a fragment. What is accepted is returned as it came.
func ReturnTo(raw string) (string, bool) {
	if len(raw) == 0 || len(raw) > maxURL || raw[0] != '/' {
		return "", false
	}
	if !visibleASCII(raw) || strings.Contains(raw, "#") {
		return "", false
	}
	path, _, _ := strings.Cut(raw, "?")
	for round := range decodeRounds {
		if !localPath(path) {
			return "", false
		}
		decoded, err := url.PathUnescape(path)
		if err != nil {
			if round == 0 {
				return "", false
			}
			// A percent sign that decoding itself has laid bare is content.
			return raw, true
		}
		if decoded == path {
			return raw, true
		}
		path = decoded
	}
	return "", false
}

// localPath reports whether a path stays a path of this origin when a browser
// resolves it: it strips tabs and line breaks, takes a backslash for a slash,
// and removes dot segments.
func localPath(path string) bool {
	if strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
		return false
	}
	for _, r := range path {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029 {
			return false
		}
	}
	for segment := range strings.SplitSeq(path, "/") {
		// What follows a semicolon is no part of the name for some servers (RFC 3986
		// §3.3), which then take "..;" for "..".
		if segment, _, _ = strings.Cut(segment, ";"); segment == "." || segment == ".." {
			return false
		}
	}
	return true
}
