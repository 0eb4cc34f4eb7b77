package middleware_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

// guardsOfAllKinds are ways to guard one handler, each with the headers of a
// request that passes.
func guardsOfAllKinds() map[string]struct {
	guard  func(http.Handler) http.Handler
	header http.Header
} {
	type way = struct {
		guard  func(http.Handler) http.Handler
		header http.Header
	}
	token, cookie := http.Header{"Authorization": {"Bearer good"}}, http.Header{"Cookie": {"session=bob"}}
	bearer := middleware.Bearer{Verifier: onlyGood, AllowQueryToken: true, AllowFormToken: true}
	optional := middleware.Bearer{Verifier: onlyGood, Optional: true}
	chain := func(h http.Handler) http.Handler {
		return middleware.RequireBearer(onlyGood)(middleware.RequireScope("orders:read")(middleware.RequireAnyScope("orders:read", "x")(h)))
	}
	return map[string]way{
		"bearer":                     {bearer.Require, token},
		"bearer and scopes":          {chain, token},
		"optional, nobody":           {optional.Require, http.Header{}},
		"session":                    {middleware.RequireAuth(cookieSessions{}), cookie},
		"session, a public route":    {middleware.Session{Authenticator: cookieSessions{}, Public: []string{"/"}}.Require, http.Header{}},
		"session or bearer: session": {middleware.RequireSessionOrBearer(cookieSessions{}, bearer), cookie},
		"session or bearer: bearer":  {middleware.RequireSessionOrBearer(cookieSessions{}, bearer), token},
	}
}

// The writer is never wrapped: streaming, upgrades and deadlines work over a
// real connection as they do without a guard.
func TestStreaming(t *testing.T) {
	for name, way := range guardsOfAllKinds() {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle("GET /page", way.guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") })))
			release := make(chan struct{})
			mux.Handle("GET /events", way.guard(serveEvents(t, release)))
			mux.Handle("GET /socket", way.guard(http.HandlerFunc(serveSocket)))
			server := httptest.NewServer(mux)
			defer server.Close()
			request := func(method, path string) *http.Request {
				r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header = way.header.Clone()
				return r
			}
			checkHead(t, request(http.MethodHead, "/page"))
			checkEvents(t, request(http.MethodGet, "/events"), release)
			checkSocket(t, server.Listener.Addr().String(), request(http.MethodGet, "/socket"))
		})
	}
}

func checkHead(t *testing.T, r *http.Request) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text := body(t, resp); resp.StatusCode != 200 || text != "" || resp.ContentLength != int64(len("page")) {
		t.Errorf("HEAD: status %d, length %d, body %q", resp.StatusCode, resp.ContentLength, text)
	}
}

// serveEvents sends one event and the next when it is released.
func serveEvents(t *testing.T, release <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		if err := control.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("deadline: %v", err)
		}
		io.WriteString(w, "data: 1\n\n")
		if err := control.Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
		if _, ok := w.(http.Flusher); !ok {
			t.Error("the writer is no http.Flusher")
		}
		<-release
		io.WriteString(w, "data: 2\n\n")
	}
}

func checkEvents(t *testing.T, r *http.Request, release chan<- struct{}) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i, want := range []string{"data: 1\n", "\n", "data: 2\n"} {
		if i == 2 {
			close(release)
		}
		if line, err := lines.ReadString('\n'); err != nil || line != want {
			t.Fatalf("event line %q, %v", line, err)
		}
	}
	if resp.Header.Get("Content-Length") != "" || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("headers %v", resp.Header)
	}
}

// serveSocket takes the connection over and sends back what it gets.
func serveSocket(w http.ResponseWriter, r *http.Request) {
	conn, stream, err := w.(http.Hijacker).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	fmt.Fprintf(stream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
	stream.Flush()
	line, err := stream.ReadString('\n')
	if err == nil {
		io.WriteString(conn, "echo "+line)
	}
}

func checkSocket(t *testing.T, addr string, r *http.Request) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, r)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%+v, %v", resp, err)
	}
	io.WriteString(conn, "hello\n")
	if line, err := reader.ReadString('\n'); err != nil || line != "echo hello\n" {
		t.Errorf("%q, %v", line, err)
	}
}

// A browser's WebSocket can send no header: the token comes in the query, and
// only where that is allowed.
func TestSocketWithQueryToken(t *testing.T) {
	for allowed, want := range map[bool]string{true: "101", false: "401"} {
		server := httptest.NewServer(middleware.Bearer{Verifier: onlyGood, AllowQueryToken: allowed}.Require(http.HandlerFunc(serveSocket)))
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		io.WriteString(conn, "GET /?access_token=good HTTP/1.1\r\nHost: api\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+want) {
			t.Errorf("allowed %v: %q, %v", allowed, line, err)
		}
		conn.Close()
		server.Close()
	}
}
