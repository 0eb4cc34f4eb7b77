package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	// maxRegistration bounds the answer to a registration, in bytes.
	maxRegistration = 256 << 10
	// maxDescription is how much of an issuer's own words a log gets.
	maxDescription = 300
)

// Register registers a client at an issuer (RFC 7591 §3, OpenID Connect Dynamic
// Client Registration 1.0 §3.1). token is the initial access token, or empty. A
// refusal is an *oidckit.Error with the issuer's code.
func Register(ctx context.Context, issuer string, c *http.Client, m oidckit.ClientMetadata, token string) (*oidckit.ClientRegistration, error) {
	published := discovery.New(discovery.Config{Issuer: issuer, HTTPClient: c})
	defer published.Close()
	provider, err := published.Metadata(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	if provider.RegistrationEndpoint == "" {
		return nil, refuse("registration", errors.New("the issuer has no registration endpoint"))
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	resp, err := callRegistration(ctx, c, http.MethodPost, provider.RegistrationEndpoint, token, body)
	if err != nil {
		return nil, err
	}
	// RFC 7591 §3.2.1
	if resp.Status != http.StatusCreated {
		return nil, registrationError(resp)
	}
	return readRegistration(resp)
}

// ReadRegistration asks the issuer what a client is registered with now
// (RFC 7592 §2.1).
func ReadRegistration(ctx context.Context, c *http.Client, reg *oidckit.ClientRegistration) (*oidckit.ClientRegistration, error) {
	resp, err := callRegistration(ctx, c, http.MethodGet, reg.RegistrationClientURI, reg.RegistrationAccessToken, nil)
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK {
		return nil, registrationError(resp)
	}
	now, err := readRegistration(resp)
	if err != nil {
		return nil, err
	}
	// RFC 7592 §3: the identifier never changes
	if now.ClientID != reg.ClientID {
		return nil, refuse("registration", errors.New("the registration is another client's"))
	}
	return now, nil
}

// DeleteRegistration ends a registration (RFC 7592 §2.3).
func DeleteRegistration(ctx context.Context, c *http.Client, reg *oidckit.ClientRegistration) error {
	resp, err := callRegistration(ctx, c, http.MethodDelete, reg.RegistrationClientURI, reg.RegistrationAccessToken, nil)
	if err != nil {
		return err
	}
	if resp.Status != http.StatusNoContent {
		return registrationError(resp)
	}
	return nil
}

func callRegistration(ctx context.Context, c *http.Client, method, address, token string, body []byte) (*httpx.Response, error) {
	if _, err := safeurl.Endpoint(address); err != nil {
		return nil, refuse("registration", fmt.Errorf("the registration's address %w", err))
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, unavailable(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	if token != "" {
		if !bearerText(token) {
			return nil, refuse("registration", errors.New("the token for the registration cannot stand in a header"))
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := httpx.Do(httpx.Bounded(c), req, maxRegistration)
	if err != nil {
		return nil, unavailable(err)
	}
	return resp, nil
}

// registrationError reads a refusal (RFC 7591 §3.2.2, RFC 6750 §3.1). Without
// an error code in the body only a status that speaks for itself is one.
func registrationError(resp *httpx.Response) error {
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if resp.IsJSON() {
		_ = strictjson.Unmarshal(resp.Body, &answer)
	}
	code := oidckit.ErrorCode(answer.Error)
	if !IsErrorCode(answer.Error) {
		switch resp.Status {
		case http.StatusUnauthorized:
			code = oidckit.InvalidToken
		case http.StatusForbidden:
			code = oidckit.AccessDenied
		default:
			code = ""
		}
	}
	cause := fmt.Errorf("the registration was answered with status %d: %s", resp.Status, developerText(answer.Description))
	if code == "" || resp.Status < http.StatusBadRequest || resp.Status >= http.StatusInternalServerError || resp.Status == http.StatusTooManyRequests {
		return unavailable(cause)
	}
	return oidckit.NewError(code, "the issuer has refused the registration").WithStatus(resp.Status).WithCause(cause)
}

// developerText is an issuer's text where it is one (RFC 6749 §5.2).
func developerText(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return ""
		}
	}
	return s[:min(len(s), maxDescription)]
}

func readRegistration(resp *httpx.Response) (*oidckit.ClientRegistration, error) {
	if !resp.IsJSON() {
		return nil, refuse("registration", errors.New("the registration's answer is not JSON"))
	}
	reg, err := parseRegistration(resp.Body)
	if err != nil {
		return nil, refuse("registration", err)
	}
	return reg, nil
}

// parseRegistration implements RFC 7591 §3.2.1 and RFC 7592 §3.
func parseRegistration(body []byte) (*oidckit.ClientRegistration, error) {
	reg := new(oidckit.ClientRegistration)
	err := strictjson.Object(body, func(name []byte, v strictjson.Value) error {
		// RFC 7592 §2.2: null is as good as absent
		if v.Kind() == strictjson.KindNull {
			return nil
		}
		member := slices.Concat([]byte("{"), quote(string(name)), []byte(":"), v, []byte("}"))
		return strictjson.Unmarshal(member, reg)
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("the registration cannot be read: %w", err)
	case !visibleText(reg.ClientID) || reg.ClientID == "":
		return nil, errors.New("the registration has no client_id")
	case !visibleText(reg.ClientSecret):
		return nil, errors.New("the registration's client_secret holds characters that a secret has not")
	// RFC 7591 §3.2.1: required where a secret is issued
	case reg.ClientSecret != "" && reg.ClientSecretExpiresAt == nil:
		return nil, errors.New("the registration does not say when the client_secret expires")
	case reg.ClientSecretExpiresAt != nil && (*reg.ClientSecretExpiresAt < 0 || *reg.ClientSecretExpiresAt > strictjson.MaxNumericDate):
		return nil, errors.New("the registration's client_secret_expires_at is no time")
	// RFC 7592 §3: one is of no use without the other
	case (reg.RegistrationAccessToken == "") != (reg.RegistrationClientURI == ""):
		return nil, errors.New("the registration has one of registration_client_uri and registration_access_token without the other")
	case reg.RegistrationAccessToken != "" && !bearerText(reg.RegistrationAccessToken):
		return nil, errors.New("the registration's registration_access_token is no bearer token")
	}
	if reg.RegistrationClientURI != "" {
		if _, err := safeurl.Endpoint(reg.RegistrationClientURI); err != nil {
			return nil, fmt.Errorf("the registration's registration_client_uri %w", err)
		}
	}
	return reg, nil
}

// visibleText implements VSCHAR (RFC 6749 Appendix A.1, A.2).
func visibleText(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
