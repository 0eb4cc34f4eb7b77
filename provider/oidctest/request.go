package oidctest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

const (
	// maxRequests is how many requests are remembered, the newest ones.
	maxRequests = 10_000
	// maxForm bounds what is remembered of a form.
	maxForm = 1 << 20
)

// Request is a request that arrived at the issuer. It has everything as it was
// sent, secrets too, so that a test can check them; String tells none.
type Request struct {
	// Endpoint is "" for the issuer's pages and for what it does not serve.
	Endpoint Endpoint
	Method   string
	Path     string
	Header   http.Header
	// Query holds the parameters of the address, Form those of the body.
	Query, Form url.Values
}

// String returns method, path and the names of the parameters, without their
// values: it may stand in the log of a build.
func (r Request) String() string {
	names := slices.Concat(slices.Collect(maps.Keys(r.Query)), slices.Collect(maps.Keys(r.Form)))
	slices.Sort(names)
	return fmt.Sprintf("%s %s (%s)", r.Method, r.Path, strings.Join(names, ", "))
}

// GoString is String, for %#v.
func (r Request) GoString() string { return r.String() }

// Requests returns the requests to an endpoint in the order in which they
// arrived, answered or not; of very many the newest 10000. "" means those that
// are to no endpoint. It is safe for concurrent use, and what it returns is the
// caller's.
func (s *Server) Requests(e Endpoint) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Request
	for _, seen := range s.seen {
		if !e.covers(seen.request.Endpoint, seen.request.Path) {
			continue
		}
		r := seen.request
		r.Header, r.Query, r.Form = r.Header.Clone(), cloneValues(r.Query), seen.form.values()
		out = append(out, r)
	}
	return out
}

func cloneValues(v url.Values) url.Values { return url.Values(http.Header(v).Clone()) }

type seenRequest struct {
	request Request
	form    *formTap
}

// record remembers a request, and its form as that is read.
func (s *Server) record(e Endpoint, r *http.Request) *formTap {
	seen := &seenRequest{request: Request{Endpoint: e, Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Query: r.URL.Query()}}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && t == "application/x-www-form-urlencoded" {
		seen.form = &formTap{body: r.Body}
		r.Body = seen.form
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == maxRequests {
		s.seen = slices.Delete(s.seen, 0, 1)
	}
	s.seen = append(s.seen, seen)
	return seen.form
}

// formTap keeps what the issuer reads of a form. It does not read by itself:
// how slow and how large a body may be is the issuer's to say.
type formTap struct {
	body io.ReadCloser

	mu   sync.Mutex
	kept bytes.Buffer
}

func (t *formTap) Read(p []byte) (int, error) {
	n, err := t.body.Read(p)
	t.keep(p[:n])
	return n, err
}

func (t *formTap) keep(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept.Write(p[:min(len(p), maxForm-t.kept.Len())])
}

func (t *formTap) Close() error { return t.body.Close() }

// readAhead reads the form for faults, which leave it unread.
func (t *formTap) readAhead(r *http.Request) {
	if t == nil {
		return
	}
	data, err := io.ReadAll(io.LimitReader(t.body, maxForm))
	t.keep(data)
	rest := io.Reader(t.body)
	if err != nil {
		rest = failedReader{err}
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(data), rest), t.body}
}

type failedReader struct{ err error }

func (f failedReader) Read([]byte) (int, error) { return 0, f.err }

// values parses what was read; nil where the body was no form.
func (t *formTap) values() url.Values {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	form, _ := url.ParseQuery(t.kept.String())
	return form
}
