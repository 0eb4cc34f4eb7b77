package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/browsertest"
)

// FLT-50: in 64 MiB the program lives through what strangers may send it, and
// says so.
func TestBombsInLittleMemory(t *testing.T) {
	addr, base := freeAddr(t)
	op := newIssuer(t, base, "/auth")
	app := browsertest.StartWith(t, t.TempDir(), []string{"GOMEMLIMIT=64MiB"}, browsertest.Build(t, "."), "-addr", addr, "-base-url", base, "-issuer", op.Issuer)
	app.Line("app")
	deep, dots, long := strings.Repeat("[", 1<<20), strings.Repeat(".", 1<<20), strings.Repeat("a", 1<<20)
	form := "Content-Type: application/x-www-form-urlencoded"
	for name, b := range map[string]struct{ method, path, header, body string }{
		"cookies":              {"GET", "/me", "Cookie: " + strings.Repeat("login-x=y; ", 5000), ""},
		"one cookie":           {"GET", "/me", "Cookie: login-x=" + long[:60<<10], ""},
		"a query":              {"GET", "/auth/callback?state=" + long[:50<<10], "", ""},
		"a return target":      {"GET", "/auth/login?return_to=/" + long[:50<<10], "", ""},
		"a sealed request":     {"GET", "/auth/login?request=" + long[:50<<10], "", ""},
		"a form":               {"POST", "/auth/logout", form, "x=" + long},
		"dots":                 {"POST", "/auth/backchannel-logout", form, "logout_token=" + dots},
		"depth":                {"POST", "/auth/backchannel-logout", form, "logout_token=" + deep},
		"many parameters":      {"POST", "/auth/backchannel-logout", form, strings.Repeat("a=b&", 1<<18)},
		"a body for a GET":     {"GET", "/auth/callback", form, long},
		"compressed callbacks": {"POST", "/auth/callback", form + "\r\nContent-Encoding: gzip", long},
	} {
		for range 20 {
			if err := send(addr, b.method, b.path, b.header, b.body); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		res, err := http.Get(base + "/healthz")
		if err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("after %s: health is %d", name, res.StatusCode)
		}
	}
	p := newPerson(t, op)
	if res, _, _ := p.open(base, base+"/me"); res.StatusCode != http.StatusOK || p.me(base) == nil {
		t.Errorf("no login afterwards: %d", res.StatusCode)
	}
}

// send writes a request as it stands and reads what comes back. A server that
// hangs up on it is right to.
func send(addr, method, path, header, body string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if header != "" {
		header += "\r\n"
	}
	go fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s", method, path, addr, len(body), header, body)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	if res.StatusCode >= 500 {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	return nil
}
