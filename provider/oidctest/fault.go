package oidctest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Fault stands before the issuer's handler and answers in its place, or changes
// its answer. Apps may write their own.
type Fault func(issuer http.Handler) http.Handler

type activeFault struct {
	endpoint Endpoint
	fault    Fault
}

// Break makes an endpoint faulty until restore is called, or tb ends. Of
// several faults at one endpoint the last stands before the others. It is safe
// for concurrent use, while requests are under way too.
func (s *Server) Break(tb testing.TB, e Endpoint, f Fault) (restore func()) {
	tb.Helper()
	s.mustKnow(tb, e)
	if f == nil {
		tb.Fatal("oidctest: no fault")
	}
	active := &activeFault{e, f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, active)
	restore = sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(slices.Clone(s.faults), func(a *activeFault) bool { return a == active })
	})
	tb.Cleanup(restore)
	return restore
}

// serve is the issuer as the network sees it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if s.gate.down.Load() {
		// The connection was accepted just before.
		panic(http.ErrAbortHandler)
	}
	e := s.endpointOf(r.URL.Path)
	form := s.record(e, r)
	s.mu.Lock()
	faults := slices.Clone(s.faults)
	s.mu.Unlock()
	h := http.Handler(s.Provider)
	for _, f := range faults {
		if f.endpoint.covers(e, r.URL.Path) {
			h = f.fault(h)
			form.readAhead(r)
			form = nil
		}
	}
	h.ServeHTTP(w, r)
}

// Answer answers every request with this status, media type and body: an error
// 500, a page of HTML where JSON is due, an error with status 200.
func Answer(status int, contentType, body string) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
	}
}

// Redirect answers with status 302 and this address.
func Redirect(address string) Fault {
	return func(http.Handler) http.Handler { return http.RedirectHandler(address, http.StatusFound) }
}

// Drop cuts the connection in place of an answer.
func Drop() Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
}

// enough is more than anybody should read, and what a client that reads it all
// the same survives.
const enough = 200 << 20

// Endless answers with start and then white space, 200 MB of it, before it cuts
// the connection. A start of `{"keys":[` makes a key set that never ends.
func Endless(start string) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, start)
			filler := bytes.Repeat([]byte{' '}, 1<<16)
			for sent := 0; sent < enough; sent += len(filler) {
				if _, err := w.Write(filler); err != nil {
					return
				}
			}
			panic(http.ErrAbortHandler)
		})
	}
}

// EditJSON changes the members of the JSON object that the issuer answers with,
// an error's too; numbers are json.Number. What is no JSON object goes out as
// it is. The edit may run for several requests at once.
func EditJSON(edit func(answer map[string]any)) Fault {
	return editJSON(func(_ *http.Request, answer map[string]any) error {
		edit(answer)
		return nil
	})
}

func editJSON(edit func(r *http.Request, answer map[string]any) error) Fault {
	return func(issuer http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// A client that has the true answer must not be told to keep it.
			r.Header.Del("If-None-Match")
			rec := httptest.NewRecorder()
			issuer.ServeHTTP(rec, r)
			answer, err := decodeObject(rec.Body.Bytes())
			if err == nil {
				if err = edit(r, answer); err == nil {
					rec.Body.Reset()
					err = json.NewEncoder(rec.Body).Encode(answer)
				}
				if err != nil {
					http.Error(w, "oidctest: "+err.Error(), http.StatusInternalServerError)
					return
				}
				rec.Header().Del("ETag")
				rec.Header().Del("Content-Length")
			}
			replay(w, rec)
		})
	}
}

func decodeObject(data []byte) (map[string]any, error) {
	var object map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err := d.Decode(&object)
	return object, err
}

func replay(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	w.Write(rec.Body.Bytes())
}

// EditIDTokens changes the ID tokens that the token endpoint answers with, and
// signs them anew: another nonce, another iss, no signature. It lasts as Break
// has it.
func (s *Server) EditIDTokens(tb testing.TB, change Token) (restore func()) {
	tb.Helper()
	return s.Break(tb, EndpointToken, editJSON(func(r *http.Request, answer map[string]any) error {
		genuine, ok := answer["id_token"].(string)
		if !ok {
			return nil
		}
		forged, err := s.changed(r.Context(), genuine, change)
		answer["id_token"] = forged
		return err
	}))
}

// EditAuthorizationResponses changes the parameters that the issuer sends the
// browser back to an app with, errors too (RFC 6749 §4.1.2): an iss of another
// issuer is a mix-up (RFC 9207), another state or code an injection. It lasts
// as Break has it.
func (s *Server) EditAuthorizationResponses(tb testing.TB, edit func(parameters url.Values)) (restore func()) {
	tb.Helper()
	// The response may come from any of the pages on the way.
	return s.Break(tb, EndpointAny, func(issuer http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if e := s.endpointOf(r.URL.Path); e != "" && e != EndpointAuthorization {
				issuer.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			issuer.ServeHTTP(rec, r)
			if u, err := url.Parse(rec.Header().Get("Location")); err == nil {
				base, _, _ := strings.Cut(u.String(), "?")
				if q := u.Query(); q.Has("code") || q.Has("error") {
					edit(q)
					rec.Header().Set("Location", base+"?"+q.Encode())
				}
			}
			replay(w, rec)
		})
	})
}
