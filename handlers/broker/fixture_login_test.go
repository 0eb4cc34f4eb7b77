package broker_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// world is an issuer whose logins come from a broker, and its upstreams.
type world struct {
	*httptest.Server
	t        *testing.T
	issuer   *provider.Provider
	broker   *broker.Broker
	registry *broker.Registry
	accounts *accounts
	store    rpstore.Set
	logs     lockedBuffer

	mu     sync.Mutex
	events []oidckit.Event
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// accounts are those of the issuer's users: what an app writes between both.
type accounts struct {
	users *provider.Accounts

	mu      sync.Mutex
	byEmail map[string]string
	logins  []broker.Login
	refuse  error
}

func (a *accounts) CreateAccount(ctx context.Context, subject string, login broker.Login) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse != nil {
		return a.refuse
	}
	a.logins = append(a.logins, login)
	var claims map[string]any
	if err := login.Claims.Decode(&claims); err != nil {
		return err
	}
	claims["sub"] = subject
	_, err := a.users.Create(ctx, provider.Account{Username: subject, Claims: claims})
	return err
}

func (a *accounts) UpdateAccount(ctx context.Context, subject string, login broker.Login) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logins = append(a.logins, login)
	return a.refuse
}

func (a *accounts) AccountByEmail(_ context.Context, email string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if subject, ok := a.byEmail[email]; ok {
		return subject, nil
	}
	return "", oidckit.ErrNotFound
}

func (a *accounts) last() broker.Login {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.logins) == 0 {
		return broker.Login{}
	}
	return a.logins[len(a.logins)-1]
}

const appCallback = "http://127.0.0.1:1/callback"

func newWorld(t *testing.T, change func(*broker.Config)) *world {
	t.Helper()
	w := &world{t: t}
	mux := http.NewServeMux()
	w.Server = httptest.NewTLSServer(mux)
	t.Cleanup(w.Close)
	secrets, err := oidckit.NewSecrets(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	stores := opstore.NewMemory().Open(w.URL)
	logger := zerolog.New(&w.logs)
	w.issuer, err = provider.New(provider.Config{
		Issuer: w.URL, Secrets: secrets, Stores: stores, LoginURL: "/broker/login", Logger: logger, TrustedClients: []string{"app"},
		Clients: []oidckit.ClientMetadata{{ClientID: "app", ClientName: "The App", TokenEndpointAuthMethod: "none", RedirectURIs: []string{appCallback}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.issuer.Close() })
	w.store = rpstore.NewMemory().Open(w.URL)
	w.registry, err = broker.NewRegistry(broker.RegistryConfig{
		Store: w.store.IdentityProviders, Secrets: secrets, CallbackURL: w.URL + "/broker/callback",
		Outbound: broker.Outbound{AllowLoopback: true}, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.accounts = &accounts{users: provider.NewAccounts(stores.Users), byEmail: map[string]string{}}
	cfg := broker.Config{
		Registry: w.registry, Downstream: w.issuer, Accounts: w.accounts, Store: w.store, Secrets: secrets, BaseURL: w.URL,
		Logger: logger, Events: func(_ context.Context, e oidckit.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	}
	if change != nil {
		change(&cfg)
	}
	w.broker, err = broker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.broker.Close() })
	w.broker.Mount(mux)
	mux.Handle("/", w.issuer)
	return w
}

// upstream is an identity provider of another maker's kind: an issuer of ours
// with users of its own.
func (w *world) upstream(t *testing.T, name string, change func(*broker.IdentityProvider)) (*oidctest.Server, *broker.IdentityProvider) {
	t.Helper()
	var op *oidctest.Server
	record := broker.IdentityProvider{
		Identifier: strings.ToLower(name), DisplayName: name, ClientID: "broker", ClientSecret: "a secret of more than thirty-two characters",
		Scope: []string{"openid", "profile", "email"}, GrantType: broker.GrantTypeAuthorization, ClientCredentialsHeaderEnabled: true,
		ShowIDPToUsers: true,
	}
	// The callback's address is known once the record is there.
	record.Issuer = "http://127.0.0.1:1"
	saved, err := w.registry.Create(t.Context(), record, "")
	if err != nil {
		t.Fatal(err)
	}
	record.Issuer = ""
	if change != nil {
		change(&record)
	}
	issuer := record.Issuer
	client := oidckit.ClientMetadata{
		ClientID: "broker", ClientName: name, ClientSecret: record.ClientSecret, RedirectURIs: []string{saved.OAuthCallbackURL},
		PostLogoutRedirectURIs: []string{w.URL + "/broker/logged-out"},
	}
	if !record.ClientCredentialsHeaderEnabled {
		client.TokenEndpointAuthMethod = oidckit.AuthMethodClientSecretPost
	}
	switch record.GrantType {
	case broker.GrantTypeImplicit:
		client.ResponseTypes, client.GrantTypes = []string{"id_token"}, []string{oidckit.GrantTypeImplicit}
	case broker.GrantTypePassword:
		client.GrantTypes = []string{oidckit.GrantTypePassword}
	}
	if record.SignRequest {
		client.JWKSURI, client.RequestObjectSigningAlg = w.URL+"/broker/jwks.json", "ES256"
	}
	op = oidctest.New(t, oidctest.Config{Clients: []oidckit.ClientMetadata{client}, Configure: func(c *provider.Config) {
		c.TrustedClients, c.AllowConfidentialWithoutPKCE = []string{"broker"}, true
		c.Legacy = &provider.Legacy{Implicit: true, Password: &provider.PasswordGrant{}}
		c.Introspection, c.RequestObjects = &provider.Introspection{}, &provider.RequestObjects{}
		c.Outbound.AllowLoopback, c.Outbound.RootCAs = true, x509.NewCertPool()
		c.Outbound.RootCAs.AddCert(w.Certificate())
	}})
	record.Issuer = op.Issuer
	if record.IntrospectionEndpoint != "" {
		record.IntrospectionEndpoint = op.Issuer + record.IntrospectionEndpoint
	}
	if issuer == "none" {
		record.Issuer, record.Scope = "", []string{"openid", "profile", "email"}
		record.AuthorizeEndpoint, record.TokenEndpoint, record.UserInfoEndpoint = op.Issuer+"/authorize", op.Issuer+"/token", op.Issuer+"/userinfo"
	}
	record.UUID = saved.UUID
	saved, err = w.registry.Replace(t.Context(), record, saved.Version)
	if err != nil {
		t.Fatal(err)
	}
	return op, saved
}

// visitor is a person's browser.
type visitor struct {
	t *testing.T
	*http.Client
}

func (w *world) newVisitor() *visitor {
	t := w.t
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, &http.Client{Jar: jar, Transport: w.Client().Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type answer struct {
	*http.Response
	body string
}

func (v *visitor) do(method, address string, form url.Values) answer {
	v.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(v.t.Context(), method, address, body)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := v.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{res, string(text)}
}

func (v *visitor) get(address string) answer { return v.do(http.MethodGet, address, nil) }
