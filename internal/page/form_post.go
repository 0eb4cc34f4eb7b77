package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"sync"
)

// FormPost is a form that sends itself to a client (OAuth 2.0 Form Post
// Response Mode). Where scripts do not run, a button sends it.
type FormPost struct {
	// Action is the client's address; the caller has checked it.
	Action string
	Fields []Field
}

const submitScript = "document.forms[0].submit()"

var formPostPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>Continue</title>
<style>{{.Style}}</style>
</head>
<body>
<main>
<div class="card">
<form method="post" action="{{.Action}}">
{{range .Fields}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}<noscript><p>You go on to the app that sent you here.</p></noscript>
<button type="submit">Continue</button>
</form>
</div>
</main>
<script>{{.Script}}</script>
</body>
</html>
`))
})

var submitHash = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(submitScript))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
})

// WriteFormPost answers with the form. Nothing has been written when it
// returns an error that is not the connection's.
func WriteFormPost(w http.ResponseWriter, p FormPost) error {
	var out bytes.Buffer
	err := formPostPage().Execute(&out, struct {
		Style  template.CSS
		Script template.JS
		Action template.URL
		Fields []Field
	}{template.CSS(styleText), submitScript, template.URL(p.Action), p.Fields})
	if err != nil {
		return fmt.Errorf("page: form post: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	// A form-action would hold the form back where the client answers it with a
	// redirect of its own.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+styleHash()+"; script-src "+submitHash()+"; base-uri 'none'; frame-ancestors 'none'")
	// The client learns who sent the form, and of the address no more than that.
	h.Set("Referrer-Policy", "strict-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}
