package oidckit

import "net/http"

// Mux is what a Mount method registers its handlers on. *http.ServeMux and
// chi's *Mux both have it, as they stand. Patterns are plain paths: the
// handlers check the method themselves, so that a wrong one gets an answer that
// fits the endpoint. Beside them a catch-all of the app's own is registered as
// "/" or, for the front page alone, "GET /{$}": http.ServeMux takes "GET /" for
// a conflict.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}
