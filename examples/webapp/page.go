package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"

	"github.com/oidckit/oidckit"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	styleText string

	pageTemplate = template.Must(template.New("page").Parse(pageText))
	// The page may use its own style, by its hash, and nothing else: no script,
	// nothing from elsewhere.
	pagePolicy = "default-src 'none'; style-src 'sha256-" + hash(styleText) + "'; base-uri 'none'; frame-ancestors 'none'"
)

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// view is what the page shows.
type view struct {
	Title      string
	SignedInAs string
	LoginURL   string
	LogoutURL  string
	Identity   *oidckit.Identity
	Lines      []line
	Base       string

	Style template.CSS
}

// line is a claim as people read it.
type line struct{ Name, Value string }

func identityLines(id *oidckit.Identity) []line {
	var claims map[string]any
	if err := id.Claims.Decode(&claims); err != nil {
		return nil
	}
	var lines []line
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		value, ok := claims[name].(string)
		if !ok {
			text, err := json.Marshal(claims[name])
			if err != nil {
				continue
			}
			value = string(text)
		}
		lines = append(lines, line{name, value})
	}
	return lines
}

func (w *webapp) write(rw http.ResponseWriter, status int, v view) {
	v.Style, v.Base = template.CSS(styleText), w.base
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, v); err != nil {
		http.Error(rw, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	rw.Write(out.Bytes())
}
