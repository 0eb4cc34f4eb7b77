package oidckit

import "net/http"

// Mux is what a Mount method registers its handlers on. *http.ServeMux and
// chi's *Mux both have it, as they stand. Patterns are plain paths: the
// handlers check the method themselves.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}
