package authorize

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/internal/responsetype"
	"github.com/oidckit/oidckit/provider/opstore"
)

const maxState = 4096

// errorFor joins a refusal with the request whose client may be told by a
// redirect. A refusal without it is shown to the person on a page.
type errorFor struct {
	err *oidckit.Error
	req *Request
}

func (e *errorFor) Error() string { return e.err.Error() }
func (e *errorFor) Unwrap() error { return e.err }

func refuse(req *Request, code oidckit.ErrorCode, description string) error {
	return &errorFor{oidckit.NewError(code, description), req}
}

// check reads the parameters of a request. Errors of client_id and
// redirect_uri come first and are never redirected (RFC 6749 §4.1.2.1).
func (h *Handler) check(ctx context.Context, p wire.Params) (*Request, *opstore.Client, error) {
	if len(p.All("client_id")) > 1 || len(p.All("redirect_uri")) > 1 {
		return nil, nil, oidckit.NewError(oidckit.InvalidRequest, "the app that sent you here gave client_id or redirect_uri more than once")
	}
	client, err := h.Clients.Client(ctx, p.Get("client_id"))
	if errors.Is(err, oidckit.ErrNotFound) {
		return nil, nil, oidckit.NewError(oidckit.InvalidRequest, "the app that sent you here is not known: client_id is missing or unknown")
	}
	if err != nil {
		return nil, nil, err
	}
	p, objectErr := h.resolve(ctx, client, p)
	if objectErr != nil && !isRefusal(objectErr) {
		return nil, nil, objectErr
	}
	// OpenID Connect Core 1.0 §3.1.2.1: redirect_uri is REQUIRED and matches exactly
	if !clients.MatchRedirectURI(client.Metadata.RedirectURIs, p.Get("redirect_uri")) {
		return nil, nil, oidckit.NewError(oidckit.InvalidRequest, "the app that sent you here gave an address to return to that is not registered: redirect_uri")
	}
	// A state that is not given back as it was would be worse than a page.
	if len(p.Get("state")) > maxState {
		return nil, nil, oidckit.NewError(oidckit.InvalidRequest, "the app that sent you here gave a state that is too long")
	}
	req := &Request{
		ID: secret.ID(), ReceivedAt: time.Now().Unix(),
		ClientID: client.Metadata.ClientID, RedirectURI: p.Get("redirect_uri"),
		State: []byte(theOne(p.All("state"))), Nonce: p.Get("nonce"),
		LoginHint: p.Get("login_hint"), UILocales: strings.Fields(p.Get("ui_locales")),
	}
	// What is wrong with a request is told where its answer would go.
	req.readResponse(p)
	if e, ok := errors.AsType[*oidckit.Error](objectErr); ok {
		return nil, nil, &errorFor{e, req}
	}
	for _, step := range [...]func(*Request, *opstore.Client, wire.Params) error{
		checkRepeated, checkUnsupported, h.checkResponse, checkNonce, h.checkPKCE, h.checkScope, checkPrompt, checkMaxAge, h.checkClaims,
	} {
		if err := step(req, client, p); err != nil {
			return nil, nil, err
		}
	}
	if err := h.checkHint(ctx, req, p.Get("id_token_hint")); err != nil {
		return nil, nil, err
	}
	return req, client, nil
}

// theOne returns the only value, "" where there is none or no telling which.
func theOne(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

func checkRepeated(req *Request, _ *opstore.Client, p wire.Params) error {
	// RFC 6749 §4.1.2.1, invalid_request; RFC 8707 §2 repeats resource
	if p.Repeated("resource") {
		return refuse(req, oidckit.InvalidRequest, "a parameter is repeated")
	}
	return nil
}

func checkUnsupported(req *Request, _ *opstore.Client, p wire.Params) error {
	// OpenID Connect Core 1.0 §3.1.2.6: never silently ignored
	switch {
	case p.Get("request") != "":
		return refuse(req, oidckit.RequestNotSupported, "request objects are not supported")
	case p.Get("request_uri") != "":
		return refuse(req, oidckit.RequestURINotSupported, "request_uri is not supported")
	case p.Get("registration") != "":
		return refuse(req, oidckit.RegistrationNotSupported, "registration is not supported")
	}
	return nil
}

func (h *Handler) checkScope(req *Request, client *opstore.Client, p wire.Params) error {
	requested, err := oidckit.ParseScope(p.Get("scope"))
	if err != nil {
		return refuse(req, oidckit.InvalidScope, "scope is malformed")
	}
	if err := h.limitScope(req, client, requested); err != nil {
		return err
	}
	req.Resource = p.All("resource")
	if err := h.Scopes.CheckResources(req.Resource); err != nil {
		return refuse(req, oidckit.InvalidTarget, "resource is unknown or malformed")
	}
	return nil
}

// limitScope gives the request those of the scopes that its client may have.
func (h *Handler) limitScope(req *Request, client *opstore.Client, requested oidckit.Scope) error {
	// OpenID Connect Core 1.0 §3.1.2.1: values that are not understood are ignored
	req.Scope = h.Scopes.Allowed(client, requested)
	// OpenID Connect Core 1.0 §11: offline_access means a refresh token, which
	// only a code brings
	if !req.ResponseType.Has(responsetype.Code) || !slices.Contains(client.Metadata.GrantTypes, oidckit.GrantTypeRefreshToken) {
		req.Scope = req.Scope.Without(oidckit.ScopeOfflineAccess)
	}
	if len(req.Scope) == 0 && len(requested) > 0 {
		return refuse(req, oidckit.InvalidScope, "the client may have none of the scopes it asks for")
	}
	// OpenID Connect Core 1.0 §3.1.2.1: without openid there is no ID token
	if req.ResponseType.Has(responsetype.IDToken) && !req.Scope.Has(oidckit.ScopeOpenID) {
		return refuse(req, oidckit.InvalidRequest, "response_type asks for an ID token, but scope not for openid")
	}
	return nil
}
