package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	maxTokenAnswer = 1 << 20
	// maxExpiresIn refuses lifetimes that are no lifetimes; what is longer than
	// maxTokenLifetime counts as that.
	maxExpiresIn     = 1 << 31
	maxTokenLifetime = 30 * 24 * time.Hour
	maxBearer        = 64 << 10
)

// CodeRefused is the reason of a Refusal by which the server does not take what
// it was shown: a code, or a password.
const CodeRefused = "code_refused"

// Tokens is what the server has given for a code.
type Tokens struct {
	IDToken, AccessToken, RefreshToken string
	// Scope is what was granted, nil where the server has not said.
	Scope oidckit.Scope
	// Expires is when the access token ends, zero where the server has not said.
	Expires time.Time
	// SessionState is what the server's check_session_iframe is asked about
	// (OpenID Connect Session Management 1.0 §2), or empty.
	SessionState string

	// front says that the tokens came with the response itself, together with
	// code where that is not empty; subject is whom such an ID token was about.
	front         bool
	code, subject string
}

func (c *Client) readTokenAnswer(resp *httpx.Response) (*Tokens, error) {
	if resp.Status != http.StatusOK {
		return nil, tokenError(resp)
	}
	if !resp.IsJSON() {
		return nil, refuse("token_response", errors.New("the token response is not JSON"))
	}
	t, err := c.parseTokens(resp.Body, time.Now())
	if err == nil && t.IDToken == "" && c.cfg.PlainOAuth == nil {
		err = errors.New("the token response has no ID token")
	}
	if err != nil {
		return nil, refuse("token_response", err)
	}
	return t, nil
}

// tokenError tells a refusal of the code from trouble at the issuer or in our
// own registration (RFC 6749 §5.2).
func tokenError(resp *httpx.Response) error {
	code := errorCode(resp)
	cause := fmt.Errorf("the token endpoint answered with status %d and error %s", resp.Status, code)
	if resp.Status == http.StatusBadRequest && code != string(oidckit.InvalidClient) && code != string(oidckit.UnauthorizedClient) {
		return refuse(CodeRefused, cause)
	}
	return unavailable(cause)
}

// parseTokens implements RFC 6749 §5.1 and OpenID Connect Core 1.0 §3.1.3.3;
// that there is an ID token is left to its caller.
func (c *Client) parseTokens(body []byte, now time.Time) (*Tokens, error) {
	var tokenType string
	t := new(Tokens)
	err := strictjson.Object(body, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "id_token":
			t.IDToken, err = v.Text()
		case "access_token":
			t.AccessToken, err = v.Text()
		case "refresh_token":
			t.RefreshToken, err = v.Text()
		case "token_type":
			tokenType, err = v.Text()
		case "scope":
			var s string
			if s, err = v.Text(); err == nil {
				t.Scope = lenientScope(s)
			}
		case "expires_in":
			t.Expires, err = c.expiry(v, now)
		case "error":
			err = errors.New("the token response is an error with status 200")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if c.cfg.PlainOAuth != nil {
		t.IDToken = ""
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the token response cannot be read: %w", err)
	case len(t.IDToken) > jose.MaxToken:
		return nil, errors.New("the ID token is too large")
	// RFC 6749 §7.1: a token of a type that is not understood must not be used
	case !strings.EqualFold(tokenType, "Bearer"):
		return nil, errors.New("the token type is not Bearer")
	case !bearerText(t.AccessToken):
		return nil, errors.New("the token response has no access token")
	case len(t.RefreshToken) > maxBearer:
		return nil, errors.New("the refresh token is too large")
	}
	return t, nil
}

func (c *Client) expiry(v strictjson.Value, now time.Time) (time.Time, error) {
	n, err := v.Int()
	if err != nil {
		return time.Time{}, err
	}
	if c.cfg.Legacy.ExpiresInMilliseconds && n > 0 {
		n /= 1000
	}
	if n < 0 || n > maxExpiresIn {
		return time.Time{}, errors.New("is no lifetime")
	}
	return now.Add(min(time.Duration(n)*time.Second, maxTokenLifetime)), nil
}

// lenientScope reads a scope that issuers write in many ways; it is shown to
// the app and decides nothing here.
func lenientScope(s string) oidckit.Scope {
	scope, err := oidckit.ParseScope(strings.Join(strings.Fields(s), " "))
	if err != nil {
		return nil
	}
	return scope
}

// bearerText reports whether a token can stand in a header (RFC 6750 §2.1).
func bearerText(s string) bool {
	if s == "" || len(s) > maxBearer {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
