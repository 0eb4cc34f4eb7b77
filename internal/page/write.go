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
	"regexp"
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

// maxImageLink bounds an address that becomes part of a header, in bytes.
const maxImageLink = 1024

var styleHash = sync.OnceValue(func() string {
	return hashOf(styleText)
})

// hashOf is the source expression of a text of our own (CSP3 §2.3.1).
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Write answers with p in English, without a name above it. Nothing has been
// written when it returns an error that is not the connection's.
func Write(w http.ResponseWriter, status int, p Page) error { return write(w, English, "", status, p) }

// pageBytes is what most pages have without their style.
const pageBytes = 2048

func write(w http.ResponseWriter, l *Language, brand string, status int, p Page) error {
	v := p.page(status, l)
	var body, out bytes.Buffer
	body.Grow(pageBytes)
	if err := l.templates().ExecuteTemplate(&body, v.template, v.data); err != nil {
		return fmt.Errorf("page: %s: %w", v.template, err)
	}
	out.Grow(len(styleText) + len(v.script) + body.Len() + pageBytes)
	err := l.templates().ExecuteTemplate(&out, "layout", struct {
		Title, Brand, Language, Direction string
		Style                             template.CSS
		Script                            template.JS
		Body                              template.HTML
	}{v.title, clip(brand), l.tag, l.direction, template.CSS(styleText), template.JS(v.script), template.HTML(body.String())})
	if err != nil {
		return fmt.Errorf("page: layout: %w", err)
	}
	setHeaders(w.Header(), v)
	w.Header().Set("Content-Language", l.tag)
	w.WriteHeader(status)
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// setHeaders gives every page the same guard rails.
func setHeaders(h http.Header, v view) {
	csp := "default-src 'none'; style-src " + styleHash() + "; base-uri 'none'; frame-ancestors 'none'"
	referrer := "no-referrer"
	if v.submits {
		// A form-action would also hold back the redirect that answers the form,
		// to a client on another origin; no-referrer would make the form's Origin
		// "null", which the check against foreign posts refuses.
		referrer = "same-origin"
	} else {
		csp += "; form-action 'none'"
	}
	if v.tellsOrigin {
		referrer = "strict-origin"
	}
	if v.image != "" {
		csp += "; img-src " + policySource(v.image)
	}
	if len(v.frames) > 0 {
		csp += "; frame-src " + strings.Join(v.frames, " ")
	}
	if v.script != "" {
		csp += "; script-src " + hashOf(v.script)
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

// imageHost is a host that can stand in a policy as it is.
var imageHost = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$`)

// imageLink returns raw when it is a web address that can be both shown and
// named in a Content-Security-Policy, else "".
func imageLink(raw string) string {
	u, err := url.Parse(webLink(raw))
	if err != nil || !imageHost.MatchString(u.Host) || strings.ContainsAny(u.EscapedPath(), ";, '*") || len(raw) > maxImageLink {
		return ""
	}
	return raw
}

// policySource returns the source expression of an imageLink (CSP3 §2.3.1),
// which knows no query.
func policySource(image string) string {
	u, err := url.Parse(image)
	if image == "" || err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
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
