package wire

import (
	"fmt"
	"log"
	"net/http"
	"runtime"
	"strconv"
	"strings"

	"github.com/rs/zerolog"
)

// ReportPanic tells the operator of a panic that was recovered from, without
// its value, which may hold anything. who is whose request it ended. What the
// logger does not take, because it may be what has panicked, goes where
// net/http writes of panics. It is called by the deferred function itself.
func ReportPanic(r *http.Request, l *zerolog.Logger, who string, v any) {
	kind, site := fmt.Sprintf("%T", v), panicSite()
	if logPanic(l, who, kind, site) {
		return
	}
	serverLog(r)("%s: a function of the app's panicked (%s) at %s", who, kind, site)
}

// ReportSetup tells the developer why whatever is not set up as it must be
// refuses a request. What the logger does not take goes where net/http writes:
// nobody who sees but the refusal could find the cause.
func ReportSetup(r *http.Request, l *zerolog.Logger, who string, problem error) {
	if l != nil {
		if line := l.Error(); line.Enabled() {
			line.Str("endpoint", who).Err(problem).Msg("not set up as it must be")
			return
		}
	}
	serverLog(r)("%s: not set up as it must be: %v", who, problem)
}

// serverLog is where net/http writes of what goes wrong with a request.
func serverLog(r *http.Request) func(format string, v ...any) {
	if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.ErrorLog != nil {
		return s.ErrorLog.Printf
	}
	return log.Printf
}

// logPanic reports whether the logger has taken the line.
func logPanic(l *zerolog.Logger, who, kind, site string) (logged bool) {
	defer func() { _ = recover() }()
	if l == nil {
		return false
	}
	line := l.Error()
	if !line.Enabled() {
		return false
	}
	line.Str("endpoint", who).Str("panic", kind).Str("at", site).Msg("a function of the app's panicked")
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
