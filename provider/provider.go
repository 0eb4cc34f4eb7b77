package provider

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/throttle"
	"github.com/oidckit/oidckit/provider/internal/authorize"
	"github.com/oidckit/oidckit/provider/internal/backchannel"
	"github.com/oidckit/oidckit/provider/internal/clientkeys"
	"github.com/oidckit/oidckit/provider/internal/endsession"
	"github.com/oidckit/oidckit/provider/internal/interaction"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/internal/session"
	"github.com/oidckit/oidckit/provider/internal/token"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/internal/userinfo"
)

// Provider is an issuer. It is an http.Handler and safe for concurrent use.
type Provider struct {
	cfg         *resolved
	users       Users
	keys        *keys.Manager
	interaction *interaction.Handler
	sessions    *session.Sessions
	// notifier tells clients of ended sessions; nil where that is off.
	notifier   *backchannel.Notifier
	clientKeys *clientkeys.Keys
	routes     []route
	byPath     map[string]http.Handler
	// clientAdmin is served where the app mounts it.
	clientAdmin http.Handler
}

// New checks the config and returns the issuer, or an error that names every
// problem by its field. It neither reads nor calls anything.
func New(cfg Config) (*Provider, error) {
	r, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	p := &Provider{cfg: r, users: cfg.Users}
	if p.users == nil {
		p.users = NewAccounts(cfg.Stores.Users)
	}
	p.keys = p.newKeys()
	if err := p.assemble(); err != nil {
		return nil, err
	}
	return p, nil
}

// Manual and scheduled rotation publish a key this long before it signs,
// unless keys live too short for it.
const publishAhead = time.Hour

func (p *Provider) newKeys() *keys.Manager {
	c, l := p.cfg, p.cfg.Lifetimes
	return keys.New(keys.Config{
		Issuer:       c.Issuer,
		Store:        c.Stores.Keys,
		Box:          secret.NewBox(c.Secrets, "provider signing keys"),
		Algorithms:   c.SigningAlgs,
		External:     c.external,
		SelfSigned:   c.Certificates != nil,
		RotateEvery:  l.SigningKey,
		PublishAhead: min(publishAhead, l.SigningKey/4),
		// An ID token comes back as a hint for as long as its session lives.
		Retain: max(l.AccessToken, l.IDToken, l.Session) + publishAhead,
		Logger: c.Logger,
		Events: c.Events,
	})
}

// assemble is the only place where the endpoints are wired together.
func (p *Provider) assemble() error {
	c, l, set := p.cfg, p.cfg.Lifetimes, p.cfg.Stores
	crossOrigin := http.NewCrossOriginProtection()
	if err := crossOrigin.AddTrustedOrigin(c.url.Scheme + "://" + c.url.Host); err != nil {
		return err
	}
	// Issuers that share a key ring open nothing of each other's.
	box := secret.NewBox(c.Secrets, "provider waiting requests of "+c.Issuer)
	issuer := &tokens.Issuer{
		URL: c.Issuer, Clients: c.clients, Subjects: c.subjects(), LocalSubjects: secret.NewBox(c.Secrets, "provider local subjects of "+c.Issuer),
		Keys: p.keys, Revocations: set.Revocations, AccessTokens: set.AccessTokens,
		UserClaims: c.userClaims, Claims: p.users.Claims, DefaultAlg: c.SigningAlgs[0],
		AccessTokenLifetime: l.AccessToken, IDTokenLifetime: l.IDToken,
	}
	sessions := p.newSessions(issuer)
	auth := &authorize.Handler{
		Issuer: c.Issuer, Path: c.url.Path + c.Paths.Authorization, Clients: c.clients, Scopes: c.catalogue, Sessions: sessions, Tokens: issuer,
		Codes: set.Codes, Consents: set.Consents, Interactions: set.Interactions, Box: box, Active: p.active,
		LoginURL: c.LoginURL, ConsentURL: c.ConsentURL,
		UserClaims: c.userClaims, ResponseTypes: c.responseTypes(), ACRValues: c.ACRValues, Site: c.site,
		CodeLifetime: l.Code, CodeMemory: l.AccessToken, ConsentLifetime: l.Consent,
		TrustedClients: c.TrustedClients, AllowConfidentialWithoutPKCE: c.AllowConfidentialWithoutPKCE,
		Logger: c.Logger, Events: c.Events,
	}
	if auth.LoginURL == "" {
		auth.LoginURL = c.url.Path + c.Paths.Login
	}
	if auth.ConsentURL == "" {
		auth.ConsentURL = c.url.Path + c.Paths.Consent
	}
	p.interaction = &interaction.Handler{
		Authorize: auth, Sessions: sessions, Clients: c.clients, Interactions: set.Interactions, Replay: set.Replay,
		Scopes: c.catalogue, CheckPassword: p.users.CheckPassword, UserName: p.userName, CrossOrigin: crossOrigin,
		Throttle: throttle.New(), ClientAddress: c.clientAddress,
		Site: c.site, LoginPath: c.url.Path + c.Paths.Login, ConsentPath: c.url.Path + c.Paths.Consent, AccountPath: c.url.Path + c.Paths.Account,
		Allowed: interaction.Allowed{
			Consents: set.Consents, Grants: set.Grants, Sessions: set.Sessions, Revocations: set.Revocations, Box: box,
			TokenLifetime: l.AccessToken + l.Code + time.Minute,
		},
		Issuer: c.Issuer, Logger: c.Logger, Events: c.Events,
	}
	a := &assembly{Provider: p, box: box, crossOrigin: crossOrigin, sessions: sessions, tokens: issuer, authorize: auth, outbound: c.Outbound.client()}
	p.authenticateClients(a)
	a.token = &token.Handler{
		Issuer: c.Issuer, Clients: a.auth, Scopes: c.catalogue, Tokens: issuer,
		Codes: set.Codes, Grants: set.Grants, Revocations: set.Revocations, Active: p.active,
		RefreshTokenLifetime: l.RefreshToken, GrantLifetime: l.Grant, ReuseInterval: l.RefreshTokenReuse,
		Logger: c.Logger, Events: c.Events,
	}
	if c.Legacy != nil && c.Legacy.Password != nil {
		a.token.CheckPassword = c.Legacy.Password.checker(p)
	}
	info := &userinfo.Handler{Issuer: c.Issuer, Tokens: issuer, UserClaims: c.userClaims, Claims: p.users.Claims}
	end := &endsession.Handler{
		Issuer: c.Issuer, Site: c.site, Clients: c.clients, Sessions: sessions, Tokens: issuer, Box: box,
		Path: c.url.Path + c.Paths.EndSession, ConfirmPath: c.url.Path + c.Paths.EndSession + "/confirm", CrossOrigin: crossOrigin, UserName: p.userName,
		Frames: c.frames(), Logger: c.Logger, Events: c.Events,
	}
	a.usePreset(info, end)
	return p.route(a, info, end)
}

// active reports whether a subject is a user who may sign in.
func (p *Provider) active(ctx context.Context, subject string) (bool, error) {
	_, err := p.users.Claims(ctx, subject)
	if errors.Is(err, oidckit.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// userName is how a subject is shown to the person.
func (p *Provider) userName(ctx context.Context, subject string) (string, error) {
	claims, err := p.users.Claims(ctx, subject)
	if errors.Is(err, oidckit.ErrNotFound) {
		return subject, nil
	}
	if err != nil {
		return "", err
	}
	for _, name := range []string{"name", "preferred_username", "email"} {
		if text := claims.Text(name); text != "" {
			return text, nil
		}
	}
	return subject, nil
}

// Issuer returns the issuer identifier.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// ServeHTTP serves every endpoint, at its full path and also with the
// issuer's path stripped, as a proxy or http.StripPrefix leaves it.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, ok := p.byPath[r.URL.Path]
	if !ok {
		h, ok = p.byPath[p.cfg.url.Path+r.URL.Path]
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}

// Mount registers the endpoints at their full paths. Of an issuer with a path
// that includes the place that RFC 8414 §3 gives its metadata, outside it.
func (p *Provider) Mount(mux oidckit.Mux) {
	for _, rt := range p.routes {
		mux.Handle(rt.path, rt.handler)
	}
}

// Check reads what the issuer needs to work: the signing keys, made where
// there are none. It is for programs that want to fail early.
func (p *Provider) Check(ctx context.Context) error {
	p.startBackground()
	return p.keys.Reload(ctx)
}

// RotateKeys publishes a new signing key of each algorithm. It signs after an
// hour, so that relying parties have seen it.
func (p *Provider) RotateKeys(ctx context.Context) error { return p.keys.Rotate(ctx) }

// RevokeKey takes a signing key out of the published set and makes a new one
// that signs at once. Other replicas follow within 15 seconds; relying parties
// as soon as their copy of the set expires. It returns oidckit.ErrNotFound
// where no key has this kid.
func (p *Provider) RevokeKey(ctx context.Context, kid string) error {
	return p.keys.Revoke(ctx, strings.TrimSpace(kid))
}

// Close waits for what runs in the background. Requests that come later are
// still served, with the keys that are known.
func (p *Provider) Close() error {
	return errors.Join(p.closeBackground(), p.clientKeys.Close(), p.keys.Close())
}
