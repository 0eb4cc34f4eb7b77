package clientadmin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/adminapi"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/opstore"
)

// Handler serves the API. Its fields are set once; it is safe for concurrent
// use.
type Handler struct {
	*clients.Registrar
	// Path is that of the collection; each client's own lies below it.
	Path string
	// Key is secret, and the same in all replicas; what a creation with an
	// Idempotency-Key gets is derived from it.
	Key []byte
}

// Methods are those of the collection and of a client.
var Methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete}

var (
	collectionMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost}
	clientMethods     = []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete}
)

// Serve answers a request to the collection or to a client.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	id, ok := h.clientID(r)
	switch {
	case !ok:
		return notFound()
	case id == "":
		return h.collection(w, r)
	case !slices.Contains(clientMethods, r.Method):
		return notAllowed(w, clientMethods)
	}
	if r.Method == http.MethodPut {
		return h.replace(w, r, id)
	}
	if len(r.URL.RawQuery) > 0 {
		return oidckit.NewError(oidckit.InvalidRequest, "a client's address has no query")
	}
	if r.Method == http.MethodDelete {
		return h.remove(w, r, id)
	}
	reg, err := h.find(r, id)
	if err != nil {
		return err
	}
	h.write(w, http.StatusOK, reg, "")
	return nil
}

func (h *Handler) collection(w http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return h.list(w, r)
	case http.MethodPost:
		return h.create(w, r)
	}
	return notAllowed(w, collectionMethods)
}

// clientID returns what stands below Path: "" for the collection itself.
func (h *Handler) clientID(r *http.Request) (id string, ok bool) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), h.Path)
	if !ok || rest == "" {
		return "", ok
	}
	rest, ok = strings.CutPrefix(rest, "/")
	if !ok || rest == "" || strings.Contains(rest, "/") {
		return "", false
	}
	id, err := url.PathUnescape(rest)
	return id, err == nil
}

func notFound() error {
	return oidckit.NewError(oidckit.InvalidRequest, "there is no such client").WithStatus(http.StatusNotFound)
}

func notAllowed(w http.ResponseWriter, methods []string) error {
	// RFC 9110 §15.5.6
	w.Header().Set("Allow", strings.Join(methods, ", "))
	return oidckit.NewError(oidckit.InvalidRequest, "method not allowed").WithStatus(http.StatusMethodNotAllowed)
}

func (h *Handler) find(r *http.Request, id string) (*opstore.Registration, error) {
	reg, err := h.Store.Registration(r.Context(), id)
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil, notFound()
	}
	return reg, err
}

// by is who makes the request, for the audit: "" where the guard says nothing.
func by(r *http.Request) string {
	if id, ok := oidckit.IdentityFromContext(r.Context()); ok {
		return id.Subject
	}
	return ""
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) error {
	p, err := adminapi.ReadPage(r)
	if err != nil {
		return err
	}
	regs, total, err := h.Store.ListRegistrations(r.Context(), p.Offset(), p.Count)
	if err != nil {
		return err
	}
	doc := list{Total: total, StartIndex: p.StartIndex, Count: len(regs), Clients: make([]client, len(regs))}
	for i := range regs {
		doc.Clients[i] = newClient(&regs[i], "")
	}
	wire.WriteJSON(w, http.StatusOK, doc)
	return nil
}

func (h *Handler) remove(w http.ResponseWriter, r *http.Request, id string) error {
	reg, err := h.find(r, id)
	if err != nil {
		return err
	}
	if err := adminapi.CheckMatch(r, adminapi.ETag(reg.Version)); err != nil {
		return err
	}
	err = h.Delete(r.Context(), id, reg.Version, by(r))
	switch {
	case errors.Is(err, oidckit.ErrNotFound):
		return notFound()
	case errors.Is(err, oidckit.ErrConflict):
		return adminapi.ErrPrecondition
	case err != nil:
		return err
	}
	wire.NoStore(w.Header())
	w.WriteHeader(http.StatusNoContent)
	return nil
}
