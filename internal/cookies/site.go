package cookies

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit/internal/safeurl"
)

// Site is what a base URL decides about cookies and addresses.
type Site struct {
	// Base is the address people reach the app under, its path without a slash
	// at the end; nil where it is not known.
	Base *url.URL
	// Secure is set unless the app is on http loopback.
	Secure bool
}

// NewSite reads a base URL: https, or http on loopback. An empty one is an
// https site whose address is not known. The error's text completes a sentence
// that begins with the field's name.
func NewSite(baseURL string) (Site, error) {
	if baseURL == "" {
		return Site{Secure: true}, nil
	}
	u, err := safeurl.Issuer(baseURL)
	if err != nil {
		return Site{}, err
	}
	if u.EscapedPath() != u.Path || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "/.") {
		return Site{}, errors.New("must have a plain path")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return Site{Base: u, Secure: u.Scheme == "https"}, nil
}

// Origin is that of the base URL as browsers write it: in lower case and without
// the scheme's own port (RFC 6454 §6.2).
func (s Site) Origin() string {
	host := strings.ToLower(s.Base.Host)
	if s.Secure {
		return "https://" + strings.TrimSuffix(host, ":443")
	}
	return "http://" + strings.TrimSuffix(host, ":80")
}

// URL is the address of a path under the base URL.
func (s Site) URL(path string) string {
	return s.Base.Scheme + "://" + s.Base.Host + s.Base.Path + path
}

// Name makes a name that only this host can set where the site is https
// (RFC 6265bis §4.1.3.2).
func (s Site) Name(name string) string {
	if s.Secure {
		return "__Host-" + name
	}
	return name
}

// Cookie makes a cookie that scripts cannot read and that other sites send
// along only where a person follows a link. A negative maxAge, in seconds,
// removes it.
func (s Site) Cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: s.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// NameHash shortens what tells two cookies or keys apart to chars characters.
func NameHash(chars int, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))[:chars]
}
