package middleware

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
)

// maxFormPeek is how much of a form is searched for a second token, in bytes.
const maxFormPeek = 64 << 10

// tokenParam is the name of the parameter of RFC 6750 §2.2 and §2.3.
const tokenParam = "access_token"

var (
	errSeveralHeaders = oidckit.NewError(oidckit.InvalidRequest, "several Authorization headers")
	errSeveralWays    = oidckit.NewError(oidckit.InvalidRequest, "the token was sent in more than one way")
	errHeaderSyntax   = oidckit.NewError(oidckit.InvalidRequest, "malformed Authorization header")
)

// bearerToken returns the token of the Authorization header, "" where the
// request carries none. A token in query or body is never taken (RFC 9700
// §4.3.2), but beside one in the header it makes the request invalid.
func bearerToken(r *http.Request) (string, *oidckit.Error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return "", nil
	}
	// RFC 6750 §3.1: the client MUST NOT use more than one method
	if len(values) > 1 {
		return "", errSeveralHeaders
	}
	token, bearer, ok := parseAuthorization(values[0])
	switch {
	case !bearer:
		return "", nil
	case !ok:
		return "", errHeaderSyntax
	case hasParam(r.URL.RawQuery, tokenParam) || formHasToken(r):
		return "", errSeveralWays
	}
	return token, nil
}

// parseAuthorization reads a header's value. bearer says that the scheme is
// Bearer, ok that a token follows as RFC 6750 §2.1 has it: one space, then
// b64token.
func parseAuthorization(value string) (token string, bearer, ok bool) {
	const scheme = "Bearer"
	// RFC 9110 §11.1: the scheme is case-insensitive
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false, false
	}
	rest := value[len(scheme):]
	if rest == "" {
		return "", true, false
	}
	if rest[0] != ' ' {
		return "", !isTokenChar(rest[0]), false
	}
	return rest[1:], true, isB64Token(rest[1:])
}

// isTokenChar reports whether c may continue the name of a scheme, so that
// "Bearers x" is another scheme and "Bearer,x" a malformed one.
func isTokenChar(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// isB64Token implements b64token of RFC 6750 §2.1.
func isB64Token(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		if c := body[i]; !isAlphanumeric(c) && c != '-' && c != '.' && c != '_' && c != '~' && c != '+' && c != '/' {
			return false
		}
	}
	return body != ""
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// hasParam reports whether a query or form names a parameter, in whatever
// spelling a handler would decode.
func hasParam(raw, name string) bool {
	for pair := range strings.SplitSeq(raw, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if key == name {
			return true
		}
		if strings.IndexByte(key, '%') >= 0 {
			if decoded, err := url.QueryUnescape(key); err == nil && decoded == name {
				return true
			}
		}
	}
	return false
}

// formHasToken looks into the first bytes of a form and puts them back for the
// handler.
func formHasToken(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody || len(r.Header["Content-Type"]) == 0 {
		return false
	}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "application/x-www-form-urlencoded" {
		return false
	}
	head, err := io.ReadAll(io.LimitReader(r.Body, maxFormPeek))
	rest := io.Reader(r.Body)
	if err != nil {
		rest = failedReader{err}
	}
	r.Body = &restoredBody{Reader: io.MultiReader(bytes.NewReader(head), rest), Closer: r.Body}
	return hasParam(string(head), tokenParam)
}

// restoredBody reads again what was peeked at and closes the original.
type restoredBody struct {
	io.Reader
	io.Closer
}

type failedReader struct{ err error }

func (f failedReader) Read([]byte) (int, error) { return 0, f.err }
