package checksession

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
)

//go:embed check_session.js
var scriptText string

// Handler serves the page. It is immutable and safe for concurrent use.
type Handler struct {
	page   []byte
	policy string
}

// New returns the page for an issuer whose browser state is in this cookie. Its
// name is of our own making and needs no escaping.
func New(cookie string) *Handler {
	script := strings.ReplaceAll(scriptText, "COOKIE", cookie)
	sum := sha256.Sum256([]byte(script))
	return &Handler{
		page: []byte("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Session</title>\n<script>" +
			script + "</script>\n</head>\n<body></body>\n</html>\n"),
		// Every origin may frame it: what it tells, each hears of itself alone.
		policy: "default-src 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
	}
}

// Serve answers GET.
func (h *Handler) Serve(w http.ResponseWriter, _ *http.Request) error {
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", h.policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cache-Control", "public, max-age=300")
	_, err := w.Write(h.page)
	return err
}
