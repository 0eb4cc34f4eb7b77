package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/middleware"
	"github.com/rs/zerolog"
)

// app is what a web app of one's own looks like: a public page, and one that
// only people who are signed in get to see.
type app struct {
	rp     *handlers.RelyingParty
	api    string
	logger zerolog.Logger
}

func newApp(rp *handlers.RelyingParty, api string, logger zerolog.Logger) http.Handler {
	a := &app{rp: rp, api: api, logger: logger}
	mux := http.NewServeMux()
	rp.Mount(mux) // login, callback and logout, under /auth
	page(mux, "/{$}", http.HandlerFunc(a.home))
	page(mux, "/me", middleware.RequireAuth(rp)(http.HandlerFunc(a.me)))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writePage(w, http.StatusNotFound, view{Title: "There is no such page"})
	})
	return mux
}

// page registers what can only be read. For other methods too the address is
// there, which the handler of all other addresses does not know.
func page(mux *http.ServeMux, path string, h http.Handler) {
	mux.Handle("GET "+path, h)
	mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", "GET, HEAD")
		writePage(w, http.StatusMethodNotAllowed, view{Title: "This page can only be read"})
	})
}

// home is public. Who is signed in is a courtesy here: where that cannot be
// found out, the page is shown without.
func (a *app) home(w http.ResponseWriter, r *http.Request) {
	v := view{Title: "Quickstart", Message: "An issuer, a web app and an API in one process. Log in as the user whose password was printed when it started."}
	if id, err := a.rp.Authenticate(r); err == nil {
		v.SignedInAs = displayName(id)
	}
	writePage(w, http.StatusOK, v)
}

// me shows the identity, and with ?call=orders what the API answers to this
// person.
func (a *app) me(w http.ResponseWriter, r *http.Request) {
	id, _ := oidckit.IdentityFromContext(r.Context())
	w.Header().Set("Vary", "Accept")
	if wantsJSON(r) {
		w.Header().Set("Cache-Control", "no-store")
		writeJSON(w, identityJSON(id))
		return
	}
	v := view{Title: "Hello, " + displayName(id), Identity: id, Email: id.Claims.Text("email"), Claims: claimLines(id)}
	if r.URL.Query().Get("call") == "orders" {
		answer, err := a.callOrders(r)
		if errors.Is(err, oidckit.ErrUnauthenticated) {
			// The access token ends before the session does: a new login, which
			// mostly asks nothing, brings another.
			http.Redirect(w, r, a.rp.LoginURL(r, oidckit.LoginRequest{ReturnTo: r.URL.RequestURI()}), http.StatusFound)
			return
		}
		if err != nil {
			a.logger.Warn().Err(err).Msg("the API could not be called")
			answer = &apiAnswer{Status: "nothing", Body: "The API could not be called. Try again, or log out and in again."}
		}
		v.Orders = answer
	}
	writePage(w, http.StatusOK, v)
}

// apiAnswer is what the page shows of the API.
type apiAnswer struct{ Status, Body string }

// callOrders calls the API in the person's name. The client sends the access
// token there and nowhere else: the page never sees it.
func (a *app) callOrders(r *http.Request) (*apiAnswer, error) {
	client, err := a.rp.Client(r, a.api)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, a.api+"/orders", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	return &apiAnswer{Status: resp.Status, Body: string(body)}, nil
}

func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}

func displayName(id *oidckit.Identity) string {
	for _, claim := range []string{"name", "preferred_username", "email"} {
		if text := id.Claims.Text(claim); text != "" {
			return text
		}
	}
	return id.Subject
}

// identityJSON is the identity in the words of the specifications.
func identityJSON(id *oidckit.Identity) map[string]any {
	out := map[string]any{
		"iss": id.Issuer, "sub": id.Subject, "name": id.Claims.Text("name"), "email": id.Claims.Text("email"), "claims": id.Claims,
	}
	// Only what the issuer has said.
	if id.SessionID != "" {
		out["sid"] = id.SessionID
	}
	if id.ACR != "" {
		out["acr"] = id.ACR
	}
	if len(id.AMR) > 0 {
		out["amr"] = id.AMR
	}
	if !id.AuthTime.IsZero() {
		out["auth_time"] = id.AuthTime.Unix()
	}
	return out
}

// claim is one line of the page.
type claim struct{ Name, Value string }

// claimLines lists the claims in the order in which they were told.
func claimLines(id *oidckit.Identity) []claim {
	text, err := json.Marshal(id.Claims)
	if err != nil {
		return nil
	}
	in := json.NewDecoder(strings.NewReader(string(text)))
	if _, err := in.Token(); err != nil {
		return nil
	}
	var lines []claim
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return nil
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return nil
		}
		line := claim{Name: fmt.Sprint(name), Value: string(value)}
		var s string
		if json.Unmarshal(value, &s) == nil {
			line.Value = s
		}
		lines = append(lines, line)
	}
	return lines
}
