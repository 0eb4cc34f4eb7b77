package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"maps"
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
	nonce := req.Nonce
	if c.cfg.PlainOAuth != nil {
		nonce = ""
	}
	challenge, method := codeChallenge(req.CodeVerifier), "S256"
	if c.cfg.Legacy.InsecureNoPKCE {
		challenge, method = "", ""
	}
	return map[string]string{
		"response_type":         "code",
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
		"ui_locales":            strings.Join(req.Login.UILocales, " "),
		"login_hint":            req.Login.LoginHint,
		"id_token_hint":         req.IDTokenHint,
		"max_age":               seconds(req.Login.MaxAge),
	}
}

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
