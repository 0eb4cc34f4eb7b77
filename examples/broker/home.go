package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

var (
	//go:embed home.html
	homeText string
	//go:embed home.css
	styleText string

	homeTemplate = template.Must(template.New("home").Parse(homeText))
	// The page may use its own style, by its hash, and nothing else: no script,
	// nothing from elsewhere.
	homePolicy = "default-src 'none'; style-src 'sha256-" + hash(styleText) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// issuerPath is the path of the issuer, without a slash at its end.
func (s *settings) issuerPath() string {
	u, err := url.Parse(s.issuer)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
}

// discovery is where the issuer's metadata is (OpenID Connect Discovery 1.0 §4).
func (s *settings) discovery() string {
	return strings.TrimSuffix(s.issuer, "/") + "/.well-known/openid-configuration"
}

// issuerName stands above every page.
const issuerName = "oidckit demo issuer"

// home tells who comes to the issuer's address what it is.
func (s *settings) home(w http.ResponseWriter, _ *http.Request) {
	var out bytes.Buffer
	err := homeTemplate.Execute(&out, struct {
		Name, Issuer, Discovery string
		Style                   template.CSS
	}{issuerName, s.issuer, s.discovery(), template.CSS(styleText)})
	if err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", homePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.Write(out.Bytes())
}
