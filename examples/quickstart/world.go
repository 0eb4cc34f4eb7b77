package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/middleware"
	"github.com/oidckit/oidckit/provider"
	"github.com/rs/zerolog"
)

const (
	issuerPath = "/op"
	apiPath    = "/api"
	clientID   = "quickstart"
)

// appScopes is what the app asks for, and all it may ask for.
var appScopes = oidckit.Scope{oidckit.ScopeOpenID, "profile", "email", "orders:read"}

// world is the three roles, put together.
type world struct {
	base     string
	issuer   string
	password string
	logger   zerolog.Logger

	stores   *stores
	provider *provider.Provider
	sessions *handlers.Sessions
	app      *handlers.RelyingParty
	tokens   *middleware.JWTVerifier
}

// newWorld puts the roles together. Nothing of it runs yet; what it has made
// before an error is gone again.
func newWorld(ctx context.Context, s *settings, base string, logger zerolog.Logger) (_ *world, err error) {
	w := &world{base: base, issuer: base + issuerPath, logger: logger, stores: &stores{}}
	var made newFiles
	defer func() {
		if err != nil {
			w.Close()
			made.remove()
		}
	}()
	if err := made.create(s); err != nil {
		return nil, err
	}
	if w.stores, err = openStores(ctx, s.data, w.issuer, w.base, logger); err != nil {
		return nil, fmt.Errorf("-data: %w", err)
	}
	if err := w.addRoles(s.secrets, logger); err != nil {
		return nil, err
	}
	// Last: from here on the database and the ring belong together.
	w.password, err = demoAccount(ctx, provider.NewAccounts(w.stores.provider.Users), s.secrets)
	return w, err
}

// addRoles makes the issuer, the app and the API.
func (w *world) addRoles(secrets oidckit.Secrets, logger zerolog.Logger) (err error) {
	if w.provider, err = newIssuer(w, secrets, logger); err != nil {
		return err
	}
	// The app and the API reach their issuer within the process: it is there
	// before the first request, and needs no way through the network.
	client := &http.Client{Transport: w.provider.LocalTransport(nil)}
	w.sessions, err = handlers.NewSessions(handlers.SessionConfig{Secrets: secrets, Store: w.stores.app, BaseURL: w.base, Logger: logger})
	if err != nil {
		return err
	}
	w.app, err = handlers.NewRelyingParty(handlers.Config{
		Issuer:     w.issuer,
		ClientID:   clientID,
		BaseURL:    w.base,
		Scopes:     appScopes,
		Sessions:   w.sessions,
		HTTPClient: client,
		Logger:     logger,
		Events:     events(logger),
	})
	if err != nil {
		return err
	}
	w.tokens, err = middleware.NewJWTVerifier(middleware.JWTConfig{
		Issuer: w.issuer, Audience: w.base + apiPath, HTTPClient: client, Logger: logger, Events: events(logger),
	})
	return err
}

// newIssuer registers the app as a public client: a secret between two parts
// of one process would protect nothing, PKCE does.
func newIssuer(w *world, secrets oidckit.Secrets, logger zerolog.Logger) (*provider.Provider, error) {
	return provider.New(provider.Config{
		Issuer:  w.issuer,
		Secrets: secrets,
		Stores:  w.stores.provider,
		Name:    "Quickstart accounts",
		Clients: []oidckit.ClientMetadata{{
			ClientID:                clientID,
			ClientName:              "Quickstart",
			TokenEndpointAuthMethod: oidckit.AuthMethodNone,
			RedirectURIs:            []string{w.base + "/auth/callback"},
			PostLogoutRedirectURIs:  []string{w.base + "/auth/logged-out"},
			Scope:                   appScopes.String(),
		}},
		Scopes:    map[string]string{"orders:read": "Read your orders"},
		Resources: []provider.Resource{{Resource: w.base + apiPath, Scopes: []string{"orders:read"}}},
		Logger:    logger,
		Events:    events(logger),
	})
}

// handler is everything under one address.
func (w *world) handler() http.Handler {
	mux := http.NewServeMux()
	page(mux, "/healthz", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, map[string]string{"status": "ok"})
	}))
	w.provider.Mount(mux)
	mux.Handle(apiPath+"/", http.StripPrefix(apiPath, newAPI(w.tokens)))
	mux.Handle("/", w.sessions.LoadAndSave(newApp(w.app, w.base+apiPath, w.logger)))
	return mux
}

// Close ends what runs in the background and closes the database, in that
// order.
func (w *world) Close() error {
	var errs []error
	if w.tokens != nil {
		errs = append(errs, w.tokens.Close())
	}
	if w.app != nil {
		errs = append(errs, w.app.Close())
	}
	if w.provider != nil {
		errs = append(errs, w.provider.Close())
	}
	return errors.Join(append(errs, w.stores.Close())...)
}
