package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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

// tokenSet is what the issuer has given for the code.
type tokenSet struct {
	idToken, accessToken, refreshToken string
	scope                              oidckit.Scope
	// expires is zero where the issuer has not said when.
	expires time.Time
}

// exchange redeems the code (RFC 6749 §4.1.3). It is sent once, whatever
// happens: nobody knows what became of a request without an answer.
func (rp *RelyingParty) exchange(ctx context.Context, m *oidckit.ProviderMetadata, tx *transaction, code string) (*tokenSet, error) {
	form := url.Values{
		"grant_type":    {oidckit.GrantTypeAuthorizationCode},
		"code":          {code},
		"redirect_uri":  {rp.url("/callback")},
		"code_verifier": {tx.codeVerifier()},
	}
	if rp.cfg.Resource != "" {
		form.Set("resource", rp.cfg.Resource)
	}
	req, err := rp.tokenRequest(ctx, m, form)
	if err != nil {
		return nil, upstream(err)
	}
	resp, err := httpx.Do(rp.http, req, maxTokenAnswer)
	if err != nil {
		return nil, upstream(err)
	}
	return rp.readTokenAnswer(resp)
}

// tokenRequest authenticates the client (RFC 6749 §2.3).
func (rp *RelyingParty) tokenRequest(ctx context.Context, m *oidckit.ProviderMetadata, form url.Values) (*http.Request, error) {
	method := rp.authMethod(m)
	if method != oidckit.AuthMethodClientSecretBasic {
		form.Set("client_id", rp.cfg.ClientID)
	}
	if method == oidckit.AuthMethodClientSecretPost {
		form.Set("client_secret", rp.cfg.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if method == oidckit.AuthMethodClientSecretBasic {
		// RFC 6749 §2.3.1: both are form-encoded first
		req.SetBasicAuth(url.QueryEscape(rp.cfg.ClientID), url.QueryEscape(rp.cfg.ClientSecret))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return req, nil
}

func (rp *RelyingParty) authMethod(m *oidckit.ProviderMetadata) string {
	supported := m.TokenEndpointAuthMethodsSupported
	switch {
	case rp.cfg.TokenEndpointAuthMethod != "":
		return rp.cfg.TokenEndpointAuthMethod
	case rp.cfg.ClientSecret == "":
		return oidckit.AuthMethodNone
	case slices.Contains(supported, oidckit.AuthMethodClientSecretPost) && !slices.Contains(supported, oidckit.AuthMethodClientSecretBasic):
		return oidckit.AuthMethodClientSecretPost
	default:
		// OpenID Connect Discovery 1.0 §3: the default where nothing is named
		return oidckit.AuthMethodClientSecretBasic
	}
}

func (rp *RelyingParty) readTokenAnswer(resp *httpx.Response) (*tokenSet, error) {
	if resp.Status != http.StatusOK {
		return nil, tokenError(resp)
	}
	if !resp.IsJSON() {
		return nil, refuse("token_response", errors.New("handlers: the token response is not JSON"))
	}
	t, err := parseTokens(resp.Body, time.Now())
	if err != nil {
		return nil, refuse("token_response", err)
	}
	return t, nil
}

// tokenError tells a refusal of the code from trouble at the issuer or in our
// own registration (RFC 6749 §5.2).
func tokenError(resp *httpx.Response) *failure {
	var answer struct {
		Error string `json:"error"`
	}
	if resp.IsJSON() {
		_ = strictjson.Unmarshal(resp.Body, &answer)
	}
	if !loggable(answer.Error) {
		answer.Error = "none"
	}
	cause := fmt.Errorf("handlers: the token endpoint answered with status %d and error %s", resp.Status, answer.Error)
	if resp.Status == http.StatusBadRequest && answer.Error != string(oidckit.InvalidClient) && answer.Error != string(oidckit.UnauthorizedClient) {
		return refuse("code_refused", cause)
	}
	return upstream(cause)
}

// parseTokens implements RFC 6749 §5.1 and OpenID Connect Core 1.0 §3.1.3.3.
func parseTokens(body []byte, now time.Time) (*tokenSet, error) {
	var tokenType string
	t := new(tokenSet)
	err := strictjson.Object(body, func(name []byte, v strictjson.Value) (err error) {
		switch string(name) {
		case "id_token":
			t.idToken, err = v.Text()
		case "access_token":
			t.accessToken, err = v.Text()
		case "refresh_token":
			t.refreshToken, err = v.Text()
		case "token_type":
			tokenType, err = v.Text()
		case "scope":
			var s string
			if s, err = v.Text(); err == nil {
				t.scope = lenientScope(s)
			}
		case "expires_in":
			t.expires, err = expiry(v, now)
		case "error":
			err = errors.New("handlers: the token response is an error with status 200")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("handlers: the token response cannot be read: %w", err)
	case t.idToken == "" || len(t.idToken) > jose.MaxToken:
		return nil, errors.New("handlers: the token response has no ID token")
	// RFC 6749 §7.1: a token of a type that is not understood must not be used
	case !strings.EqualFold(tokenType, "Bearer"):
		return nil, errors.New("handlers: the token type is not Bearer")
	case !bearerText(t.accessToken):
		return nil, errors.New("handlers: the token response has no access token")
	case len(t.refreshToken) > maxBearer:
		return nil, errors.New("handlers: the refresh token is too large")
	}
	return t, nil
}

func expiry(v strictjson.Value, now time.Time) (time.Time, error) {
	n, err := v.Int()
	if err != nil {
		return time.Time{}, err
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
