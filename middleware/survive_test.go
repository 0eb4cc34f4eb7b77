package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// fuse makes whatever of an app's holds it panic, while it is lit.
type fuse struct{ with any }

func (f *fuse) may() {
	if f.with != nil {
		panic(f.with)
	}
}

func (f *fuse) Verify(_ context.Context, token string) (*oidckit.Identity, error) {
	f.may()
	return onlyGood(token)
}

// fusedDoor panics where it is asked who is there, or where a login would be.
type fusedDoor struct {
	door
	who, login *fuse
}

func (d fusedDoor) Authenticate(r *http.Request) (*oidckit.Identity, error) {
	d.who.may()
	return d.door.Authenticate(r)
}

func (d fusedDoor) LoginURL(r *http.Request, req oidckit.LoginRequest) string {
	d.login.may()
	return d.door.LoginURL(r, req)
}

func (f *fuse) UseOnce(context.Context, string, time.Time) error {
	f.may()
	return nil
}

// fusedRoute is a route with a fuse in one of the things that an app provides.
type fusedRoute struct {
	name, token string
	accept      string
	// after is the status once nothing panics any more.
	after int
	route func(f *fuse, l zerolog.Logger) func(http.Handler) http.Handler
}

func fusedRoutes() []fusedRoute {
	type guard = func(http.Handler) http.Handler
	calm := &fuse{}
	bearer := middleware.RequireBearer(verifierFunc(func(string) (*oidckit.Identity, error) {
		return &oidckit.Identity{Subject: "alice", Claims: oidckit.Claims(`{"sub":"alice"}`)}, nil
	}))
	behind := func(outer, inner guard) guard {
		return func(next http.Handler) http.Handler { return outer(inner(next)) }
	}
	return []fusedRoute{
		{"verifier", "good", "*/*", 200, func(f *fuse, l zerolog.Logger) guard { return middleware.Bearer{Verifier: f, Logger: l}.Require }},
		{"events", "bad", "*/*", 401, func(f *fuse, l zerolog.Logger) guard {
			return middleware.Bearer{Verifier: onlyGood, Logger: l, Events: func(context.Context, oidckit.Event) { f.may() }}.Require
		}},
		{"events, of a guard behind", "good", "*/*", 403, func(f *fuse, l zerolog.Logger) guard {
			b := middleware.Bearer{Verifier: onlyGood, Logger: l, Events: func(context.Context, oidckit.Event) { f.may() }}
			return behind(b.Require, middleware.RequireScope("admin"))
		}},
		{"logger", "bad", "*/*", 401, func(f *fuse, _ zerolog.Logger) guard {
			return middleware.Bearer{Verifier: onlyGood, Logger: zerolog.New(writer(func(p []byte) (int, error) { f.may(); return len(p), nil }))}.Require
		}},
		{"condition", "good", "*/*", 200, func(f *fuse, _ zerolog.Logger) guard {
			return behind(bearer, middleware.RequireClaims(func(map[string]any) bool { f.may(); return true }))
		}},
		{"condition of one claim, a page", "good", html, 403, func(f *fuse, _ zerolog.Logger) guard {
			return behind(bearer, middleware.RequireClaim("sub", func(string) bool { f.may(); return false }))
		}},
		{"authenticator", "", "application/json", 200, func(f *fuse, _ zerolog.Logger) guard {
			return middleware.RequireAuth(fusedDoor{aliceIn, f, calm})
		}},
		{"authenticator, a page", "", html, 200, func(f *fuse, _ zerolog.Logger) guard {
			return middleware.RequireAuth(fusedDoor{aliceIn, f, calm})
		}},
		{"login's address", "", "application/json", 401, func(f *fuse, _ zerolog.Logger) guard {
			return middleware.RequireAuth(fusedDoor{nobodyIn, calm, f})
		}},
		{"login's address, of a guard behind", "", html, 302, func(f *fuse, _ zerolog.Logger) guard {
			return behind(middleware.RequireAuth(fusedDoor{aliceIn, calm, f}), middleware.RequireACR("gold"))
		}},
		{"session or bearer, authenticator", "", "*/*", 200, func(f *fuse, l zerolog.Logger) guard {
			return middleware.RequireSessionOrBearer(fusedDoor{aliceIn, f, calm}, middleware.Bearer{Verifier: onlyGood, Logger: l})
		}},
		{"session or bearer, verifier", "good", "*/*", 200, func(f *fuse, l zerolog.Logger) guard {
			return middleware.RequireSessionOrBearer(aliceIn, middleware.Bearer{Verifier: f, Logger: l})
		}},
		{"session or bearer, login's address", "", "*/*", 401, func(f *fuse, l zerolog.Logger) guard {
			return middleware.RequireSessionOrBearer(fusedDoor{nobodyIn, calm, f}, middleware.Bearer{Verifier: onlyGood, Logger: l})
		}},
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

// fusedServer serves a route over a connection, and returns how to ask it.
func fusedServer(t *testing.T, row fusedRoute, f *fuse, told *lines, next http.Handler) (get func() (*http.Response, error)) {
	t.Helper()
	server := httptest.NewUnstartedServer(row.route(f, zerolog.New(told))(next))
	server.Config.ErrorLog = log.New(told, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return func() (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/page", nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Accept", row.accept)
		if row.token != "" {
			r.Header.Set("Authorization", "Bearer "+row.token)
		}
		return client.Do(r)
	}
}

// FLT-55: what of the app's panics costs its own request, which is answered
// with 500 and nothing of the panic's value, and tells the operator where.
func TestGuardsSurvivePanics(t *testing.T) {
	for _, row := range fusedRoutes() {
		t.Run(row.name, func(t *testing.T) {
			f, told, ran := &fuse{}, &lines{}, false
			get := fusedServer(t, row, f, told, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true }))
			for range 2 {
				f.with, ran = errors.New("canary"), false
				resp, err := get()
				if err != nil {
					t.Fatal(err)
				}
				text := body(t, resp)
				resp.Body.Close()
				if resp.StatusCode != 500 || ran || strings.Contains(text, "canary") {
					t.Errorf("status %d, handler has run %v: %s", resp.StatusCode, ran, text)
				}
				page := resp.Header.Get("Content-Type") == "text/html; charset=utf-8"
				if page != (row.accept == html) || !page && !json.Valid([]byte(text)) {
					t.Errorf("%s: %s", resp.Header.Get("Content-Type"), text)
				}
				if h := resp.Header; h.Get("WWW-Authenticate") != "" || h.Get("Location") != "" || h.Get("Cache-Control") != "no-store" {
					t.Errorf("headers %v", h)
				}
				if line := told.take(); !strings.Contains(line, "panicked") || !strings.Contains(line, "may:") || strings.Contains(line, "canary") {
					t.Errorf("the operator is told %q", line)
				}
				f.with = nil
				resp, err = get()
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != row.after || ran != (row.after == 200) {
					t.Errorf("status %d afterwards, handler has run %v", resp.StatusCode, ran)
				}
			}
			f.with = http.ErrAbortHandler
			if resp, err := get(); err == nil {
				resp.Body.Close()
				t.Errorf("http.ErrAbortHandler: status %d", resp.StatusCode)
			}
		})
	}
}

// A panic of the handler behind a guard is none of the guard's business.
func TestGuardsLetPanicsOfHandlersPass(t *testing.T) {
	for _, row := range fusedRoutes() {
		if row.after != 200 {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			told := &lines{}
			get := fusedServer(t, row, &fuse{}, told, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, "half of")
				panic("the app's own")
			}))
			if resp, err := get(); err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
				if err == nil {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
			if line := told.take(); !strings.Contains(line, "the app's own") {
				t.Errorf("the server's log has %q", line)
			}
		})
	}
}

// FLT-55: a store of proofs that panics.
func TestReplayStorePanics(t *testing.T) {
	f := &fuse{with: "canary"}
	api := newDPoPAPI(t, func(c *middleware.DPoPConfig) { c.Replay = f })
	api.wantRefused(t, api.get("DPoP "+api.bound, api.proof()), 500, "server_error")
	f.with = nil
	api.wantServed(t, api.get("DPoP "+api.bound, api.proof()))
}
