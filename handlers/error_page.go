package handlers

import (
	"maps"
	"net/http"

	"github.com/oidckit/oidckit/internal/wire"
)

// ErrorPage is what an app's own page may say of a failure. Nothing in it is a
// peer's text.
type ErrorPage struct {
	// Status is the HTTP status of the answer.
	Status int
	// Reason is a stable word for it, as the log has it: "login_expired".
	Reason string
	// Message is an English sentence for the person.
	Message string
	// RetryURL is where to go on: to a new login that leads where the failed one
	// was to lead, in most cases. RetryLabel names it in English.
	RetryURL, RetryLabel string
}

// showError shows the app's page for a failure, or else the built-in one.
func (rp *RelyingParty) showError(w http.ResponseWriter, r *http.Request, route string, f *failure) {
	p := rp.errorPage(route, f)
	if rp.cfg.ErrorPage != nil && rp.showOwnError(w, r, ErrorPage{
		Status: f.status, Reason: f.reason, Message: f.message, RetryURL: p.RetryURL, RetryLabel: p.RetryLabel,
	}) {
		return
	}
	rp.show(w, f.status, p)
}

// showOwnError reports whether the app has answered.
func (rp *RelyingParty) showOwnError(w http.ResponseWriter, r *http.Request, e ErrorPage) (answered bool) {
	own := &ownErrorPage{ResponseWriter: w, status: e.Status}
	before := w.Header().Clone()
	defer func() {
		v := recover()
		if v == http.ErrAbortHandler {
			panic(v)
		}
		if v != nil {
			wire.ReportPanic(r, &rp.cfg.Logger, "error page", v)
		}
		if v != nil && own.written {
			// Half a page is cut off, for the browser to see that it is half.
			panic(http.ErrAbortHandler)
		}
		if answered = own.written; !answered {
			clear(w.Header())
			maps.Copy(w.Header(), before)
		}
	}()
	rp.cfg.ErrorPage(own, r, e)
	return own.written
}

// ownErrorPage answers with the failure's status, unless the app says another.
type ownErrorPage struct {
	http.ResponseWriter
	status  int
	written bool
}

// Write implements http.ResponseWriter.
func (w *ownErrorPage) Write(b []byte) (int, error) {
	if !w.written {
		w.WriteHeader(w.status)
	}
	return w.ResponseWriter.Write(b)
}

// WriteHeader implements http.ResponseWriter.
func (w *ownErrorPage) WriteHeader(status int) {
	w.written = w.written || status >= http.StatusOK
	w.ResponseWriter.WriteHeader(status)
}

// FlushError lets http.ResponseController flush what has a status.
func (w *ownErrorPage) FlushError() error {
	if !w.written {
		w.WriteHeader(w.status)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}
