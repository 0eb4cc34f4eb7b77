package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clientauth"
	"github.com/oidckit/oidckit/provider/internal/scopes"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

// Handler serves the endpoint. Its fields are set once; it is safe for
// concurrent use.
type Handler struct {
	Issuer      string
	Clients     *clientauth.Authenticator
	Scopes      *scopes.Catalogue
	Tokens      *tokens.Issuer
	Codes       opstore.Codes
	Grants      opstore.Grants
	Revocations opstore.Revocations
	// Active reports whether a subject is still a user who may have tokens.
	Active func(ctx context.Context, subject string) (bool, error)
	// RefreshTokenLifetime ends an unused refresh token, GrantLifetime the
	// whole chain.
	RefreshTokenLifetime time.Duration
	GrantLifetime        time.Duration
	// ReuseInterval is how long after a rotation the same client is given the
	// same, still unused, successor again. 0 never gives it again.
	ReuseInterval time.Duration
	// RefreshWithoutOfflineAccess issues refresh tokens to clients that are
	// registered for them whatever the scope.
	RefreshWithoutOfflineAccess bool
	// CheckPassword serves the password grant; nil does not. See Password.
	CheckPassword CheckPassword
	Logger        zerolog.Logger
	Events        oidckit.EventSink
}

type grant func(ctx context.Context, client *opstore.Client, p wire.Params) (*issue, error)

// grant returns how a grant_type is served, nil where it is not.
func (h *Handler) grant(grantType string) grant {
	switch grantType {
	case oidckit.GrantTypeAuthorizationCode:
		return h.authorizationCode
	case oidckit.GrantTypeRefreshToken:
		return h.refreshToken
	case oidckit.GrantTypeClientCredentials:
		return h.clientCredentials
	case oidckit.GrantTypePassword:
		if h.CheckPassword != nil {
			return h.password
		}
	}
	return nil
}

// GrantTypes lists what the endpoint serves unasked: grant_types_supported.
func GrantTypes() []string {
	return []string{oidckit.GrantTypeAuthorizationCode, oidckit.GrantTypeRefreshToken, oidckit.GrantTypeClientCredentials}
}

// issue is what a grant has decided to issue.
type issue struct {
	authorization *opstore.Authorization
	target        scopes.Target
	refreshToken  string
	// begun says that refreshToken is the first one of a grant.
	begun bool
	// nonce is false for tokens that a refresh brings (OpenID Connect Core 1.0
	// §12.2).
	nonce bool
}

// response is RFC 6749 §5.1 and OpenID Connect Core 1.0 §3.1.3.3.
type response struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// Serve answers POST.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	form, err := wire.Form(w, r, "resource")
	if err != nil {
		return err
	}
	client, err := h.Clients.Authenticate(r, form)
	if err != nil {
		h.refused(r, oidckit.EventClientRefused, form, "", err)
		return err
	}
	res, err := h.serve(r, client, form)
	if err != nil {
		h.refused(r, oidckit.EventTokenRefused, form, client.Metadata.ClientID, err)
		if e, ok := errors.AsType[*throttled](err); ok {
			// RFC 6585 §4
			w.Header().Set("Retry-After", strconv.Itoa(int(e.wait/time.Second)+1))
		}
		return attributed(err, client)
	}
	wire.WriteJSON(w, http.StatusOK, res)
	return nil
}

// attributed names the client in the half of an error that the log gets.
func attributed(err error, client *opstore.Client) error {
	e, ok := errors.AsType[*oidckit.Error](err)
	switch {
	case !ok:
		return fmt.Errorf("client %q: %w", client.Metadata.ClientID, err)
	case e.Cause() == nil:
		return e.WithCause(fmt.Errorf("client %q", client.Metadata.ClientID))
	}
	return e.WithCause(fmt.Errorf("client %q: %w", client.Metadata.ClientID, e.Cause()))
}

func (h *Handler) refused(r *http.Request, name oidckit.EventName, form wire.Params, clientID string, err error) {
	if wire.AsError(err).HTTPStatus() >= http.StatusInternalServerError {
		return
	}
	grantType := form.Get("grant_type")
	if h.grant(grantType) == nil {
		grantType = ""
	}
	h.Events.Send(r.Context(), oidckit.Event{Name: name, Issuer: h.Issuer, ClientID: clientID, GrantType: grantType, Err: err})
}

func (h *Handler) serve(r *http.Request, client *opstore.Client, form wire.Params) (*response, error) {
	ctx := r.Context()
	grantType := form.Get("grant_type")
	if grantType == "" {
		return nil, oidckit.NewError(oidckit.InvalidRequest, "grant_type is missing")
	}
	run := h.grant(grantType)
	if run == nil {
		return nil, oidckit.NewError(oidckit.UnsupportedGrantType, "grant_type is not supported")
	}
	// RFC 6749 §5.2, unauthorized_client
	if !slices.Contains(client.Metadata.GrantTypes, grantType) {
		return nil, oidckit.NewError(oidckit.UnauthorizedClient, "the client is not registered for this grant_type")
	}
	if err := h.Scopes.CheckResources(form.All("resource")); err != nil {
		return nil, err
	}
	// What cannot be signed must not cost the client its code.
	if err := h.Tokens.Ready(ctx); err != nil {
		return nil, err
	}
	iss, err := run(ctx, client, form)
	if err != nil {
		return nil, err
	}
	told := false
	defer func() {
		// What cannot be minted, or told of by a sink that panics, leaves no grant
		// that nobody has a token of.
		if !told && iss.begun {
			h.undo(ctx, iss.authorization)
		}
	}()
	res, err := h.mint(ctx, client, iss)
	if err != nil {
		return nil, err
	}
	h.Events.Send(ctx, oidckit.Event{
		Name: oidckit.EventTokenIssued, Issuer: h.Issuer, ClientID: client.Metadata.ClientID,
		Subject: iss.authorization.Subject, SessionID: iss.authorization.SessionID, GrantType: grantType,
	})
	told = true
	return res, nil
}

func (h *Handler) mint(ctx context.Context, client *opstore.Client, iss *issue) (*response, error) {
	grantee := tokens.Grantee{Client: client, Authorization: iss.authorization}
	access, err := h.Tokens.AccessToken(ctx, grantee, iss.target)
	if err != nil {
		return nil, err
	}
	res := &response{
		AccessToken:  access.Token,
		TokenType:    "Bearer",
		ExpiresIn:    int64(access.ExpiresIn / time.Second),
		RefreshToken: iss.refreshToken,
		Scope:        access.Scope.String(),
	}
	if iss.authorization.Subject == "" || !iss.target.Scope.Has(oidckit.ScopeOpenID) {
		return res, nil
	}
	if !iss.nonce {
		again := *iss.authorization
		again.Nonce = ""
		grantee.Authorization = &again
	}
	res.IDToken, err = h.Tokens.IDToken(ctx, grantee, access.Token)
	return res, err
}

// replayed answers the second use of a code or refresh token: what the first
// one brought is revoked (RFC 6749 §4.1.2, RFC 9700 §4.14.2).
func (h *Handler) replayed(ctx context.Context, name oidckit.EventName, client *opstore.Client, auth *opstore.Authorization, cause error) error {
	if err := h.Tokens.EndGrant(ctx, h.Grants, auth.GrantID); err != nil {
		return err
	}
	// Somebody has what only the client should have: an operator must be able
	// to tell it from a mistyped code.
	h.Logger.Warn().Str("endpoint", "token").Str("event", string(name)).Str("client_id", client.Metadata.ClientID).
		Str("grant_id", auth.GrantID).Str("sub", auth.Subject).Str("sid", auth.SessionID).
		Msg("a code or refresh token was used twice: its grant is revoked")
	h.Events.Send(ctx, oidckit.Event{
		Name: name, Issuer: h.Issuer, ClientID: client.Metadata.ClientID,
		Subject: auth.Subject, SessionID: auth.SessionID, Err: cause,
	})
	return invalidGrant(cause)
}

// invalidGrant is the one answer to whatever is wrong with a code or a refresh
// token, so that a guess learns nothing.
func invalidGrant(cause error) error {
	return oidckit.NewError(oidckit.InvalidGrant, "the code or refresh token is invalid, expired, revoked, or was issued to another client").WithCause(cause)
}

// limit cuts a grant down to what its client may have today.
func (h *Handler) limit(client *opstore.Client, auth *opstore.Authorization) error {
	allowed := h.Scopes.Allowed(client, auth.Scope)
	if len(allowed) == len(auth.Scope) && len(auth.UserinfoClaims)+len(auth.IDTokenClaims) == 0 {
		return nil
	}
	if len(allowed) == 0 && len(auth.Scope) > 0 {
		return invalidGrant(errors.New("the client may have nothing of what was granted"))
	}
	auth.Scope = allowed
	may := func(scope string) bool { return len(h.Scopes.Allowed(client, oidckit.Scope{scope})) > 0 }
	auth.UserinfoClaims = h.Tokens.UserClaims.Within(auth.UserinfoClaims, may)
	auth.IDTokenClaims = h.Tokens.UserClaims.Within(auth.IDTokenClaims, may)
	return nil
}

// target narrows a grant to what this request asks for.
func (h *Handler) target(auth *opstore.Authorization, askedScope string, asked []string) (scopes.Target, error) {
	scope, err := narrow(auth.Scope, askedScope)
	if err != nil {
		return scopes.Target{}, err
	}
	if len(asked) == 0 {
		return h.Scopes.Target(scope, auth.Resource), nil
	}
	// RFC 8707 §2.2: within what the grant was given for
	if !h.Scopes.Within(asked, auth) {
		return scopes.Target{}, oidckit.NewError(oidckit.InvalidTarget, "resource was not granted")
	}
	return h.Scopes.Target(scope, asked), nil
}

// narrow implements RFC 6749 §6: the scope asked for must lie within what was
// granted; absent, it is all of it.
func narrow(granted oidckit.Scope, asked string) (oidckit.Scope, error) {
	if asked == "" {
		return granted, nil
	}
	scope, err := oidckit.ParseScope(asked)
	if err != nil {
		return nil, oidckit.NewError(oidckit.InvalidScope, "scope is malformed")
	}
	if !granted.HasAll(scope) {
		return nil, oidckit.NewError(oidckit.InvalidScope, "scope exceeds what was granted")
	}
	return scope, nil
}
