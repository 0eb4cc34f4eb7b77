package page

import (
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
)

// retryAfter is the delay, in seconds, that a 503 suggests.
const retryAfter = "5"

// ErrorWriter returns the wire.Options.WriteError of endpoints that people
// see. The page shows the error's description, which is ours and never a
// peer's text. It lives here, not in wire, so that a program which only checks
// tokens links no templates.
func ErrorWriter(site *Site) func(http.ResponseWriter, *http.Request, *oidckit.Error) {
	return func(w http.ResponseWriter, r *http.Request, e *oidckit.Error) {
		if e.HTTPStatus() == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", retryAfter)
		}
		// The connection is what is left to fail, and it has no other answer.
		_ = site.Write(w, r, asked(r), e.HTTPStatus(), Error{Message: e.Description})
	}
}

// maxAsked bounds what is read of a query that may be anything.
const maxAsked = 8 << 10

// asked returns the languages that the request names, where a client has sent
// it.
func asked(r *http.Request) []string {
	if len(r.URL.RawQuery) > maxAsked {
		return nil
	}
	return strings.Fields(r.URL.Query().Get("ui_locales"))
}

// sentence makes a description, which is written for developers, read like
// one: a capital where the first word is a word, and a full stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, _, _ := strings.Cut(s, " ")
	if !strings.ContainsAny(first, "_:/.") && s[0] >= 'a' && s[0] <= 'z' {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "!") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return s
}
