package middleware

import (
	"context"
	"errors"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
)

// report tells logger and events of a refusal, unless the verifier has.
func (g *bearerGuard) report(ctx context.Context, e *oidckit.Error, id *oidckit.Identity) {
	// RFC 9449 §9: how a client learns the nonce, and no fault
	if e.Code == oidckit.UseDPoPNonce {
		return
	}
	before, ok := errors.AsType[*reportedError](e)
	if !ok || !before.logged {
		wire.Log(g.Logger, "bearer", e)
	}
	if ok && before.sent {
		return
	}
	event := oidckit.Event{Name: oidckit.EventTokenRefused, Err: e}
	if e.HTTPStatus() >= http.StatusInternalServerError {
		event.Name = oidckit.EventTokenUnchecked
	}
	if id != nil {
		event.Issuer, event.Subject, event.ClientID, event.SessionID = id.Issuer, id.Subject, id.ClientID, id.SessionID
	}
	g.Events.Send(ctx, event)
}
