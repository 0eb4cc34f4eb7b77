package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// publicRoutes are routes that need no session. The standard library's own
// router decides which requests are theirs, so that the two cannot disagree.
// Nil has none.
type publicRoutes struct{ mux *http.ServeMux }

// publicRoute tells a route of the list from the redirects and refusals that a
// ServeMux makes by itself. It is comparable.
type publicRoute struct{}

func (publicRoute) ServeHTTP(http.ResponseWriter, *http.Request) {}

func newPublicRoutes(patterns []string) (*publicRoutes, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	mux, problems := http.NewServeMux(), []error(nil)
	for _, pattern := range patterns {
		problems = append(problems, addPublicRoute(mux, pattern))
	}
	return &publicRoutes{mux}, errors.Join(problems...)
}

// addPublicRoute turns the panic of a ServeMux, which says what is wrong with
// the pattern, into an error.
func addPublicRoute(mux *http.ServeMux, pattern string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("Session.Public: %v", v)
		}
	}()
	mux.Handle(pattern, publicRoute{})
	return nil
}

// include reports whether a request is for a public route, however the router
// and the handlers behind read its path.
func (p *publicRoutes) include(r *http.Request) bool {
	if p == nil || !isPlainPath(r.URL.Path) || !p.route(r) {
		return false
	}
	if r.URL.RawPath == "" {
		return true
	}
	// A ServeMux reads the path as it was sent, segment by segment; other
	// routers, file servers and StripPrefix read it decoded.
	return p.route(&http.Request{Method: r.Method, Host: r.Host, URL: &url.URL{Host: r.URL.Host, Path: r.URL.Path}})
}

func (p *publicRoutes) route(r *http.Request) bool {
	h, _ := p.mux.Handler(r)
	return h == http.Handler(publicRoute{})
}

// isPlainPath reports whether a decoded path is the only way to write it. A
// ServeMux takes that of CONNECT as it comes, and a backslash separates where
// the file system says so.
func isPlainPath(p string) bool {
	clean := path.Clean(p)
	return strings.HasPrefix(p, "/") && !strings.Contains(p, `\`) && (p == clean || clean != "/" && p == clean+"/")
}
