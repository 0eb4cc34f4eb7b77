package clientadmin

import (
	"net/http"
	"net/url"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/adminapi"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

// client is a client as operators read and write it: its metadata by the names
// of RFC 7591, and what only answers have. A request may repeat the latter;
// they are ignored.
type client struct {
	oidckit.ClientMetadata
	IssuedAt        int64  `json:"client_id_issued_at,omitempty"`
	SecretExpiresAt *int64 `json:"client_secret_expires_at,omitempty"`
	// SelfRegistered says that the client can change and delete itself (RFC
	// 7592).
	SelfRegistered bool `json:"self_registered,omitempty"`
}

func newClient(reg *opstore.Registration, secret string) client {
	c := client{
		ClientMetadata: reg.Client.Metadata,
		IssuedAt:       reg.Client.CreatedAt.Unix(),
		SelfRegistered: reg.AccessToken != (oidckit.TokenHash{}),
	}
	c.ClientSecret = secret
	if len(reg.Client.SecretHashes) > 0 {
		var ends int64
		if !reg.Client.SecretExpiresAt.IsZero() {
			ends = reg.Client.SecretExpiresAt.Unix()
		}
		c.SecretExpiresAt = &ends
	}
	return c
}

// list is a page of clients.
type list struct {
	Total      int      `json:"totalResults"`
	StartIndex int      `json:"startIndex"`
	Count      int      `json:"itemsPerPage"`
	Clients    []client `json:"clients"`
}

func (h *Handler) write(w http.ResponseWriter, status int, reg *opstore.Registration, secret string) {
	head := w.Header()
	head.Set("ETag", adminapi.ETag(reg.Version))
	if status == http.StatusCreated {
		head.Set("Location", h.Path+"/"+url.PathEscape(reg.Client.Metadata.ClientID))
	}
	wire.WriteJSON(w, status, newClient(reg, secret))
}
