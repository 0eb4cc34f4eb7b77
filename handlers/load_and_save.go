package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
)

var (
	errNotLoaded = errors.New("handlers: Sessions.LoadAndSave does not wrap this route")
	errNotSaved  = errors.New("handlers: the session could not be saved")
	errStoreDown = errors.New("handlers: the browser-session store could not answer")
)

// maxSessionToken is beyond what scs makes.
const maxSessionToken = 128

// sessionKey finds the loading of one Sessions in a context.
type sessionKey struct{ s *Sessions }

// sessionWriter is the request's session on its way: it saves what has changed
// before the first byte goes out, because a cookie cannot follow.
//
// It is also the context that carries itself: one allocation for all.
type sessionWriter struct {
	http.ResponseWriter
	context.Context
	sessions *Sessions
	request  *http.Request
	// down is why the browser's session could not be read: an empty one stands
	// in its place, and nothing is saved.
	down    error
	written bool
	failed  bool
}

// LoadAndSave makes the sessions available to next: it belongs around
// everything that logs in, is guarded or keeps values. Where the store cannot
// answer, next still runs, with an empty session that is not saved; guards
// answer 503. Nesting it does nothing more.
func (s *Sessions) LoadAndSave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.loading(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		addVary(w.Header())
		ctx, err := s.Load(r.Context(), s.token(r))
		if err != nil {
			if r.Context().Err() == nil {
				s.log.Error().Err(err).Msg("the browser-session store could not answer")
			}
			// Without a token no store is asked, so this cannot fail.
			ctx, _ = s.Load(r.Context(), "")
			err = errStoreDown
		}
		sw := &sessionWriter{ResponseWriter: w, Context: ctx, sessions: s, request: r, down: err}
		next.ServeHTTP(sw, r.WithContext(sw))
		sw.save()
	})
}

// Value implements context.Context.
func (w *sessionWriter) Value(key any) any {
	if k, ok := key.(sessionKey); ok && k.s == w.sessions {
		return w
	}
	return w.Context.Value(key)
}

var varyCookie = []string{"Cookie"}

func addVary(h http.Header) {
	if h["Vary"] == nil {
		h["Vary"] = varyCookie
		return
	}
	h.Add("Vary", "Cookie")
}

// token returns what the session cookie carries. Two cookies of the name are
// as good as none: one of them is not ours.
func (s *Sessions) token(r *http.Request) string {
	value, n := "", 0
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			if name, v, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && name == s.cookieName {
				value, n = v, n+1
			}
		}
	}
	if n != 1 || len(value) > maxSessionToken {
		return ""
	}
	return value
}

func (s *Sessions) loading(ctx context.Context) *sessionWriter {
	sw, _ := ctx.Value(sessionKey{s}).(*sessionWriter)
	return sw
}

// ready returns nil where the request's session can be relied on.
func (s *Sessions) ready(ctx context.Context) error {
	sw := s.loading(ctx)
	if sw == nil {
		return errNotLoaded
	}
	return sw.down
}

// save reports whether an answer may go out.
func (w *sessionWriter) save() bool {
	if w.written {
		return !w.failed
	}
	w.written = true
	if w.down != nil {
		return true
	}
	m := w.sessions.SessionManager
	switch m.Status(w.Context) {
	case scs.Modified:
		token, expiry, err := m.Commit(w.Context)
		if err != nil {
			w.failed = true
			w.sessions.unavailable(w.ResponseWriter, w.request, err)
			return false
		}
		m.WriteSessionCookie(w.Context, w.ResponseWriter, token, expiry)
	case scs.Destroyed:
		m.WriteSessionCookie(w.Context, w.ResponseWriter, "", time.Time{})
	}
	return true
}

// Write implements http.ResponseWriter.
func (w *sessionWriter) Write(b []byte) (int, error) {
	if !w.save() {
		return 0, errNotSaved
	}
	return w.ResponseWriter.Write(b)
}

// WriteHeader implements http.ResponseWriter.
func (w *sessionWriter) WriteHeader(status int) {
	informational := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	if informational || w.save() {
		w.ResponseWriter.WriteHeader(status)
	}
}

// FlushError lets http.ResponseController flush, with the cookie in place.
func (w *sessionWriter) FlushError() error {
	if !w.save() {
		return errNotSaved
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (w *sessionWriter) Flush() { _ = w.FlushError() }

// Unwrap lets http.ResponseController find the rest.
func (w *sessionWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
