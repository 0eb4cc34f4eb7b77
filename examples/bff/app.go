package main

import (
	"embed"
	"io/fs"
	"net/http"

	"github.com/oidckit/oidckit/middleware"
)

//go:embed static
var static embed.FS

// pagePolicy lets the page load its own files and call its own origin, and
// nothing else. It has no form-action, which would stop a logout on its way to
// the issuer.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"

// handler is what a backend of one's own looks like: the page for everybody,
// who is signed in as JSON, and the API behind the session.
func (w *bff) handler() http.Handler {
	mux := http.NewServeMux()
	w.rp.Mount(mux) // login, callback and logout, under /auth
	mux.Handle("GET /auth/me", w.rp.Me())
	guard := middleware.RequireAuth(w.rp)
	mux.Handle("/api/", guard(w.proxy()))
	mux.Handle("/", page())
	// A form or a script of another site has the cookie of ours in some
	// browsers: what changes something has to come from our own pages.
	app := w.sessions.LoadAndSave(w.rp.CrossOriginProtection().Handler(mux))
	// The health check asks no store.
	outer := http.NewServeMux()
	outer.HandleFunc("GET /healthz", health)
	outer.Handle("/", app)
	return outer
}

// page serves the files of the page.
func page() http.Handler {
	// The folder is compiled in, so that this cannot fail.
	files, _ := fs.Sub(static, "static")
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(rw, "This page can only be read.", http.StatusMethodNotAllowed)
			return
		}
		server.ServeHTTP(rw, r)
	})
}

func health(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Write([]byte(`{"status":"ok"}` + "\n"))
}
