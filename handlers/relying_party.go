package handlers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
)

// answerTimeout bounds everything that a route asks of others, so that a
// person has a page within ten seconds.
const answerTimeout = 9 * time.Second

// maxRedeeming bounds how many logins a replica remembers to have redeemed; one
// more is left to the store.
const maxRedeeming = 1 << 14

// RelyingParty logs people in at one issuer. Its routes are mounted with Mount
// or by being a handler itself. It is safe for concurrent use; Close ends what
// it runs in the background.
type RelyingParty struct {
	cfg      Config
	site     cookies.Site
	sessions *Sessions
	home     string
	// id names this registration in keys and sealed values.
	id        string
	handleKey string

	keys   clientKeys
	client *client.Client
	logins *cookies.Jar
	// handOvers are logins whose answer was posted, on their way to the session.
	handOvers *cookies.Jar
	requests  *secret.Box
	objects   *secret.Box
	tokens    *secret.Box
	checked   *sessionCache
	// refreshing counts the refreshes of tokens under way.
	refreshing refreshes
	// apis carries the calls that apps make in a person's name.
	apis http.RoundTripper
	// redeeming remembers the logins that this replica has sent a code for.
	redeeming oidckit.ReplayStore
	origins   *http.CrossOriginProtection
	routes    map[string]http.Handler
	// crossSite are those of routes that take a POST from another site.
	crossSite []string
}

// NewRelyingParty checks the config and returns a relying party, naming all
// problems at once. It does no I/O: an issuer that is down delays logins, not
// the start. See Check.
func NewRelyingParty(cfg Config) (*RelyingParty, error) {
	cfg = cfg.withDefaults()
	s, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	rp := &RelyingParty{
		cfg: cfg, site: s, sessions: cfg.Sessions, home: cfg.PostLogoutReturnTo,
		id:       cookies.NameHash(22, cfg.Issuer, cfg.ClientID, cfg.BaseURL, cfg.Prefix),
		requests: secret.NewBox(cfg.Secrets, "rp login request"),
		objects:  secret.NewBox(cfg.Secrets, "rp request object"),
		tokens:   secret.NewBox(cfg.Secrets, "rp tokens"),
		checked:  newSessionCache(),
		origins:  http.NewCrossOriginProtection(),
		apis:     httpx.Bounded(cfg.HTTPClient).Transport,
	}
	if rp.home == "" {
		rp.home = s.Base.Path + "/"
	}
	rp.handleKey = handleKeyPrefix + rp.id
	logins := secret.NewBox(cfg.Secrets, "rp login")
	rp.logins = cookies.NewJar(s, logins, loginPrefix, rp.id)
	if cfg.postsBack() {
		rp.logins = rp.logins.CrossSite()
	}
	rp.handOvers = cookies.NewJar(s, logins, handOverPrefix, "continue"+rp.id)
	// A proxy may have put another Host in front of us.
	if err := rp.origins.AddTrustedOrigin(rp.site.Origin()); err != nil {
		return nil, fmt.Errorf("Config.BaseURL %w", err)
	}
	if rp.keys, err = newClientKeys(cfg.ClientKeys); err != nil {
		return nil, err
	}
	if rp.client, err = client.New(rp.clientConfig()); err != nil {
		return nil, err
	}
	memory, err := rpstore.NewBoundedMemory(rpstore.MemoryConfig{MaxRecords: maxRedeeming})
	if err != nil {
		return nil, err
	}
	rp.redeeming = memory.Open(rp.id).Replay
	prefix := strings.TrimSuffix(cfg.Prefix, "/")
	rp.routes = map[string]http.Handler{
		prefix + "/login":      rp.sessions.LoadAndSave(rp.route("login", rp.serveLogin, http.MethodGet, http.MethodPost)),
		prefix + "/callback":   rp.sessions.LoadAndSave(rp.route("callback", rp.serveCallback, cfg.callbackMethod())),
		prefix + "/logout":     rp.sessions.LoadAndSave(rp.route("logout", rp.serveLogout, http.MethodGet, http.MethodPost)),
		prefix + "/logged-out": rp.route("logged-out", rp.serveLoggedOut, http.MethodGet),
	}
	// OpenID Connect Core 1.0 §4
	rp.crossSite = append(rp.crossSite, prefix+"/login")
	if cfg.postsBack() {
		rp.crossSite = append(rp.crossSite, prefix+"/callback")
		rp.routes[prefix+handOverPath] = rp.sessions.LoadAndSave(rp.route("callback", rp.serveContinue, http.MethodGet))
	}
	if cfg.OAuth2 == nil {
		rp.routes[prefix+backchannelLogoutRoute] = rp.backchannelLogout()
		rp.crossSite = append(rp.crossSite, prefix+backchannelLogoutRoute)
	}
	if cfg.FrontchannelLogout {
		rp.routes[prefix+frontchannelLogoutRoute] = rp.route("frontchannel-logout", rp.serveFrontchannelLogout, http.MethodGet)
	}
	if cfg.SessionManagement {
		rp.routes[prefix+checkSessionRoute] = rp.sessions.LoadAndSave(rp.route("check-session", rp.serveCheckSession, http.MethodGet))
	}
	if rp.keys.signer != nil {
		rp.routes[prefix+"/jwks.json"] = rp.keys
	}
	if o := cfg.RequestObjects; o != nil && o.ByReference {
		rp.routes[prefix+requestObjectRoute] = rp.route("request-object", rp.serveRequestObject, http.MethodGet)
	}
	return rp, nil
}

// Mount registers the routes, as plain paths, at the path of BaseURL and
// Prefix: login, callback, logout, logged-out, backchannel-logout (but for
// OAuth2) and those of features that are on: frontchannel-logout, check-session,
// jwks.json of an app with keys, request-object/{object} of one that sends requests by
// reference, continue where answers come as a form. Behind a proxy that strips
// the path of BaseURL, mount
// the relying party itself as a handler at Prefix.
func (rp *RelyingParty) Mount(mux oidckit.Mux) {
	for path := range rp.routes {
		mux.Handle(rp.site.Base.Path+path, rp)
	}
}

// ServeHTTP serves the routes, with and without the path of BaseURL in front.
func (rp *RelyingParty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	h := rp.handler(strings.TrimPrefix(path, rp.site.Base.Path))
	if h == nil {
		h = rp.handler(path)
	}
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}

// handler finds the route of a path, nil where there is none.
func (rp *RelyingParty) handler(path string) http.Handler {
	prefix := strings.TrimSuffix(rp.cfg.Prefix, "/")
	if name, ok := strings.CutPrefix(path, prefix+requestObjectPath); ok && !strings.Contains(name, "/") {
		path = prefix + requestObjectRoute
	}
	return rp.routes[path]
}

// Check fetches the issuer's metadata, for an app that wants to fail early. An
// error matches oidckit.TemporarilyUnavailable: a later call may succeed.
func (rp *RelyingParty) Check(ctx context.Context) error {
	if _, err := rp.client.Metadata(ctx); err != nil {
		return fmt.Errorf("handlers: %w: %w", oidckit.TemporarilyUnavailable, err)
	}
	return nil
}

// Close ends background work. It waits, some ten seconds at most, for tokens that
// are being refreshed: they would be lost. It may be called more than once.
func (rp *RelyingParty) Close() error {
	rp.refreshing.close()
	return rp.client.Close()
}

// url returns an address of ours, made of the configured base URL.
func (rp *RelyingParty) url(path string) string {
	return rp.site.URL(strings.TrimSuffix(rp.cfg.Prefix, "/") + path)
}

func (rp *RelyingParty) clientConfig() client.Config {
	// The config was checked.
	keys, _ := rp.cfg.keysByHand()
	return client.Config{
		Metadata: rp.cfg.Metadata, Keys: keys, PlainOAuth: rp.cfg.plainOAuth(), Legacy: rp.cfg.legacy(),
		Issuer: rp.cfg.Issuer, ClientID: rp.cfg.ClientID, ClientSecret: rp.cfg.ClientSecret,
		TokenEndpointAuthMethod: rp.cfg.TokenEndpointAuthMethod, RedirectURI: rp.url("/callback"),
		Scope: rp.cfg.Scopes, Resource: rp.cfg.Resource, IDTokenSignedResponseAlg: rp.cfg.IDTokenSignedResponseAlg,
		UserinfoSignedResponseAlg: rp.cfg.UserinfoSignedResponseAlg, AllowLogoutTokenWithoutExp: rp.cfg.AllowLogoutTokenWithoutExp,
		HTTPClient: rp.cfg.HTTPClient, Logger: rp.cfg.Logger,
		TokenEndpointAuthSigningAlg: rp.cfg.TokenEndpointAuthSigningAlg, AllowTokenEndpointAudience: rp.cfg.AllowTokenEndpointAudience,
		ResponseType: rp.cfg.ResponseType, ResponseMode: rp.cfg.ResponseMode,
		AuthorizationSignedResponseAlg: rp.cfg.AuthorizationSignedResponseAlg,
		Claims:                         rp.cfg.Claims, AuthorizationParams: maps.Clone(rp.cfg.AuthorizationParams),
		Signer: rp.keys.signer, PushedAuthorization: rp.cfg.PushedAuthorization, RequestObjects: rp.requestObjects(),
	}
}

// route gives a handler what all routes share: methods, headers, a time limit,
// and a page for whatever goes wrong, a panic included.
func (rp *RelyingParty) route(name string, serve func(http.ResponseWriter, *http.Request) error, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noStore(w.Header())
		// RFC 9110 §9.3.2: HEAD must not act as GET does here
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", allow)
			rp.fail(w, r, name, &failure{status: http.StatusMethodNotAllowed, reason: "method", message: "This address cannot be used like this."})
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
				wire.ReportPanic(r, &rp.cfg.Logger, name, v)
				noStore(w.Header())
				rp.show(w, http.StatusInternalServerError, rp.errorPage(name, &failure{message: "Something went wrong on our side."}))
			}
		}()
		if err := serve(w, r); err != nil {
			rp.fail(w, r, name, err)
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

// redirect sends a person on, as is: http.Redirect would rewrite the path.
func redirect(w http.ResponseWriter, status int, target string) {
	w.Header().Set("Location", target)
	w.WriteHeader(status)
}
