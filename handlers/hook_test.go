package handlers

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/oidckit/oidckit"
)

// FLT-56: a hook that never returns does not keep the request.
func TestHookThatBlocks(t *testing.T) {
	rp := offline(t, ring(t, 1), "c")
	release := make(chan struct{})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	rp.cfg.MapIdentity = func(context.Context, oidckit.Identity) (oidckit.Identity, error) {
		cancel()
		<-release
		return oidckit.Identity{}, nil
	}
	id, err := rp.mapIdentity(ctx, oidckit.Identity{Subject: "alice"})
	f, ok := errors.AsType[*failure](err)
	if id != nil || !ok || f.status != http.StatusServiceUnavailable {
		t.Errorf("%v %v", id, err)
	}
}
