package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
		chunked             bool
		status              int
		token, cacheControl string
		// judged says that the refusal comes after the first token was taken.
		judged bool
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
		{name: "ATK-143 form and header", edit: form, method: "POST", body: "access_token=tok", authorization: "Bearer tok", status: 400, judged: true},
		{name: "form and another scheme", edit: form, method: "POST", body: "access_token=tok", authorization: "Basic x", status: 400},
		{name: "form and query", edit: form, method: "POST", target: "/?access_token=tok", body: "access_token=tok", status: 400},
		{name: "form without value", edit: form, method: "POST", body: "access_token=", status: 400},
		{name: "form, no b64token", edit: form, method: "POST", body: "access_token=a+b", status: 400},
		{name: "form, broken escape", edit: form, method: "POST", body: "access_token=%zz", status: 400},
		{name: "form, more than a form can be", edit: form, method: "POST", body: "access_token=tok&" + filler, status: 413},
		{name: "form, token after what is read", edit: form, method: "POST", body: filler + "&access_token=tok", status: 413},
		{name: "ATK-143 form and header, second token after 64 KiB", edit: form, method: "POST", body: filler + "&access_token=tok", authorization: "Bearer tok", status: 413, judged: true},
		{name: "ATK-143 form and header, no length told", edit: form, method: "POST", body: filler + "&access_token=tok", authorization: "Bearer tok", chunked: true, status: 413, judged: true},
		{name: "form, too large and no length told", edit: form, method: "POST", body: filler + "&access_token=tok", chunked: true, status: 413},
		{name: "form as large as it may be", edit: form, method: "POST", body: "access_token=tok&" + filler[:64<<10-17], status: 200, token: "tok"},
		{name: "form and header, PUT", edit: form, method: "PUT", body: "a=1&access%5Ftoken=tok", authorization: "Bearer tok", status: 400, judged: true},
		{name: "header, and a form without a token", edit: form, method: "POST", body: "a=1", authorization: "Bearer tok", chunked: true, status: 200, token: "tok"},
		{name: "RFC 6750 §2.2 header, and a part of multipart", edit: form, method: "POST", contentType: "multipart/form-data; boundary=b", body: "--b\r\nContent-Disposition: form-data; name=access_token\r\n\r\ntok\r\n--b--", authorization: "Bearer tok", status: 200, token: "tok"},
		{name: "RFC 6750 §2.2 header, and a GET with a body", edit: form, method: "GET", body: "access_token=tok", authorization: "Bearer tok", status: 200, token: "tok"},
		{name: "a form where none is read", edit: query, method: "POST", body: filler + "&access_token=tok", authorization: "Bearer tok", status: 200, token: "tok"},
		{name: "optional, and a form too large to be searched", edit: func(b *middleware.Bearer) { b.Optional, b.AllowFormToken = true, true }, method: "POST", body: filler + "&access_token=tok", status: 413},
		{name: "ATK-144 query", edit: query, method: "GET", target: "/?access_token=tok&a=1", status: 200, token: "tok", cacheControl: "private"},
		{name: "query, escaped", edit: query, method: "GET", target: "/?access%5ftoken=a%2Bb", status: 200, token: "a+b", cacheControl: "private"},
		{name: "query twice", edit: query, method: "GET", target: "/?access_token=tok&access_token=tok", status: 400},
		{name: "query twice, once escaped", edit: query, method: "GET", target: "/?access_token=tok&access%5Ftoken=tok", status: 400},
		{name: "query and header", edit: query, method: "GET", target: "/?access_token=tok", authorization: "Bearer tok", status: 400},
		{name: "query allowed, form sent", edit: query, method: "POST", body: "access_token=tok", status: 401},
		{name: "query, no b64token", edit: query, method: "GET", target: "/?access_token=a,b", status: 400},
		{name: "query, 5 MiB", edit: query, method: "GET", target: "/?access_token=" + strings.Repeat("a", 5<<20), status: 401},
		{name: "both allowed, both sent", edit: every, method: "POST", target: "/?access_token=tok", body: "access_token=tok", status: 400, judged: true},
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
			if row.chunked {
				r.ContentLength = -1
			}
			r.Header.Set("Content-Type", formType)
			if row.contentType != "" {
				r.Header.Set("Content-Type", row.contentType)
			}
			if row.authorization != "" {
				r.Header.Set("Authorization", row.authorization)
			}
			resp := serve(h, r)
			if row.judged {
				row.token = "tok"
			}
			if resp.StatusCode != row.status || seen != row.token {
				t.Fatalf("status %d, token %q: %s", resp.StatusCode, seen, body(t, resp))
			}
			if row.status == 200 && (got != row.body || resp.Header.Get("Cache-Control") != row.cacheControl) {
				t.Errorf("the handler read %d of %d bytes; Cache-Control %q", len(got), len(row.body), resp.Header.Get("Cache-Control"))
			}
		})
	}
}

// A form that middleware before has read is looked at as well, and what it has
// read of another kind of body is no form.
func TestFormParsedBefore(t *testing.T) {
	multipart := "--b\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\ntok\r\n--b--\r\n"
	for _, row := range []struct {
		name, contentType, body string
		allowed                 bool
		header, none            int
	}{
		{"form", formType, "access_token=a%2Bb", true, 400, 200},
		{"form where none is taken", formType, "access_token=a%2Bb", false, 400, 401},
		{"RFC 6750 §2.2 multipart", "multipart/form-data; boundary=b", multipart, true, 200, 401},
	} {
		seen := ""
		h := middleware.Bearer{Verifier: anyToken(&seen), AllowFormToken: row.allowed}.Require(http.HandlerFunc(who))
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(row.body))
		r.Header.Set("Content-Type", row.contentType)
		if err := r.ParseMultipartForm(1 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
			t.Fatal(err)
		}
		if len(r.PostForm["access_token"]) != 1 {
			t.Fatalf("%s: the form was not parsed", row.name)
		}
		if resp := serve(h, r); resp.StatusCode != row.none || (row.none == 200) != (seen == "a+b") {
			t.Errorf("%s: status %d, token %q", row.name, resp.StatusCode, seen)
		}
		r.Header.Set("Authorization", "Bearer tok")
		if resp := serve(h, r); resp.StatusCode != row.header {
			t.Errorf("ATK-143 header and %s: status %d, want %d", row.name, resp.StatusCode, row.header)
		}
	}
}
