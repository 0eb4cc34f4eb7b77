package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
)

// authorizationServer has a token endpoint that answers as told.
func authorizationServer(t *testing.T, token http.HandlerFunc) *Client {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/token", token)
	return newTestClient(t, server.URL, nil)
}

func newTestClient(t *testing.T, issuer string, transport *http.Client) *Client {
	t.Helper()
	return newTestClientWith(t, Config{
		Issuer: issuer, ClientID: "app", ClientSecret: "secret", Resource: "https://api.example", HTTPClient: transport,
		Scope: oidckit.Scope{"openid", "email"}, IDTokenSignedResponseAlg: "RS256",
		Metadata: &oidckit.ProviderMetadata{Issuer: issuer, AuthorizationEndpoint: issuer + "/a", TokenEndpoint: issuer + "/token", JWKSURI: issuer + "/jwks"},
	})
}

// RFC 6749 §6: what is sent.
func TestRefreshRequest(t *testing.T) {
	var form, id, secret string
	c := authorizationServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form = string(body)
		id, secret, _ = r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"new","token_type":"bearer","expires_in":60}`)
	})
	tokens, err := c.Refresh(t.Context(), "the token+")
	if err != nil || tokens.AccessToken != "new" || tokens.RefreshToken != "" || tokens.IDToken != "" || time.Until(tokens.Expires) > time.Minute {
		t.Errorf("%+v, %v", tokens, err)
	}
	if want := "grant_type=refresh_token&refresh_token=the+token%2B&resource=https%3A%2F%2Fapi.example"; form != want || id != "app" || secret != "secret" {
		t.Errorf("sent %q as %s", form, id)
	}
}

// FLT-17, FLT-18, ATK-127, RFC 6749 §5.2: what an answer means for the token that
// was sent. Only one that is surely not spent may be sent again.
func TestRefreshAnswers(t *testing.T) {
	for _, row := range []struct {
		name, body string
		status     int
		mediaType  string
		want       error
	}{
		{"an ended grant", `{"error":"invalid_grant"}`, 400, "application/json", ErrGrantEnded},
		{"with another status", `{"error":"invalid_grant"}`, 401, "application/json", ErrGrantEnded},
		{"another client", `{"error":"invalid_client"}`, 400, "application/json", ErrUnavailable},
		{"another client", `{"error":"invalid_client"}`, 401, "application/json", ErrUnavailable},
		{"another refusal", `{"error":"unauthorized_client"}`, 400, "application/json", ErrRefreshLost},
		{"a refusal without a word", ``, 400, "text/plain", ErrRefreshLost},
		{"too many", `{}`, 429, "application/json", ErrUnavailable},
		{"forbidden", `<p>Sorry`, 403, "text/html", ErrUnavailable},
		{"redirect", ``, 307, "text/plain", ErrUnavailable},
		{"500", `{"error":"invalid_grant"}`, 500, "application/json", ErrUnavailable},
		{"502", `<p>Sorry`, 502, "text/html", ErrUnavailable},
		{"503", `{}`, 503, "application/json", ErrUnavailable},
		{"504", `<p>Sorry`, 504, "text/html", ErrRefreshLost},
		{"HTML with 200", `<p>Sorry`, 200, "text/html", ErrRefreshLost},
		{"error with 200", `{"error":"bad_verification_code"}`, 200, "application/json", ErrRefreshLost},
		{"no tokens", `{}`, 200, "application/json", ErrRefreshLost},
		{"cut short", `{"access_token":"x","token_type":"Bea`, 200, "application/json", ErrRefreshLost},
		{"another type", `{"access_token":"x","token_type":"DPoP"}`, 200, "application/json", ErrRefreshLost},
		{"too large", `{"x":"` + strings.Repeat("x", maxTokenAnswer) + `"}`, 200, "application/json", ErrRefreshLost},
		{"tokens", `{"access_token":"x","token_type":"Bearer"}`, 200, "application/json", nil},
	} {
		c := authorizationServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", row.mediaType)
			w.WriteHeader(row.status)
			io.WriteString(w, row.body)
		})
		tokens, err := c.Refresh(t.Context(), "canary")
		if !errors.Is(err, row.want) || (err == nil) != (tokens != nil) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
		for _, other := range []error{ErrGrantEnded, ErrUnavailable, ErrRefreshLost} {
			if other != row.want && errors.Is(err, other) {
				t.Errorf("%s: it is %v, too", row.name, other)
			}
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// roundTrip is a transport of an app's that traces nothing.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FLT-15: a request that surely never left may be sent again, one that perhaps
// did may not.
func TestRefreshWithoutAnswer(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	// Its connections are accepted by nobody and a handshake never ends.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	short := &http.Client{Timeout: 200 * time.Millisecond}
	failing := func(err error) *http.Client {
		return &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, err })}
	}
	dropping := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		panic(http.ErrAbortHandler)
	}))
	defer dropping.Close()
	leave := make(chan struct{})
	stalling := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-leave }))
	defer stalling.Close()
	defer close(leave)
	for _, row := range []struct {
		name      string
		issuer    string
		transport *http.Client
		want      error
	}{
		{"refused", closed.URL, nil, ErrUnavailable},
		{"no handshake", "https://" + silent.Addr().String(), short, ErrUnavailable},
		{"dropped", dropping.URL, nil, ErrRefreshLost},
		{"timed out", stalling.URL, short, ErrRefreshLost},
		{"a transport that could not dial", closed.URL, failing(&net.OpError{Op: "dial", Err: errors.New("refused")}), ErrUnavailable},
		{"a transport that says nothing", closed.URL, failing(io.ErrUnexpectedEOF), ErrRefreshLost},
	} {
		_, err := newTestClient(t, row.issuer, row.transport).Refresh(t.Context(), "canary")
		if !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newTestClient(t, closed.URL, nil).Refresh(ended, "canary"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a context that has ended: %v", err)
	}
}

// RFC 7009 §2.1, §2.2: what is sent, and what is taken for an answer.
func TestRevokeRefreshToken(t *testing.T) {
	var form string
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form = string(body)
		w.WriteHeader(status)
	}))
	defer server.Close()
	c := newTestClient(t, server.URL, nil)
	if err := c.RevokeRefreshToken(t.Context(), "x"); err != nil || form != "" {
		t.Errorf("without the endpoint: %v, sent %q", err, form)
	}
	c.cfg.Metadata.RevocationEndpoint = server.URL + "/revoke"
	c = newTestClientWith(t, c.cfg)
	if err := c.RevokeRefreshToken(t.Context(), "x"); err != nil || form != "token=x&token_type_hint=refresh_token" {
		t.Errorf("%v, sent %q", err, form)
	}
	status = http.StatusServiceUnavailable
	if err := c.RevokeRefreshToken(t.Context(), "x"); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func newTestClientWith(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
