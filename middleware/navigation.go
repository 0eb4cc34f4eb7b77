package middleware

import (
	"io"
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

// writeNotice is a page without a template: package page would link
// html/template into programs that only check tokens. Its texts are constants;
// an empty href leads to the same page again.
func writeNotice(w http.ResponseWriter, status int, title, text, href, label string) {
	h := w.Header()
	setNoStore(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<!doctype html><html lang="en"><head><meta charset="utf-8">`+
		`<meta name="viewport" content="width=device-width, initial-scale=1"><title>`+title+`</title></head><body><main><h1>`+
		title+`</h1><p>`+text+`</p><p><a href="`+href+`">`+label+`</a></p></main></body></html>`)
}
