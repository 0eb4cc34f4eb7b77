package authorize

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/clients"
	"github.com/oidckit/oidckit/provider/internal/tokens"
	"github.com/oidckit/oidckit/provider/opstore"
)

const (
	maxState = 4096
	maxNonce = 1024
	// challengeChars is the length of a SHA-256 in base64url.
	challengeChars = 43
	// maxAgeLimit keeps max_age within what a duration holds.
	maxAgeLimit = 100 * 365 * 24 * 3600
)

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
		LoginHint: p.Get("login_hint"), UILocales: strings.Fields(p.Get("ui_locales")), ACRValues: strings.Fields(p.Get("acr_values")),
	}
	for _, step := range []func(*Request, *opstore.Client, wire.Params) error{
		checkRepeated, checkUnsupported, checkResponseType, checkNonce, h.checkPKCE, h.checkScope, checkPrompt, checkMaxAge,
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

func checkResponseType(req *Request, client *opstore.Client, p wire.Params) error {
	switch p.Get("response_type") {
	case "":
		return refuse(req, oidckit.InvalidRequest, "response_type is missing")
	case "code":
	default:
		return refuse(req, oidckit.UnsupportedResponseType, "response_type is not supported")
	}
	if !slices.Contains(client.Metadata.GrantTypes, oidckit.GrantTypeAuthorizationCode) ||
		!slices.Contains(client.Metadata.ResponseTypes, "code") {
		return refuse(req, oidckit.UnauthorizedClient, "the client is not registered for the authorization code flow")
	}
	// OAuth 2.0 Multiple Response Types §2.1
	if mode := p.Get("response_mode"); mode != "" && mode != "query" {
		return refuse(req, oidckit.InvalidRequest, "response_mode is not supported")
	}
	return nil
}

func checkNonce(req *Request, _ *opstore.Client, _ wire.Params) error {
	if len(req.Nonce) > maxNonce {
		return refuse(req, oidckit.InvalidRequest, "nonce is too long")
	}
	// OpenID Connect Core 1.0 §2: it comes back unmodified, in JSON
	if !utf8.ValidString(req.Nonce) || strings.ContainsFunc(req.Nonce, unicode.IsControl) {
		return refuse(req, oidckit.InvalidRequest, "nonce is not text")
	}
	return nil
}

func (h *Handler) checkPKCE(req *Request, client *opstore.Client, p wire.Params) error {
	challenge, method := p.Get("code_challenge"), p.Get("code_challenge_method")
	if challenge == "" {
		if method != "" {
			return refuse(req, oidckit.InvalidRequest, "code_challenge is missing")
		}
		// RFC 9700 §2.1.1: public clients MUST use PKCE
		if client.Public() || !h.AllowConfidentialWithoutPKCE {
			return refuse(req, oidckit.InvalidRequest, "code_challenge is required (PKCE with S256)")
		}
		return nil
	}
	// RFC 7636 §4.3: an absent method means plain
	if method != "S256" {
		return refuse(req, oidckit.InvalidRequest, "code_challenge_method must be S256")
	}
	if len(challenge) != challengeChars || strings.ContainsFunc(challenge, notBase64URL) {
		return refuse(req, oidckit.InvalidRequest, "code_challenge is not an S256 challenge")
	}
	req.CodeChallenge = challenge
	return nil
}

func notBase64URL(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

func (h *Handler) checkScope(req *Request, client *opstore.Client, p wire.Params) error {
	requested, err := oidckit.ParseScope(p.Get("scope"))
	if err != nil {
		return refuse(req, oidckit.InvalidScope, "scope is malformed")
	}
	// OpenID Connect Core 1.0 §3.1.2.1: values that are not understood are ignored
	req.Scope = h.Scopes.Allowed(client, requested)
	// OpenID Connect Core 1.0 §11: offline_access means a refresh token
	if !slices.Contains(client.Metadata.GrantTypes, oidckit.GrantTypeRefreshToken) {
		req.Scope = req.Scope.Without(oidckit.ScopeOfflineAccess)
	}
	if len(req.Scope) == 0 && len(requested) > 0 {
		return refuse(req, oidckit.InvalidScope, "the client may have none of the scopes it asks for")
	}
	req.Resource = p.All("resource")
	if err := h.Scopes.CheckResources(req.Resource); err != nil {
		return refuse(req, oidckit.InvalidTarget, "resource is unknown or malformed")
	}
	return nil
}

var knownPrompts = []string{oidckit.PromptNone, oidckit.PromptLogin, oidckit.PromptConsent, oidckit.PromptSelectAccount}

func checkPrompt(req *Request, _ *opstore.Client, p wire.Params) error {
	req.Prompt = strings.Fields(p.Get("prompt"))
	for _, value := range req.Prompt {
		if !slices.Contains(knownPrompts, value) {
			return refuse(req, oidckit.InvalidRequest, "prompt has an unknown value")
		}
	}
	// OpenID Connect Core 1.0 §3.1.2.1: none with any other value is an error
	if req.prompts(oidckit.PromptNone) && len(req.Prompt) > 1 {
		return refuse(req, oidckit.InvalidRequest, "prompt none goes with no other value")
	}
	return nil
}

func checkMaxAge(req *Request, client *opstore.Client, p wire.Params) error {
	raw := p.Get("max_age")
	if raw == "" {
		req.MaxAge = client.Metadata.DefaultMaxAge
		return nil
	}
	age, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || age < 0 || raw[0] == '+' {
		return refuse(req, oidckit.InvalidRequest, "max_age is not a number of seconds")
	}
	age = min(age, maxAgeLimit)
	req.MaxAge = &age
	return nil
}

func (h *Handler) checkHint(ctx context.Context, req *Request, raw string) error {
	if raw == "" {
		return nil
	}
	hint, err := h.Tokens.ReadHint(ctx, raw)
	if errors.Is(err, tokens.ErrBadHint) {
		return refuse(req, oidckit.InvalidRequest, "id_token_hint is not an ID token of this issuer")
	}
	if err != nil {
		return err
	}
	req.HintSubject = hint.Subject
	return nil
}
