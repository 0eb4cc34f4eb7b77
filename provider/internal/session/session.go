package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/opstore"
)

// handleChars is the length of a handle: what is longer or shorter is none.
const handleChars = 43

// updateAttempts bounds how often an update starts over because another one
// came first.
const updateAttempts = 5

// Sessions finds, begins and ends sessions. It is safe for concurrent use.
type Sessions struct {
	issuer       string
	store        opstore.Sessions
	grants       opstore.Grants
	revocations  opstore.Revocations
	lifetime     time.Duration
	accessTokens time.Duration
	telling      Telling
	events       oidckit.EventSink
	cookie       http.Cookie
	state        *http.Cookie
}

// Config is what Sessions are made of.
type Config struct {
	Issuer *url.URL
	Store  opstore.Sessions
	// Grants and Revocations hold the tokens that end with a session.
	Grants      opstore.Grants
	Revocations opstore.Revocations
	// Lifetime is that of a session, absolute, from the last login;
	// AccessTokenLifetime how long what it has brought must be denied.
	Lifetime            time.Duration
	AccessTokenLifetime time.Duration
	// Telling tells clients of the end. Optional.
	Telling Telling
	// BrowserState keeps a second cookie that scripts can read (OpenID Connect
	// Session Management 1.0 §3.2).
	BrowserState bool
	Events       oidckit.EventSink
}

// New returns the sessions of an issuer.
func New(cfg Config) *Sessions {
	issuer := cfg.Issuer
	sum := sha256.Sum256([]byte("provider\x00" + issuer.String()))
	// Cookies ignore ports: the name keeps the issuers of one host apart.
	name := "oidckit-op-" + hex.EncodeToString(sum[:4])
	secure := issuer.Scheme == "https"
	if secure {
		name = "__Host-" + name
	}
	s := &Sessions{
		issuer: issuer.String(), store: cfg.Store, grants: cfg.Grants, revocations: cfg.Revocations,
		lifetime: cfg.Lifetime, accessTokens: cfg.AccessTokenLifetime, telling: cfg.Telling, events: cfg.Events,
		cookie: http.Cookie{Name: name, Path: "/", Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode},
	}
	if cfg.BrowserState {
		s.state = browserStateCookie(name, secure)
	}
	return s
}

// Has reports whether the request carries a session cookie, live or not.
func (s *Sessions) Has(r *http.Request) bool {
	_, ok := s.handle(r)
	return ok
}

func (s *Sessions) handle(r *http.Request) (string, bool) {
	cookies := r.CookiesNamed(s.cookie.Name)
	// Two cookies of the name mean that somebody else has set one.
	if len(cookies) != 1 || len(cookies[0].Value) != handleChars {
		return "", false
	}
	return cookies[0].Value, true
}

// Current returns the live session of the request, or
// oidckit.ErrUnauthenticated.
func (s *Sessions) Current(r *http.Request) (*opstore.Session, error) {
	handle, ok := s.handle(r)
	if !ok {
		return nil, oidckit.ErrUnauthenticated
	}
	cur, err := s.store.Session(r.Context(), oidckit.HashToken(handle))
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil, oidckit.ErrUnauthenticated
	}
	return cur, err
}

// SignIn begins a session, or renews the one of the same person: the handle is
// always a new one. A session of somebody else in this browser ends.
func (s *Sessions) SignIn(w http.ResponseWriter, r *http.Request, auth oidckit.Authentication) (*opstore.Session, error) {
	ctx := r.Context()
	cur, err := s.Current(r)
	switch {
	case errors.Is(err, oidckit.ErrUnauthenticated):
	case err != nil:
		return nil, err
	case cur.Subject == auth.Subject:
		if renewed, err := s.renew(ctx, w, cur, auth); !errors.Is(err, oidckit.ErrNotFound) {
			return renewed, err
		}
	default:
		queued, ok, err := s.end(ctx, cur)
		if err != nil {
			return nil, err
		}
		if ok {
			s.send(queued)
		}
	}
	handle, now := secret.Token(), time.Now()
	next := &opstore.Session{
		ID: secret.ID(), Handle: oidckit.HashToken(handle), Subject: auth.Subject,
		CreatedAt: now, ExpiresAt: now.Add(s.lifetime),
	}
	authenticate(next, auth)
	if err := s.store.CreateSession(ctx, next); err != nil {
		return nil, err
	}
	s.setCookies(w, handle, next)
	return next, nil
}

func (s *Sessions) renew(ctx context.Context, w http.ResponseWriter, cur *opstore.Session, auth oidckit.Authentication) (*opstore.Session, error) {
	handle := secret.Token()
	err := s.update(ctx, cur, func(c *opstore.Session) {
		c.Handle = oidckit.HashToken(handle)
		c.ExpiresAt = time.Now().Add(s.lifetime)
		authenticate(c, auth)
	})
	if err != nil {
		return nil, err
	}
	s.setCookies(w, handle, cur)
	return cur, nil
}

func authenticate(s *opstore.Session, auth oidckit.Authentication) {
	s.AuthTime, s.ACR, s.AMR, s.IdentityProvider = auth.Time, auth.ACR, auth.AMR, auth.IdentityProvider
}

// Reached records that a client got tokens of the session, so that a logout
// can tell it.
func (s *Sessions) Reached(ctx context.Context, cur *opstore.Session, clientID string) error {
	if slices.Contains(cur.Clients, clientID) {
		return nil
	}
	return s.update(ctx, cur, func(c *opstore.Session) {
		if !slices.Contains(c.Clients, clientID) {
			c.Clients = append(c.Clients, clientID)
		}
	})
}

// update applies change to the session as it is in the store now. It returns
// ErrNotFound where the session has ended meanwhile.
func (s *Sessions) update(ctx context.Context, cur *opstore.Session, change func(*opstore.Session)) error {
	for range updateAttempts {
		handle := cur.Handle
		change(cur)
		err := s.store.UpdateSession(ctx, cur)
		if !errors.Is(err, oidckit.ErrConflict) {
			return err
		}
		fresh, err := s.store.Session(ctx, handle)
		if err != nil {
			return err
		}
		*cur = *fresh
	}
	return errTooBusy
}

// SignOut ends the session and removes the cookies. Clients that answer at
// once have been told when it returns. cur becomes what the session was in the
// end.
func (s *Sessions) SignOut(w http.ResponseWriter, r *http.Request, cur *opstore.Session) error {
	queued, ok, err := s.end(r.Context(), cur)
	if err != nil {
		return err
	}
	if ok {
		wait(r.Context(), s.send(queued))
	}
	s.dropCookies(w)
	return nil
}

func (s *Sessions) setCookies(w http.ResponseWriter, handle string, cur *opstore.Session) {
	c := s.cookie
	c.Value = handle
	http.SetCookie(w, &c)
	if s.state != nil {
		c := *s.state
		c.Value = browserState(cur)
		http.SetCookie(w, &c)
	}
}

func (s *Sessions) dropCookies(w http.ResponseWriter) {
	for _, template := range []*http.Cookie{&s.cookie, s.state} {
		if template != nil {
			c := *template
			c.MaxAge = -1
			http.SetCookie(w, &c)
		}
	}
}
