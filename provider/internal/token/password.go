package token

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/opstore"
)

// CheckPassword returns who the user is, or oidckit.ErrUnauthenticated where
// name and password do not belong together. wait is how long to wait instead
// of a check where there were too many wrong ones.
type CheckPassword func(ctx context.Context, clientID, username, password string) (auth oidckit.Authentication, wait time.Duration, err error)

// throttled is the answer to too many wrong passwords.
type throttled struct {
	err  *oidckit.Error
	wait time.Duration
}

func (e *throttled) Error() string { return e.err.Error() }
func (e *throttled) Unwrap() error { return e.err }

// password is RFC 6749 §4.3, which RFC 9700 §2.4 forbids.
func (h *Handler) password(ctx context.Context, client *opstore.Client, p wire.Params) (*issue, error) {
	username, password := p.Get("username"), p.Get("password")
	if username == "" || password == "" {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "username or password is missing")
	}
	granted, err := h.passwordScope(client, p.Get("scope"))
	if err != nil {
		return nil, err
	}
	person, wait, err := h.CheckPassword(ctx, client.Metadata.ClientID, username, password)
	switch {
	case wait > 0:
		e := oidckit.NewError(oidckit.AccessDenied, "too many wrong passwords; try again later").WithStatus(http.StatusTooManyRequests)
		return nil, &throttled{e, wait}
	case errors.Is(err, oidckit.ErrUnauthenticated):
		return nil, oidckit.NewError(oidckit.InvalidGrant, "username or password is wrong")
	case err != nil:
		return nil, err
	}
	active, err := h.Active(ctx, person.Subject)
	if err != nil {
		return nil, err
	}
	if !active {
		return nil, oidckit.NewError(oidckit.InvalidGrant, "username or password is wrong").WithCause(errors.New("the user is gone or disabled"))
	}
	auth := &opstore.Authorization{
		GrantID: secret.ID(), Subject: person.Subject, Scope: granted, Resource: p.All("resource"),
		AuthTime: person.Time, ACR: person.ACR, AMR: person.AMR,
	}
	refresh, err := h.firstRefreshToken(ctx, client, auth)
	if err != nil {
		return nil, err
	}
	return &issue{authorization: auth, target: h.Scopes.Target(granted, auth.Resource), refreshToken: refresh, begun: refresh != ""}, nil
}

// passwordScope returns what a client may have of the scopes it asks for.
func (h *Handler) passwordScope(client *opstore.Client, raw string) (oidckit.Scope, error) {
	asked, err := oidckit.ParseScope(raw)
	if err != nil {
		return nil, oidckit.NewError(oidckit.InvalidScope, "scope is malformed")
	}
	granted := h.Scopes.Allowed(client, asked)
	if !slices.Contains(client.Metadata.GrantTypes, oidckit.GrantTypeRefreshToken) {
		granted = granted.Without(oidckit.ScopeOfflineAccess)
	}
	if len(granted) == 0 && len(asked) > 0 {
		return nil, oidckit.NewError(oidckit.InvalidScope, "the client may have none of the scopes it asks for")
	}
	return granted, nil
}
