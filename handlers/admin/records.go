package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/internal/adminapi"
	"github.com/oidckit/oidckit/internal/wire"
)

// maxKey bounds an Idempotency-Key, in bytes.
const maxKey = 255

// paging counts as the API's pages say.
var paging = adminapi.Paging{First: 0, Count: 10, MaxCount: 1000}

func (h *Handler) serveCollection(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		return h.create(w, r)
	}
	page, err := paging.Read(r)
	if err != nil {
		return err
	}
	resources, total, err := h.cfg.Registry.List(r.Context(), page.StartIndex, page.Count)
	if err != nil {
		return err
	}
	for i := range resources {
		h.reveal(&resources[i])
	}
	h.write(w, r, http.StatusOK, msgRetrieved,
		envelope{List: &list{TotalResults: total, StartIndex: page.StartIndex, ItemsPerPage: page.Count, Resources: resources}})
	return nil
}

func (h *Handler) serveItem(w http.ResponseWriter, r *http.Request) error {
	_, uuid := h.below(r)
	switch r.Method {
	case http.MethodPut:
		return h.replace(w, r, uuid)
	case http.MethodDelete:
		return h.remove(w, r, uuid)
	}
	if err := noQuery(r); err != nil {
		return err
	}
	p, err := h.get(r.Context(), uuid)
	if err != nil {
		return err
	}
	h.writeRecord(w, r, http.StatusOK, msgRetrieved, p)
	return nil
}

func (h *Handler) get(ctx context.Context, uuid string) (*broker.IdentityProvider, error) {
	p, err := h.cfg.Registry.Get(ctx, uuid)
	return p, h.refusal(err)
}

// refusal turns what the registry refuses into an answer.
func (h *Handler) refusal(err error) error {
	if fields, ok := errors.AsType[broker.FieldErrors](err); ok {
		return adminapi.Invalid(oidckit.InvalidRequest, fields)
	}
	if errors.Is(err, oidckit.ErrNotFound) {
		return notFound()
	}
	return err
}

func (h *Handler) create(w http.ResponseWriter, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) > 1 || len(keys) == 1 && (keys[0] == "" || len(keys[0]) > maxKey) {
		return oidckit.NewError(oidckit.InvalidRequest, "Idempotency-Key must stand once, with 1 to 255 characters.")
	}
	p, wrong, err := readRecord(w, r)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return h.allWrong(wrong, h.cfg.Registry.Check(r.Context(), p))
	}
	created, err := h.cfg.Registry.Create(r.Context(), p, r.Header.Get("Idempotency-Key"))
	if errors.Is(err, oidckit.ErrConflict) {
		return oidckit.NewError(oidckit.InvalidRequest, "The identifier is taken.").WithStatus(http.StatusConflict).
			WithCause(adminapi.Fields{{Field: "identifier", Message: "is taken"}})
	}
	if err != nil {
		return h.refusal(err)
	}
	h.writeRecord(w, r, http.StatusCreated, msgCreated, created)
	return nil
}

// readRecord reads a record, and tells what of it cannot be read.
func readRecord(w http.ResponseWriter, r *http.Request) (broker.IdentityProvider, adminapi.Fields, error) {
	var p broker.IdentityProvider
	wrong, err := adminapi.ReadFields(w, r, &p)
	return p, wrong, err
}

// allWrong is the answer to fields that cannot be read, and to what is wrong
// with the others.
func (h *Handler) allWrong(unread adminapi.Fields, others broker.FieldErrors) error {
	all := slices.Clone(unread)
	for _, e := range others {
		if !slices.ContainsFunc(unread, func(f adminapi.Field) bool { return f.Field == e.Field }) {
			all = append(all, e)
		}
	}
	return adminapi.Invalid(oidckit.InvalidRequest, all)
}

func (h *Handler) replace(w http.ResponseWriter, r *http.Request, uuid string) error {
	if err := noQuery(r); err != nil {
		return err
	}
	p, wrong, err := readRecord(w, r)
	if err != nil {
		return err
	}
	version, err := h.version(r, uuid)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		// What the mask stands for was checked before.
		others := slices.DeleteFunc(h.cfg.Registry.Check(r.Context(), p), func(e broker.FieldError) bool {
			return e.Field == "clientSecret" && p.ClientSecret == broker.MaskedSecret
		})
		return h.allWrong(wrong, others)
	}
	p.UUID = uuid
	replaced, err := h.cfg.Registry.Replace(r.Context(), p, version)
	if errors.Is(err, oidckit.ErrConflict) {
		return adminapi.ErrPrecondition
	}
	if err != nil {
		return h.refusal(err)
	}
	h.writeRecord(w, r, http.StatusOK, msgUpdated, replaced)
	return nil
}

// version returns the version that If-Match means, 0 for any. The one before
// the current one is returned too: it may be that of a request whose answer was
// lost.
func (h *Handler) version(r *http.Request, uuid string) (int64, error) {
	p, err := h.get(r.Context(), uuid)
	if err != nil {
		return 0, err
	}
	if len(r.Header.Values("If-Match")) == 0 && h.cfg.AllowMissingIfMatch {
		return 0, nil
	}
	err = adminapi.CheckMatch(r, adminapi.ETag(p.Version))
	switch {
	case err == nil && r.Header.Get("If-Match") == "*":
		return 0, nil
	case err == nil:
		return p.Version, nil
	case p.Version > 1 && adminapi.CheckMatch(r, adminapi.ETag(p.Version-1)) == nil:
		return p.Version - 1, nil
	}
	return 0, err
}

func (h *Handler) remove(w http.ResponseWriter, r *http.Request, uuid string) error {
	query, err := wire.Query(r)
	if err != nil {
		return err
	}
	endSessions := query.Get("endSessions") == "true"
	if len(query) > 1 || len(query) == 1 && (!endSessions || h.cfg.EndSessions == nil) {
		return adminapi.Invalid(oidckit.InvalidRequest, adminapi.Fields{{Field: "query", Message: "has a parameter that is not known"}})
	}
	version, err := h.version(r, uuid)
	if err != nil {
		return err
	}
	err = h.cfg.Registry.Delete(r.Context(), uuid, version)
	if errors.Is(err, oidckit.ErrConflict) {
		return adminapi.ErrPrecondition
	}
	if err != nil {
		return h.refusal(err)
	}
	// After the deletion, or a login could begin another one meanwhile.
	if endSessions {
		if err := h.cfg.EndSessions(r.Context(), uuid); err != nil {
			return oidckit.NewError(oidckit.ServerError, "The identity provider was deleted, but its sessions could not be ended.").WithCause(err)
		}
	}
	wire.NoStore(w.Header())
	w.WriteHeader(http.StatusNoContent)
	return nil
}
