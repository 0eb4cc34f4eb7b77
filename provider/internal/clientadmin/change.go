package clientadmin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/adminapi"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/opstore"
)

// maxClientID bounds a client_id that an operator chooses; maxKey bounds an
// Idempotency-Key.
const (
	maxClientID = 128
	maxKey      = 255
)

// read returns the client of a request's body, and a secret that stands in it.
func read(w http.ResponseWriter, r *http.Request) (m oidckit.ClientMetadata, plain string, err error) {
	var in client
	if err := adminapi.ReadJSON(w, r, &in); err != nil {
		return m, "", err
	}
	m, plain = in.ClientMetadata, in.ClientSecret
	m.ClientSecret = ""
	return m, plain, nil
}

// check returns metadata with its defaults, or everything that is wrong.
func (h *Handler) check(ctx context.Context, m oidckit.ClientMetadata, plain string) (oidckit.ClientMetadata, error) {
	m, ps := h.Check(ctx, m)
	if plain != "" {
		ps = append(ps, clients.CheckSecret(&m, plain)...)
	}
	if !plainID(m.ClientID) {
		ps = append(ps, &clients.Problem{Field: "client_id", Text: "must be of letters, digits, dots, hyphens, underscores and tildes, 128 of them at most"})
	}
	if len(ps) == 0 {
		return m, nil
	}
	fields := make(adminapi.Fields, len(ps))
	for i, p := range ps {
		fields[i] = adminapi.Field{Field: p.Field, Message: p.Text}
	}
	return m, adminapi.Invalid(oidckit.InvalidClientMetadata, fields)
}

func plainID(id string) bool {
	return id != "" && len(id) <= maxClientID && id != "." && id != ".." && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-_~", r)
	})
}

func (h *Handler) create(w http.ResponseWriter, r *http.Request) error {
	if len(r.URL.RawQuery) > 0 {
		return oidckit.NewError(oidckit.InvalidRequest, "a creation has no query")
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		return oidckit.NewError(oidckit.InvalidRequest, "Idempotency-Key is too long")
	}
	m, plain, err := read(w, r)
	if err != nil {
		return err
	}
	if m.ClientID == "" {
		m.ClientID = h.derive(r, key, "client_id", secret.ID)
	}
	m, err = h.check(r.Context(), m, plain)
	if err != nil {
		return err
	}
	d := clients.Draft{Metadata: m, Secret: plain, CreatedAt: time.Now().Truncate(time.Microsecond), By: by(r)}
	secretOf := func(created time.Time) string {
		if plain != "" || !clients.NeedsSecret(&m) {
			return plain
		}
		// The time is kept with the client and goes with it: the key does not bring
		// back the secret of one that was deleted.
		purpose := "client_secret " + strconv.FormatInt(created.UnixMicro(), 10)
		return h.derive(r, key, purpose, func() string { return clients.NewSecret(&m) })
	}
	d.Secret = secretOf(d.CreatedAt)
	reg, err := h.Create(r.Context(), d)
	if errors.Is(err, oidckit.ErrConflict) && key != "" {
		reg, err = h.again(r.Context(), &d, secretOf)
	}
	if errors.Is(err, oidckit.ErrConflict) {
		return oidckit.NewError(oidckit.InvalidRequest, "the client_id is taken").WithStatus(http.StatusConflict)
	}
	if err != nil {
		return err
	}
	h.write(w, http.StatusCreated, reg, d.Secret)
	return nil
}

// derive returns a value that a repeated request gets again, or a random one
// where the request cannot be repeated.
func (h *Handler) derive(r *http.Request, key, purpose string, random func() string) string {
	if key == "" {
		return random()
	}
	mac := hmac.New(sha256.New, h.Key)
	for _, part := range []string{h.Issuer, by(r), purpose, key} {
		sum := sha256.Sum256([]byte(part))
		mac.Write(sum[:])
	}
	value := base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	// Of the same length as a random one, which may have to be longer.
	length := len(random())
	for len(value) < length {
		mac.Write([]byte(value))
		value += base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	return value[:length]
}

// again returns the client that the same request has created before, or
// oidckit.ErrConflict where another one has. The draft gets its secret.
func (h *Handler) again(ctx context.Context, d *clients.Draft, secretOf func(created time.Time) string) (*opstore.Registration, error) {
	reg, err := h.Store.Registration(ctx, d.Metadata.ClientID)
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil, oidckit.ErrConflict
	}
	if err != nil {
		return nil, err
	}
	d.Secret = secretOf(reg.Client.CreatedAt)
	if !sameMetadata(&reg.Client.Metadata, &d.Metadata) || !hasSecret(&reg.Client, d.Secret) {
		return nil, oidckit.ErrConflict
	}
	return reg, nil
}

func hasSecret(c *opstore.Client, plain string) bool {
	if plain == "" {
		return len(c.SecretHashes) == 0
	}
	got := oidckit.HashToken(plain)
	return len(c.SecretHashes) == 1 && subtle.ConstantTimeCompare(got[:], c.SecretHashes[0][:]) == 1
}

func sameMetadata(a, b *oidckit.ClientMetadata) bool {
	one, err := json.Marshal(a)
	if err != nil {
		return false
	}
	other, err := json.Marshal(b)
	return err == nil && string(one) == string(other)
}

func (h *Handler) replace(w http.ResponseWriter, r *http.Request, id string) error {
	if len(r.URL.RawQuery) > 0 {
		return oidckit.NewError(oidckit.InvalidRequest, "a client's address has no query")
	}
	m, plain, err := read(w, r)
	if err != nil {
		return err
	}
	reg, err := h.find(r, id)
	if err != nil {
		return err
	}
	matched := adminapi.CheckMatch(r, adminapi.ETag(reg.Version))
	if m.ClientID == "" {
		m.ClientID = id
	}
	if m.ClientID != id {
		return adminapi.Invalid(oidckit.InvalidClientMetadata, adminapi.Fields{{Field: "client_id", Message: "is not the one of the address"}})
	}
	if m, err = h.check(r.Context(), m, plain); err != nil {
		return err
	}
	if matched != nil {
		return h.repeated(w, r, reg, &m, plain, matched)
	}
	d := clients.Draft{Metadata: m, Secret: plain, By: by(r)}
	if plain == "" && !clients.KeepsSecret(&reg.Client, &m) {
		d.Secret = clients.NewSecret(&m)
	}
	err = h.Update(r.Context(), reg, d)
	switch {
	case errors.Is(err, oidckit.ErrNotFound):
		return notFound()
	case errors.Is(err, oidckit.ErrConflict):
		return adminapi.ErrPrecondition
	case err != nil:
		return err
	}
	h.write(w, http.StatusOK, reg, d.Secret)
	return nil
}

// repeated answers a replacement whose version has gone: if it was the one
// that made it go, its answer was lost and comes again.
func (h *Handler) repeated(w http.ResponseWriter, r *http.Request, reg *opstore.Registration, m *oidckit.ClientMetadata, plain string, matched error) error {
	own := reg.Version > 1 && adminapi.CheckMatch(r, adminapi.ETag(reg.Version-1)) == nil
	if !own || !sameMetadata(&reg.Client.Metadata, m) || plain != "" && !hasSecret(&reg.Client, plain) {
		return matched
	}
	h.write(w, http.StatusOK, reg, "")
	return nil
}
