package handlers

import (
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/cookies"
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

func (c SessionConfig) validate() (cookies.Site, error) {
	var errs []error
	if c.Secrets.IsZero() {
		errs = append(errs, errors.New("SessionConfig.Secrets is empty"))
	}
	if err := c.Store.Validate(); err != nil && (c.SCSStore == nil || c.Store.Sessions == nil || c.Store.Replay == nil) {
		errs = append(errs, fmt.Errorf("SessionConfig.Store: %w", err))
	}
	s, err := cookies.NewSite(c.BaseURL)
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
