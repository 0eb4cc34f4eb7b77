package handlers_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// These tests walk the faults of an issuer with a whole one, the provider of
// this module, behind oidctest: what an app's own tests can do.

// registration is what a test changes of an app that is registered at a
// provider. Every hook may be nil.
type registration struct {
	client func(a *app, m *oidckit.ClientMetadata)
	issuer func(a *app, c *provider.Config)
	app    func(c *handlers.Config)
}

// newProviderApp is an app whose people log in at a provider.
func newProviderApp(t *testing.T, edit func(*handlers.Config)) (*oidctest.Server, *app) {
	t.Helper()
	return newRegisteredApp(t, nil, edit)
}

// newRegisteredApp also changes what the app is registered with.
func newRegisteredApp(t *testing.T, register func(*oidckit.ClientMetadata), edit func(*handlers.Config)) (*oidctest.Server, *app) {
	t.Helper()
	r := registration{app: edit}
	if register != nil {
		r.client = func(_ *app, m *oidckit.ClientMetadata) { register(m) }
	}
	return newAppAtProvider(t, r)
}

func newAppAtProvider(t *testing.T, r registration) (*oidctest.Server, *app) {
	t.Helper()
	a := &app{t: t}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*a.handler.Load()).ServeHTTP(w, r) }))
	t.Cleanup(a.Close)
	metadata := oidckit.ClientMetadata{
		ClientID: clientID, ClientSecret: clientSecret, IDTokenSignedResponseAlg: "ES256", Scope: "openid profile email",
		RedirectURIs: []string{a.URL + "/auth/callback"}, PostLogoutRedirectURIs: []string{a.URL + "/auth/logged-out"},
	}
	if r.client != nil {
		r.client(a, &metadata)
	}
	op := oidctest.New(t, oidctest.Config{
		Clients: []oidckit.ClientMetadata{metadata},
		Configure: func(c *provider.Config) {
			c.SigningAlgs, c.TrustedClients = []string{"ES256"}, []string{clientID}
			if r.issuer != nil {
				r.issuer(a, c)
			}
		},
	})
	a.build(&idp{Server: &httptest.Server{URL: op.Issuer}}, options{config: func(c *handlers.Config) {
		c.IDTokenSignedResponseAlg = "ES256"
		if r.app != nil {
			r.app(c)
		}
	}})
	return op, a
}

// callback walks to the provider and through its pages, and returns where it
// sends the browser back to, unopened.
func (b *browser) callback(a *app, op *oidctest.Server) string {
	b.t.Helper()
	login := b.step(a.URL + "/auth/login?return_to=%2Fme")
	if login.StatusCode != http.StatusFound {
		b.t.Fatalf("login: %d %s", login.StatusCode, login.body)
	}
	back, err := op.NewBrowser(b.t).Authorize(login.Header.Get("Location"))
	if err != nil {
		b.t.Fatal(err)
	}
	return back.String()
}

// wantLogin demands that a login goes through.
func wantLogin(t *testing.T, a *app, op *oidctest.Server) {
	t.Helper()
	b := a.browser()
	if res := b.step(b.callback(a, op)); b.loggedIn(a) != oidctest.Subject {
		t.Errorf("%d %s %s", res.StatusCode, res.body, a.logs.String())
	}
}

// wantNoLogin demands that a login ends with this status and a way to start
// again, without a session, and that the log says why.
func wantNoLogin(t *testing.T, a *app, op *oidctest.Server, status int, reason string) {
	t.Helper()
	b := a.browser()
	callback, logged := b.callback(a, op), len(a.logs.String())
	res := b.step(callback)
	if res.StatusCode != status || !strings.Contains(res.body, "/auth/login?return_to=%2Fme") || len(b.cookies(a)) != 0 {
		t.Errorf("status %d, want %d, cookies %v: %s", res.StatusCode, status, b.cookies(a), res.body)
	}
	checkSensitive(t, res)
	if line := a.logs.String()[logged:]; !strings.Contains(line, `"reason":"`+reason+`"`) {
		t.Errorf("log %s, want %s", line, reason)
	}
}

// OpenID Connect Core 1.0 §3.1.3.7, §5.3.2, RFC 9207 §2.4, FLT-17, FLT-18,
// FLT-24, FLT-25: one thing wrong in one answer of the issuer, and there is no
// session; without it, there is one again.
func TestProviderAnswersWrongly(t *testing.T) {
	op, a := newProviderApp(t, nil)
	idToken := func(change oidctest.Token) func(*testing.T) {
		return func(t *testing.T) { op.EditIDTokens(t, change) }
	}
	claim := func(name string, value any) func(*testing.T) {
		return idToken(oidctest.Token{Claims: map[string]any{name: value}})
	}
	response := func(name, value string) func(*testing.T) {
		return func(t *testing.T) { op.EditAuthorizationResponses(t, func(q url.Values) { q.Set(name, value) }) }
	}
	at := func(e oidctest.Endpoint, f oidctest.Fault) func(*testing.T) {
		return func(t *testing.T) { op.Break(t, e, f) }
	}
	member := func(e oidctest.Endpoint, name string, value any) func(*testing.T) {
		return at(e, oidctest.EditJSON(func(answer map[string]any) { answer[name] = value }))
	}
	const bad, gateway = http.StatusBadRequest, http.StatusBadGateway
	for name, row := range map[string]struct {
		spoil  func(*testing.T)
		status int
		reason string
	}{
		"mix-up":                 {response("iss", "https://other.example"), bad, "foreign_issuer"},
		"another code":           {response("code", "of somebody else"), bad, "code_refused"},
		"nonce":                  {claim("nonce", "of another login"), bad, "id_token"},
		"no nonce":               {claim("nonce", nil), bad, "id_token"},
		"issuer":                 {claim("iss", "https://other.example"), bad, "id_token"},
		"audience":               {claim("aud", "other"), bad, "id_token"},
		"at_hash":                {claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), bad, "id_token"},
		"expired":                {claim("exp", time.Now().Add(-time.Hour)), bad, "id_token"},
		"FLT-25 iat −5 min":      {claim("iat", time.Now().Add(-5*time.Minute)), bad, "clock_skew"},
		"FLT-25 iat +1 day":      {claim("iat", time.Now().Add(24*time.Hour)), bad, "clock_skew"},
		"alg none":               {idToken(oidctest.Token{Signed: oidctest.ByNobody}), bad, "id_token"},
		"a stranger's signature": {idToken(oidctest.Token{Signed: oidctest.ByStranger}), bad, "id_token"},
		"typ at+jwt":             {idToken(oidctest.Token{Header: map[string]any{"typ": "at+jwt"}}), bad, "id_token"},
		"FLT-17 error with 200":  {at(oidctest.EndpointToken, oidctest.Answer(200, "application/json", `{"error":"bad_verification_code"}`)), bad, "token_response"},
		"FLT-17 HTML with 200":   {at(oidctest.EndpointToken, oidctest.Answer(200, "text/html", "<p>Sorry")), bad, "token_response"},
		"FLT-17 error beside":    {member(oidctest.EndpointToken, "error", "server_error"), bad, "token_response"},
		"FLT-18 expires_in −1":   {member(oidctest.EndpointToken, "expires_in", -1), bad, "token_response"},
		"token endpoint 500":     {at(oidctest.EndpointToken, oidctest.Answer(500, "text/html", "<p>Sorry")), gateway, "issuer_unavailable"},
		"token endpoint drops":   {at(oidctest.EndpointToken, oidctest.Drop()), gateway, "issuer_unavailable"},
		"FLT-08 tokens redirect": {at(oidctest.EndpointToken, oidctest.Redirect(op.Issuer+"/elsewhere")), gateway, "issuer_unavailable"},
		"FLT-07 tokens endless":  {at(oidctest.EndpointToken, oidctest.Endless("{")), gateway, "issuer_unavailable"},
		"userinfo of another":    {member(oidctest.EndpointUserinfo, "sub", "mallory"), bad, "userinfo"},
		"userinfo HTML":          {at(oidctest.EndpointUserinfo, oidctest.Answer(200, "text/html", "<p>Sorry")), bad, "userinfo"},
		"userinfo 500":           {at(oidctest.EndpointUserinfo, oidctest.Answer(500, "text/html", "<p>Sorry")), gateway, "issuer_unavailable"},
		"FLT-07 claims endless":  {at(oidctest.EndpointUserinfo, oidctest.Endless("{")), gateway, "issuer_unavailable"},
		"FLT-24 10 000 groups":   {member(oidctest.EndpointUserinfo, "groups", slices.Repeat([]string{"a group of the directory"}, 10_000)), bad, "claims_too_large"},
	} {
		before := len(op.Requests(oidctest.EndpointToken))
		t.Run(name, func(t *testing.T) {
			row.spoil(t)
			wantNoLogin(t, a, op, row.status, row.reason)
		})
		want := 1
		if name == "mix-up" {
			want = 0
		}
		if n := len(op.Requests(oidctest.EndpointToken)) - before; n != want {
			t.Errorf("%s: %d exchanges", name, n)
		}
		wantLogin(t, a, op)
	}
	if n := len(op.Requests("/elsewhere")); n != 0 {
		t.Errorf("%d redirects followed", n)
	}
	for _, r := range op.Requests(oidctest.EndpointToken) {
		if id, secret, ok := (&http.Request{Header: r.Header}).BasicAuth(); !ok || id != url.QueryEscape(clientID) || secret != url.QueryEscape(clientSecret) ||
			r.Form.Has("client_secret") || len(r.Form.Get("code_verifier")) < 43 {
			t.Errorf("RFC 6749 §2.3.1, RFC 7636 §4.1: %v", r)
		}
	}
}

// FLT-18: lifetimes of access tokens that nobody can mean are no reason to
// refuse the person.
func TestFLT18ProviderLifetimes(t *testing.T) {
	op, a := newProviderApp(t, nil)
	for name, edit := range map[string]func(answer map[string]any){
		"0":        func(answer map[string]any) { answer["expires_in"] = 0 },
		"missing":  func(answer map[string]any) { delete(answer, "expires_in") },
		"10 years": func(answer map[string]any) { answer["expires_in"] = 10 * 365 * 86400 },
	} {
		t.Run(name, func(t *testing.T) {
			op.Break(t, oidctest.EndpointToken, oidctest.EditJSON(edit))
			wantLogin(t, a, op)
		})
	}
	if n := len(op.Requests(oidctest.EndpointToken)); n != 3 {
		t.Errorf("%d exchanges for three logins", n)
	}
}

// soon tries until fn is content, or ten times longer than it may take.
func soon(t *testing.T, fn func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !fn(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in time")
		}
	}
}

// FLT-01: the issuer is down at start. Logins get a page with a way on, and
// work once it is up.
func TestFLT01ProviderDownAtStart(t *testing.T) {
	op, a := newProviderApp(t, nil)
	up := op.Down(t)
	b := a.browser()
	if res := b.open(a.URL + "/me"); res.StatusCode != http.StatusBadGateway || !strings.Contains(res.body, "/auth/login?return_to=%2Fme") || len(b.cookies(a)) != 0 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if err := a.rp.Check(t.Context()); err == nil {
		t.Error("Check is content")
	}
	up()
	soon(t, func() bool { return a.browser().step(a.URL+"/auth/login").StatusCode == http.StatusFound })
	wantLogin(t, a, op)
}

// FLT-02: metadata and keys that are known serve while their sources are down.
func TestFLT02ProviderSourcesDown(t *testing.T) {
	op, a := newProviderApp(t, nil)
	wantLogin(t, a, op)
	op.Break(t, oidctest.EndpointDiscovery, oidctest.Answer(503, "text/html", ""))
	op.Break(t, oidctest.EndpointJWKS, oidctest.Answer(503, "text/html", ""))
	wantLogin(t, a, op)
}

// FLT-07, FLT-08: whatever stands where the keys should be, nobody is logged in
// by it, and no redirect is followed.
func TestFLT07FLT08ProviderKeys(t *testing.T) {
	for name, fault := range map[string]oidctest.Fault{
		"FLT-07 endless":  oidctest.Endless(`{"keys":[`),
		"FLT-08 redirect": oidctest.Redirect("/elsewhere"),
		"500":             oidctest.Answer(500, "text/html", "<p>Sorry"),
		"garbage":         oidctest.Answer(200, "application/json", "\x00\xff{{"),
	} {
		t.Run(name, func(t *testing.T) {
			op, a := newProviderApp(t, nil)
			op.Break(t, oidctest.EndpointJWKS, fault)
			wantNoLogin(t, a, op, http.StatusBadGateway, "issuer_unavailable")
			if n := len(op.Requests("/elsewhere")); n != 0 {
				t.Errorf("%d redirects followed", n)
			}
		})
	}
	t.Run("one bad key", func(t *testing.T) {
		op, a := newProviderApp(t, nil)
		op.Break(t, oidctest.EndpointJWKS, oidctest.EditJSON(func(answer map[string]any) {
			answer["keys"] = append([]any{map[string]any{"kty": "EC", "crv": "P-256", "kid": "bad", "x": "AAAA", "y": "AAAA"}}, answer["keys"].([]any)...)
		}))
		wantLogin(t, a, op)
	})
}

// FLT-10, FLT-12: an issuer that has changed its key, or withdrawn it, costs a
// fetch and nobody's login.
func TestFLT10FLT12ProviderKeysTurnOver(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *oidctest.Server){
		"FLT-10 rotation":   func(t *testing.T, op *oidctest.Server) { op.RotateKeys(t) },
		"FLT-12 revocation": func(t *testing.T, op *oidctest.Server) { op.RevokeKeyOf(t, op.IDToken(t, oidctest.Token{})) },
	} {
		t.Run(name, func(t *testing.T) {
			op, a := newProviderApp(t, nil)
			wantLogin(t, a, op)
			change(t, op)
			wantLogin(t, a, op)
			wantLogin(t, a, op)
			if n := len(op.Requests(oidctest.EndpointJWKS)); n != 2 {
				t.Errorf("%d fetches", n)
			}
		})
	}
}

// FLT-14: the new key is not yet in the set that the app gets to see. There is
// no session until it is, and a way to try again.
func TestFLT14ProviderKeySetLagsBehind(t *testing.T) {
	op, a := newProviderApp(t, nil)
	wantLogin(t, a, op)
	// The oldest key comes first.
	lag := op.Break(t, oidctest.EndpointJWKS, oidctest.EditJSON(func(answer map[string]any) { answer["keys"] = answer["keys"].([]any)[:1] }))
	op.RotateKeys(t)
	wantNoLogin(t, a, op, http.StatusBadRequest, "id_token")
	lag()
	soon(t, func() bool {
		b := a.browser()
		b.step(b.callback(a, op))
		return b.loggedIn(a) == oidctest.Subject
	})
}

// timesOut lets the time for an exchange end when it has arrived.
type timesOut struct{ exchange *oidctest.Held }

func (o *timesOut) RoundTrip(r *http.Request) (*http.Response, error) {
	if o.exchange == nil || r.Method != http.MethodPost {
		return http.DefaultTransport.RoundTrip(r)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		<-o.exchange.Arrived
		cancel()
	}()
	if _, err := http.DefaultTransport.RoundTrip(r.WithContext(ctx)); err == nil {
		return nil, errors.New("the exchange was answered")
	}
	return nil, context.DeadlineExceeded
}

// FLT-15: a token endpoint that does not answer is asked once; the login is
// over, and the person has a page with a way on.
func TestFLT15ProviderTokenEndpointHangs(t *testing.T) {
	var network timesOut
	op, a := newProviderApp(t, func(c *handlers.Config) { c.HTTPClient = &http.Client{Transport: &network} })
	b := a.browser()
	callback := b.callback(a, op)
	network.exchange = op.Hold(t, oidctest.EndpointToken)
	res := b.step(callback)
	if res.StatusCode != http.StatusGatewayTimeout || !strings.Contains(res.body, "/auth/login?return_to=%2Fme") || len(b.cookies(a)) != 0 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if res := b.step(callback); res.StatusCode != http.StatusBadRequest || len(op.Requests(oidctest.EndpointToken)) != 1 {
		t.Errorf("again: %d, %v", res.StatusCode, op.Requests(oidctest.EndpointToken))
	}
}

// FLT-20: the issuer is down when somebody logs out. The local session ends.
func TestFLT20ProviderDownAtLogout(t *testing.T) {
	op, a := newProviderApp(t, nil)
	b := a.browser()
	b.step(b.callback(a, op))
	if b.loggedIn(a) != oidctest.Subject {
		t.Fatal("no login")
	}
	op.Down(t)
	if res := b.post(a.URL+"/auth/logout", url.Values{"logout": {"yes"}}, a.URL); res.StatusCode >= 500 || b.loggedIn(a) != "" {
		t.Errorf("%d, logged in as %q", res.StatusCode, b.loggedIn(a))
	}
}

// FLT-54: the browser goes away while the code is exchanged. There is no
// session, and the login cannot be finished again.
func TestFLT54BrowserLeavesDuringExchange(t *testing.T) {
	op, a := newProviderApp(t, nil)
	b := a.browser()
	callback := b.callback(a, op)
	exchange := op.Hold(t, oidctest.EndpointToken)
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-exchange.Arrived
		leave()
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, callback, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The page may just overtake the end of the connection.
	if res, err := b.Do(req); err == nil {
		res.Body.Close()
		if res.StatusCode != http.StatusBadGateway {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	soon(t, func() bool { return strings.Contains(a.logs.String(), `"refused"`) })
	exchange.Release()
	if res := b.step(callback); res.StatusCode != http.StatusBadRequest || b.loggedIn(a) != "" || len(op.Requests(oidctest.EndpointToken)) != 1 {
		t.Errorf("again: %d, %v", res.StatusCode, op.Requests(oidctest.EndpointToken))
	}
}
