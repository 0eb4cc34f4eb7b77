package client

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/safeurl"
)

// AuthorizationRequest is what one login asks for, beside what the client
// always asks for.
type AuthorizationRequest struct {
	State        string
	Nonce        string
	CodeVerifier string
	// IDTokenHint is an ID token of the person who is expected, or empty.
	IDTokenHint string
	// Login is what was asked of this login.
	Login oidckit.LoginRequest
}

// AuthorizationURL returns where the person is sent (OpenID Connect Core 1.0
// §3.1.2.1, RFC 7636 §4.3). Where requests are pushed it calls the server.
func (c *Client) AuthorizationURL(ctx context.Context, req AuthorizationRequest) (string, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return "", err
	}
	u, err := safeurl.Endpoint(m.AuthorizationEndpoint)
	if err != nil {
		return "", unavailable(err)
	}
	params := c.parameters(req)
	params["claims"], params["acr_values"], err = c.claimsParameter(m, req.Login)
	if err != nil {
		return "", refuse(RequestRefused, fmt.Errorf("the claims request %w", err))
	}
	maps.DeleteFunc(params, func(_, value string) bool { return value == "" })
	if params, err = c.asObject(m, params); err != nil {
		return "", err
	}
	if c.pushes(m) {
		if params, err = c.push(ctx, m, params); err != nil {
			return "", err
		}
	}
	// RFC 6749 §3.1: the endpoint's own query is kept
	q := u.Query()
	for name, value := range params {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func (c *Client) parameters(req AuthorizationRequest) map[string]string {
	nonce, challenge, method := req.Nonce, codeChallenge(req.CodeVerifier), "S256"
	if c.cfg.PlainOAuth != nil {
		nonce = ""
	}
	if !c.cfg.gives(wordCode) || c.cfg.Legacy.InsecureNoPKCE {
		challenge, method = "", ""
	}
	params := map[string]string{
		"response_type":         cmp.Or(c.cfg.ResponseType, wordCode),
		"response_mode":         c.cfg.responseMode(),
		"client_id":             c.cfg.ClientID,
		"redirect_uri":          c.cfg.RedirectURI,
		"scope":                 c.cfg.Scope.String(),
		"state":                 req.State,
		"nonce":                 nonce,
		"code_challenge":        challenge,
		"code_challenge_method": method,
		"resource":              c.cfg.Resource,
		"prompt":                strings.Join(req.Login.Prompt, " "),
		"acr_values":            strings.Join(req.Login.ACRValues, " "),
		"claims":                string(c.cfg.Claims),
		"ui_locales":            strings.Join(req.Login.UILocales, " "),
		"login_hint":            req.Login.LoginHint,
		"id_token_hint":         req.IDTokenHint,
		"max_age":               seconds(req.Login.MaxAge),
	}
	for name, value := range c.cfg.AuthorizationParams {
		if !IsReservedParameter(name) {
			params[name] = value
		}
	}
	return params
}

// reservedParameters are those that only the protocol sets: an app that could
// set one would take out a check.
var reservedParameters = []string{
	"response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "resource", "prompt", "acr_values", "claims", "ui_locales",
	"login_hint", "max_age", "id_token_hint", "request", "request_uri", "registration",
	"client_secret", "client_assertion", "client_assertion_type", "iss", "response", "dpop_jkt",
}

// IsReservedParameter reports whether an authorization parameter is the
// protocol's to set.
func IsReservedParameter(name string) bool { return slices.Contains(reservedParameters, name) }

// codeChallenge implements S256 (RFC 7636 §4.2).
func codeChallenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func seconds(d *time.Duration) string {
	if d == nil {
		return ""
	}
	return strconv.FormatInt(int64(*d/time.Second), 10)
}
