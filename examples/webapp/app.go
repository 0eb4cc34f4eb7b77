package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/middleware"
)

// stepUpLifetime is how long a fresh login counts as one.
const stepUpLifetime = 5 * time.Minute

// handler is what a web app of one's own looks like: a public page, pages that
// only people with a session get to see, and one that wants a fresh login.
func (w *webapp) handler() http.Handler {
	mux := http.NewServeMux()
	w.rp.Mount(mux) // login, callback and logout
	guard := middleware.RequireAuth(w.rp)
	w.page(mux, w.base+"/{$}", http.HandlerFunc(w.home))
	w.page(mux, w.base+"/me", guard(http.HandlerFunc(w.me)))
	w.page(mux, w.base+"/step-up", middleware.RequireAuth(freshLogin{w.rp, w.base + "/step-up"})(http.HandlerFunc(w.stepUp)))
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) {
		w.write(rw, http.StatusNotFound, view{Title: "There is no such page"})
	})
	app := w.sessions.LoadAndSave(w.underBase(mux))
	// The health check asks no store.
	outer := http.NewServeMux()
	w.page(outer, "/healthz", http.HandlerFunc(health))
	outer.Handle("/", app)
	return outer
}

// page registers what can only be read. For other methods too the address is
// there, which the handler of all other addresses does not know.
func (w *webapp) page(mux *http.ServeMux, path string, h http.Handler) {
	mux.Handle("GET "+path, h)
	mux.HandleFunc(path, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Allow", "GET, HEAD")
		w.write(rw, http.StatusMethodNotAllowed, view{Title: "This page can only be read"})
	})
}

func health(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Write([]byte(`{"status":"ok"}` + "\n"))
}

// underBase puts back the path of the base URL where a proxy in front has
// stripped it.
func (w *webapp) underBase(next http.Handler) http.Handler {
	if w.base == "" {
		return next
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, w.base+"/") {
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = w.base+r.URL.Path, ""
		}
		next.ServeHTTP(rw, r)
	})
}

// home is public. Who is signed in is a courtesy here: where that cannot be
// found out, the page is shown without.
func (w *webapp) home(rw http.ResponseWriter, r *http.Request) {
	v := view{Title: "Webapp", LoginURL: w.rp.LoginURL(r, oidckit.LoginRequest{ReturnTo: w.base + "/me"})}
	if id, err := w.rp.Authenticate(r); err == nil {
		v.SignedInAs = displayName(id)
	}
	w.write(rw, http.StatusOK, v)
}

// me shows the identity.
func (w *webapp) me(rw http.ResponseWriter, r *http.Request) {
	id, _ := oidckit.IdentityFromContext(r.Context())
	w.show(rw, r, "Hello, "+displayName(id), id)
}

// freshLogin is the relying party, but for where it sends people: to a login
// that takes no older one, and back with the time at which it was asked for.
type freshLogin struct {
	*handlers.RelyingParty
	page string
}

// LoginURL implements middleware.SessionAuthenticator.
func (f freshLogin) LoginURL(r *http.Request, req oidckit.LoginRequest) string {
	now := time.Duration(0)
	req.MaxAge = &now
	req.ReturnTo = f.page + "?since=" + strconv.FormatInt(time.Now().Unix(), 10)
	return f.RelyingParty.LoginURL(r, req)
}

// stepUp wants a login that was made for it. That the issuer has asked the
// person anew is checked by the relying party, which has sent max_age; who
// makes up a since of their own still needs a login of the last minutes.
func (w *webapp) stepUp(rw http.ResponseWriter, r *http.Request) {
	id, _ := oidckit.IdentityFromContext(r.Context())
	since, err := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
	if err == nil && id.IssuedAt.Unix() >= since && time.Since(id.AuthTime) <= stepUpLifetime {
		w.show(rw, r, "You have just signed in again, "+displayName(id), id)
		return
	}
	now := time.Duration(0)
	challenger, _ := oidckit.ChallengerFromContext(r.Context())
	challenger.Challenge(rw, r, oidckit.Challenge{
		Err:    oidckit.NewError(oidckit.InsufficientUserAuthentication, "this needs a fresh login"),
		MaxAge: &now,
	})
}

// show writes the identity as the caller wants it: JSON for programs, a page
// for people.
func (w *webapp) show(rw http.ResponseWriter, r *http.Request, title string, id *oidckit.Identity) {
	rw.Header().Add("Vary", "Accept")
	if !wantsJSON(r) {
		w.write(rw, http.StatusOK, view{Title: title, Identity: id, Lines: identityLines(id), LogoutURL: w.base + strings.TrimSuffix(w.prefix, "/") + "/logout"})
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	out := json.NewEncoder(rw)
	out.SetIndent("", "  ")
	_ = out.Encode(identityJSON(id))
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
