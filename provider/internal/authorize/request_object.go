package authorize

import (
	"context"
	"errors"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

// resolve replaces a request object by the request it holds, where the issuer
// takes any. Together with a refusal it returns the request as it was sent:
// that says where the refusal is told.
func (h *Handler) resolve(ctx context.Context, client *opstore.Client, p wire.Params) (wire.Params, error) {
	if h.RequestObjects == nil {
		return p, nil
	}
	resolved, err := h.RequestObjects.Resolve(ctx, client, p)
	if err != nil {
		return p, err
	}
	return resolved, nil
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*oidckit.Error](err)
	return ok
}
