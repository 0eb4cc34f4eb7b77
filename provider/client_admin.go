package provider

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/adminapi"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clientadmin"
)

// ClientAdmin lets operators register, change and delete clients over a REST
// API while the issuer runs. They are kept in Stores.Registrations, beside those
// that have registered themselves; every replica sees a change with its next
// request. Clients of the config are neither shown nor changed.
//
//	GET    {Path}?startIndex=1&count=100   the clients, page by page
//	POST   {Path}                          a new client; Idempotency-Key makes it repeatable
//	GET    {Path}/{client_id}              a client, with its ETag
//	PUT    {Path}/{client_id}              other metadata in its place; If-Match
//	DELETE {Path}/{client_id}              If-Match
//
// Clients are written as RFC 7591 has their metadata. A secret stands in the
// answer that has made it, and in no other: a creation that is repeated with its
// Idempotency-Key gets it again as long as the client is there, unchanged; after
// a deletion the key makes a client with the same client_id and another secret. Every change is an event
// (oidckit.EventClientRegistered and its like) whose Subject is that of the
// oidckit.Identity in the request's context, where the guard leaves one there.
//
// The API is not among the issuer's own routes: Provider.MountClientAdmin or
// Provider.ClientAdminHandler put it where the app wants it.
type ClientAdmin struct {
	// Path is the full path of the API. Default: the issuer's path and
	// /admin/clients.
	Path string
	// Guard decides who may call: middleware.RequireBearer with RequireScope, or
	// the app's own. nil lets nobody in; then clients that another process
	// administers are found all the same.
	Guard func(http.Handler) http.Handler
}

func (f *ClientAdmin) check(r *resolved) []error {
	var errs []error
	if r.Stores.Registrations == nil {
		errs = append(errs, errors.New("ClientAdmin: Stores.Registrations is nil"))
	}
	if f.Path != "" && (!strings.HasPrefix(f.Path, "/") || f.Path == "/" || f.Path != path.Clean(f.Path) || strings.ContainsAny(f.Path, "{}?#%\\ ")) {
		errs = append(errs, fmt.Errorf("ClientAdmin.Path: %q must be a plain path that begins with a slash", f.Path))
	}
	return errs
}

func (f *ClientAdmin) path(r *resolved) string {
	if f.Path == "" {
		return r.url.Path + "/admin/clients"
	}
	return f.Path
}

// routes makes the API. It is served elsewhere.
func (f *ClientAdmin) routes(a *assembly) []route {
	r := a.cfg
	h := &clientadmin.Handler{
		Registrar: a.registrar(), Path: f.path(r), Key: r.Secrets.Derive("client admin idempotency", minSalt)[0],
	}
	guard := f.Guard
	if guard == nil {
		guard = func(http.Handler) http.Handler { return http.HandlerFunc(denied) }
	}
	// A guard that goes by a cookie must not let other sites write.
	a.clientAdmin = guard(a.crossOrigin.Handler(a.endpoint("client_admin", h.Serve, clientadmin.Methods, adminapi.WriteError)))
	return nil
}

func (f *ClientAdmin) describe(*resolved, *oidckit.ProviderMetadata) {}

func denied(w http.ResponseWriter, r *http.Request) {
	wire.WriteError(w, r, oidckit.NewError(oidckit.AccessDenied, "nobody may administer clients here"))
}

// ClientAdminHandler returns the API of Config.ClientAdmin, behind its guard; it
// answers 404 where that is nil. It sees requests at their full path.
func (p *Provider) ClientAdminHandler() http.Handler {
	if p.clientAdmin == nil {
		return http.NotFoundHandler()
	}
	return p.clientAdmin
}

// MountClientAdmin registers the API at its full path.
func (p *Provider) MountClientAdmin(mux oidckit.Mux) {
	if p.cfg.ClientAdmin == nil {
		return
	}
	base := p.cfg.ClientAdmin.path(p.cfg)
	mux.Handle(base, p.ClientAdminHandler())
	mux.Handle(base+"/{client_id}", p.ClientAdminHandler())
}
