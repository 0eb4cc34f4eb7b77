package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// plainOAuth makes a script of an issuer that knows no OpenID Connect and whose
// people have numbers.
func plainOAuth(s script) script {
	tokens, userinfo := s.tokens, s.userinfo
	s.tokens = func(answer map[string]any) {
		delete(answer, "id_token")
		answer["token_type"] = "bearer"
		if tokens != nil {
			tokens(answer)
		}
	}
	s.userinfo = func(c map[string]any) {
		delete(c, "sub")
		c["id"], c["login"] = json.Number("12345678901234567890"), "alice"
		if userinfo != nil {
			userinfo(c)
		}
	}
	if s.respond == nil {
		s.respond = func(q url.Values) { q.Del("iss") }
	}
	return s
}

func newPlainApp(t *testing.T, p *idp, o *handlers.OAuth2, edit func(*handlers.Config)) *app {
	t.Helper()
	p.play(plainOAuth(script{}))
	return newApp(t, p, options{config: func(c *handlers.Config) {
		c.Metadata, c.OAuth2, c.Scopes = p.byHand(), o, oidckit.Scope{"read:user"}
		c.Metadata.JWKSURI = ""
		if edit != nil {
			edit(c)
		}
	}})
}

// RFC 6749 §4.1, RFC 7636 §4.3: a login at a plain OAuth 2.0 provider, with
// state and PKCE and nothing of OpenID Connect. A number is the subject as it
// is written, and what userinfo says of a token is not taken.
func TestPlainOAuth(t *testing.T) {
	p := newIDP(t)
	a := newPlainApp(t, p, &handlers.OAuth2{SubjectClaim: "id"}, nil)
	p.play(plainOAuth(script{userinfo: func(c map[string]any) { c["sub"], c["acr"], c["iss"] = "somebody", "gold", "https://other.example" }}))
	b := a.browser()
	if res := b.open(a.URL + "/me?x=1"); !strings.HasPrefix(res.body, "sub=12345678901234567890 sid= name=Alice Adams query=x=1") {
		t.Fatalf("%d %s %s", res.StatusCode, res.body, a.logs.String())
	}
	asked := p.lastRequest()
	if asked.Has("nonce") || asked.Get("scope") != "read:user" || asked.Get("code_challenge_method") != "S256" || len(asked.Get("state")) < 22 {
		t.Errorf("asked %v", asked)
	}
	if p.exchange.Get("Accept") != "application/json" {
		t.Errorf("Accept %q: some answer with a form then", p.exchange.Get("Accept"))
	}
	id, err := authenticated(a, b)
	if err != nil || id.Issuer != p.URL || id.Claims.Text("iss") != p.URL || id.Claims.Text("sub") != id.Subject || id.ACR != "" || id.Claims.Has("acr") ||
		!id.AuthTime.IsZero() || id.Claims.Text("login") != "alice" {
		t.Errorf("%+v %v", id, err)
	}
	if p.count("/jwks")+p.count(wellKnown) != 0 {
		t.Error("keys or metadata were fetched")
	}
	out := b.post(a.URL+"/auth/logout", nil, a.URL)
	if u, _ := out.Location(); u == nil || u.Query().Has("id_token_hint") || b.loggedIn(a) != "" {
		t.Errorf("logout: %v", u)
	}
}

// authenticated returns whom the app takes a browser for, with all claims.
func authenticated(a *app, b *browser) (*oidckit.Identity, error) {
	var id *oidckit.Identity
	err := errors.New("not asked")
	before := *a.handler.Load()
	var h http.Handler = a.sessions.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { id, err = a.rp.Authenticate(r) }))
	a.handler.Store(&h)
	b.step(a.URL + "/")
	a.handler.Store(&before)
	return id, err
}

// FLT-17, FLT-24 and what else a plain OAuth 2.0 provider may answer: there is
// no session, and a way to start again.
func TestPlainOAuthRefusals(t *testing.T) {
	p := newIDP(t)
	a := newPlainApp(t, p, &handlers.OAuth2{SubjectClaim: "id"}, nil)
	answer := func(path string, status int, media, body string) script {
		return script{serve: func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != path {
				return false
			}
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			io.WriteString(w, body)
			return true
		}}
	}
	member := func(name string, value any) script {
		return script{userinfo: func(c map[string]any) { c[name] = value }}
	}
	for _, row := range []struct {
		name   string
		script script
		status int
		reason string
	}{
		{"FLT-17 error with 200", answer("/token", 200, "application/json", `{"error":"bad_verification_code"}`), 400, "token_response"},
		{"FLT-17 a form", answer("/token", 200, "application/x-www-form-urlencoded", "access_token=a&token_type=bearer"), 400, "token_response"},
		{"FLT-17 error of userinfo with 200", answer("/userinfo", 200, "application/json", `{"error":"bad_credentials"}`), 400, "userinfo"},
		{"FLT-24 a megabyte", member("groups", strings.Repeat("g", 300<<10)), 400, "claims_too_large"},
		{"userinfo 401", answer("/userinfo", 401, "application/json", `{}`), 502, "issuer_unavailable"},
		{"userinfo HTML", answer("/userinfo", 200, "text/html", "<p>"), 400, "userinfo"},
		{"no subject", member("id", ""), 400, "userinfo"},
		{"subject null", member("id", nil), 400, "userinfo"},
		{"subject true", member("id", true), 400, "userinfo"},
		{"subject of a list", member("id", []int{1}), 400, "userinfo"},
		{"subject twice", answer("/userinfo", 200, "application/json", `{"id":1,"id":2}`), 400, "userinfo"},
		{"subject too long", member("id", strings.Repeat("1", 256)), 400, "userinfo"},
		{"mix-up", script{respond: func(q url.Values) { q.Set("iss", "https://other.example") }}, 400, "foreign_issuer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p.play(plainOAuth(row.script))
			b := a.browser()
			callback, logged := b.begin(a, "/me"), len(a.logs.String())
			res := b.step(callback)
			if res.StatusCode != row.status || len(b.cookies(a)) != 0 || !strings.Contains(res.body, "/auth/login?return_to=%2Fme") {
				t.Errorf("%d, cookies %v: %s", res.StatusCode, b.cookies(a), res.body)
			}
			if line := a.logs.String()[logged:]; !strings.Contains(line, `"reason":"`+row.reason+`"`) {
				t.Errorf("log %s", line)
			}
		})
	}
	// An ID token that comes all the same is not looked at.
	p.play(plainOAuth(script{tokens: func(answer map[string]any) { answer["id_token"] = "not one" }}))
	b := a.browser()
	if b.step(b.begin(a, "/me")).StatusCode != http.StatusSeeOther {
		t.Errorf("with an ID token: %s", a.logs.String())
	}
	if out := b.post(a.URL+"/auth/logout", nil, a.URL); strings.Contains(out.Header.Get("Location"), "id_token_hint") {
		t.Errorf("it is sent to %s", out.Header.Get("Location"))
	}
}

// The app asks an API of the provider's itself, by a client that carries the
// token no further than it may.
func TestIdentify(t *testing.T) {
	p := newIDP(t)
	var hook func(context.Context, handlers.IdentifyRequest) (oidckit.Claims, error)
	a := newPlainApp(t, p, &handlers.OAuth2{Identify: func(ctx context.Context, req handlers.IdentifyRequest) (oidckit.Claims, error) { return hook(ctx, req) }}, nil)
	var shown string
	p.play(plainOAuth(script{
		tokens: func(answer map[string]any) { answer["scope"] = "read:user" },
		serve: func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case "/emails":
				shown = r.Header.Get("Authorization")
				io.WriteString(w, `["alice@example.com"]`)
			case "/moved":
				http.Redirect(w, r, "/emails", http.StatusFound)
			case "/endless":
				io.WriteString(w, strings.Repeat(" ", 1<<20))
			default:
				return false
			}
			return true
		},
	}))
	get := func(ctx context.Context, c *http.Client, path string) (int, []byte, error) {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+path, nil)
		res, err := c.Do(req)
		if err != nil {
			return 0, nil, err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return res.StatusCode, body, err
	}
	hook = func(ctx context.Context, req handlers.IdentifyRequest) (oidckit.Claims, error) {
		_, body, err := get(ctx, req.HTTPClient, "/emails")
		if err != nil || req.Userinfo.Text("login") != "alice" || req.Scope.String() != "read:user" {
			return nil, errors.Join(err, errors.New("not what was expected"))
		}
		if status, _, err := get(ctx, req.HTTPClient, "/moved"); err != nil || status != http.StatusFound {
			t.Errorf("a redirect: %d %v", status, err)
		}
		if _, body, err := get(ctx, req.HTTPClient, "/endless"); err == nil || len(body) > 512<<10 {
			t.Errorf("%d bytes of an endless answer: %v", len(body), err)
		}
		return json.Marshal(map[string]any{"sub": "a-1", "name": "Alice", "emails": json.RawMessage(body)})
	}
	b := a.browser()
	if res := b.open(a.URL + "/me"); !strings.HasPrefix(res.body, "sub=a-1 ") || !strings.HasPrefix(shown, "Bearer "+canaryAccess) {
		t.Errorf("%d %s, %s", res.StatusCode, res.body, a.logs.String())
	}
	for name, row := range map[string]struct {
		hook   func(context.Context, handlers.IdentifyRequest) (oidckit.Claims, error)
		status int
		reason string
	}{
		"refused": {func(context.Context, handlers.IdentifyRequest) (oidckit.Claims, error) {
			return nil, oidckit.NewError(oidckit.AccessDenied, "no member")
		}, 403, "identity_refused"},
		"did not answer": {func(context.Context, handlers.IdentifyRequest) (oidckit.Claims, error) { return nil, errors.New("x") }, 502, "issuer_unavailable"},
		"nothing":        {func(context.Context, handlers.IdentifyRequest) (oidckit.Claims, error) { return nil, nil }, 400, "userinfo"},
		"FLT-55 a panic": {func(context.Context, handlers.IdentifyRequest) (oidckit.Claims, error) { panic("canary") }, 500, "panic"},
		"FLT-24 too much": {func(context.Context, handlers.IdentifyRequest) (oidckit.Claims, error) {
			return oidckit.Claims(`{"sub":"1","x":"` + strings.Repeat("x", 1<<20) + `"}`), nil
		}, 400, "claims_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			hook = row.hook
			b := a.browser()
			callback, logged := b.begin(a, "/me"), len(a.logs.String())
			if res := b.step(callback); res.StatusCode != row.status || strings.Contains(res.body, "canary") || len(b.cookies(a)) != 0 {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
			if line := a.logs.String()[logged:]; !strings.Contains(line, `"reason":"`+row.reason+`"`) {
				t.Errorf("log %s", line)
			}
		})
	}
}

// RFC 6750 §5.3: the token of an issuer on https is not sent over http, and
// nothing that is sent elsewhere is changed.
func TestIdentifyOverHTTPS(t *testing.T) {
	var seen http.Header
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		seen = r.Header
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("{}")), Header: http.Header{}, Request: r}, nil
	})
	c := handlers.BearerClient(t, "https://id.example", &http.Client{Transport: transport}, "the-token")
	if _, err := c.Get("http://id.example/user"); err == nil || seen != nil {
		t.Errorf("over http: %v", err)
	} else if strings.Contains(err.Error(), "the-token") {
		t.Errorf("the error holds the token: %v", err)
	}
	if _, err := c.Get("https://id.example/user"); err != nil || seen.Get("Authorization") != "Bearer the-token" {
		t.Errorf("over https: %v, sent %q", err, seen.Get("Authorization"))
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// RFC 9470 §3: what nobody vouches for cannot be asked for: a page says so, and
// the person is not sent round in circles.
func TestPlainOAuthVouchesForNothing(t *testing.T) {
	p := newIDP(t)
	a := newPlainApp(t, p, &handlers.OAuth2{SubjectClaim: "id"}, nil)
	age := time.Minute
	for name, req := range map[string]oidckit.LoginRequest{"max_age": {MaxAge: &age}, "acr_values": {ACRValues: []string{"gold"}},
		"claims": {Claims: json.RawMessage(`{"id_token":{"acr":{"essential":true}}}`)}} {
		res := a.browser().step(a.rp.LoginURL(nil, req))
		if res.StatusCode != http.StatusForbidden || res.Header.Get("Location") != "" || !strings.Contains(a.logs.String(), "authentication_not_vouched") {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	if p.count("/authorize") != 0 {
		t.Error("the person was sent to the provider")
	}
	if res := a.browser().step(a.rp.LoginURL(nil, oidckit.LoginRequest{Prompt: []string{oidckit.PromptSelectAccount}})); res.StatusCode != http.StatusFound {
		t.Errorf("prompt: %d", res.StatusCode)
	}
}

// RFC 6749 §6: a session at a plain OAuth 2.0 provider follows its grant, too.
func TestPlainOAuthRefresh(t *testing.T) {
	p, s := newIDP(t), newStores()
	p.play(plainOAuth(script{}))
	a := newApp(t, p, options{session: func(c *handlers.SessionConfig) { c.Store = s.set() }, config: func(c *handlers.Config) {
		c.Metadata, c.OAuth2, c.Scopes = p.byHand(), &handlers.OAuth2{SubjectClaim: "id"}, nil
		c.Metadata.JWKSURI = ""
	}})
	b := a.browser()
	b.open(a.URL + "/me")
	f := &refreshing{a, b, p, s, *s.sessions.created.Load()}
	f.due(t, true)
	if status := f.status(t); status != http.StatusOK {
		t.Fatalf("%d %s", status, a.logs.String())
	}
	f.reaches(t, rpstore.RefreshIdle)
	if n := p.count("refresh"); n != 1 || f.status(t) != http.StatusOK {
		t.Errorf("%d refreshes, %s", n, a.logs.String())
	}
}

func TestPlainOAuthProblems(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	signer, _ := certified(t, "1")
	identify := func(context.Context, handlers.IdentifyRequest) (oidckit.Claims, error) { return nil, nil }
	for name, row := range map[string]struct {
		edit func(*handlers.Config)
		ok   bool
	}{
		"userinfo":         {func(*handlers.Config) {}, true},
		"discovery":        {func(c *handlers.Config) { c.Metadata = nil }, true},
		"nobody to ask":    {func(c *handlers.Config) { c.Metadata.UserinfoEndpoint = "" }, false},
		"the app asks":     {func(c *handlers.Config) { c.Metadata.UserinfoEndpoint, c.OAuth2.Identify = "", identify }, true},
		"keys for nothing": {func(c *handlers.Config) { c.KeySet = keySet(t, published(signer, "")) }, false},
		"signed userinfo":  {func(c *handlers.Config) { c.UserinfoSignedResponseAlg = "RS256" }, false},
		"a bad scope":      {func(c *handlers.Config) { c.Scopes = oidckit.Scope{`a"b`} }, false},
	} {
		c := handlers.Config{Issuer: p.URL, Metadata: p.byHand(), ClientID: "x", BaseURL: a.URL, Sessions: a.sessions, OAuth2: &handlers.OAuth2{}}
		c.Metadata.JWKSURI = ""
		row.edit(&c)
		rp, err := handlers.NewRelyingParty(c)
		if (err == nil) != row.ok || err != nil && !strings.Contains(err.Error(), "Config.") {
			t.Errorf("%s: %v", name, err)
		}
		if rp != nil {
			rp.Close()
		}
	}
}
