package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

// untouched is a body that must not be read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func (untouched) Close() error { return nil }

// ATK-338: no stranger makes the guard wait for a body, and no guard that reads
// no form waits for one at all.
func TestBodyOfStranger(t *testing.T) {
	form := middleware.Bearer{Verifier: onlyGood, AllowFormToken: true}
	both := middleware.Bearer{Verifier: onlyGood, AllowFormToken: true, AllowQueryToken: true}
	mtls := form
	mtls.MTLS, mtls.Verifier = &middleware.MTLS{}, boundTo(newCertificate(t))
	for _, row := range []struct {
		name                  string
		bearer                middleware.Bearer
		authorization, target string
		length                int64
		status                int
	}{
		{"a bad token", form, "Bearer bad", "/", -1, 401},
		{"a malformed header", form, "Bearer a,b", "/", -1, 400},
		{"a token in the query, too", form, "Bearer good", "/?access_token=good", -1, 400},
		{"a bad token in the query", both, "", "/?access_token=bad", -1, 401},
		{"a token that cannot be checked", form, "Bearer down", "/", -1, 503},
		{"a token bound to what is not shown", mtls, "Bearer good", "/", -1, 503},
		{"a scheme that is not taken", form, "DPoP good", "/", -1, 401},
		{"a length that is too much", form, "", "/", 64<<10 + 1, 413},
		{"a good token, and no form is read", middleware.Bearer{Verifier: onlyGood}, "Bearer good", "/", -1, 200},
		{"no token, and no form is read", middleware.Bearer{Verifier: onlyGood, AllowQueryToken: true}, "", "/", 20, 401},
		{"nobody, and no form is read", middleware.Bearer{Verifier: onlyGood, Optional: true}, "", "/", 20, 200},
		{"a bad token, and no form is taken", middleware.Bearer{Verifier: onlyGood}, "Bearer bad", "/", 20, 401},
		{"a good token, and a form too large to be looked at", middleware.Bearer{Verifier: onlyGood}, "Bearer good", "/", 64<<10 + 1, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, row.target, nil)
			r.Body, r.ContentLength = untouched{t}, row.length
			r.Header.Set("Content-Type", formType)
			if row.authorization != "" {
				r.Header.Set("Authorization", row.authorization)
			}
			if resp := serve(row.bearer.Require(http.HandlerFunc(who)), r); resp.StatusCode != row.status {
				t.Errorf("status %d, want %d", resp.StatusCode, row.status)
			}
		})
	}
}

// RFC 9110 §10.1.1: nobody is told to go on whose token was not found good.
func TestExpectContinue(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		server := httptest.NewServer(middleware.Bearer{Verifier: onlyGood, AllowFormToken: allowed}.Require(http.HandlerFunc(who)))
		defer server.Close()
		for token, want := range map[string]string{"bad": "HTTP/1.1 401", "good": "HTTP/1.1 100"} {
			expectContinue(t, server, token, want)
		}
	}
}

func expectContinue(t *testing.T, server *httptest.Server, token, want string) {
	t.Helper()
	conn := dial(t, server)
	defer conn.Close()
	head := "POST / HTTP/1.1\r\nHost: api\r\nExpect: 100-continue\r\nContent-Type: " + formType + "\r\nContent-Length: 3\r\nAuthorization: Bearer " + token + "\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, want) {
		t.Errorf("%s: %q, %v", token, line, err)
	}
}

func dial(t *testing.T, server *httptest.Server) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	return conn
}

// ATK-338: a form that trickles in holds the guard no longer than the server
// lets a request take, whoever sends it, and no handler sees a part of it.
func TestSlowForm(t *testing.T) {
	server := httptest.NewUnstartedServer(middleware.Bearer{Verifier: onlyGood, AllowFormToken: true}.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the handler has run")
	})))
	server.Config.ReadTimeout = 200 * time.Millisecond
	server.Start()
	defer server.Close()
	for _, head := range []string{"Authorization: Bearer good\r\n", ""} {
		conn := dial(t, server)
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: api\r\n"+head+"Content-Type: "+formType+"\r\nContent-Length: 60000\r\n\r\naccess_to"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408") {
			t.Errorf("answer %.40q, %v", answer, err)
		}
	}
}

// deadlines is a writer that remembers what was asked of its connection.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

// brokenBody fails after its text.
type brokenBody struct {
	io.Reader
	err error
}

func (b brokenBody) Read(p []byte) (int, error) {
	if n, err := b.Reader.Read(p); err == nil {
		return n, nil
	}
	return 0, b.err
}

func (brokenBody) Close() error { return nil }

// Where the server does not say how long a request may take, the guard does,
// and takes that back for the handler. A form that breaks off is refused.
func TestFormDeadline(t *testing.T) {
	limited := context.WithValue(t.Context(), http.ServerContextKey, &http.Server{ReadTimeout: time.Hour})
	for _, row := range []struct {
		name          string
		ctx           context.Context
		err           error
		deadlines     int
		cleared       bool
		authorization string
		status        int
	}{
		{"no limit of the server's", t.Context(), io.EOF, 2, true, "", 200},
		{"the same, token in the header", t.Context(), io.EOF, 2, true, "Bearer good", 400},
		{"a limit of the server's", limited, io.EOF, 0, false, "", 200},
		{"too slow", t.Context(), os.ErrDeadlineExceeded, 1, false, "", 408},
		{"broken off", t.Context(), errors.New("canary"), 1, false, "", 400},
		{"cut by middleware before", t.Context(), &http.MaxBytesError{Limit: 9}, 1, false, "", 413},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", nil).WithContext(row.ctx)
			r.Body, r.ContentLength = brokenBody{strings.NewReader("access_token=good"), row.err}, -1
			r.Header.Set("Content-Type", formType)
			if row.authorization != "" {
				r.Header.Set("Authorization", row.authorization)
			}
			rec := httptest.NewRecorder()
			w := &deadlines{ResponseWriter: rec}
			before := time.Now()
			middleware.Bearer{Verifier: onlyGood, AllowFormToken: true}.Require(http.HandlerFunc(who)).ServeHTTP(w, r)
			if rec.Code != row.status || len(w.set) != row.deadlines || strings.Contains(rec.Body.String(), "canary") {
				t.Fatalf("status %d, deadlines %v: %s", rec.Code, w.set, rec.Body)
			}
			if row.deadlines > 0 && (w.set[0].Before(before) || w.set[0].After(time.Now().Add(time.Minute))) {
				t.Errorf("deadline %s", w.set[0])
			}
			if row.cleared && !w.set[1].IsZero() {
				t.Errorf("deadline %s is left", w.set[1])
			}
		})
	}
}
