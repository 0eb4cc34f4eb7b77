package endsession

import (
	"context"
	"errors"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// follow takes the address of a request that names no client for that of a
// client of the session which has registered it.
func (h *Handler) follow(ctx context.Context, req *logout, sess *opstore.Session) error {
	if req.unnamed == "" {
		return nil
	}
	for _, id := range sess.Clients {
		client, err := h.Clients.Client(ctx, id)
		if errors.Is(err, oidckit.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if slices.Contains(client.Metadata.PostLogoutRedirectURIs, req.unnamed) {
			req.ReturnTo, req.ClientID, req.clientName = req.unnamed, id, client.Metadata.ClientName
			return nil
		}
	}
	return oidckit.NewError(oidckit.InvalidRequest, "the app gave an address to return to that no app of this sign-in has registered: post_logout_redirect_uri")
}
