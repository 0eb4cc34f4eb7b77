package middleware

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit/internal/safeurl"
)

// returnTarget is the path and query that were asked for, as the browser has
// them: a router that strips a prefix changes the URL, not the request line.
func returnTarget(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// submissionTarget is the page of this origin that a form was sent from, and
// empty where that is not known. A form's own address may take no GET, and its
// page was shown before.
func submissionTarget(r *http.Request) string {
	referer := r.Header["Referer"]
	if len(referer) != 1 {
		return ""
	}
	page, err := url.Parse(referer[0])
	if err != nil || !page.IsAbs() || page.Host == "" || page.User != nil || !sentFrom(r, page) {
		return ""
	}
	target, _ := safeurl.ReturnTo(page.RequestURI())
	return target
}

// sentFrom reports whether a page is of the origin that a request was sent to.
// Browsers say that themselves (W3C Fetch Metadata §2.3); for others the Host has
// to be the page's, as it is not where a proxy puts another in its place. The
// scheme may be a proxy's and does not count: only path and query are used.
func sentFrom(r *http.Request, page *url.URL) bool {
	if origin := r.Header["Origin"]; len(origin) > 1 || len(origin) == 1 && origin[0] != page.Scheme+"://"+page.Host {
		return false
	}
	if site := r.Header["Sec-Fetch-Site"]; len(site) > 0 {
		return len(site) == 1 && site[0] == "same-origin"
	}
	return strings.EqualFold(page.Host, r.Host)
}
