package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/safeurl"
)

const (
	defaultLifetime    = 12 * time.Hour
	defaultIdleTimeout = time.Hour
	minLifetime        = time.Minute
	maxLifetime        = 400 * 24 * time.Hour
)

// SessionConfig says where and how long sessions are kept.
type SessionConfig struct {
	// Secrets is the app's key ring. Required.
	Secrets oidckit.Secrets
	// Store keeps the sessions and, unless SCSStore is set, what their cookies
	// point to. Required.
	Store rpstore.Set
	// SCSStore keeps what the cookies point to in place of
	// Store.BrowserSessions: goredisstore, for instance. It has no authority
	// over who is logged in; Store.Sessions has. Optional.
	SCSStore scs.Store
	// BaseURL is the address people reach the app under. It makes the cookie's
	// name the app's own (cookies do not know ports), and lets an app on http
	// loopback have a cookie without Secure and __Host-. Empty means https.
	BaseURL string
	// Lifetime ends a session however much it is used. Default 12 hours. It is
	// the app's own: neither the end of the ID token nor that of the session at
	// the issuer ends it (OWASP ASVS 5.0 7.6.1).
	Lifetime time.Duration
	// IdleTimeout ends a session that was not used for this long; it is kept to
	// within a tenth. Default one hour; Lifetime where that is shorter.
	IdleTimeout time.Duration
	// Logger hears of stores that cannot answer. The zero value is silent.
	Logger zerolog.Logger
}

// site is what a base URL decides about cookies.
type site struct {
	base   *url.URL
	secure bool
}

func newSite(baseURL string) (site, error) {
	if baseURL == "" {
		return site{secure: true}, nil
	}
	u, err := safeurl.Issuer(baseURL)
	if err != nil {
		return site{}, err
	}
	if u.EscapedPath() != u.Path || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "/.") {
		return site{}, errors.New("must have a plain path")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return site{base: u, secure: u.Scheme == "https"}, nil
}

// url makes an address of what lies at path under prefix.
func (s site) url(prefix, path string) string {
	return s.base.Scheme + "://" + s.base.Host + s.base.Path + strings.TrimSuffix(prefix, "/") + path
}

// cookieName makes a name that only this host can set where the site is https
// (RFC 6265bis §4.1.3.2).
func (s site) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

func (s site) cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// nameHash shortens what tells two cookies or keys apart to chars characters.
func nameHash(chars int, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))[:chars]
}

func (c SessionConfig) validate() (site, error) {
	var errs []error
	if c.Secrets.IsZero() {
		errs = append(errs, errors.New("SessionConfig.Secrets is empty"))
	}
	if err := c.Store.Validate(); err != nil && (c.SCSStore == nil || c.Store.Sessions == nil || c.Store.Replay == nil) {
		errs = append(errs, fmt.Errorf("SessionConfig.Store: %w", err))
	}
	s, err := newSite(c.BaseURL)
	if err != nil {
		errs = append(errs, fmt.Errorf("SessionConfig.BaseURL %w", err))
	}
	if c.Lifetime < minLifetime || c.Lifetime > maxLifetime {
		errs = append(errs, errors.New("SessionConfig.Lifetime must be between a minute and 400 days"))
	}
	if c.IdleTimeout < minLifetime/2 || c.IdleTimeout > c.Lifetime {
		errs = append(errs, errors.New("SessionConfig.IdleTimeout must be between half a minute and Lifetime"))
	}
	return s, errors.Join(errs...)
}

func (c SessionConfig) withDefaults() SessionConfig {
	if c.Lifetime == 0 {
		c.Lifetime = defaultLifetime
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = min(defaultIdleTimeout, c.Lifetime)
	}
	return c
}
