package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/provider/internal/clientauth"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/internal/clientsecret"
	"github.com/oidckit/oidckit/provider/internal/keys"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/internal/userclaims"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// Config is what an issuer is made of. It is read once, by New.
type Config struct {
	// Issuer is the issuer identifier: https (http on a loopback host only),
	// without query or fragment. Endpoints lie below it. Required.
	Issuer string
	// Secrets is the key ring that seals signing keys and waiting requests.
	// All replicas have the same. Required.
	Secrets oidckit.Secrets
	// Stores keeps everything else. Required.
	Stores opstore.Set
	// Clients are the registered clients (RFC 7591). Absent members have the
	// defaults of that document: client_secret_basic, the authorization code
	// grant, ID tokens signed with RS256.
	Clients []oidckit.ClientMetadata
	// Users tells about people; nil means the accounts in Stores.Users.
	Users Users
	// Name is shown on the pages, above everything else. Optional.
	Name string
	// Languages are those of the pages. A person gets the first of ui_locales
	// that there is, else what the browser prefers, else the first of the list.
	// Empty means English.
	Languages []Language

	// Scopes describes scopes of the app's own, in words that a consent page
	// shows, as a sentence that follows "It asks to:".
	Scopes map[string]string
	// Claims are claims of the app's own, by the scope that brings them, beside
	// those of OpenID Connect Core 1.0 §5.4. What stands nowhere is told nobody.
	Claims map[string][]string
	// ACRValues are the authentication contexts that signing in here can bring.
	// A request for one of them is a reason to sign in again; a request that
	// insists on others is refused at once. Empty means that it is not known.
	ACRValues []string
	// Resources are the protected resources that access tokens are issued for
	// (RFC 8707). A token's audience is the resources its scopes belong to,
	// else those the request names, else the issuer.
	Resources []Resource
	// SigningAlgs are the JWS algorithms of which the issuer keeps a key. The
	// first signs access tokens. Default ES256, RS256: RS256 is what a client
	// that names no id_token_signed_response_alg gets (OpenID Connect Dynamic
	// Client Registration 1.0 §2).
	SigningAlgs []string
	// SigningKeys are keys that live in a KMS or an HSM. Of the other
	// algorithms the issuer makes keys, and rotates them. Optional.
	SigningKeys []SigningKey
	// Certificates gives the keys X.509 certificates; nil gives none to those
	// that the issuer makes.
	Certificates *Certificates

	// Paths says where the endpoints are.
	Paths Paths
	// LoginURL is the app's own login page, on the issuer's origin. It gets a
	// request parameter and answers with CompleteLogin or FailLogin. Empty
	// means the built-in page.
	LoginURL string
	// ConsentURL is the app's own consent page, on the issuer's origin. It gets
	// an interaction parameter and answers with CompleteConsent or DenyConsent.
	// Empty means the built-in page.
	ConsentURL string
	// AccountPage lets people see and withdraw what they have allowed; nil is
	// off.
	AccountPage *AccountPage
	// ClientAddress returns the address of the person's machine, by which
	// wrong passwords are counted. Default: the peer of the connection, unless
	// that is on this machine or in a private network: then it is taken for a
	// proxy, and wrong passwords are counted by user name alone. Set it where
	// a proxy tells the address and nobody else can.
	ClientAddress func(*http.Request) string
	// TrustedClients are client_ids of the issuer's own apps, whose users are
	// not asked for consent unless the client itself asks for it.
	TrustedClients []string
	// AllowConfidentialWithoutPKCE lets clients that have a secret leave out
	// PKCE (RFC 7636). Public clients never may (RFC 9700 §2.1.1).
	AllowConfidentialWithoutPKCE bool

	// Hybrid and Legacy offer response types beside code; nil offers none.
	Hybrid *Hybrid
	Legacy *Legacy

	// Registration lets clients register themselves, ClientAdmin lets operators
	// register them over an API. Where both are nil, the clients are those of
	// Clients.
	Registration *Registration
	ClientAdmin  *ClientAdmin
	// Pairwise offers pairwise subjects; nil offers public ones alone.
	Pairwise *Pairwise

	// RequestObjects takes authorization requests that clients have signed (RFC
	// 9101).
	RequestObjects *RequestObjects

	// Introspection answers what a token is good for (RFC 7662), Revocation takes
	// tokens back (RFC 7009).
	Introspection *Introspection
	Revocation    *Revocation

	// Outbound says how addresses are called that clients have given.
	Outbound Outbound

	// BackchannelLogout tells clients of sessions that have ended, from server
	// to server. nil tells nobody.
	BackchannelLogout *BackchannelLogout
	// FrontchannelLogout tells them by frames in the page after a logout. nil
	// has none.
	FrontchannelLogout *FrontchannelLogout
	// SessionManagement lets apps watch, in a frame, whether the session still
	// is the one they know. nil has no such page.
	SessionManagement *SessionManagement

	// Lifetimes of what is issued.
	Lifetimes Lifetimes
	// Logger gets one line for each failure. The zero value is silent.
	Logger zerolog.Logger
	// Events receives what happens. Optional.
	Events oidckit.EventSink
}

// Lifetimes says how long what the issuer hands out is good for. A zero field
// takes its default.
type Lifetimes struct {
	// Code is for authorization codes: 1 minute, at most 10 (RFC 6749
	// §4.1.2).
	Code time.Duration
	// AccessToken is for access tokens: 1 hour.
	AccessToken time.Duration
	// IDToken is for ID tokens: 1 hour.
	IDToken time.Duration
	// RefreshToken is for a refresh token that stays unused: 30 days.
	RefreshToken time.Duration
	// Grant is the absolute end of a chain of refresh tokens: 180 days.
	Grant time.Duration
	// Session is for the issuer's own sessions, from the last login: 12
	// hours.
	Session time.Duration
	// Consent is how long a consent is remembered: 180 days.
	Consent time.Duration
	// SigningKey is how long a key signs: 90 days.
	SigningKey time.Duration
	// RefreshTokenReuse is how long after a rotation the client that lost the
	// answer may send the old refresh token again, and gets the same
	// successor as long as nobody has used it. Default 0: never; a second use
	// revokes the grant. At most 5 minutes.
	RefreshTokenReuse time.Duration
}

func (l Lifetimes) withDefaults() Lifetimes {
	const day = 24 * time.Hour
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.Code, time.Minute}, {&l.AccessToken, time.Hour}, {&l.IDToken, time.Hour},
		{&l.RefreshToken, 30 * day}, {&l.Grant, 180 * day}, {&l.Session, 12 * time.Hour},
		{&l.Consent, 180 * day}, {&l.SigningKey, 90 * day},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return l
}

func (l Lifetimes) validate() []error {
	var errs []error
	for _, f := range []struct {
		name     string
		value    time.Duration
		min, max time.Duration
	}{
		{"Code", l.Code, time.Second, 10 * time.Minute},
		{"AccessToken", l.AccessToken, time.Second, 30 * 24 * time.Hour},
		{"IDToken", l.IDToken, time.Second, 30 * 24 * time.Hour},
		{"RefreshToken", l.RefreshToken, time.Second, 10 * 365 * 24 * time.Hour},
		{"Grant", l.Grant, time.Second, 10 * 365 * 24 * time.Hour},
		{"Session", l.Session, time.Second, 365 * 24 * time.Hour},
		{"Consent", l.Consent, time.Second, 10 * 365 * 24 * time.Hour},
		{"SigningKey", l.SigningKey, time.Hour, 5 * 365 * 24 * time.Hour},
		{"RefreshTokenReuse", l.RefreshTokenReuse, 0, 5 * time.Minute},
	} {
		if f.value < f.min || f.value > f.max {
			errs = append(errs, fmt.Errorf("Lifetimes.%s is %v, must be %v to %v", f.name, f.value, f.min, f.max))
		}
	}
	return errs
}

// resolved is a Config that was checked, with what follows from it.
type resolved struct {
	Config
	url       *url.URL
	clients   *clients.Finder
	catalogue *scopes.Catalogue
	// userClaims are the claims about people that there are.
	userClaims *userclaims.Catalogue
	site       *page.Site
	external   []keys.External
}

// resolve checks the whole config and returns all problems together.
func (c Config) resolve() (*resolved, error) {
	var errs []error
	r := &resolved{Config: c}
	var err error
	if r.url, err = safeurl.Issuer(c.Issuer); err != nil {
		errs = append(errs, fmt.Errorf("Issuer: %q %w", c.Issuer, err))
	} else if err := c.checkPaths(r.url); err != nil {
		errs = append(errs, err)
	}
	if c.Secrets.IsZero() {
		errs = append(errs, errors.New("Secrets: no key"))
	}
	if err := c.Stores.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("Stores: %w", err))
	}
	if len(c.SigningAlgs) == 0 {
		r.SigningAlgs = []string{"ES256", "RS256"}
	}
	for _, alg := range r.SigningAlgs {
		if !slices.Contains(jose.Algorithms(), alg) {
			errs = append(errs, fmt.Errorf("SigningAlgs: %q is not supported", alg))
		}
	}
	r.resolvePreset()
	r.Paths = r.Paths.withDefaults()
	errs = append(errs, r.Paths.validate()...)
	r.Lifetimes = c.Lifetimes.withDefaults()
	errs = append(errs, r.Lifetimes.validate()...)
	if err := c.Outbound.check(); err != nil {
		errs = append(errs, err)
	}
	resources, problems := r.checkResources()
	errs = append(errs, problems...)
	if r.catalogue, err = scopes.New(c.Issuer, c.Scopes, resources); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, r.resolveClaims()...)
	if err := r.resolveClients(); err != nil {
		errs = append(errs, err)
	}
	if r.site, err = c.newSite(); err != nil {
		errs = append(errs, err)
	}
	external, problems := r.externalKeys()
	r.external, errs = external, append(errs, problems...)
	errs = append(errs, r.checkTrusted()...)
	for _, f := range r.features() {
		errs = append(errs, f.check(r)...)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("provider: config: %w", errors.Join(errs...))
	}
	return r, nil
}

// resolveClients makes the rules for clients, and checks the configured ones.
func (r *resolved) resolveClients() error {
	r.clients = &clients.Finder{Logger: r.Logger, Policy: clients.Policy{
		SigningAlgorithms: r.SigningAlgs, GrantTypes: r.grantTypes(), ResponseTypes: r.responseTypeNames(), AuthMethods: clientauth.Methods(),
	}}
	// An issuer on http loopback is for trying out, as its clients are.
	r.clients.Policy.AllowLoopbackImplicit = r.url != nil && r.url.Scheme == "http"
	r.clients.Policy.AllowHTTPLogout = r.preset() != nil
	r.clients.Policy.Pairwise = r.Pairwise != nil
	r.clients.Policy.RequestObjectAlgorithms = r.RequestObjects.algorithms()
	if (r.Registration != nil || r.ClientAdmin != nil) && r.Stores.Registrations != nil {
		r.clients.Registered = r.Stores.Registrations
	}
	if !r.Secrets.IsZero() {
		r.clients.Policy.Secrets = clientsecret.NewBox(r.Secrets, r.Issuer)
	}
	var err error
	r.clients.Configured, err = clients.New(r.Config.Clients, r.clients.Policy)
	return err
}

// checkPaths checks what addresses of endpoints are made of.
func (c Config) checkPaths(issuer *url.URL) error {
	if strings.HasSuffix(c.Issuer, "/") {
		return fmt.Errorf("Issuer: %q must not end in a slash", c.Issuer)
	}
	// The path becomes part of patterns and of addresses that are compared.
	if issuer.Path != "" && (issuer.Path != issuer.EscapedPath() || issuer.Path != path.Clean(issuer.Path)) {
		return fmt.Errorf("Issuer: the path of %q must be plain", c.Issuer)
	}
	var errs []error
	for _, own := range []struct{ name, address string }{{"LoginURL", c.LoginURL}, {"ConsentURL", c.ConsentURL}} {
		u, err := issuer.Parse(own.address)
		if own.address != "" && (err != nil || u.Scheme != issuer.Scheme || u.Host != issuer.Host || u.User != nil ||
			strings.ContainsAny(own.address, "#\\") || !strings.HasPrefix(own.address, "/") && !strings.HasPrefix(own.address, issuer.Scheme+"://")) {
			errs = append(errs, fmt.Errorf("%s: %q must be a path or a URL on the issuer's origin", own.name, own.address))
		}
	}
	return errors.Join(errs...)
}

func (r *resolved) checkTrusted() []error {
	var errs []error
	for _, id := range r.TrustedClients {
		if !slices.ContainsFunc(r.Config.Clients, func(m oidckit.ClientMetadata) bool { return m.ClientID == id }) {
			errs = append(errs, fmt.Errorf("TrustedClients: %q is not among Clients", id))
		}
	}
	return errs
}
