package middleware_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/middleware"
)

// notices are the pages that people get from the guards.
func notices(t *testing.T) map[string]*httptest.ResponseRecorder {
	t.Helper()
	scoped := middleware.RequireAuth(aliceIn)(middleware.RequireScope("admin")(http.NotFoundHandler()))
	down := middleware.RequireAuth(door{err: errors.New("canary")})(http.NotFoundHandler())
	broken := middleware.RequireAuth(fusedDoor{aliceIn, &fuse{"canary"}, &fuse{}})(http.NotFoundHandler())
	get := request("GET", "/me", "Accept", html)
	post := request("POST", "/me", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
	pages := map[string]*httptest.ResponseRecorder{}
	for name, row := range map[string]struct {
		h http.Handler
		r *http.Request
	}{"403": {scoped, get}, "503": {down, get}, "500": {broken, get}, "403 to a form": {scoped, post}, "503 to a form": {down, post}} {
		w := httptest.NewRecorder()
		row.h.ServeHTTP(w, row.r)
		if got := w.Result().Status[:3]; got != name[:3] {
			t.Fatalf("%s: status %s", name, got)
		}
		pages[name] = w
	}
	return pages
}

// ATK-336, WCAG 2.2: what a page of a guard's holds, and what guards it.
func TestNotices(t *testing.T) {
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	for name, w := range notices(t) {
		text, h := w.Body.String(), w.Header()
		for _, s := range []string{"<!DOCTYPE html>", `<html lang="en">`, `name="viewport"`, "<title>", "<h1>", `<a class="button" href="`, "<main>"} {
			if !strings.Contains(text, s) {
				t.Errorf("%s lacks %s", name, s)
			}
		}
		for _, s := range []string{"<script", "javascript:", "style=", "canary", " src=", "http-equiv"} {
			if strings.Contains(text, s) {
				t.Errorf("%s holds %s", name, s)
			}
		}
		m := style.FindAllStringSubmatch(text, -1)
		if len(m) != 1 {
			t.Fatalf("%s: %d style elements", name, len(m))
		}
		sum := sha256.Sum256([]byte(m[0][1]))
		csp := h.Get("Content-Security-Policy")
		want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
		if csp != want {
			t.Errorf("%s: policy %s", name, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" ||
			h.Get("Content-Type") != "text/html; charset=utf-8" || (h.Get("Retry-After") != "") != (name[:3] == "503") {
			t.Errorf("%s: headers %v", name, h)
		}
		// The same address again is no way on for a form: it may take no GET.
		if form := strings.HasSuffix(name, "form"); form && strings.Contains(text, `href=""`) {
			t.Errorf("%s leads to the form's own address", name)
		}
	}
}

// The notices look like the kit's other pages: each of their rules is one of
// those pages' rules.
func TestNoticesLookLikeOtherPages(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	pages := read("../internal/page/style.css")
	for line := range strings.Lines(read("notice.css")) {
		if line = strings.TrimSpace(line); strings.Contains(line, ": ") && !strings.Contains(pages, strings.Trim(line, "{} ")) {
			t.Errorf("no page has %s", line)
		}
	}
}
