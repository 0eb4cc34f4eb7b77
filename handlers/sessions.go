package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/wire"
)

// Sessions is an scs manager that was set up safely, and the store of the
// sessions proper. An app may keep values of its own in it (strings, numbers,
// booleans, times, byte slices), within what scs promises: no value is one-time
// and the last writer wins. It must not change the manager's fields.
//
// It is safe for concurrent use and needs no closing. (scs.New starts the
// sweeper of a memory store that is not used here, and offers no safe way to
// stop it: one goroutine that wakes once a minute.)
type Sessions struct {
	*scs.SessionManager

	site       cookies.Site
	secrets    oidckit.Secrets
	store      rpstore.Set
	lifetime   time.Duration
	idle       time.Duration
	cookieName string
	log        zerolog.Logger
}

// NewSessions checks the config and returns the sessions. It does no I/O.
func NewSessions(cfg SessionConfig) (*Sessions, error) {
	cfg = cfg.withDefaults()
	site, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	s := &Sessions{
		SessionManager: scs.New(),
		site:           site, secrets: cfg.Secrets, store: cfg.Store,
		lifetime: cfg.Lifetime, idle: cfg.IdleTimeout, log: cfg.Logger,
		cookieName: site.Name("session-" + cookies.NameHash(8, "rp", cfg.BaseURL)),
	}
	m := s.SessionManager
	m.Lifetime = cfg.Lifetime
	m.IdleTimeout = 0
	m.HashTokenInStore = true
	m.Codec = sessionCodec{lifetime: cfg.Lifetime}
	m.ErrorFunc = s.unavailable
	m.Cookie.Name = s.cookieName
	m.Cookie.Path = "/"
	m.Cookie.HttpOnly = true
	m.Cookie.Secure = site.Secure
	m.Cookie.SameSite = http.SameSiteLaxMode
	m.Cookie.Persist = true
	if m.Store = cfg.SCSStore; cfg.SCSStore == nil {
		m.Store = browserStore{cfg.Store.BrowserSessions}
	}
	return s, nil
}

// check finds what an app has changed behind NewSessions' back.
func (s *Sessions) check() error {
	m := s.SessionManager
	_, codec := m.Codec.(sessionCodec)
	switch {
	case m.IdleTimeout != 0:
		return errors.New("the manager's IdleTimeout must stay 0: it would rewrite the session on every read (use SessionConfig.IdleTimeout)")
	case !m.HashTokenInStore, !codec, m.Cookie.Name != s.cookieName, m.Cookie.Domain != "", m.Cookie.Path != "/",
		!m.Cookie.HttpOnly, m.Cookie.Secure != s.site.Secure, m.Cookie.SameSite != http.SameSiteLaxMode:
		return errors.New("the manager's fields must stay as NewSessions has set them")
	}
	return nil
}

// unavailable answers in place of a handler whose session was not saved. Where
// to go on from there is not known: what the person wanted may be done or not.
func (s *Sessions) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	s.log.Error().Err(err).Msg("the browser-session store could not answer")
	h := w.Header()
	// What the handler had in mind does not happen.
	for _, name := range []string{"Location", "Content-Length", "Content-Encoding", "Etag", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Retry-After", wire.RetryAfter)
	const message = "The service is not available right now. Please try again in a moment."
	if !wire.IsNavigation(r) && !wire.IsSubmission(r) {
		http.Error(w, message, http.StatusServiceUnavailable)
		return
	}
	home := "/"
	if s.site.Base != nil {
		home = s.site.Base.Path + "/"
	}
	if err := page.Write(w, http.StatusServiceUnavailable, page.Error{Message: message, RetryURL: home, RetryLabel: "To the start page"}); err != nil {
		s.log.Debug().Err(err).Msg("a page was not written")
	}
}

// browserStore makes an scs store of rpstore's browser sessions.
type browserStore struct{ rpstore.BrowserSessions }

func (b browserStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	value, err := b.BrowserSession(ctx, token)
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil, false, nil
	}
	return value, err == nil && value != nil, err
}

func (b browserStore) CommitCtx(ctx context.Context, token string, value []byte, expires time.Time) error {
	return b.PutBrowserSession(ctx, token, value, expires)
}

func (b browserStore) DeleteCtx(ctx context.Context, token string) error {
	return b.DeleteBrowserSession(ctx, token)
}

func (b browserStore) Find(token string) ([]byte, bool, error) {
	return b.FindCtx(context.Background(), token)
}

func (b browserStore) Commit(token string, value []byte, expires time.Time) error {
	return b.CommitCtx(context.Background(), token, value, expires)
}

func (b browserStore) Delete(token string) error { return b.DeleteCtx(context.Background(), token) }
