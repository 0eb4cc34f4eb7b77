package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// transferMaxAge is how recently a person must have logged in for a transfer.
const transferMaxAge = 5 * time.Minute

// newAPI puts a guard in front of each route that needs one. CORS middleware,
// where an API needs it, goes around the mux: preflights carry no token.
func newAPI(guard middleware.Bearer, s *settings) (http.Handler, error) {
	mux := http.NewServeMux()
	// RFC 9728: only an API whose identifier is its address can publish it there
	if metadata, err := middleware.NewResourceMetadata(metadata(guard, s)); err == nil {
		metadata.Mount(mux)
		guard.ResourceMetadata = metadata.URL()
	}
	bearer := guard.Require
	scope := func(name string, h http.HandlerFunc) http.Handler {
		return bearer(middleware.RequireScope(name)(h))
	}
	mux.HandleFunc("GET /{$}", index)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.Handle("GET /whoami", bearer(http.HandlerFunc(whoami)))
	mux.Handle("GET /orders", scope("orders:read", orders))
	mux.Handle("POST /orders", scope("orders:write", placeOrder))
	mux.Handle("/transfer", bearer(middleware.RequireAuthAge(transferMaxAge)(http.HandlerFunc(transfer))))

	var problems []error
	for _, r := range s.routes {
		if _, err := oidckit.ParseScope(r.scope); err != nil {
			problems = append(problems, fmt.Errorf("-route %q: %q is not a scope", r.pattern, r.scope))
		}
		if err := handle(mux, r.pattern, scope(r.scope, whoami)); err != nil {
			problems = append(problems, fmt.Errorf("-route %q: %w", r.pattern, err))
		}
	}
	return mux, errors.Join(problems...)
}

// metadata tells a client that was refused where to get a token, and which.
func metadata(guard middleware.Bearer, s *settings) oidckit.ResourceMetadata {
	m := oidckit.ResourceMetadata{
		Resource: s.resource, ResourceName: "oidckit example API", AuthorizationServers: s.issuers,
		ScopesSupported:               []string{"orders:read", "orders:write"},
		DPoPSigningAlgValuesSupported: guard.DPoP.Algorithms(),
		DPoPBoundAccessTokensRequired: s.dpop == dpopRequire,
	}
	for _, r := range s.routes {
		if !slices.Contains(m.ScopesSupported, r.scope) {
			m.ScopesSupported = append(m.ScopesSupported, r.scope)
		}
	}
	return m
}

// handle registers a pattern that comes from the command line: a mux panics on
// one that is malformed or taken.
func handle(mux *http.ServeMux, pattern string, h http.Handler) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("is malformed, or taken by another route")
		}
	}()
	mux.Handle(pattern, h)
	return nil
}

func index(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"name":   "oidckit example API",
		"routes": []string{"GET /whoami", "GET /orders", "POST /orders", "POST /transfer"},
	})
}

// whoami shows the identity that the guard has left in the context.
func whoami(w http.ResponseWriter, r *http.Request) {
	id, _ := oidckit.IdentityFromContext(r.Context())
	writeJSON(w, http.StatusOK, map[string]any{
		"iss": id.Issuer, "sub": id.Subject, "aud": id.Audience, "client_id": id.ClientID, "scope": id.Scope,
		"jti": id.TokenID, "exp": id.ExpiresAt.Unix(), "claims": id.Claims,
	})
}

func orders(w http.ResponseWriter, r *http.Request) {
	id, _ := oidckit.IdentityFromContext(r.Context())
	writeJSON(w, http.StatusOK, map[string]any{
		"sub":       id.Subject,
		"client_id": id.ClientID,
		"orders": []map[string]any{
			{"id": 1, "item": "Green tea", "grams": 250},
			{"id": 2, "item": "Teapot", "pieces": 1},
		},
	})
}

// placeOrder would read the order from the body, and bound it.
func placeOrder(w http.ResponseWriter, r *http.Request) {
	id, _ := oidckit.IdentityFromContext(r.Context())
	writeJSON(w, http.StatusCreated, map[string]any{"sub": id.Subject, "client_id": id.ClientID, "id": 3})
}

// transfer moves money, which only a person may who has just logged in.
func transfer(w http.ResponseWriter, r *http.Request) {
	id, _ := oidckit.IdentityFromContext(r.Context())
	writeJSON(w, http.StatusOK, map[string]any{"sub": id.Subject, "client_id": id.ClientID, "transferred": true, "auth_time": id.AuthTime.Unix()})
}

// writeJSON writes what is known to be writable as JSON. Answers to tokens are
// not for shared caches.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	_ = out.Encode(v)
}
