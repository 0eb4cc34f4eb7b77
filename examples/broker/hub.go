package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/admin"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// hub is the issuer, the broker behind its login page, and the API by which the
// broker's identity providers are managed.
type hub struct {
	s        *settings
	logger   zerolog.Logger
	issuer   *provider.Provider
	broker   *broker.Broker
	registry *broker.Registry
	mux      *http.ServeMux
	demo     []demoUpstream
	closed   []func() error
}

// newHub makes the parts and names every problem. What it has made before an
// error is left to shutDown.
func newHub(ctx context.Context, s *settings, st *stores, logger zerolog.Logger) (*hub, error) {
	h := &hub{s: s, logger: logger, mux: http.NewServeMux()}
	people := newAccounts(provider.NewAccounts(st.issuer.Users), provider.NewAccounts(opstore.NewMemory().Open(s.issuer).Users))
	if err := h.newIssuer(ctx, st.issuer, people); err != nil {
		return h, err
	}
	var err error
	h.registry, err = broker.NewRegistry(broker.RegistryConfig{
		Store: st.broker.IdentityProviders, Secrets: s.secrets, CallbackURL: s.origin() + "/broker/callback",
		Outbound: broker.Outbound{AllowLoopback: s.allowLoopbackUpstreams, RootCAs: s.roots},
		Events:   events(logger), Logger: logger,
	})
	if err != nil {
		return h, err
	}
	h.broker, err = broker.New(broker.Config{
		Registry: h.registry, Downstream: h.issuer, Accounts: people, Store: st.broker, Secrets: s.secrets, BaseURL: s.origin(),
		Logger: logger, Events: events(logger),
	})
	if err != nil {
		return h, err
	}
	h.closed = append(h.closed, h.broker.Close)
	api, err := h.newAdmin(st)
	if err != nil {
		return h, err
	}
	h.broker.Mount(h.mux)
	h.mux.Handle(admin.DefaultPrefix, api)
	h.mux.Handle(admin.DefaultPrefix+"/", api)
	h.mux.Handle("/", h.issuer)
	return h, nil
}

// shutDown ends what runs in the background, the last one first.
func (h *hub) shutDown() {
	var errs []error
	for i := len(h.closed) - 1; i >= 0; i-- {
		errs = append(errs, h.closed[i]())
	}
	if err := errors.Join(errs...); err != nil {
		h.logger.Warn().Err(err).Msg("shutting down")
	}
}

// newIssuer makes the issuer, whose login page is the broker.
func (h *hub) newIssuer(ctx context.Context, stores opstore.Set, people *accounts) error {
	s := h.s
	pc := provider.Config{
		Issuer: s.issuer, Secrets: s.secrets, Stores: stores, Users: people, Name: issuerName, LoginURL: "/broker/login",
		Languages: []provider.Language{provider.English(), provider.German()},
		Outbound:  provider.Outbound{AllowLoopback: s.allowLoopback, RootCAs: s.roots},
		Logger:    h.logger, Events: events(h.logger),
	}
	configErr := s.config.apply(&pc, s.secrets)
	if s.preset != presetStandard {
		legacy(&pc).Preset = provider.Preset(s.preset)
	}
	var err error
	h.issuer, err = provider.New(pc)
	if err := errors.Join(configErr, err); err != nil {
		return err
	}
	h.closed = append(h.closed, h.issuer.Close)
	if pc.Registration != nil && pc.Registration.AllowAnonymous && !s.onLoopback() {
		h.logger.Warn().Msg("whoever reaches the issuer may register clients: set features.registration")
	}
	for i, u := range s.config.Users {
		if _, err := people.local.Create(ctx, u.account(subjectOf(s.secrets, u.Username))); err != nil {
			return fmt.Errorf("users[%d]: %w", i, err)
		}
	}
	return nil
}

// newAdmin makes the admin API: a bearer token opens it, and where it was
// switched on the header scheme of older clients.
func (h *hub) newAdmin(st *stores) (http.Handler, error) {
	bearer, err := admin.New(admin.Config{Registry: h.registry, Guard: adminGuard(h.s.adminToken), Logger: h.logger})
	if err != nil || h.s.customerKey == "" {
		return bearer, err
	}
	legacy, err := admin.New(admin.Config{Registry: h.registry, Logger: h.logger, CustomerKey: &admin.CustomerKey{
		APIKeys: func(_ context.Context, key string) ([]string, error) {
			if same(key, h.s.customerKey) {
				return []string{h.s.apiKey}, nil
			}
			return nil, nil
		},
		Replay: st.broker.Replay,
	}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Customer-Key") != "" {
			legacy.ServeHTTP(w, r)
			return
		}
		bearer.ServeHTTP(w, r)
	}), err
}

// adminGuard lets in who has the token. An API of one's own would take access
// tokens: middleware.RequireBearer and RequireScope.
func adminGuard(token string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || !same(given, token) {
				w.Header().Set("WWW-Authenticate", "Bearer")
				w.Header().Set("Cache-Control", "no-store")
				http.Error(w, "The admin token is missing or wrong.", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r.WithContext(oidckit.ContextWithIdentity(r.Context(), &oidckit.Identity{Subject: "admin"})))
		})
	}
}

// same compares in a time that depends on neither text.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// origin is that of the issuer: the broker is beside it, whatever its path.
func (s *settings) origin() string {
	u, err := url.Parse(s.issuer)
	if err != nil {
		return s.issuer
	}
	return u.Scheme + "://" + u.Host
}
