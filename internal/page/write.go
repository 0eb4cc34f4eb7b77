package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"
)

var (
	//go:embed style.css
	styleText string
	//go:embed pages.html
	pagesText string
)

// maxShown is how many characters of a name that others chose are shown.
const maxShown = 120

// set is parsed at the first page, so that a program which shows none does not
// pay for it at start.
var set = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"clip": clip, "legal": newLegal, "link": link, "way": newWay,
	}).Parse(pagesText))
})

var styleHash = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(styleText))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
})

// Write answers with p. Nothing has been written when it returns an error that
// is not the connection's.
func Write(w http.ResponseWriter, status int, p Page) error {
	v := p.page(status)
	var body, out bytes.Buffer
	if err := set().ExecuteTemplate(&body, v.template, v.data); err != nil {
		return fmt.Errorf("page: %s: %w", v.template, err)
	}
	err := set().ExecuteTemplate(&out, "layout", struct {
		Title, Brand string
		Style        template.CSS
		Body         template.HTML
	}{v.title, clip(v.brand), template.CSS(styleText), template.HTML(body.String())})
	if err != nil {
		return fmt.Errorf("page: layout: %w", err)
	}
	setHeaders(w.Header(), v.submits)
	w.WriteHeader(status)
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// setHeaders gives every page the same guard rails.
func setHeaders(h http.Header, submits bool) {
	csp := "default-src 'none'; style-src " + styleHash() + "; base-uri 'none'; frame-ancestors 'none'"
	referrer := "no-referrer"
	if submits {
		// A form-action would also hold back the redirect that answers the form,
		// to a client on another origin; no-referrer would make the form's Origin
		// "null", which the check against foreign posts refuses.
		referrer = "same-origin"
	} else {
		csp += "; form-action 'none'"
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", csp)
	h.Set("Referrer-Policy", referrer)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

// clip shortens a name that someone else chose, so that it cannot push the
// rest of the page out of sight.
func clip(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	return string([]rune(s)[:maxShown]) + "…"
}

// link returns raw when a person may be sent there, else "".
func link(raw string) string {
	if strings.HasPrefix(raw, "/") {
		if strings.HasPrefix(raw, "//") || strings.ContainsAny(raw, "\\\t\r\n") {
			return ""
		}
		return raw
	}
	return webLink(raw)
}

// webLink returns raw when it is an absolute http or https address, else "".
func webLink(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return raw
}

type legal struct{ Policy, Terms string }

func newLegal(policy, terms string) legal { return legal{webLink(policy), webLink(terms)} }

type way struct{ URL, Label string }

func newWay(target, label, fallback string) way {
	if label == "" {
		label = fallback
	}
	return way{link(target), clip(label)}
}
