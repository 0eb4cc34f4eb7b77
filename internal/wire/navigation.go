package wire

import (
	"net/http"
	"strings"
)

// IsNavigation reports whether a person is opening a page, as opposed to a
// script, a frame or another program asking for data. Browsers say so on
// trustworthy origins (W3C Fetch Metadata); elsewhere Accept decides.
func IsNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet || byProgram(r.Header) {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		dest := r.Header.Get("Sec-Fetch-Dest")
		return mode == "navigate" && (dest == "" || dest == "document")
	}
	html, particular := accepted(r.Header.Values("Accept"))
	return html || !particular
}

// IsSubmission reports whether a person is sending a form that replaces the
// page, as opposed to a script or another program. Here the signs must be plain:
// programs send forms, too, and a redirect would hide from them that theirs was
// not taken.
func IsSubmission(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return false
	}
	if byProgram(r.Header) {
		return false
	}
	if mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest"); mode != "" || dest != "" {
		return mode == "navigate" && dest == "document"
	}
	html, _ := accepted(r.Header.Values("Accept"))
	return html && isFormType(r.Header.Get("Content-Type"))
}

// byProgram reports whether a request is what no page that a person opens is. A
// page that is fetched ahead must not begin a login that nobody wants.
func byProgram(h http.Header) bool {
	return h.Get("Upgrade") != "" || h.Get("X-Requested-With") != "" || strings.Contains(h.Get("Sec-Purpose"), "prefetch")
}

// isFormType reports whether a form of HTML has a type (HTML Standard §4.10.19.6).
func isFormType(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		return true
	}
	return false
}

// accepted reports whether Accept names HTML, and whether it names anything in
// particular: programs that follow links do not, and what calls an API names
// JSON (RFC 9110 §12.5.1).
func accepted(accept []string) (html, particular bool) {
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			mediaType, _, _ := strings.Cut(part, ";")
			switch mediaType = strings.TrimSpace(mediaType); {
			case strings.EqualFold(mediaType, "text/html"):
				return true, true
			case mediaType != "*/*" && mediaType != "":
				particular = true
			}
		}
	}
	return false, particular
}
