package middleware

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
)

// maxIntrospectionAnswer bounds an answer, in bytes.
const maxIntrospectionAnswer = 1 << 20

const (
	mediaTypeJSON         = "application/json"
	mediaTypeSignedAnswer = "application/token-introspection+jwt"
)

// ask asks the issuer about a token, once.
func (v *IntrospectionVerifier) ask(ctx context.Context, token string) (*introspected, error) {
	req, err := v.request(ctx, token)
	if err != nil {
		return nil, err
	}
	asked := time.Now()
	resp, err := httpx.Do(v.client, req, maxIntrospectionAnswer)
	if err != nil {
		return nil, err
	}
	if err := checkStatus(resp.Status); err != nil {
		return nil, err
	}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	doc := resp.Body
	switch {
	case mediaType == mediaTypeSignedAnswer && v.cfg.signed():
		if doc, err = v.openSigned(ctx, string(resp.Body), asked); err != nil {
			return nil, fmt.Errorf("signed answer: %w", err)
		}
	case mediaType == mediaTypeSignedAnswer:
		return nil, errors.New("the answer is signed, which " + introspectionConfigName + " does not ask for")
	// RFC 9701 §8.1
	case v.cfg.RequireSignedAnswers:
		return nil, fmt.Errorf("the answer is of type %s, not signed as %s.RequireSignedAnswers has it", quote(mediaType), introspectionConfigName)
	case !resp.IsJSON():
		return nil, fmt.Errorf("the answer is of type %s, not JSON", quote(mediaType))
	}
	return v.judge(doc)
}

// checkStatus takes 200 and nothing else: RFC 7662 §2.2 has it for tokens that
// are not active too.
func checkStatus(status int) error {
	switch {
	case status == http.StatusOK:
		return nil
	// RFC 7662 §2.3
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fmt.Errorf("the endpoint refuses our own credentials with status %d: %s.ClientID, ClientSecret or AuthMethod is wrong",
			status, introspectionConfigName)
	case status >= 400 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests:
		return &oddAnswerError{fmt.Errorf("the endpoint answered with status %d", status)}
	}
	return fmt.Errorf("the endpoint answered with status %d", status)
}

// request builds the request of RFC 7662 §2.1.
func (v *IntrospectionVerifier) request(ctx context.Context, token string) (*http.Request, error) {
	endpoint, err := v.endpoint(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	if v.cfg.AuthMethod == oidckit.AuthMethodClientSecretPost {
		form.Set("client_id", v.cfg.ClientID)
		form.Set("client_secret", v.cfg.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	// RFC 6749 §2.3.1
	if v.cfg.AuthMethod == oidckit.AuthMethodClientSecretBasic {
		req.SetBasicAuth(url.QueryEscape(v.cfg.ClientID), url.QueryEscape(v.cfg.ClientSecret))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// RFC 9701 §4
	switch {
	case v.cfg.RequireSignedAnswers:
		req.Header.Set("Accept", mediaTypeSignedAnswer)
	case v.cfg.AskSignedAnswers:
		req.Header.Set("Accept", mediaTypeSignedAnswer+", "+mediaTypeJSON+";q=0.5")
	default:
		req.Header.Set("Accept", mediaTypeJSON)
	}
	return req, nil
}

// endpoint returns where to ask.
func (v *IntrospectionVerifier) endpoint(ctx context.Context) (string, error) {
	if v.cfg.Endpoint != "" {
		return v.cfg.Endpoint, nil
	}
	m, err := v.metadata.Metadata(ctx)
	if err != nil {
		return "", err
	}
	if m.IntrospectionEndpoint == "" {
		return "", errors.New("the issuer's metadata has no introspection_endpoint: " + introspectionConfigName + ".Endpoint is needed")
	}
	return m.IntrospectionEndpoint, nil
}
