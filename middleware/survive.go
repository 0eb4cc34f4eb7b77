package middleware

import (
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/rs/zerolog"
)

var errPanicked = oidckit.NewError(oidckit.ServerError, "internal error")

// survive answers 500 where something panics that the app has given a guard: a
// verifier, a sink of events, a logger, a condition. It is deferred around what
// the guard does on its own and not around the handler behind it, whose panics
// are for the server and for middleware of the app's. A guard writes its answer
// last, so that nothing has been written yet.
func survive(w http.ResponseWriter, r *http.Request, l *zerolog.Logger) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	wire.ReportPanic(r, l, "middleware", v)
	h := w.Header()
	h.Del("WWW-Authenticate")
	h.Del("Location")
	if asksForPage(r) {
		brokenNotice.write(w)
		return
	}
	wire.WriteError(w, r, errPanicked)
}
