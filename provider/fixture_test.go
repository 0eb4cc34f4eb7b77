package provider_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
)

const (
	redirectURI = "https://app.example/cb"
	ordersAPI   = "https://orders.example"
	stockAPI    = "https://stock.example/v1"
	openAPI     = "https://open.example"
)

// The clients of these tests.
var (
	webClient = oidckit.ClientMetadata{
		ClientID: "web", ClientSecret: "web-secret", ClientName: "Web shop", RedirectURIs: []string{redirectURI, "https://app.example/cb?foo=bar"},
		GrantTypes:             []string{"authorization_code", "refresh_token", "client_credentials"},
		PostLogoutRedirectURIs: []string{"https://app.example/bye", "https://app.example/bye?x=1"},
		Scope:                  "openid profile email address phone offline_access orders:read orders:write stock:read",
	}
	otherClient = oidckit.ClientMetadata{
		ClientID: "other", ClientSecret: "other-secret", TokenEndpointAuthMethod: "client_secret_post", RedirectURIs: []string{redirectURI},
		GrantTypes: []string{"authorization_code", "refresh_token"}, PostLogoutRedirectURIs: []string{"https://other.example/bye"},
	}
	publicClient = oidckit.ClientMetadata{
		ClientID: "spa", TokenEndpointAuthMethod: "none", RedirectURIs: []string{redirectURI},
		GrantTypes: []string{"authorization_code", "refresh_token"},
	}
	nativeClient = oidckit.ClientMetadata{
		ClientID: "native", TokenEndpointAuthMethod: "none", ApplicationType: "native",
		RedirectURIs: []string{"http://127.0.0.1/cb", "com.example.app:/cb"},
	}
	machineClient = oidckit.ClientMetadata{
		ClientID: "machine", ClientSecret: "machine-secret", TokenEndpointAuthMethod: "client_secret_post", RedirectURIs: []string{redirectURI},
		GrantTypes: []string{"client_credentials"}, Scope: "openid orders:read",
	}
)

// fixture is an issuer, a person and what a client knows. Whatever a test does
// with it, no secret that went over the wire may be in the log, in an event or
// in the body of an error (invariant I4).
type fixture struct {
	t       *testing.T
	op      *oidctest.Server
	client  *http.Client
	browser *oidctest.Browser
	base    string
	watch   *watcher
}

func newFixture(t *testing.T, cfg oidctest.Config) *fixture {
	t.Helper()
	if cfg.Clients == nil {
		cfg.Clients = []oidckit.ClientMetadata{webClient, otherClient, publicClient, nativeClient, machineClient}
	}
	w := newWatcher(t)
	configure := cfg.Configure
	cfg.Configure = func(c *provider.Config) {
		w.observe(c)
		if configure != nil {
			configure(c)
		}
		w.config = *c
	}
	op := oidctest.New(t, cfg)
	client := op.HTTPClient()
	w.next = client.Transport
	client.Transport = w
	return &fixture{t: t, op: op, client: client, browser: op.NewBrowser(t), base: op.Issuer, watch: w}
}

// newLocalFixture is newFixture without a network, for tests in which time is
// not real.
func newLocalFixture(t *testing.T, configure func(*provider.Config)) *fixture {
	t.Helper()
	const issuer = "https://op.example"
	set := opstore.NewMemory().Open(issuer)
	c := provider.Config{
		Issuer: issuer, Secrets: newSecrets(t), Stores: set, SigningAlgs: []string{"ES256"},
		Clients: []oidckit.ClientMetadata{webClient, publicClient},
	}
	for i := range c.Clients {
		c.Clients[i].IDTokenSignedResponseAlg = "ES256"
	}
	w := newWatcher(t)
	w.observe(&c)
	if configure != nil {
		configure(&c)
	}
	_, err := provider.NewAccounts(set.Users).Create(t.Context(), provider.Account{
		Username: oidctest.Username, PasswordHash: aliceHash, Claims: map[string]any{"sub": oidctest.Subject},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.config = c
	if c.Users == nil {
		c.Users = provider.NewAccountsWith(provider.AccountsConfig{Store: c.Stores.Users, AllowWeakHashes: true})
	}
	p := newProvider(t, c)
	w.next = p.LocalTransport(nil)
	client := &http.Client{Transport: w}
	return &fixture{
		t: t, client: client, browser: oidctest.NewBrowser(t, issuer, client), base: issuer, watch: w,
		op: &oidctest.Server{Issuer: issuer, Provider: p, Stores: set},
	}
}

// aliceHash is the hash of oidctest.Password at the least cost there is.
const aliceHash = "$argon2id$v=19$m=64,t=1,p=1$b2lkY3Rlc3QtLWFsaWNlLQ$FnE38N0XpRIPFasvpxiEM7toeUmAvEna1agm5OmBqK8"

func newProvider(t testing.TB, c provider.Config) *provider.Provider {
	t.Helper()
	p, err := provider.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func newSecrets(t testing.TB) oidckit.Secrets {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	ring, err := oidckit.NewSecrets(key)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// sub is the fixture for a subtest: the same issuer, a new person's browser.
func (f *fixture) sub(t *testing.T) *fixture {
	t.Helper()
	g := *f
	g.t, g.browser = t, oidctest.NewBrowser(t, f.base, f.client)
	return &g
}

// observe sends what the issuer tells to the watcher, and gives it resources.
func (w *watcher) observe(c *provider.Config) {
	c.Logger = zerolog.New(w).Level(zerolog.TraceLevel)
	c.Events = w.event
	c.Resources = []provider.Resource{
		{Resource: ordersAPI, Scopes: []string{"orders:read", "orders:write"}},
		{Resource: stockAPI, Scopes: []string{"stock:read"}},
		{Resource: openAPI},
	}
}

const verifier = "0123456789-0123456789-0123456789-0123456789-x"

func challengeOf(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// change sets parameters by name, value pairs; an empty value removes one.
func change(q url.Values, changes ...string) url.Values {
	q = maps.Clone(q)
	for i := 0; i+1 < len(changes); i += 2 {
		q.Del(changes[i])
		if changes[i+1] != "" {
			q.Set(changes[i], changes[i+1])
		}
	}
	return q
}

// request returns a good authorization request with changes.
func request(changes ...string) url.Values {
	return change(url.Values{
		"response_type": {"code"}, "client_id": {"web"}, "redirect_uri": {redirectURI}, "scope": {"openid profile email"},
		"state": {"the state"}, "nonce": {"the nonce"}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}, changes...)
}

func (f *fixture) authorizationURL(changes ...string) string {
	return f.base + "/authorize?" + request(changes...).Encode()
}

// authorize walks a request to the end and returns what the client is sent.
func (f *fixture) authorize(changes ...string) url.Values {
	f.t.Helper()
	callback, err := f.browser.Authorize(f.authorizationURL(changes...))
	if err != nil {
		f.t.Fatal(err)
	}
	if !strings.HasPrefix(callback.String(), request(changes...).Get("redirect_uri")) {
		f.t.Fatalf("redirected to %s", callback)
	}
	return callback.Query()
}

// code returns a fresh code.
func (f *fixture) code(changes ...string) string {
	f.t.Helper()
	q := f.authorize(changes...)
	if q.Get("code") == "" {
		f.t.Fatalf("no code: %v", q)
	}
	return q.Get("code")
}

// tokens returns what a fresh code brings, with a refresh token.
func (f *fixture) tokens(changes ...string) tokenResponse {
	f.t.Helper()
	res := f.token(codeForm(f.code(append([]string{"scope", "openid profile email offline_access"}, changes...)...)))
	if res.status != http.StatusOK || res.Refresh == "" {
		f.t.Fatalf("tokens: %+v", res)
	}
	return res
}

type tokenResponse struct {
	status  int
	header  http.Header
	body    string
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
}

// token posts to the token endpoint. Without a client_id the client is web, by
// client_secret_basic.
func (f *fixture) token(form url.Values) tokenResponse {
	f.t.Helper()
	req := f.newRequest(http.MethodPost, "/token", form)
	if !form.Has("client_id") {
		req.SetBasicAuth("web", "web-secret")
	}
	return f.do(req)
}

// newRequest returns a request with a form as its body, where there is one.
func (f *fixture) newRequest(method, path string, form url.Values) *http.Request {
	f.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.base+path, body)
	if err != nil {
		f.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

// do sends a client's request for tokens.
func (f *fixture) do(req *http.Request) tokenResponse {
	f.t.Helper()
	a := f.send(f.client, req)
	tr := tokenResponse{status: a.status, header: a.header, body: a.body}
	if err := json.Unmarshal([]byte(a.body), &tr); err != nil {
		f.t.Fatalf("status %d: %s", a.status, a.body)
	}
	return tr
}

// answer is a response that was read.
type answer struct {
	status   int
	header   http.Header
	body     string
	location string
}

func (f *fixture) send(client *http.Client, req *http.Request) answer {
	f.t.Helper()
	res, err := client.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body), res.Header.Get("Location")}
}

// browse sends a request of the person's browser, which follows no redirect.
func (f *fixture) browse(method, path string, form url.Values, headers ...string) answer {
	f.t.Helper()
	req := f.newRequest(method, path, form)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return f.send(f.browser.Client, req)
}

// follow opens what the answer redirects to.
func (f *fixture) follow(a answer) answer {
	f.t.Helper()
	u, err := url.Parse(f.base)
	if err != nil {
		f.t.Fatal(err)
	}
	if u, err = u.Parse(a.location); err != nil || a.location == "" {
		f.t.Fatalf("nothing to follow: %+v", a)
	}
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, u.String(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.send(f.browser.Client, req)
}

func codeForm(code string, changes ...string) url.Values {
	return change(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
	}, changes...)
}

func refreshForm(token string, changes ...string) url.Values {
	return change(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, changes...)
}

// get fetches a JSON document, with a bearer token where one is given.
func (f *fixture) get(path, bearer string) (int, map[string]any, http.Header) {
	f.t.Helper()
	req := f.newRequest(http.MethodGet, path, nil)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	a := f.send(f.client, req)
	doc := map[string]any{}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		f.t.Fatalf("%s: status %d: %v", path, a.status, err)
	}
	return a.status, doc, a.header
}

// alive reports whether an access token still opens userinfo.
func (f *fixture) alive(access string) bool {
	f.t.Helper()
	status, _, _ := f.get("/userinfo", access)
	if status != http.StatusOK && status != http.StatusUnauthorized {
		f.t.Fatalf("userinfo: status %d", status)
	}
	return status == http.StatusOK
}

// claims reads a token's payload without verifying it.
func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	return part(t, token, 1)
}

// part reads one of the JSON parts of a JWS.
func part(t *testing.T, token string, i int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatal("not a JWS of three parts")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[i])
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{}
	if err := json.Unmarshal(payload, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}
