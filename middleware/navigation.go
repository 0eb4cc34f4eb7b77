package middleware

import (
	"net/http"
	"strings"
)

// isNavigation reports whether a person is opening a page, as opposed to a
// script, a frame or another program asking for data. Browsers say so on
// trustworthy origins (W3C Fetch Metadata); elsewhere Accept decides.
func isNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	h := r.Header
	// A page that is fetched ahead must not begin a login that nobody wants.
	if h.Get("Upgrade") != "" || h.Get("X-Requested-With") != "" || strings.Contains(h.Get("Sec-Purpose"), "prefetch") {
		return false
	}
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" {
		dest := h.Get("Sec-Fetch-Dest")
		return mode == "navigate" && (dest == "" || dest == "document")
	}
	return acceptsPage(h.Values("Accept"))
}

// acceptsPage reports whether Accept names HTML, or names nothing in
// particular: programs that follow links say no more than that, and what
// calls an API names JSON (RFC 9110 §12.5.1).
func acceptsPage(accept []string) bool {
	particular := false
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			mediaType, _, _ := strings.Cut(part, ";")
			switch mediaType = strings.TrimSpace(mediaType); {
			case strings.EqualFold(mediaType, "text/html"):
				return true
			case mediaType != "*/*" && mediaType != "":
				particular = true
			}
		}
	}
	return !particular
}

// returnTarget is the path and query that were asked for, as the browser has
// them: a router that strips a prefix changes the URL, not the request line.
func returnTarget(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}
