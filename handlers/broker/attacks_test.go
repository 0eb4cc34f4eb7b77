package broker_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// atCallback takes a person to an upstream and returns where that sends them
// back to, unopened.
func (w *world) atCallback(v *visitor, op *oidctest.Server) *url.URL {
	w.t.Helper()
	a, upstream := w.follow(v, v.get(w.authorizeURL()))
	if upstream == nil {
		w.t.Fatalf("not at the upstream: %d\n%s", a.StatusCode, w.logs.String())
	}
	callback, err := op.NewBrowser(w.t).Authorize(upstream.String())
	if err != nil {
		w.t.Fatal(err)
	}
	return callback
}

// change sets a parameter of an address.
func change(u *url.URL, name, value string) string {
	q := u.Query()
	q.Set(name, value)
	changed := *u
	changed.RawQuery = q.Encode()
	return changed.String()
}

// What is wrong with an answer costs the login, and nobody else's: after each
// row the same person signs in.
func TestRefusedAnswers(t *testing.T) {
	for name, row := range map[string]struct {
		break_ func(t *testing.T, op *oidctest.Server)
		open   func(w *world, v *visitor, callback *url.URL) answer
		status int
		reason string
	}{
		"another browser": {open: func(w *world, _ *visitor, c *url.URL) answer { return w.newVisitor().get(c.String()) }, status: 400, reason: "unknown_state"},
		"ATK-090 another record's callback": {open: func(w *world, v *visitor, c *url.URL) answer {
			_, other := w.upstream(w.t, "Other", nil)
			return v.get(strings.Replace(c.String(), c.Path, "/broker/callback/"+other.UUID, 1))
		}, status: 400, reason: "foreign_callback"},
		"an unknown record's callback": {open: func(w *world, v *visitor, c *url.URL) answer {
			return v.get(strings.Replace(c.String(), c.Path, "/broker/callback/nobody", 1))
		}, status: 403, reason: "identity_provider_disabled"},
		"ATK-090 iss of another": {open: func(_ *world, v *visitor, c *url.URL) answer { return v.get(change(c, "iss", "https://evil.example")) }, status: 400, reason: "foreign_issuer"},
		"a repeated parameter":   {open: func(_ *world, v *visitor, c *url.URL) answer { return v.get(c.String() + "&code=x") }, status: 400, reason: "malformed_response"},
		"ATK-092 an error with markup": {open: func(_ *world, v *visitor, c *url.URL) answer {
			return v.get(change(c, "error", "<script>alert(1)</script>"))
		}, status: 400, reason: "identity_provider_refused"},
		"access_denied":   {open: func(_ *world, v *visitor, c *url.URL) answer { return v.get(change(c, "error", "access_denied")) }, status: 403, reason: "identity_provider_refused"},
		"a posted answer": {open: func(_ *world, v *visitor, c *url.URL) answer { return v.do(http.MethodPost, c.String(), c.Query()) }, status: 400, reason: "response_mode"},
		"disabled on the way": {open: func(w *world, v *visitor, c *url.URL) answer {
			p, err := w.registry.Get(w.t.Context(), strings.TrimPrefix(c.Path, "/broker/callback/"))
			if err != nil {
				w.t.Fatal(err)
			}
			p.Disabled = true
			if _, err := w.registry.Replace(w.t.Context(), *p, p.Version); err != nil {
				w.t.Fatal(err)
			}
			return v.get(c.String())
		}, status: 403, reason: "identity_provider_disabled"},
		"a nonce of another login": {break_: func(t *testing.T, op *oidctest.Server) {
			op.EditIDTokens(t, oidctest.Token{Claims: map[string]any{"nonce": "another"}})
		}, status: 400, reason: "id_token"},
		"another audience": {break_: func(t *testing.T, op *oidctest.Server) {
			op.EditIDTokens(t, oidctest.Token{Claims: map[string]any{"aud": "another"}})
		}, status: 400, reason: "id_token"},
		"no signature": {break_: func(t *testing.T, op *oidctest.Server) {
			op.EditIDTokens(t, oidctest.Token{Signed: oidctest.ByNobody})
		}, status: 400, reason: "id_token"},
		"userinfo of another person": {break_: func(t *testing.T, op *oidctest.Server) {
			op.Break(t, oidctest.EndpointUserinfo, oidctest.EditJSON(func(m map[string]any) { m["sub"] = "mallory" }))
		}, status: 400, reason: "userinfo"},
		"an endless token answer": {break_: func(t *testing.T, op *oidctest.Server) {
			op.Break(t, oidctest.EndpointToken, oidctest.Endless(`{"x":"`))
		}, status: 502, reason: "identity_provider_unavailable"},
		"a redirect at the token endpoint": {break_: func(t *testing.T, op *oidctest.Server) {
			op.Break(t, oidctest.EndpointToken, oidctest.Redirect("http://169.254.169.254/"))
		}, status: 502, reason: "identity_provider_unavailable"},
		"FLT-17 200 with an error": {break_: func(t *testing.T, op *oidctest.Server) {
			op.Break(t, oidctest.EndpointToken, oidctest.Answer(200, "application/json", `{"error":"bad_verification_code"}`))
		}, status: 400, reason: "token_response"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			op, _ := w.upstream(t, "Staff", nil)
			v := w.newVisitor()
			callback := w.atCallback(v, op)
			if row.break_ != nil {
				row.break_(t, op)
			}
			open := row.open
			if open == nil {
				open = func(_ *world, v *visitor, c *url.URL) answer { return v.get(c.String()) }
			}
			a, app := w.follow(v, open(w, v, callback))
			w.stopped(a, app, row.status, row.reason)
			if strings.Contains(a.body, "<script>") || strings.Contains(w.logs.String(), "<script>") || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v\n%s", a.Header, a.body)
			}
			if _, err := w.store.AccountLinks.AccountLink(t.Context(), op.Issuer, oidctest.Subject); err == nil {
				t.Error("an account was linked")
			}
		})
	}
}

// A finished login is finished, on whatever replica it is sent again.
func TestReplayedCallback(t *testing.T) {
	w := newWorld(t, nil)
	op, _ := w.upstream(t, "Staff", nil)
	v := w.newVisitor()
	callback := w.atCallback(v, op)
	cookies := v.Jar.Cookies(callback)
	a, app := w.follow(v, v.get(callback.String()))
	w.atApp(a, app)
	v.Jar.SetCookies(callback, cookies)
	if a := v.get(callback.String()); a.StatusCode != http.StatusBadRequest {
		t.Errorf("again: %d", a.StatusCode)
	}
}

// A login begins with a form of our own, and nothing of another site's.
func TestForeignForms(t *testing.T) {
	w := newWorld(t, nil)
	_, record := w.upstream(t, "Staff", nil)
	_, _ = w.upstream(t, "Partner", nil)
	v := w.newVisitor()
	a, _ := w.follow(v, v.get(w.authorizeURL()))
	request := a.Request.URL.Query().Get("request")
	for name, headers := range map[string]map[string]string{
		"cross-site":     {"Sec-Fetch-Site": "cross-site"},
		"another origin": {"Origin": "https://evil.example"},
	} {
		req, _ := http.NewRequest(http.MethodPost, w.URL+"/broker/login", strings.NewReader(url.Values{"request": {request}, "idp": {record.UUID}}.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for k, h := range headers {
			req.Header.Set(k, h)
		}
		res, err := v.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	for method, path := range map[string]string{http.MethodHead: "/broker/login?request=" + request + "&idp=" + record.UUID, http.MethodPut: "/broker/login", http.MethodDelete: "/broker/callback/" + record.UUID} {
		if a := v.do(method, w.URL+path, nil); a.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", method, path, a.StatusCode)
		}
	}
	if a := v.get(w.URL + "/broker/login?request=junk"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a junk request: %d", a.StatusCode)
	}
}

// A person's account is found by (issuer, sub), by a verified address only
// where the record says so and for its own domains, and made otherwise.
func TestLinking(t *testing.T) {
	authoritative := func(p *broker.IdentityProvider) { p.DomainMapping, p.AllowEmailLinking = "example.com", true }
	for name, row := range map[string]struct {
		change func(*broker.IdentityProvider)
		break_ func(t *testing.T, op *oidctest.Server)
		linked bool
	}{
		"allowed":             {change: authoritative, linked: true},
		"not allowed":         {change: func(p *broker.IdentityProvider) { p.DomainMapping = "example.com" }},
		"trusted":             {change: func(p *broker.IdentityProvider) { p.Issuer = "none"; authoritative(p); p.TrustEmail = true }, linked: true},
		"not mapped, allowed": {change: func(p *broker.IdentityProvider) { p.TrustEmail = true }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			op, _ := w.upstream(t, "Staff", row.change)
			w.accounts.byEmail["alice@example.com"] = "own-account"
			v := w.newVisitor()
			a, app := w.signIn(v, op, v.get(w.authorizeURL()))
			login := w.accounts.last()
			link, err := w.store.AccountLinks.AccountLink(t.Context(), login.Issuer, login.Subject)
			if err != nil {
				t.Fatalf("%v %d %v\n%s", err, a.StatusCode, app, w.logs.String())
			}
			if got := link.Account == "own-account"; got != row.linked {
				t.Errorf("account %q", link.Account)
			}
		})
	}
	// An address that is not verified, as JSON true alone says.
	for _, verified := range []any{false, "true", 1, nil} {
		w := newWorld(t, nil)
		op, _ := w.upstream(t, "Staff", authoritative)
		op.Break(t, oidctest.EndpointUserinfo, oidctest.EditJSON(func(m map[string]any) { m["email_verified"] = verified }))
		w.accounts.byEmail["alice@example.com"] = "own-account"
		v := w.newVisitor()
		a, app := w.signIn(v, op, v.get(w.authorizeURL()))
		w.stopped(a, app, http.StatusForbidden, "domain_refused")
	}
}

// Who the app refuses gets a page, has no link, and may come again.
func TestRefusedByTheApp(t *testing.T) {
	w := newWorld(t, nil)
	op, _ := w.upstream(t, "Staff", nil)
	w.accounts.refuse = oidckit.NewError(oidckit.AccessDenied, "no account for you")
	v := w.newVisitor()
	a, app := w.signIn(v, op, v.get(w.authorizeURL()))
	w.stopped(a, app, http.StatusForbidden, "account_refused")
	w.accounts.refuse = nil
	a, app = w.signIn(v, op, v.get(w.authorizeURL()))
	w.atApp(a, app)
}

// promptForUserRegistration: a first-time user goes through the app's step, in
// the same browser, once.
func TestRegistration(t *testing.T) {
	w := newWorld(t, func(c *broker.Config) { c.RegistrationURL = "/register" })
	op, _ := w.upstream(t, "Staff", func(p *broker.IdentityProvider) { p.PromptForUserRegistration = true })
	step := func(v *visitor, serve func(http.ResponseWriter, *http.Request) error) (answer, error) {
		var failed error
		app := w.Config.Handler
		defer func() { w.Config.Handler = app }()
		w.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { failed = serve(rw, r) })
		a := v.get(w.URL + "/register")
		return a, failed
	}
	v := w.newVisitor()
	a, _ := w.signIn(v, op, v.get(w.authorizeURL()))
	if a.Request.URL.Path != "/register" {
		t.Fatalf("at %s: %d\n%s", a.Request.URL, a.StatusCode, w.logs.String())
	}
	if _, err := step(w.newVisitor(), func(_ http.ResponseWriter, r *http.Request) error { _, err := w.broker.Registration(r); return err }); err != oidckit.ErrNotFound {
		t.Errorf("another browser: %v", err)
	}
	if _, err := step(v, func(_ http.ResponseWriter, r *http.Request) error {
		login, err := w.broker.Registration(r)
		if err == nil && (login.Subject != oidctest.Subject || login.Email != "alice@example.com" || login.Claims.Text("name") != "Alice Example") {
			t.Errorf("%+v", login)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	address, _ := url.Parse(w.URL)
	kept := v.Jar.Cookies(address)
	_ = w.accounts.CreateAccount(t.Context(), "registered", broker.Login{Claims: oidckit.Claims(`{}`)})
	a, err := step(v, func(rw http.ResponseWriter, r *http.Request) error {
		return w.broker.CompleteRegistration(rw, r, "registered")
	})
	if err != nil {
		t.Fatal(err)
	}
	a, app := w.follow(v, a)
	w.atApp(a, app)
	if link, err := w.store.AccountLinks.AccountLink(t.Context(), op.Issuer, oidctest.Subject); err != nil || link.Account != "registered" {
		t.Errorf("%+v %v", link, err)
	}
	v.Jar.SetCookies(address, kept)
	if _, err := step(v, func(rw http.ResponseWriter, r *http.Request) error {
		return w.broker.CompleteRegistration(rw, r, "again")
	}); err != oidckit.ErrNotFound {
		t.Errorf("a second time: %v", err)
	}
	// Somebody else does not want to.
	second := newWorld(t, nil)
	op, _ = second.upstream(t, "Staff", func(p *broker.IdentityProvider) { p.PromptForUserRegistration = true })
	v = second.newVisitor()
	a, app = second.signIn(v, op, v.get(second.authorizeURL()))
	second.stopped(a, app, http.StatusForbidden, "no_registration")
}

// grantType PASSWORD: the broker asks, the provider judges, and guesses are
// slowed down.
func TestPassword(t *testing.T) {
	w := newWorld(t, nil)
	op, record := w.upstream(t, "Staff", func(p *broker.IdentityProvider) { p.GrantType = broker.GrantTypePassword })
	v := w.newVisitor()
	a, elsewhere := w.follow(v, v.get(w.authorizeURL()))
	if elsewhere != nil || !strings.Contains(a.body, `name="password"`) || !strings.Contains(a.body, "The App") {
		t.Fatalf("%d %v\n%s", a.StatusCode, elsewhere, w.logs.String())
	}
	request := a.Request.URL.Query().Get("request")
	try := func(name, password string) answer {
		return v.do(http.MethodPost, w.URL+"/broker/password", url.Values{"request": {request}, "idp": {record.UUID}, "username": {name}, "password": {password}})
	}
	if a := try(oidctest.Username, "wrong"); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, `role="alert"`) || strings.Contains(a.body, "wrong\"") {
		t.Errorf("a wrong password: %d", a.StatusCode)
	}
	a, app := w.follow(v, try(oidctest.Username, oidctest.Password))
	w.atApp(a, app)
	if strings.Contains(w.logs.String(), oidctest.Password) {
		t.Error("the password is in the log")
	}
	for i := range 10 {
		if a := try("mallory", "guess"); a.StatusCode != http.StatusForbidden {
			t.Errorf("guess %d: %d", i, a.StatusCode)
		}
	}
	if a := try("mallory", "guess"); a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("one more guess: %d", a.StatusCode)
	}
	if n := len(op.Requests(oidctest.EndpointToken)); n != 12 {
		t.Errorf("the provider was asked %d times", n)
	}
	// A record of another kind takes no passwords.
	code, _ := newWorld(t, nil), op
	_, other := code.upstream(t, "Code", nil)
	v = code.newVisitor()
	if a := v.do(http.MethodPost, code.URL+"/broker/password", url.Values{"request": {requestOf(code, v)}, "idp": {other.UUID}, "username": {"a"}, "password": {"b"}}); a.StatusCode != http.StatusForbidden {
		t.Errorf("a code record: %d", a.StatusCode)
	}
}

// requestOf is the sealed request that the broker is called with.
func requestOf(w *world, v *visitor) string {
	a := v.get(w.authorizeURL())
	to, err := a.Location()
	if err != nil {
		w.t.Fatal(err)
	}
	return to.Query().Get("request")
}

// max_age and prompt=login pass through, and a provider that can vouch for no
// time is refused where one is asked for.
func TestFreshLogins(t *testing.T) {
	w := newWorld(t, nil)
	op, _ := w.upstream(t, "Staff", nil)
	v := w.newVisitor()
	a, upstream := w.follow(v, v.get(w.authorizeURL("max_age", "60", "prompt", "login", "ui_locales", "de")))
	if upstream == nil || upstream.Query().Get("max_age") != "60" || upstream.Query().Get("prompt") != "login" || upstream.Query().Get("ui_locales") != "de" {
		t.Fatalf("%d %v", a.StatusCode, upstream)
	}
	op.EditIDTokens(t, oidctest.Token{Claims: map[string]any{"auth_time": time.Now().Add(-time.Hour)}})
	callback, err := op.NewBrowser(t).Authorize(upstream.String())
	if err != nil {
		t.Fatal(err)
	}
	a, app := w.follow(v, v.get(callback.String()))
	w.stopped(a, app, http.StatusBadRequest, "id_token")

	plain := newWorld(t, nil)
	op, _ = plain.upstream(t, "Plain", func(p *broker.IdentityProvider) { p.Issuer = "none" })
	v = plain.newVisitor()
	a, app = plain.signIn(v, op, v.get(plain.authorizeURL("max_age", "60")))
	plain.stopped(a, app, http.StatusForbidden, "no_auth_time")
}

// An upstream that is down costs its own logins a page that offers the others.
func TestUpstreamDown(t *testing.T) {
	w := newWorld(t, nil)
	down, record := w.upstream(t, "Down", nil)
	up, _ := w.upstream(t, "Up", nil)
	down.Down(t)
	v := w.newVisitor()
	request := requestOf(w, v)
	a := v.do(http.MethodPost, w.URL+"/broker/login", url.Values{"request": {request}, "idp": {record.UUID}})
	if a.StatusCode != http.StatusBadGateway || !strings.Contains(a.body, "/broker/login?request=") {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	a = v.get(w.URL + "/broker/login?request=" + url.QueryEscape(request))
	if !strings.Contains(a.body, "<bdi>Up</bdi>") {
		t.Errorf("%s", a.body)
	}
	a, app := w.signIn(v, up, v.get(w.URL+"/broker/login?"+url.Values{"request": {request}, "idp": {"up_up"}}.Encode()))
	w.atApp(a, app)
}

// Wrong settings are named together.
func TestConfig(t *testing.T) {
	_, err := broker.New(broker.Config{BaseURL: "http://app.example", Prefix: "x/", RegistrationURL: "https://elsewhere.example"})
	for _, field := range []string{"Registry", "Downstream", "Store", "Secrets", "BaseURL", "Prefix", "RegistrationURL"} {
		if err == nil || !strings.Contains(err.Error(), "broker.Config."+field) {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
	key, _ := jose.GenerateKey("ES256")
	w := newWorld(t, nil)
	cfg := broker.Config{Registry: w.registry, Downstream: w.issuer, Store: w.store, BaseURL: w.URL, Prefix: "/other", SigningKey: &broker.SigningKey{Key: key, Algorithm: "RS256"}}
	if _, err := broker.New(cfg); err == nil || !strings.Contains(err.Error(), "CallbackURL") {
		t.Errorf("another callback: %v", err)
	}
}
