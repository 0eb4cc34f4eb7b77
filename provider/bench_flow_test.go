package provider_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// plainClient sends requests over one connection, at next to no cost of its
// own.
type plainClient struct {
	conn   net.Conn
	reader *textproto.Reader
	body   []byte
}

func newPlainClient(tb testing.TB, h http.Handler) *plainClient {
	tb.Helper()
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return &plainClient{conn: conn, reader: textproto.NewReader(bufio.NewReaderSize(conn, 16<<10))}
}

// do sends a request, with a form unless that is "", and returns where it
// redirects to. The body is there until the next call.
func (c *plainClient) do(target, headers, form string) (location string) {
	method := "GET"
	if form != "" {
		method = "POST"
		headers += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(form)) + "\r\n"
	}
	if _, err := io.WriteString(c.conn, method+" "+target+" HTTP/1.1\r\nHost: op.example\r\n"+headers+"\r\n"+form); err != nil {
		panic(err)
	}
	status, err := c.reader.ReadLineBytes()
	if err != nil || !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) && !bytes.HasPrefix(status, []byte("HTTP/1.1 303")) {
		panic(fmt.Sprint(string(status), err))
	}
	length, chunked := 0, false
	for {
		line, err := c.reader.ReadLineBytes()
		if err != nil {
			panic(err)
		}
		if len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(value))
		}
		chunked = chunked || bytes.HasPrefix(line, []byte("Transfer-Encoding: "))
		if value, ok := bytes.CutPrefix(line, []byte("Location: ")); ok {
			location = string(value)
		}
	}
	c.read(length, chunked)
	return location
}

func (c *plainClient) read(length int, chunked bool) {
	var err error
	c.body = append(c.body[:0], make([]byte, length)...)
	if !chunked {
		_, err = io.ReadFull(c.reader.R, c.body)
	} else if c.body, err = io.ReadAll(httputil.NewChunkedReader(c.reader.R)); err == nil {
		_, err = c.reader.ReadLineBytes()
	}
	if err != nil {
		panic(err)
	}
}

const basicWeb = "Authorization: Basic d2ViOndlYi1zZWNyZXQ=\r\n"

// codeFlow is two requests: the answer of a session that is there, and the
// code's exchange.
func (c *plainClient) codeFlow(cookie string) func() {
	return func() { c.redeem(c.do(benchQuery, "Cookie: "+cookie+"\r\n", "")) }
}

// loginFlow is four: the request, the login page, the password, the exchange.
func (c *plainClient) loginFlow() func() {
	login := "&username=" + oidctest.Username + "&password=" + url.QueryEscape(oidctest.Password)
	return func() {
		page := c.do(benchQuery, "", "")
		c.do(page, "", "")
		_, sealed, _ := strings.Cut(page, "?request=")
		c.redeem(c.do("/login", "", "request="+sealed+login))
	}
}

func (c *plainClient) redeem(location string) {
	_, code, ok := strings.Cut(location, "?code=")
	if !ok {
		panic(location)
	}
	code, _, _ = strings.Cut(code, "&")
	if c.do("/token", basicWeb, benchForm+code); !bytes.Contains(c.body, []byte(`"id_token"`)) {
		panic(string(c.body))
	}
}

// bareServer answers the requests of both flows with as many bytes, and does
// nothing but read them and sign twice.
func bareServer(tb testing.TB, page []byte) http.Handler {
	tb.Helper()
	sign, mux := bareAnswer(tb, 2), http.NewServeMux()
	const handle = "0123456789012345678901234567890123456789012"
	back := redirectURI + "?code=" + handle + "&state=the+state&iss=https%3A%2F%2Fop.example"
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		if _, err := wire.Query(r); err != nil {
			panic(err)
		}
		w.Header().Set("Location", back)
		if r.Header.Get("Cookie") == "" {
			w.Header().Set("Location", "/login?request="+strings.Repeat("A", 400))
		}
		w.WriteHeader(http.StatusSeeOther)
	})
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if _, err := wire.Form(w, r); err != nil {
			panic(err)
		}
		w.Header().Set("Set-Cookie", "session="+handle+"; Path=/; HttpOnly; Secure; SameSite=Lax")
		w.Header().Set("Location", back)
		w.WriteHeader(http.StatusSeeOther)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if _, err := wire.Form(w, r); err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(sign())
	})
	return mux
}

// knownPeople have a password that costs nothing to check: what argon2id costs
// is the operator's choice, and the same for everybody.
type knownPeople struct{}

func (knownPeople) Claims(context.Context, string) (oidckit.Claims, error) {
	return oidckit.Claims(`{"name":"Alice Example"}`), nil
}

func (knownPeople) CheckPassword(_ context.Context, _, password string) (oidckit.Authentication, error) {
	if password != oidctest.Password {
		return oidckit.Authentication{}, oidckit.ErrUnauthenticated
	}
	return oidckit.Authentication{Subject: oidctest.Subject, Time: time.Now()}, nil
}

// withOwnLogin is an issuer beside the app's own login page.
func withOwnLogin(b *testing.B, page []byte) http.Handler {
	p := newBenchIssuer(b, func(c *provider.Config) {
		c.Users, c.LoginURL, c.Paths.Login = knownPeople{}, "/login", "/built-in"
	})
	mux := http.NewServeMux()
	p.Mount(mux)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		form, err := wire.Form(w, r)
		if err != nil {
			panic(err)
		}
		if err := p.CompleteLogin(w, r, form.Get("request"), oidckit.Authentication{Subject: oidctest.Subject, Time: time.Now()}); err != nil {
			panic(err)
		}
	})
	return mux
}

// Whole flows over HTTP, beside a server that does the least for the same
// requests: where the session is there, where the person signs in at the
// built-in page, and at the app's own.
func BenchmarkFlowsOverHTTP(b *testing.B) {
	op := newBenchWith(b, func(c *provider.Config) { c.Users = knownPeople{} })
	probe := newPlainClient(b, op.p)
	probe.do(probe.do("/authorize?"+request().Encode(), "", ""), "", "")
	page := bytes.Clone(probe.body)
	limit, issuer := newPlainClient(b, bareServer(b, page)), newPlainClient(b, op.p)
	b.Run("session", func(b *testing.B) { against(b, limit.codeFlow(op.cookie), issuer.codeFlow(op.cookie)) })
	b.Run("login", func(b *testing.B) { against(b, limit.loginFlow(), issuer.loginFlow()) })
	own := newPlainClient(b, withOwnLogin(b, page))
	b.Run("own login page", func(b *testing.B) { against(b, limit.loginFlow(), own.loginFlow()) })
}
