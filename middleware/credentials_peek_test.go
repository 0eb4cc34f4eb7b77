package middleware_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

// reading is a handler that notes what it could read of the body.
type reading struct {
	ran  bool
	text string
	err  error
}

func (h *reading) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	h.ran = true
	b, err := io.ReadAll(r.Body)
	h.text, h.err = string(b), err
}

func formRequest(method string, form io.Reader, length int64) *http.Request {
	r := httptest.NewRequest(method, "/", form)
	r.ContentLength = length
	r.Header.Set("Content-Type", formType)
	r.Header.Set("Authorization", "Bearer good")
	return r
}

// ATK-143: a second token in a form is an invalid request where no form is
// taken, too. What is too large or of no length is left to the handler, which
// gets every body whole.
func TestSecondTokenInForm(t *testing.T) {
	filler := "a=" + strings.Repeat("x", 64<<10)
	plain := middleware.Bearer{Verifier: onlyGood}
	for _, row := range []struct {
		name, method, contentType, body string
		length                          int64
		status                          int
	}{
		{"POST", "POST", formType, "a=1&access_token=other", 0, 400},
		{"PUT", "PUT", formType, "access_token=other&a=1", 0, 400},
		{"PATCH", "PATCH", formType + "; charset=utf-8", "access_token", 0, 400},
		{"the same token", "POST", formType, "access_token=good", 0, 400},
		{"escaped", "POST", formType, "a=1&access%5Ftoken=x", 0, 400},
		{"as large as is looked at", "POST", formType, filler[:64<<10-15] + "&access_token=x", 0, 400},
		{"more than the length says", "POST", formType, "a=1&access_token=x", 3, 400},
		{"less than the length says", "POST", formType, "a=1&access_token=x", 9000, 400},
		{"none", "POST", formType, "a=1&access_tokens=2&b=access_token", 0, 200},
		{"too large", "POST", formType, filler + "&access_token=x", 0, 200},
		{"far more than the length says", "POST", formType, filler + filler + "&access_token=x", 3, 200},
		{"no length", "POST", formType, "access_token=x", -1, 200},
		{"another type", "POST", "text/plain", "access_token=x", 0, 200},
		{"multipart", "POST", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=access_token\r\n\r\nx\r\n--b--", 0, 200},
		{"GET", "GET", formType, "access_token=x", 0, 200},
		{"empty", "POST", formType, "", 0, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.length == 0 {
				row.length = int64(len(row.body))
			}
			// on a clock that stands still while the form is read
			synctest.Test(t, func(t *testing.T) {
				r := formRequest(row.method, strings.NewReader(row.body), row.length)
				r.Header.Set("Content-Type", row.contentType)
				var h reading
				resp := serve(plain.Require(&h), r)
				if resp.StatusCode != row.status || h.ran != (row.status == 200) {
					t.Fatalf("status %d, handler ran %t: %s", resp.StatusCode, h.ran, body(t, resp))
				}
				if row.status == 400 && !strings.Contains(resp.Header.Get("WWW-Authenticate"), `error="invalid_request"`) {
					t.Errorf("challenge %s", resp.Header.Get("WWW-Authenticate"))
				}
				if h.ran && (h.text != row.body || h.err != nil) {
					t.Errorf("the handler read %d of %d bytes, %v", len(h.text), len(row.body), h.err)
				}
			})
		})
	}
	query := middleware.Bearer{Verifier: onlyGood, AllowQueryToken: true}
	r := formRequest("POST", strings.NewReader("access_token=other"), 18)
	r.Header.Del("Authorization")
	r.URL.RawQuery = "access_token=good"
	if resp := serve(query.Require(http.HandlerFunc(who)), r); resp.StatusCode != 400 {
		t.Errorf("a token in the query and one in the form: status %d", resp.StatusCode)
	}
}

// ATK-338: a form that trickles in holds the guard for a bounded time, and the
// handler reads on. A token that had arrived by then counts.
func TestSlowFormIsLeftAlone(t *testing.T) {
	for _, row := range []struct {
		early, late string
		status      int
	}{
		{"a=1&acc", "ess_token=x", 200},
		{"a=1&access_token", "s=x", 200},
		{"", "a=1", 200},
		{"access_token=x", "&a=1", 400},
	} {
		synctest.Test(t, func(t *testing.T) {
			from, to := io.Pipe()
			go io.WriteString(to, row.early)
			began := time.Now()
			go func() {
				time.Sleep(time.Hour)
				io.WriteString(to, row.late)
				to.Close()
			}()
			var h reading
			r := formRequest("POST", from, int64(len(row.early+row.late)))
			resp := serve(middleware.Bearer{Verifier: onlyGood}.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if waited := time.Since(began); waited > 10*time.Second {
					t.Errorf("held for %s", waited)
				}
				h.ServeHTTP(w, r)
			})), r)
			if resp.StatusCode != row.status || row.status == 200 && (h.text != row.early+row.late || h.err != nil) {
				t.Errorf("%q: status %d, read %q, %v", row.early, resp.StatusCode, h.text, h.err)
			}
			if waited := time.Since(began); row.status == 400 && waited > 10*time.Second {
				t.Errorf("held for %s", waited)
			}
			from.Close()
			time.Sleep(2 * time.Hour)
		})
	}
}

// Who goes away ends the wait.
func TestSlowFormOfWhoHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		from, to := io.Pipe()
		defer to.Close()
		cancel()
		began := time.Now()
		serve(middleware.Bearer{Verifier: onlyGood}.Require(http.HandlerFunc(who)), formRequest("POST", from, 9).WithContext(ctx))
		if time.Since(began) != 0 {
			t.Errorf("waited for %s", time.Since(began))
		}
	})
}

// panicking is a body of the app's own that fails in the worst way, once.
type panicking struct {
	io.ReadCloser
	before bool
}

func (p *panicking) Read([]byte) (int, error) {
	if p.before {
		return 0, io.EOF
	}
	p.before = true
	panic(http.ErrAbortHandler)
}

// What is wrong with a body is for the handler to see, as without the guard.
func TestBrokenBodyIsTheHandlers(t *testing.T) {
	broken := errors.New("broken")
	var h reading
	r := formRequest("POST", nil, 20)
	r.Body = brokenBody{strings.NewReader("a=1&b"), broken}
	if resp := serve(middleware.Bearer{Verifier: onlyGood}.Require(&h), r); resp.StatusCode != 200 || h.text != "a=1&b" || !errors.Is(h.err, broken) {
		t.Errorf("status %d, read %q, %v", resp.StatusCode, h.text, h.err)
	}
	defer func() {
		if v := recover(); v != http.ErrAbortHandler || !h.ran {
			t.Errorf("panic %v, handler ran %t", v, h.ran)
		}
	}()
	h = reading{}
	r = formRequest("POST", nil, 20)
	r.Body = &panicking{ReadCloser: http.NoBody}
	serve(middleware.Bearer{Verifier: onlyGood}.Require(&h), r)
}

// Deadlines of the handler's hold for a form that was left to it, and its
// request is as alive as without the guard.
func TestSlowFormWithReadDeadline(t *testing.T) {
	answered := make(chan error, 1)
	server := httptest.NewServer(middleware.Bearer{Verifier: onlyGood}.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.Context().Err(); err != nil {
			answered <- err
			return
		}
		c := http.NewResponseController(w)
		err := errors.Join(c.SetReadDeadline(time.Now().Add(-time.Second)))
		if _, readErr := io.ReadAll(r.Body); readErr == nil {
			err = errors.Join(err, errors.New("no read error"))
		}
		answered <- err
	})))
	defer server.Close()
	conn := dial(t, server)
	head := "POST / HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer good\r\nContent-Type: " + formType + "\r\nContent-Length: 20\r\n\r\na=1"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Errorf("%q, %v", line, err)
	}
}
