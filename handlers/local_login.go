package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/secret"
)

const (
	localRequestVersion  = 1
	localRequestLifetime = time.Hour
	localClient          = "local"
)

// LocalLoginConfig is what a LocalLogin is made of.
type LocalLoginConfig struct {
	// Sessions keeps the sessions. Required.
	Sessions *Sessions
	// BaseURL is the address people reach the app under; it is the Issuer of the
	// identities too. Required; https, or http on loopback.
	BaseURL string
	// LoginPath is where people log in, a local path under BaseURL: that of a
	// broker, "/broker/login", or of a page of the app's own. Required.
	LoginPath string
	// Prefix is where logout is. Default "/auth".
	Prefix string
	// PostLogoutReturnTo is the local path shown after a logout. Default: the base
	// URL's own path.
	PostLogoutReturnTo string
	// Logger hears of refusals and faults. The zero value is silent.
	Logger zerolog.Logger
	// Events receives logins and logouts. Optional.
	Events oidckit.EventSink
}

// LocalLogin keeps the sessions of an app that logs people in itself: through a
// broker, whose Downstream it is, or on a page of its own. It is what
// middleware.RequireAuth guards by, as a RelyingParty is. It is safe for
// concurrent use and needs no closing.
type LocalLogin struct {
	// rp has the sessions; nothing of it that speaks to an issuer is used.
	rp        *RelyingParty
	loginPath string
}

// NewLocalLogin checks the config and returns a local login, naming all
// problems at once. It does no I/O.
func NewLocalLogin(cfg LocalLoginConfig) (*LocalLogin, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	var errs []error
	bad := func(field string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("LocalLoginConfig.%s %w", field, err))
		}
	}
	site, err := cookies.NewSite(cfg.BaseURL)
	if cfg.BaseURL == "" {
		err = errors.New("is empty")
	}
	bad("BaseURL", err)
	rc := Config{
		Issuer: cfg.BaseURL, ClientID: localClient, BaseURL: cfg.BaseURL, Prefix: cfg.Prefix, Sessions: cfg.Sessions, LocalLogout: true,
		PostLogoutReturnTo: cfg.PostLogoutReturnTo, Logger: cfg.Logger, Events: cfg.Events,
	}.withDefaults()
	bad("Sessions", rc.checkSessions(site, err == nil))
	bad("Prefix", checkPrefix(cfg.Prefix))
	if target, ok := safeurl.ReturnTo(cfg.LoginPath); !ok || strings.Contains(target, "?") {
		bad("LoginPath", errors.New("must be a local path without a query"))
	}
	if _, ok := safeurl.ReturnTo(cfg.PostLogoutReturnTo); !ok && cfg.PostLogoutReturnTo != "" {
		bad("PostLogoutReturnTo", errors.New("must be a local path"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	rp := &RelyingParty{
		cfg: rc, site: site, sessions: cfg.Sessions, home: cfg.PostLogoutReturnTo,
		id:       cookies.NameHash(22, cfg.BaseURL, localClient, cfg.Prefix),
		requests: secret.NewBox(rc.Secrets, "local login request"),
		tokens:   secret.NewBox(rc.Secrets, "rp tokens"),
		checked:  newSessionCache(),
		origins:  http.NewCrossOriginProtection(),
	}
	if rp.home == "" {
		rp.home = site.Base.Path + "/"
	}
	rp.handleKey = handleKeyPrefix + rp.id
	if err := rp.origins.AddTrustedOrigin(site.Origin()); err != nil {
		return nil, fmt.Errorf("LocalLoginConfig.BaseURL %w", err)
	}
	return &LocalLogin{rp: rp, loginPath: cfg.LoginPath}, nil
}

// Mount registers logout at the path of BaseURL and Prefix.
func (l *LocalLogin) Mount(mux oidckit.Mux) {
	path := l.rp.site.Base.Path + strings.TrimSuffix(l.rp.cfg.Prefix, "/") + "/logout"
	mux.Handle(path, l.rp.sessions.LoadAndSave(l.rp.route("logout", l.rp.serveLogout, http.MethodGet, http.MethodPost)))
}

// Authenticate returns who the request's session belongs to, on the terms of
// RelyingParty.Authenticate.
func (l *LocalLogin) Authenticate(r *http.Request) (*oidckit.Identity, error) {
	if l == nil {
		return nil, errNotConstructed
	}
	return l.rp.Authenticate(r)
}

// LoginURL returns the address of the login, which leads back to req.ReturnTo.
// What is asked for travels sealed.
func (l *LocalLogin) LoginURL(_ *http.Request, req oidckit.LoginRequest) string {
	returnTo := l.rp.site.Base.Path + "/"
	if target, ok := safeurl.ReturnTo(req.ReturnTo); ok {
		returnTo = target
	}
	w := record{localRequestVersion}
	w.int(time.Now().Unix())
	w.text(returnTo)
	w.int(encodeSeconds(req.MaxAge))
	w.texts(req.ACRValues)
	w.bool(req.EssentialACR)
	w.texts(req.Prompt)
	w.texts(req.UILocales)
	w.text(req.LoginHint)
	q := url.Values{paramRequest: {l.rp.requests.SealText(w, l.rp.id)}}
	return l.rp.site.URL(l.loginPath) + "?" + q.Encode()
}

var (
	errLocalRequest = oidckit.NewError(oidckit.InvalidRequest, "this sign-in is not one of ours")
	errLocalExpired = oidckit.NewError(oidckit.InvalidRequest, "this sign-in has expired")
)

// LoginRequest returns what the login is asked for, from the request parameter
// of a query or form. An *oidckit.Error says that it is not ours, or an hour
// old.
func (l *LocalLogin) LoginRequest(r *http.Request) (*oidckit.LoginRequest, error) {
	if err := r.ParseForm(); err != nil {
		return nil, errLocalRequest.WithCause(err)
	}
	from := r.URL.Query()
	if r.Method == http.MethodPost {
		from = r.PostForm
	}
	return l.open(from.Get(paramRequest))
}

func (l *LocalLogin) open(id string) (*oidckit.LoginRequest, error) {
	if len(id) > maxRequest {
		return nil, errLocalRequest
	}
	plain, err := l.rp.requests.OpenText(id, l.rp.id)
	if err != nil {
		return nil, errLocalRequest
	}
	r := recordReader{s: string(plain)}
	version, made := r.byte(), time.Unix(r.int(), 0)
	req := &oidckit.LoginRequest{
		ID: id, ReturnTo: r.text(), MaxAge: decodeSeconds(r.int()), ACRValues: r.texts(), EssentialACR: r.bool(),
		Prompt: r.texts(), UILocales: r.texts(), LoginHint: r.text(),
	}
	if version != localRequestVersion || !r.done() {
		return nil, errLocalRequest
	}
	if age := time.Since(made); age > localRequestLifetime || age < -client.Leeway {
		return nil, errLocalExpired
	}
	return req, nil
}

// CompleteLogin signs the person in and sends them to where they wanted to go.
// It does not look at where r comes from: a form that another site has sent must
// be refused before. It needs Sessions.LoadAndSave around the route. After an
// error nothing has been written.
func (l *LocalLogin) CompleteLogin(w http.ResponseWriter, r *http.Request, id string, auth oidckit.Authentication) error {
	req, err := l.open(id)
	if err != nil {
		return err
	}
	if !client.ValidSubject(auth.Subject) {
		return fmt.Errorf("handlers: a login without a valid subject")
	}
	ctx := r.Context()
	if err := l.rp.sessions.ready(ctx); err != nil {
		return err
	}
	identity, err := l.identity(auth)
	if err != nil {
		return err
	}
	fresh, err := l.rp.createSession(ctx, identity, &client.Tokens{})
	if err != nil {
		return err
	}
	if err := l.rp.giveSession(ctx, fresh.handle); err != nil {
		return err
	}
	l.rp.event(ctx, oidckit.Event{Name: oidckit.EventLoginSucceeded, Subject: auth.Subject})
	noStore(w.Header())
	redirect(w, http.StatusSeeOther, req.ReturnTo)
	return nil
}

func (l *LocalLogin) identity(auth oidckit.Authentication) (*oidckit.Identity, error) {
	claims := map[string]any{}
	if len(auth.Claims) > 0 {
		if err := auth.Claims.Decode(&claims); err != nil {
			return nil, fmt.Errorf("handlers: the claims of a login: %w", err)
		}
	}
	claims["iss"], claims["sub"] = l.rp.cfg.Issuer, auth.Subject
	document, err := json.Marshal(claims)
	if err == nil && len(document) > client.MaxClaims {
		err = errors.New("handlers: a login has more claims than are kept")
	}
	now := time.Now().Truncate(time.Second)
	if auth.Time.IsZero() {
		auth.Time = now
	}
	return &oidckit.Identity{
		Issuer: l.rp.cfg.Issuer, Subject: auth.Subject, Audience: []string{localClient}, ClientID: localClient,
		IssuedAt: now, ExpiresAt: now.Add(l.rp.sessions.lifetime), AuthTime: auth.Time, ACR: auth.ACR, AMR: auth.AMR, Claims: document,
	}, err
}

// FailLogin shows the person that they are not signed in, with a way to try
// again. After an error nothing has been written.
func (l *LocalLogin) FailLogin(w http.ResponseWriter, r *http.Request, id string, cause error) error {
	req, err := l.open(id)
	if err != nil {
		return err
	}
	l.rp.cfg.Logger.Warn().AnErr("cause", cause).Msg("a login did not succeed")
	l.rp.event(r.Context(), oidckit.Event{Name: oidckit.EventLoginFailed, Err: cause})
	noStore(w.Header())
	l.rp.show(w, http.StatusForbidden, page.Error{
		Message: "You are not signed in.", RetryLabel: "Start again",
		RetryURL: l.LoginURL(r, oidckit.LoginRequest{ReturnTo: req.ReturnTo}),
	})
	return nil
}

// EndSession ends the session of the request, on the terms of
// RelyingParty.EndSession.
func (l *LocalLogin) EndSession(r *http.Request) error { return l.rp.EndSession(r) }
