package provider

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// LocalTransport returns a RoundTripper that serves requests for this issuer
// in the process, and hands all others to next (nil means
// http.DefaultTransport). An app that hosts its own issuer needs no way
// through the network to itself, not even while it starts:
//
//	client := &http.Client{Transport: p.LocalTransport(nil)}
func (p *Provider) LocalTransport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &localTransport{provider: p, next: next}
}

type localTransport struct {
	provider *Provider
	next     http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *localTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	u := t.provider.cfg.url
	if r.URL.Scheme != u.Scheme || !strings.EqualFold(r.URL.Host, u.Host) {
		return t.next.RoundTrip(r)
	}
	h, ok := t.provider.byPath[r.URL.Path]
	if !ok {
		return t.next.RoundTrip(r)
	}
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	in.RemoteAddr = "local"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	rec := &recorder{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(rec, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.response(r), nil
}

// recorder keeps an answer in memory.
type recorder struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (rec *recorder) Header() http.Header { return rec.header }

func (rec *recorder) WriteHeader(status int) {
	if !rec.wrote {
		rec.status, rec.wrote = status, true
	}
}

func (rec *recorder) Write(b []byte) (int, error) {
	rec.wrote = true
	return rec.body.Write(b)
}

func (rec *recorder) response(r *http.Request) *http.Response {
	return &http.Response{
		Status:     strconv.Itoa(rec.status) + " " + http.StatusText(rec.status),
		StatusCode: rec.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        rec.header,
		Body:          io.NopCloser(&rec.body),
		ContentLength: int64(rec.body.Len()),
		Request:       r,
	}
}
