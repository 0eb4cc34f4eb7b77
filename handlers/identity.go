package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
)

const (
	identityVersion = 1
	tokensVersion   = 1
	// watchedTokensVersion has a session_state behind the rest.
	watchedTokensVersion = 2
)

var errIdentity = errors.New("handlers: a session's identity cannot be read")

// newIdentity is who has logged in, before the app's own mapping.
func (rp *RelyingParty) newIdentity(t *client.IDToken, tokens *client.Tokens, claims oidckit.Claims) oidckit.Identity {
	now := time.Now().Truncate(time.Second)
	id := oidckit.Identity{
		Issuer: t.Issuer, Subject: t.Subject, Audience: t.Audience, ClientID: rp.cfg.ClientID,
		Scope: tokens.Scope, SessionID: t.SessionID, IssuedAt: now, ExpiresAt: now.Add(rp.sessions.lifetime),
		AuthTime: t.AuthTime(), ACR: t.ACR, AMR: t.AMR, Claims: claims,
	}
	// RFC 6749 §5.1: absent means as it was asked for
	if id.Scope == nil {
		id.Scope = slices.Clone(rp.cfg.Scopes)
	}
	return id
}

// mapIdentity asks the app. Its answer cannot make another person of this one.
func (rp *RelyingParty) mapIdentity(ctx context.Context, id oidckit.Identity) (*oidckit.Identity, error) {
	if rp.cfg.MapIdentity == nil {
		return &id, nil
	}
	given := id
	given.Audience, given.Scope, given.AMR, given.Claims = slices.Clone(id.Audience), slices.Clone(id.Scope), slices.Clone(id.AMR), slices.Clone(id.Claims)
	mapped, err := askApp(ctx, "MapIdentity", func() (oidckit.Identity, error) { return rp.cfg.MapIdentity(ctx, given) })
	if f, ok := errors.AsType[*failure](err); ok {
		return nil, f
	}
	if err != nil {
		return nil, identityRefused(err)
	}
	mapped.Issuer, mapped.Subject, mapped.ClientID, mapped.SessionID = id.Issuer, id.Subject, id.ClientID, id.SessionID
	mapped.IssuedAt, mapped.ExpiresAt, mapped.TokenID = id.IssuedAt, id.ExpiresAt, ""
	if len(mapped.Claims) > client.MaxClaims {
		return nil, refuse("claims_too_large", errors.New("handlers: MapIdentity returned more claims than are kept"))
	}
	return &mapped, nil
}

// identityRefused is a person whom the app does not want.
func identityRefused(cause error) *failure {
	f := &failure{status: http.StatusForbidden, reason: "identity_refused", cause: cause,
		message: "You are signed in at the sign-in service, but this app does not let you in."}
	if e, ok := errors.AsType[*oidckit.Error](cause); ok {
		f.status = e.HTTPStatus()
	}
	return f
}

// askApp runs a hook of the app's beside the request, which ends at its
// deadline whatever the hook does.
func askApp[T any](ctx context.Context, name string, hook func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		// What stands where the hook does not return at all.
		a := answer{err: &failure{status: http.StatusInternalServerError, reason: "panic",
			message: "Something went wrong on our side.", cause: fmt.Errorf("handlers: %s panicked", name)}}
		defer func() {
			_ = recover()
			answers <- a
		}()
		a.value, a.err = hook()
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, storeDown(fmt.Errorf("handlers: %s did not answer: %w", name, ctx.Err()))
	}
}

func encodeIdentity(id *oidckit.Identity) []byte {
	w := record{identityVersion}
	w.text(id.Issuer)
	w.text(id.Subject)
	w.texts(id.Audience)
	w.text(id.ClientID)
	w.texts(id.Scope)
	w.text(id.SessionID)
	w.int(unix(id.IssuedAt))
	w.int(unix(id.ExpiresAt))
	w.int(unix(id.AuthTime))
	w.text(id.ACR)
	w.texts(id.AMR)
	w.text(string(id.Claims))
	return w
}

// decodeIdentity reads all texts out of one string.
func decodeIdentity(b []byte) (*oidckit.Identity, error) {
	r := recordReader{s: string(b)}
	if r.byte() != identityVersion {
		return nil, errIdentity
	}
	id := &oidckit.Identity{
		Issuer: r.text(), Subject: r.text(), Audience: r.texts(), ClientID: r.text(), Scope: r.texts(), SessionID: r.text(),
		IssuedAt: fromUnix(r.int()), ExpiresAt: fromUnix(r.int()), AuthTime: fromUnix(r.int()),
		ACR: r.text(), AMR: r.texts(), Claims: oidckit.Claims(r.text()),
	}
	if !r.done() {
		return nil, errIdentity
	}
	return id, nil
}

func encodeTokens(t *client.Tokens) []byte {
	w := record{tokensVersion}
	if t.SessionState != "" {
		w = record{watchedTokensVersion}
	}
	w.text(t.IDToken)
	w.text(t.AccessToken)
	w.text(t.RefreshToken)
	w.texts(t.Scope)
	w.int(unix(t.Expires))
	if t.SessionState != "" {
		w.text(t.SessionState)
	}
	return w
}

func decodeTokens(b []byte) (*client.Tokens, bool) {
	r := recordReader{s: string(b)}
	version := r.byte()
	if version != tokensVersion && version != watchedTokensVersion {
		return nil, false
	}
	t := &client.Tokens{IDToken: r.text(), AccessToken: r.text(), RefreshToken: r.text(), Scope: r.texts(), Expires: fromUnix(r.int())}
	if version == watchedTokensVersion {
		t.SessionState = r.text()
	}
	return t, r.done()
}

// unix keeps the zero time apart from 1970.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix() + 1
}

func fromUnix(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n-1, 0)
}
