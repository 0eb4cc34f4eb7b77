package middleware

import (
	"fmt"
	"log"
	"net/http"
	"runtime"
	"strconv"
	"strings"

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
	reportPanic(r, l, fmt.Sprintf("%T", v), panicSite())
	h := w.Header()
	h.Del("WWW-Authenticate")
	h.Del("Location")
	if asksForPage(r) {
		brokenNotice.write(w)
		return
	}
	wire.WriteError(w, r, errPanicked)
}

// reportPanic tells the operator, without the panic's value, which may hold
// anything. What the guard's own logger does not take goes where net/http
// writes of panics.
func reportPanic(r *http.Request, l *zerolog.Logger, kind, site string) {
	if logPanic(l, kind, site) {
		return
	}
	logf := log.Printf
	if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.ErrorLog != nil {
		logf = s.ErrorLog.Printf
	}
	logf("middleware: a function of the app's panicked (%s) at %s", kind, site)
}

// logPanic reports whether the logger has taken the line: it may be what has
// panicked.
func logPanic(l *zerolog.Logger, kind, site string) (logged bool) {
	defer func() { _ = recover() }()
	if l == nil {
		return false
	}
	line := l.Error()
	if !line.Enabled() {
		return false
	}
	line.Str("panic", kind).Str("at", site).Msg("a function of the app's panicked")
	return true
}

// panicSite returns function and line of what has panicked.
func panicSite() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	for raised := false; ; {
		f, more := frames.Next()
		if raised && !strings.HasPrefix(f.Function, "runtime.") {
			return f.Function + ":" + strconv.Itoa(f.Line)
		}
		raised = raised || f.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}
