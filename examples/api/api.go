package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// newAPI puts a guard in front of each route that needs one. CORS middleware,
// where an API needs it, goes around the mux: preflights carry no token.
func newAPI(v middleware.Verifier, further routes, logger zerolog.Logger) (http.Handler, error) {
	bearer := middleware.Bearer{Verifier: v, Logger: logger}.Require
	scope := func(name string, h http.HandlerFunc) http.Handler {
		return bearer(middleware.RequireScope(name)(h))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", index)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.Handle("GET /whoami", bearer(http.HandlerFunc(whoami)))
	mux.Handle("GET /orders", scope("orders:read", orders))
	mux.Handle("POST /orders", scope("orders:write", placeOrder))

	var problems []error
	for _, r := range further {
		if _, err := oidckit.ParseScope(r.scope); err != nil {
			problems = append(problems, fmt.Errorf("-route %q: %q is not a scope", r.pattern, r.scope))
		}
		if err := handle(mux, r.pattern, scope(r.scope, whoami)); err != nil {
			problems = append(problems, fmt.Errorf("-route %q: %w", r.pattern, err))
		}
	}
	return mux, errors.Join(problems...)
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
		"routes": []string{"GET /whoami", "GET /orders", "POST /orders"},
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
