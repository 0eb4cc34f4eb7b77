package middleware

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"net/http"
	"sync"
)

// noticeStyle is what a notice needs of the style that the kit's other pages
// have.
//
//go:embed notice.css
var noticeStyle string

// noticePolicy allows the one style sheet and nothing else.
var noticePolicy = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(noticeStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
})

// notice is a page for a person whom a guard does not let in. It is written
// without a template: package page would link html/template into programs that
// only check tokens. Its texts are constants.
type notice struct {
	status      int
	title, text string
	// href is the way on; an empty one leads to the same page again.
	href, label string
}

var (
	forbiddenNotice = &notice{http.StatusForbidden, "This is not allowed",
		"Your account does not have the permission that this page needs.", "/", "To the start page"}
	uncheckedNotice = &notice{http.StatusServiceUnavailable, "Not available right now",
		"Your session could not be checked. Please try again in a moment.", "", "Try again"}
	untakenNotice = &notice{http.StatusServiceUnavailable, "Not available right now",
		"Your session could not be checked, and what you sent was not taken. Please go back and send it again in a moment.", "/", "To the start page"}
	brokenNotice = &notice{http.StatusInternalServerError, "Something went wrong",
		"This page could not be shown. Please try again in a moment.", "", "Try again"}
)

func (n *notice) write(w http.ResponseWriter) {
	h := w.Header()
	h["Cache-Control"] = noStoreValue
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", noticePolicy())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(n.status)
	_, _ = io.WriteString(w, `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>`+n.title+`</title>
<style>`+noticeStyle+`</style>
</head>
<body>
<main>
<div class="card">
<h1>`+n.title+`</h1>
<p>`+n.text+`</p>
<p><a class="button" href="`+n.href+`">`+n.label+`</a></p>
</div>
</main>
</body>
</html>
`)
}
