package middleware_test

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/middleware"
)

// What stands on the list is public, and no other reading of a path is: a path
// that another router or a file server behind the guard would take for another
// is guarded (ATK-341).
func TestPublicRoutes(t *testing.T) {
	guard := middleware.Session{Authenticator: nobodyIn, Public: []string{
		"GET /{$}", "/static/", "GET /posts/{id}", "POST /hook", "www.app.example/about", "CONNECT /tunnel", "/tree/{path...}", "/caf%C3%A9",
	}}.Require
	for _, row := range []struct {
		name, method, target string
		public               bool
	}{
		{"the start page alone", "GET", "/", true},
		{"its query", "GET", "/?next=/me", true},
		{"HEAD of a GET", "HEAD", "/", true},
		{"another method", "POST", "/", false},
		{"what is not listed", "GET", "/me", false},
		{"all below a slash", "GET", "/static/a/b.css", true},
		{"any method", "DELETE", "/static/a", true},
		{"a redirect to the slash", "GET", "/static", false},
		{"the same beginning", "GET", "/statics/a", false},
		{"another case", "GET", "/Static/a", false},
		{"a wildcard", "GET", "/posts/7", true},
		{"more than the wildcard", "GET", "/posts/7/edit", false},
		{"an empty wildcard", "GET", "/posts/", false},
		{"GET of a POST", "GET", "/hook", false},
		{"the rest of a path", "GET", "/tree/a/b", true},
		{"dot segments out of it", "GET", "/static/../me", false},
		{"dot segments into it", "GET", "/me/../static/a", false},
		{"a dot segment", "GET", "/static/./a", false},
		{"two slashes", "GET", "/static//a", false},
		{"two slashes before", "GET", "//static/a", false},
		{"encoded dot segments", "GET", "/static/%2e%2e/me", false},
		{"half encoded dot segments", "GET", "/static/.%2E/me", false},
		{"an encoded slash", "GET", "/static/..%2fme", false},
		{"encoded slashes that stay below", "GET", "/static/a%2Fb", true},
		{"an encoded slash in a wildcard", "GET", "/posts/7%2Fedit", false},
		{"encoded slashes in the rest", "GET", "/tree/a%2Fb", true},
		{"two encoded slashes", "GET", "/tree/%2F%2Fa", false},
		{"an encoded letter", "GET", "/%73tatic/a", true},
		{"a letter beyond ASCII", "GET", "/caf%c3%a9", true},
		{"a backslash", "GET", `/static/..%5cme`, false},
		{"decoded once and no further", "GET", "/static/%252e%252e/me", true},
		{"a parameter", "GET", "/me;/static/", false},
		{"a host", "GET", "http://www.app.example/about", true},
		{"a host with a port", "GET", "http://www.app.example:8443/about", true},
		{"a host in capitals", "GET", "http://WWW.app.example/about", false},
		{"another host", "GET", "http://app.example/about", false},
		{"CONNECT", "CONNECT", "/tunnel", true},
		{"CONNECT with dot segments", "CONNECT", "/static/../me", false},
		{"CONNECT with two slashes", "CONNECT", "/static//me", false},
		{"CONNECT to a host", "CONNECT", "www.app.example:443", false},
		{"OPTIONS of everything", "OPTIONS", "*", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(row.method, row.target, nil)
			_, _, ran := visit(guard, r)
			if ran != row.public {
				t.Errorf("%s %s: let through %v, path %q, raw %q", row.method, row.target, ran, r.URL.Path, r.URL.RawPath)
			}
		})
	}
	// No header makes a request another one.
	for _, header := range []string{"X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Host", "X-Forwarded-Prefix", "Forwarded"} {
		for _, value := range []string{"GET", "/", "/static/a", "www.app.example", "host=www.app.example"} {
			if _, _, ran := visit(guard, request("POST", "/about", header, value)); ran {
				t.Errorf("%s: %s opens a route", header, value)
			}
		}
	}
}

// The guard and a router within a StripPrefix see the same path.
func TestPublicRoutesUnderStripPrefix(t *testing.T) {
	guard := middleware.Session{Authenticator: nobodyIn, Public: []string{"/open"}}.Require
	for target, public := range map[string]bool{"/app/open": true, "/app/open/../me": false, "/app/me": false} {
		_, _, ran := visit(func(next http.Handler) http.Handler { return http.StripPrefix("/app", guard(next)) }, request("GET", target))
		if ran != public {
			t.Errorf("%s: let through %v", target, ran)
		}
	}
}

// ATK-341: a list that a ServeMux would not take opens nothing, to nobody.
func TestPublicRoutesSetup(t *testing.T) {
	for name, patterns := range map[string][]string{
		"empty": {""}, "no path": {"app.example"}, "a path without its slash": {"static"}, "a brace": {"/static/{"}, "a wildcard in a segment": {"/a{x}"},
		"unclean": {"GET /a/../b"}, "a good one beside": {"/static/", "/a/{x...}/b"}, "twice": {"/a", "/a"}, "either": {"/{x}/b", "/a/{x}"},
	} {
		for _, door := range []door{nobodyIn, aliceIn, {err: errors.New("canary")}} {
			res, text, ran := visit(middleware.Session{Authenticator: door, Optional: true, Public: patterns}.Require, request("GET", "/static/a"))
			if ran || res.StatusCode != http.StatusInternalServerError || strings.Contains(text, "Public") {
				t.Errorf("%s: %d %s", name, res.StatusCode, text)
			}
		}
	}
}

// FuzzPublicRoute: whom the guard lets through without a session, a ServeMux
// with the same patterns and one for all else serves a public route, and so it
// does where it is given the decoded path; and the guard is no stricter than
// that where a path is written in one way only.
func FuzzPublicRoute(f *testing.F) {
	public := []string{
		"GET /{$}", "/static/", "GET /posts/{id}", "GET /posts/{id}/raw", "POST /hook", "www.app.example/about", "www.app.example/docs/", "CONNECT /tunnel", "/tree/{path...}", "/caf%C3%A9", "/a%2Fb",
	}
	guard := middleware.Session{Authenticator: nobodyIn, Public: public}.Require
	mux := http.NewServeMux()
	for _, pattern := range public {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Public", "yes") })
	}
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	routed := func(r *http.Request) bool {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Header().Get("Public") == "yes"
	}
	for _, target := range []string{
		"/", "/static/a", "/static", "/static/../me", "//static/a", "/static/%2e%2e/me", "/static/..%2Fme", "/posts/7", "/posts/a%2Fraw", "/posts/a/raw", "/tree/%2F", "/caf%c3%a9", "/a%2Fb", "/a/b",
		`/static/..\me`, "/hook?x=/static/", "http://www.app.example/about", "http://www.app.example/docs/../me", "http:/static/", "*", "www.app.example:443", "/tunnel/", "/static/%00", "/docs/%",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "CONNECT", "OPTIONS"} {
			f.Add(method, target, "www.app.example:8443")
		}
	}
	f.Fuzz(func(t *testing.T, method, target, host string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")))
		if err != nil {
			return
		}
		_, _, through := visit(guard, r)
		decoded := r.Clone(r.Context())
		decoded.URL.RawPath = ""
		asSent, asDecoded := routed(r), routed(decoded)
		plain := !strings.ContainsAny(r.URL.EscapedPath(), `%\`) && r.Method != http.MethodConnect
		switch {
		case through && !(asSent && asDecoded):
			t.Errorf("%s %q of %q is let through, and routed elsewhere (as sent: %v, decoded: %v)", method, target, host, asSent, asDecoded)
		case !through && plain && asSent:
			t.Errorf("%s %q of %q is not let through", method, target, host)
		}
	})
}
