package wire

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/rs/zerolog"
)

// RetryAfter is the delay, in seconds, that a 503 suggests.
const RetryAfter = "5"

// HandlerFunc serves a request or says why it could not. It returns nil once
// it has written an answer.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// Options tells how an endpoint is served.
type Options struct {
	// Logger gets one line for each failure; the zero value is silent.
	Logger zerolog.Logger
	// Name stands in the log line.
	Name string
	// Methods are the allowed ones. HEAD must be named to be allowed.
	Methods []string
	// Timeout bounds everything that the request asks of stores and peers, so
	// that one that hangs is answered with 503; 0 is for what asks nobody.
	Timeout time.Duration
	// WriteError writes the answer of a failure; nil means WriteError.
	WriteError func(w http.ResponseWriter, r *http.Request, e *oidckit.Error)
}

// Endpoint makes an http.Handler of fn: it checks the method, answers what fn
// returns, survives a panic with a 500 and logs the cause once.
func Endpoint(fn HandlerFunc, o Options) http.Handler {
	if o.WriteError == nil {
		o.WriteError = WriteError
	}
	allow := strings.Join(o.Methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Content-Type-Options"] = nosniff
		defer o.recovered(w, r)
		if !slices.Contains(o.Methods, r.Method) {
			w.Header().Set("Allow", allow)
			// RFC 9110 §15.5.6
			e := oidckit.NewError(oidckit.InvalidRequest, "method not allowed").WithStatus(http.StatusMethodNotAllowed)
			o.WriteError(w, r, e)
			return
		}
		if o.Timeout > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), o.Timeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		if err := fn(w, r); err != nil {
			e := AsError(err)
			Log(o.Logger, o.Name, e)
			o.WriteError(w, r, e)
		}
	})
}

var nosniff = []string{"nosniff"}

func (o *Options) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	ReportPanic(r, &o.Logger, o.Name, v)
	o.WriteError(w, r, oidckit.NewError(oidckit.ServerError, "internal error"))
}

// AsError returns the *oidckit.Error in err's chain, or makes one of what is
// none: the store or another part of ours could not answer.
func AsError(err error) *oidckit.Error {
	if e, ok := errors.AsType[*oidckit.Error](err); ok {
		return e
	}
	return Unavailable(err)
}

// Unavailable is the answer to a fault that is not the peer's: 503, so that
// nobody throws away a good token or code because of it.
func Unavailable(cause error) *oidckit.Error {
	return oidckit.NewError(oidckit.ServerError, "temporarily unable to answer").
		WithStatus(http.StatusServiceUnavailable).WithCause(cause)
}

// Log writes one line for e: warnings for what a peer did, errors for what
// failed on our side.
func Log(l zerolog.Logger, name string, e *oidckit.Error) {
	ev := l.Warn()
	if e.HTTPStatus() >= http.StatusInternalServerError {
		ev = l.Error()
	}
	if cause := e.Cause(); cause != nil && !errors.Is(cause, context.Canceled) {
		ev = ev.AnErr("cause", cause)
	}
	ev.Str("endpoint", name).Str("error", string(e.Code)).Int("status", e.HTTPStatus()).Msg(e.Description)
}

// WriteError writes e as RFC 6749 §5.2 has it.
func WriteError(w http.ResponseWriter, _ *http.Request, e *oidckit.Error) {
	h := w.Header()
	if e.HTTPStatus() == http.StatusServiceUnavailable {
		h.Set("Retry-After", RetryAfter)
	}
	WriteJSON(w, e.HTTPStatus(), errorBody{string(e.Code), e.Description, e.URI})
}

type errorBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
	URI         string `json:"error_uri,omitempty"`
}

// WriteJSON writes v as an answer that no cache keeps.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("wire: " + err.Error())
	}
	WriteJSONBytes(w, status, body)
}

// WriteJSONBytes writes a JSON document that was made before.
func WriteJSONBytes(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["X-Content-Type-Options"] = nosniff
	NoStore(h)
	w.WriteHeader(status)
	w.Write(body)
}

var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
	noCache  = []string{"no-cache"}
)

// NoStore keeps an answer out of caches (RFC 6749 §5.1).
func NoStore(h http.Header) {
	h["Cache-Control"] = noStore
	h["Pragma"] = noCache
}
