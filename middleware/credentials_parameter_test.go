package middleware_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

const formType = "application/x-www-form-urlencoded"

// ATK-143, ATK-144: a token is taken from where the guard was told to take it,
// and from one place only.
func TestTokenInParameters(t *testing.T) {
	form := func(b *middleware.Bearer) { b.AllowFormToken = true }
	query := func(b *middleware.Bearer) { b.AllowQueryToken = true }
	every := func(b *middleware.Bearer) { b.AllowFormToken, b.AllowQueryToken = true, true }
	optional := func(b *middleware.Bearer) { b.Optional = true }
	filler := "a=" + strings.Repeat("x", 64<<10)
	for _, row := range []struct {
		name                string
		edit                func(*middleware.Bearer)
		method, target      string
		contentType, body   string
		authorization       string
		status              int
		token, cacheControl string
	}{
		{name: "RFC 6750 §2.2 form", edit: form, method: "POST", body: "a=1&access_token=tok", status: 200, token: "tok"},
		{name: "form, PUT", edit: form, method: "PUT", body: "access_token=tok", status: 200, token: "tok"},
		{name: "form, PATCH", edit: form, method: "PATCH", body: "access_token=tok", status: 200, token: "tok"},
		{name: "form with charset", edit: form, method: "POST", contentType: formType + "; charset=UTF-8", body: "access_token=tok", status: 200, token: "tok"},
		{name: "form, escaped", edit: form, method: "POST", body: "access%5Ftoken=a%2Bb%3D", status: 200, token: "a+b="},
		{name: "RFC 6750 §2.2 GET has no form", edit: form, method: "GET", body: "access_token=tok", status: 401},
		{name: "DELETE has no form", edit: form, method: "DELETE", body: "access_token=tok", status: 401},
		{name: "another type of body", edit: form, method: "POST", contentType: "text/plain", body: "access_token=tok", status: 401},
		{name: "multipart", edit: form, method: "POST", contentType: "multipart/form-data; boundary=b", body: "--b\r\nContent-Disposition: form-data; name=access_token\r\n\r\ntok\r\n--b--", status: 401},
		{name: "form allowed, query sent", edit: form, method: "POST", target: "/?access_token=tok", body: "a=1", status: 401},
		{name: "form twice", edit: form, method: "POST", body: "access_token=tok&access_token=tok", status: 400},
		{name: "form and header", edit: form, method: "POST", body: "access_token=tok", authorization: "Bearer tok", status: 400},
		{name: "form and another scheme", edit: form, method: "POST", body: "access_token=tok", authorization: "Basic x", status: 400},
		{name: "form and query", edit: form, method: "POST", target: "/?access_token=tok", body: "access_token=tok", status: 400},
		{name: "form without value", edit: form, method: "POST", body: "access_token=", status: 400},
		{name: "form, no b64token", edit: form, method: "POST", body: "access_token=a+b", status: 400},
		{name: "form, broken escape", edit: form, method: "POST", body: "access_token=%zz", status: 400},
		{name: "form, more than a form can be", edit: form, method: "POST", body: "access_token=tok&" + filler, status: 413},
		{name: "form, token after what is read", edit: form, method: "POST", body: filler + "&access_token=tok", status: 401},
		{name: "ATK-144 query", edit: query, method: "GET", target: "/?access_token=tok&a=1", status: 200, token: "tok", cacheControl: "private"},
		{name: "query, escaped", edit: query, method: "GET", target: "/?access%5ftoken=a%2Bb", status: 200, token: "a+b", cacheControl: "private"},
		{name: "query twice", edit: query, method: "GET", target: "/?access_token=tok&access_token=tok", status: 400},
		{name: "query twice, once escaped", edit: query, method: "GET", target: "/?access_token=tok&access%5Ftoken=tok", status: 400},
		{name: "query and header", edit: query, method: "GET", target: "/?access_token=tok", authorization: "Bearer tok", status: 400},
		{name: "query allowed, form sent", edit: query, method: "POST", body: "access_token=tok", status: 401},
		{name: "query, no b64token", edit: query, method: "GET", target: "/?access_token=a,b", status: 400},
		{name: "query, 5 MiB", edit: query, method: "GET", target: "/?access_token=" + strings.Repeat("a", 5<<20), status: 401},
		{name: "both allowed, both sent", edit: every, method: "POST", target: "/?access_token=tok", body: "access_token=tok", status: 400},
		{name: "both allowed, header sent", edit: every, method: "POST", body: "a=1", authorization: "Bearer tok", status: 200, token: "tok"},
		{name: "both allowed, none sent", edit: every, method: "POST", body: "a=1", status: 401},
		{name: "ATK-144 optional does not read the query", edit: optional, method: "GET", target: "/?access_token=tok", status: 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			seen := ""
			b := middleware.Bearer{Verifier: anyToken(&seen)}
			row.edit(&b)
			var got string
			h := b.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				text, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				got = string(text)
			}))
			target := row.target
			if target == "" {
				target = "/"
			}
			r := httptest.NewRequest(row.method, target, strings.NewReader(row.body))
			r.Header.Set("Content-Type", formType)
			if row.contentType != "" {
				r.Header.Set("Content-Type", row.contentType)
			}
			if row.authorization != "" {
				r.Header.Set("Authorization", row.authorization)
			}
			resp := serve(h, r)
			if resp.StatusCode != row.status || seen != row.token {
				t.Fatalf("status %d, token %q: %s", resp.StatusCode, seen, body(t, resp))
			}
			if row.status == 200 && (got != row.body || resp.Header.Get("Cache-Control") != row.cacheControl) {
				t.Errorf("the handler read %d of %d bytes; Cache-Control %q", len(got), len(row.body), resp.Header.Get("Cache-Control"))
			}
		})
	}
}

// A form that middleware before has read is looked at as well.
func TestFormParsedBefore(t *testing.T) {
	for allowed, status := range map[bool]int{true: 200, false: 401} {
		seen := ""
		h := middleware.Bearer{Verifier: anyToken(&seen), AllowFormToken: allowed}.Require(http.HandlerFunc(who))
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("access_token=a%2Bb"))
		r.Header.Set("Content-Type", formType)
		if err := r.ParseForm(); err != nil {
			t.Fatal(err)
		}
		if resp := serve(h, r); resp.StatusCode != status || allowed != (seen == "a+b") {
			t.Errorf("allowed %v: status %d, token %q", allowed, resp.StatusCode, seen)
		}
		r.Header.Set("Authorization", "Bearer tok")
		if resp := serve(h, r); resp.StatusCode != 400 {
			t.Errorf("ATK-143 header and a form read before: status %d", resp.StatusCode)
		}
	}
}

// ATK-338: a form that trickles in holds the guard no longer than the server
// lets a request take, and is never kept whole.
func TestSlowForm(t *testing.T) {
	served := make(chan error, 1)
	h := middleware.Bearer{Verifier: onlyGood, AllowFormToken: true}.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		served <- err
	}))
	server := httptest.NewUnstartedServer(h)
	server.Config.ReadTimeout = 200 * time.Millisecond
	server.Start()
	defer server.Close()
	for _, head := range []string{"Authorization: Bearer good\r\n", ""} {
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: api\r\n"+head+"Content-Type: "+formType+"\r\nContent-Length: 60000\r\n\r\naccess_to"); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		if head == "" {
			if !strings.HasPrefix(string(answer), "HTTP/1.1 401") {
				t.Errorf("answer %.40q", answer)
			}
			continue
		}
		if err := <-served; err == nil {
			t.Error("the handler read a whole form")
		}
	}
}
