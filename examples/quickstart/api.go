package main

import (
	"encoding/json"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// newAPI is what an API of one's own looks like: it knows whose tokens it
// takes, and each route says what a token must allow.
func newAPI(tokens *middleware.JWTVerifier) http.Handler {
	bearer := middleware.RequireBearer(tokens)
	mux := http.NewServeMux()
	mux.Handle("GET /orders", bearer(middleware.RequireScope("orders:read")(http.HandlerFunc(orders))))
	return mux
}

func orders(w http.ResponseWriter, r *http.Request) {
	id, _ := oidckit.IdentityFromContext(r.Context())
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, map[string]any{
		"sub":       id.Subject,
		"client_id": id.ClientID,
		"orders": []map[string]any{
			{"id": 1, "item": "Green tea", "grams": 250},
			{"id": 2, "item": "Teapot", "pieces": 1},
		},
	})
}

// writeJSON writes what is known to be writable as JSON.
func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	_ = out.Encode(v)
}
