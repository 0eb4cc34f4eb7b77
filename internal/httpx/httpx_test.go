package httpx

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/safeurl"
)

func get(t *testing.T, c *http.Client, url string, limit int64) (*Response, error) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Do(c, req, limit)
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestDoLimit(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		}
		io.WriteString(w, strings.Repeat("x", 100))
	})
	for _, path := range []string{"/known", "/chunked"} {
		if resp, err := get(t, NewClient(Config{}), s.URL+path, 100); err != nil || len(resp.Body) != 100 || resp.Status != 200 {
			t.Errorf("%s at the limit: %v, %v", path, resp, err)
		}
		if _, err := get(t, NewClient(Config{}), s.URL+path, 99); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s over the limit: %v", path, err)
		}
	}
}

// FLT-07: the cap counts what comes out of the decompression.
func TestDoGzipBomb(t *testing.T) {
	var bomb bytes.Buffer
	zw, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 20 {
		zw.Write(zeros)
	}
	zw.Close()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if _, err := get(t, NewClient(Config{}), s.URL, 512<<10); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("bomb: %v", err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("the bomb cost %d bytes", grown)
	}
}

// FLT-08: no redirect is followed, to wherever it leads.
func TestRedirectsAreAnswers(t *testing.T) {
	var hits atomic.Int32
	canary := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, canary.URL, http.StatusFound)
	})
	for name, c := range map[string]*http.Client{
		"own": NewClient(Config{}), "bounded": Bounded(&http.Client{}), "default": Bounded(nil), "shared": Bounded(http.DefaultClient),
	} {
		resp, err := get(t, c, s.URL, 1024)
		if err != nil || resp.Status != http.StatusFound {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// FLT-63: a proxy from the environment is not used.
func TestNoProxyFromEnvironment(t *testing.T) {
	for _, c := range []*http.Client{NewClient(Config{}), Bounded(nil), Bounded(&http.Client{})} {
		if c.Transport.(*http.Transport).Proxy != nil {
			t.Error("the transport asks for a proxy")
		}
	}
}

func TestBoundedLeavesTheAppsClientAlone(t *testing.T) {
	own := &http.Client{Timeout: time.Second, Transport: http.DefaultTransport}
	b := Bounded(own)
	if b == own || own.CheckRedirect != nil {
		t.Error("the app's client was changed")
	}
	if b.Timeout != time.Second || b.Transport != http.DefaultTransport {
		t.Error("the app's timeout or transport was dropped")
	}
	if Bounded(&http.Client{}).Timeout != DefaultTimeout {
		t.Error("no timeout was set")
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.(http.Flusher).Flush()
		}
		<-release
	})
	defer close(release)
	for _, path := range []string{"/header", "/body"} {
		_, err := get(t, NewClient(Config{Timeout: 50 * time.Millisecond}), s.URL+path, 1024)
		if !IsTimeout(err) {
			t.Errorf("%s: %v is no timeout", path, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if _, err := Do(NewClient(Config{}), req, 1024); !IsTimeout(err) {
		t.Errorf("a context's deadline: %v is no timeout", err)
	}
	if IsTimeout(ErrTooLarge) || IsTimeout(nil) {
		t.Error("what is no timeout is taken for one")
	}
}

// I4: an error tells the host, and nothing of what a URL may hold.
func TestErrorsHideTheURL(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	url := s.URL
	s.Close()
	_, err := get(t, NewClient(Config{}), url+"/canary-path?code=canary-code", 1024)
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error text: %v", err)
	}
}

type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("canary") }

// FLT-55: a transport of the app that panics is a failed call.
func TestPanickingTransport(t *testing.T) {
	_, err := get(t, Bounded(&http.Client{Transport: panicking{}}), "http://localhost/", 1024)
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error: %v", err)
	}
}

// ATK-068: the guard judges the address that was resolved.
func TestGuardedClient(t *testing.T) {
	var hits atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	_, err := get(t, NewClient(Config{Guard: &safeurl.Guard{}}), strings.Replace(s.URL, "127.0.0.1", "localhost", 1), 1024)
	if !errors.Is(err, safeurl.ErrAddress) || hits.Load() != 0 {
		t.Errorf("guarded: %v, %d hits", err, hits.Load())
	}
	if _, err := get(t, NewClient(Config{Guard: &safeurl.Guard{AllowLoopback: true}}), s.URL, 1024); err != nil {
		t.Errorf("allowed: %v", err)
	}
}

func TestIsJSON(t *testing.T) {
	for mt, want := range map[string]bool{
		"application/json": true, "application/json; charset=utf-8": true, "Application/JSON": true,
		"application/jwk-set+json": true, "text/html": false, "": false, "text/json": false, "application/jsonx": false,
	} {
		if got := (&Response{Header: http.Header{"Content-Type": {mt}}}).IsJSON(); got != want {
			t.Errorf("IsJSON(%q) = %v", mt, got)
		}
	}
}
