package broker

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/throttle"
	"github.com/oidckit/oidckit/internal/wire"
)

const (
	defaultPrefix = "/broker"
	// answerTimeout bounds everything that a route asks of others, so that a
	// person has a page within ten seconds.
	answerTimeout = 9 * time.Second
)

// Config is what a Broker is made of.
type Config struct {
	// Registry has the identity providers. Its CallbackURL is the address of the
	// callback route: BaseURL, Prefix and "/callback". Required.
	Registry *Registry
	// Downstream asks for logins and gets their outcome. Required.
	Downstream Downstream
	// Accounts is the accounts that people have. Nil means that there are none of
	// one's own: a person's subject is derived from their issuer and subject at
	// the provider, and no provider may ask for linking or registration.
	Accounts Accounts
	// Store keeps account links, what is spent, and people who are on their way
	// through the registration. Required.
	Store rpstore.Set
	// Secrets seals logins under way. Required; the same in all replicas.
	Secrets oidckit.Secrets
	// BaseURL is the address people reach the routes under, with the path that a
	// proxy in front strips, if any. Required; https, or http on loopback.
	BaseURL string
	// Prefix is where the routes are under BaseURL. Default "/broker".
	Prefix string
	// EndUserLogin says that people log in to the app itself here: of the records
	// only those with EndUserLogin can be used.
	EndUserLogin bool
	// RegistrationURL is the app's registration step, on the same origin: a local
	// path. It gets a registration parameter and answers with
	// CompleteRegistration or CancelRegistration. Required where a record has
	// PromptForUserRegistration: without it, its first-time users are refused.
	RegistrationURL string
	// SigningKey signs the authorization requests of records with SignRequest
	// (RFC 9101). Its public half is served at Prefix and "/jwks.json". Without it
	// such a record cannot be used.
	SigningKey *SigningKey
	// Logger hears of refusals and faults. The zero value is silent.
	Logger zerolog.Logger
	// Events receives logins and refusals. Optional.
	Events oidckit.EventSink
}

// SigningKey is a private key of the broker's, in memory or behind any
// crypto.Signer. All fields are required.
type SigningKey struct {
	Key crypto.Signer
	// KeyID is the kid under which providers know the key.
	KeyID string
	// Algorithm is what it signs under: ES256, RS256 and the others of RFC 7518
	// and RFC 8037 that are asymmetric.
	Algorithm string
}

// Broker logs people in at identity providers, for an issuer or an app. Its
// routes are mounted with Mount or by being a handler itself. It is safe for
// concurrent use; Close ends what it runs in the background.
type Broker struct {
	cfg       Config
	site      cookies.Site
	pages     *page.Site
	prefix    string
	logins    *cookies.Jar
	waiting   *secret.Box
	upstreams *upstreams
	throttle  *throttle.Throttle
	origins   *http.CrossOriginProtection
	routes    map[string]http.Handler
}

// New checks the config and returns a broker, naming all problems at once. It
// does no I/O.
func New(cfg Config) (*Broker, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	site, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	signer, keySet, err := cfg.signer()
	if err != nil {
		return nil, err
	}
	pages, err := page.NewSite("", page.English, page.German)
	if err != nil {
		return nil, err
	}
	id := cookies.NameHash(22, cfg.BaseURL, cfg.Prefix)
	b := &Broker{
		cfg: cfg, site: site, pages: pages, prefix: site.Base.Path + cfg.Prefix,
		logins:    cookies.NewJar(site, secret.NewBox(cfg.Secrets, "broker login"), "broker-login-", id),
		waiting:   secret.NewBox(cfg.Secrets, "broker registration"),
		upstreams: newUpstreams(cfg.Registry, signer, cfg.Logger), throttle: throttle.New(),
		origins: http.NewCrossOriginProtection(),
	}
	if err := b.origins.AddTrustedOrigin(site.Origin()); err != nil {
		return nil, fmt.Errorf("broker.Config.BaseURL %w", err)
	}
	b.routes = map[string]http.Handler{
		"/login":    b.route("login", b.serveLogin, http.MethodGet, http.MethodPost),
		"/password": b.route("password", b.servePassword, http.MethodPost),
	}
	if signer != nil {
		b.routes["/jwks.json"] = b.route("jwks", func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Type", "application/jwk-set+json")
			w.Header().Set("Cache-Control", "public, max-age=300")
			_, err := w.Write(keySet)
			return err
		}, http.MethodGet)
	}
	return b, nil
}

func (c Config) validate() (cookies.Site, error) {
	var errs []error
	bad := func(field, problem string) { errs = append(errs, fmt.Errorf("broker.Config.%s %s", field, problem)) }
	if c.Registry == nil {
		bad("Registry", "is nil")
	}
	if c.Downstream == nil {
		bad("Downstream", "is nil")
	}
	if c.Store.AccountLinks == nil || c.Store.Replay == nil || c.Store.BrowserSessions == nil {
		bad("Store", "lacks AccountLinks, Replay or BrowserSessions")
	}
	if c.Secrets.IsZero() {
		bad("Secrets", "is empty")
	}
	site, err := cookies.NewSite(c.BaseURL)
	switch {
	case c.BaseURL == "":
		bad("BaseURL", "is empty")
	case err != nil:
		bad("BaseURL", err.Error())
	case c.Registry != nil && c.Registry.callbacks != site.URL(c.Prefix)+"/callback/":
		bad("Registry", "has another CallbackURL than "+site.URL(c.Prefix)+"/callback")
	}
	if !strings.HasPrefix(c.Prefix, "/") || strings.HasSuffix(c.Prefix, "/") || strings.ContainsAny(c.Prefix, "?#%{}\\ ") || strings.Contains(c.Prefix, "//") {
		bad("Prefix", "must be a path that begins with a slash and does not end in one")
	}
	if c.RegistrationURL != "" && (!strings.HasPrefix(c.RegistrationURL, "/") || strings.HasPrefix(c.RegistrationURL, "//") || strings.ContainsAny(c.RegistrationURL, "?#\\")) {
		bad("RegistrationURL", "must be a local path without a query")
	}
	return site, errors.Join(errs...)
}

// signer returns what signs requests, nil without a key, and its key set.
func (c Config) signer() (*jose.Signer, []byte, error) {
	if c.SigningKey == nil {
		return nil, nil, nil
	}
	k := *c.SigningKey
	if k.Key == nil || k.KeyID == "" {
		return nil, nil, errors.New("broker.Config.SigningKey lacks Key or KeyID")
	}
	signer, err := jose.NewSigner(k.Algorithm, k.KeyID, k.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("broker.Config.SigningKey: %w", err)
	}
	keySet, err := jose.MarshalJWKS([]jose.JWK{{KeyID: k.KeyID, Algorithm: k.Algorithm, Key: signer.Public()}})
	return signer, keySet, err
}

// Mount registers the routes at the path of BaseURL and Prefix: login, password,
// callback and, with a SigningKey, jwks.json.
func (b *Broker) Mount(mux oidckit.Mux) { mux.Handle(b.prefix+"/", b) }

// LoginURL is the path of the login route, for provider.Config.LoginURL.
func (b *Broker) LoginURL() string { return b.prefix + "/login" }

// ServeHTTP serves the routes, with and without the path of BaseURL in front.
func (b *Broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, b.prefix)
	if !ok {
		path, ok = strings.CutPrefix(r.URL.Path, b.cfg.Prefix)
	}
	if uuid, callback := strings.CutPrefix(path, "/callback/"); ok && callback && uuid != "" && !strings.Contains(uuid, "/") {
		b.route("callback", func(w http.ResponseWriter, r *http.Request) error { return b.serveCallback(w, r, uuid) },
			http.MethodGet, http.MethodPost).ServeHTTP(w, r)
		return
	}
	h := b.routes[path]
	if !ok || h == nil {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}

// Close ends background work. It may be called more than once.
func (b *Broker) Close() error { return b.upstreams.close() }

// route gives a handler what all routes share: methods, headers, a time limit,
// and a page for whatever goes wrong, a panic included.
func (b *Broker) route(name string, serve func(http.ResponseWriter, *http.Request) error, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noStore(w.Header())
		// RFC 9110 §9.3.2: HEAD must not act as GET does here
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", allow)
			b.fail(w, r, name, &failure{status: http.StatusMethodNotAllowed, reason: "method", message: "This address cannot be used like this."})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler {
					panic(v)
				}
				// Not by fail: what reports there may be what has panicked.
				wire.ReportPanic(r, &b.cfg.Logger, name, v)
				noStore(w.Header())
				b.show(w, r, http.StatusInternalServerError, page.Error{Message: "Something went wrong on our side."})
			}
		}()
		if err := serve(w, r); err != nil {
			b.fail(w, r, name, err)
		}
	})
}

// noStore keeps an answer out of caches and its address out of Referer
// (RFC 9700 §4.2, §4.3).
func noStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

func redirect(w http.ResponseWriter, status int, target string) {
	w.Header().Set("Location", target)
	w.WriteHeader(status)
}
