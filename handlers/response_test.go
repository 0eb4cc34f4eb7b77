package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// asked changes how the answer comes.
func asked(responseType, mode string) options {
	return options{config: func(c *handlers.Config) { c.ResponseType, c.ResponseMode = responseType, mode }}
}

// ATK-094: a form_post login takes a form and nothing else, and nothing else
// spends it.
func TestFormPostMethods(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, asked("code", "form_post"))
	b := a.browser()
	form := b.beginPost(a, "/me")
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"} {
		b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		res := b.do(method, a.URL+"/auth/callback?"+form.Encode(), nil, nil)
		if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "POST" || len(res.Cookies()) != 0 {
			t.Errorf("%s: %d, Allow %q, %d cookies", method, res.StatusCode, res.Header.Get("Allow"), len(res.Cookies()))
		}
	}
	// What stands in the address was not posted.
	if res := b.post(a.URL+"/auth/callback?"+form.Encode(), url.Values{}, ""); res.StatusCode != http.StatusBadRequest {
		t.Errorf("in the query: %d", res.StatusCode)
	}
	if res := b.finishPost(a, form); res.StatusCode != http.StatusSeeOther || b.loggedIn(a) != "alice" {
		t.Errorf("the login was consumed: %d %s", res.StatusCode, res.body)
	}
}

func TestFormPostCookies(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, asked("code", "form_post"))
	b := a.browser()
	login := b.step(a.URL + "/auth/login?return_to=/me")
	c := login.Cookies()
	if len(c) != 1 || c[0].SameSite != http.SameSiteNoneMode || !c[0].Secure || !c[0].HttpOnly || !strings.HasPrefix(c[0].Name, "__Host-login-") {
		t.Fatalf("cookies: %v", c)
	}
	_, form, _ := oidctest.Form(b.step(login.Header.Get("Location")).body)
	posted := b.postBack(a, form)
	for _, c := range posted.Cookies() {
		if strings.Contains(c.Name, "session") || c.MaxAge > 0 && c.SameSite != http.SameSiteLaxMode {
			t.Errorf("the post has set %v", c)
		}
	}
	if b.loggedIn(a) != "" {
		t.Error("signed in before the continuation")
	}
	for _, c := range b.step(posted.Header.Get("Location")).Cookies() {
		if c.MaxAge > 0 && c.SameSite != http.SameSiteLaxMode {
			t.Errorf("the continuation has set %v", c)
		}
	}
	plain := newApp(t, p, options{plain: true, config: asked("code", "form_post").config})
	if c := plain.browser().step(plain.URL + "/auth/login").Cookies(); len(c) != 1 || c[0].SameSite != http.SameSiteNoneMode || !c[0].Secure {
		t.Errorf("on http: %v", c)
	}
}

// The issuer's page may post to the callback of a form, and to no other, and
// start a login (OpenID Connect Core 1.0 §4).
func TestFormPostAcrossOrigins(t *testing.T) {
	p := newIDP(t)
	for mode, paths := range map[string]map[string]bool{
		"form_post": {"/auth/callback": true, "/auth/login": true, "/auth/logout": false, "/auth/continue": false},
		"query":     {"/auth/callback": false, "/auth/login": true, "/auth/logout": false},
	} {
		a := newApp(t, p, asked("code", mode))
		for path, passes := range paths {
			r, _ := http.NewRequest(http.MethodPost, a.URL+path, nil)
			r.Header.Set("Origin", "https://issuer.example")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			if err := a.rp.CrossOriginProtection().Check(r); (err == nil) != passes {
				t.Errorf("%s %s: %v", mode, path, err)
			}
		}
	}
}

// OWASP ASVS 5.0 7.2.4: the session before the login ends, though the post of
// the issuer's page has not carried it, and what the app has put there stays.
func TestFormPostRenewsTheSession(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, asked("code id_token", ""))
	b := a.browser()
	b.finishPost(a, b.beginPost(a, "/me"))
	u, _ := url.Parse(a.URL)
	old := b.Jar.Cookies(u)
	p.mu.Lock()
	p.subject = "bob"
	p.mu.Unlock()
	a.take()
	posted := b.postBack(a, b.beginPost(a, "/me"))
	if b.loggedIn(a) != "alice" {
		t.Error("the post alone has changed who is signed in")
	}
	kept := b.Jar.Cookies(u)
	if res := b.step(posted.Header.Get("Location")); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/me" || b.loggedIn(a) != "bob" {
		t.Fatalf("%d %s", res.StatusCode, res.body)
	}
	if events := a.take(); len(events) != 1 || events[0].Name != oidckit.EventLoginSucceeded || events[0].Subject != "bob" {
		t.Errorf("events: %v", events)
	}
	for name, cookies := range map[string][]*http.Cookie{"the session before": old, "the continuation again": kept} {
		thief := a.browser()
		for _, c := range cookies {
			c.Path, c.Secure = "/", true
		}
		thief.Jar.SetCookies(u, cookies)
		if name == "the continuation again" {
			if res := thief.step(posted.Header.Get("Location")); res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %d", name, res.StatusCode)
			}
		}
		if thief.loggedIn(a) != "" {
			t.Errorf("%s: signed in", name)
		}
	}
	if b.loggedIn(a) != "bob" {
		t.Error("the continuation that came again has ended the session")
	}
	// ATK-086: it belongs to the browser that has posted.
	posted = b.postBack(a, b.beginPost(a, "/me"))
	if res := a.browser().step(posted.Header.Get("Location")); res.StatusCode != http.StatusBadRequest || len(res.Cookies()) != 0 {
		t.Errorf("in another browser: %d", res.StatusCode)
	}
}

func TestRefusedForms(t *testing.T) {
	p := newIDP(t)
	for _, row := range []struct {
		name, typ, mode string
		script          script
		reason          string
		exchanged       bool
	}{
		{"ATK-091 a parameter twice", "code", "form_post", script{}, "malformed_response", false},
		{"ATK-091 iss of another", "code", "form_post", respond(func(q url.Values) { q.Set("iss", "https://other.example") }), "foreign_issuer", false},
		{"ATK-091 iss empty", "code id_token", "form_post", respond(func(q url.Values) { q.Set("iss", "") }), "foreign_issuer", false},
		{"ATK-076 iss missing, and nothing signed says it", "code token", "form_post", respond(func(q url.Values) { q.Del("iss") }), "missing_issuer", false},
		{"ATK-076 iss missing, beside an ID token that nobody asked for", "code", "form_post",
			respond(func(q url.Values) { q.Del("iss"); q.Set("id_token", "canary") }), "missing_issuer", false},
		{"ATK-076 iss missing, and no ID token", "code id_token", "form_post",
			respond(func(q url.Values) { q.Del("iss"); q.Del("id_token") }), "missing_issuer", false},
		{"ATK-076 iss missing from an error", "id_token", "form_post",
			respond(func(q url.Values) { q.Del("iss"); q.Set("error", "access_denied") }), "missing_issuer", false},
		{"ATK-090 iss missing, ID token of another issuer", "code id_token", "form_post", script{
			respond: func(q url.Values) { q.Del("iss") }, front: func(c map[string]any) { c["iss"] = "https://other.example" },
		}, "id_token", false},
		{"ATK-090 iss missing, ID token that nobody has signed", "code id_token", "form_post",
			respond(func(q url.Values) { q.Del("iss"); q.Set("id_token", q.Get("id_token")+"A") }), "id_token", false},
		{"ATK-092 error is a script", "code", "form_post", respond(func(q url.Values) { q.Set("error", "<script>canary</script>") }), "issuer_refused", false},
		{"beyond what a form may have", "code", "form_post", respond(func(q url.Values) { q.Set("x", strings.Repeat("x", 80<<10)) }), "malformed_response", false},
		{"a token that nobody asked for", "code", "form_post", respond(func(q url.Values) { q.Set("access_token", "canary") }), "malformed_response", false},
		{"an ID token that nobody asked for", "code token", "form_post", respond(func(q url.Values) { q.Set("id_token", "canary") }), "malformed_response", false},
		{"no code", "code id_token", "form_post", respond(func(q url.Values) { q.Del("code") }), "malformed_response", false},
		{"no ID token", "code id_token", "form_post", respond(func(q url.Values) { q.Del("id_token") }), "malformed_response", false},
		{"no access token", "id_token token", "form_post", respond(func(q url.Values) { q.Del("access_token") }), "malformed_response", false},
		{"RFC 6749 §7.1 token type", "id_token token", "form_post", respond(func(q url.Values) { q.Set("token_type", "DPoP") }), "malformed_response", false},
		{"access token with a line break", "code token", "form_post", respond(func(q url.Values) { q.Set("access_token", "canary\r\nX: y") }), "malformed_response", false},
		{"expires_in is no number", "id_token token", "form_post", respond(func(q url.Values) { q.Set("expires_in", "soon") }), "malformed_response", false},
		{"ATK-054 c_hash of another code", "code id_token", "form_post", script{front: func(c map[string]any) { c["c_hash"] = halfHash("x") }}, "id_token", false},
		{"ATK-054 code of another login", "code id_token", "form_post", respond(func(q url.Values) { q.Set("code", "canary-injected") }), "id_token", false},
		{"ATK-054 access token of another login", "code id_token token", "form_post", respond(func(q url.Values) { q.Set("access_token", "canary") }), "id_token", false},
		{"ATK-054 access token of another login, implicit", "id_token token", "form_post", respond(func(q url.Values) { q.Set("access_token", "canary") }), "id_token", false},
		{"§3.3.3.6 another subject from the token endpoint", "code id_token", "form_post", script{claims: func(c map[string]any) { c["sub"] = "bob" }}, "id_token", true},
		{"§3.3.3.7 nonce of the token endpoint's", "code id_token", "form_post", script{claims: func(c map[string]any) { c["nonce"] = "x" }}, "id_token", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := newApp(t, p, asked(row.typ, row.mode))
			p.play(row.script)
			before := p.count("/token")
			b := a.browser()
			form := b.beginPost(a, "/me")
			if strings.HasSuffix(row.name, "twice") {
				form.Add("iss", p.URL)
			}
			res := b.finishPost(a, form)
			if res.StatusCode != http.StatusBadRequest || !strings.Contains(a.logs.String(), `"reason":"`+row.reason+`"`) {
				t.Errorf("%d %s", res.StatusCode, a.logs.String())
			}
			if strings.Contains(res.body, "canary") || strings.Contains(a.logs.String(), "canary") || b.loggedIn(a) != "" {
				t.Errorf("page %s log %s", res.body, a.logs.String())
			}
			if got := p.count("/token") - before; (got == 1) != row.exchanged {
				t.Errorf("%d exchanges", got)
			}
			if events := a.take(); len(events) != 1 || events[0].Name != oidckit.EventLoginFailed {
				t.Errorf("events: %v", events)
			}
		})
	}
}

// RFC 9700 §4.4.2.1: an issuer that promises iss, and leaves it to the ID token
// where there is one, is named by that.
func TestIssuerOfTheIDTokenAlone(t *testing.T) {
	p := newIDP(t)
	for _, typ := range []string{"code id_token", "code id_token token", "id_token", "id_token token"} {
		a := newApp(t, p, asked(typ, "form_post"))
		p.play(respond(func(q url.Values) { q.Del("iss") }))
		b := a.browser()
		if res := b.finishPost(a, b.beginPost(a, "/me")); res.StatusCode != http.StatusSeeOther || b.loggedIn(a) != "alice" {
			t.Errorf("%s: %d %s", typ, res.StatusCode, a.logs.String())
		}
	}
}

// JWT Secured Authorization Response Mode §2.4: every mode, and every check.
func TestSignedResponses(t *testing.T) {
	p := newIDP(t)
	signed := func(name string, v any) script {
		return script{signed: func(c map[string]any) {
			if c[name] = v; v == nil {
				delete(c, name)
			}
		}}
	}
	now := time.Now().Unix()
	for _, row := range []struct {
		name, typ, mode string
		script          script
		reason          string
	}{
		{"jwt", "code", "jwt", script{}, ""},
		{"query.jwt", "code", "query.jwt", script{}, ""},
		{"form_post.jwt", "code", "form_post.jwt", script{}, ""},
		{"hybrid", "code id_token token", "form_post.jwt", script{}, ""},
		{"implicit", "id_token token", "form_post.jwt", signed("expires_in", 3600), ""},
		{"no iss", "code", "jwt", signed("iss", nil), "signed_response"},
		{"iss of another", "code", "jwt", signed("iss", "https://other.example"), "signed_response"},
		{"no aud", "code", "form_post.jwt", signed("aud", nil), "signed_response"},
		{"aud of another", "code", "jwt", signed("aud", "other"), "signed_response"},
		{"aud with another", "code", "jwt", signed("aud", []string{clientID, "other"}), "signed_response"},
		{"no exp", "code", "jwt", signed("exp", nil), "signed_response"},
		{"expired", "code", "form_post.jwt", signed("exp", now-120), "signed_response"},
		{"of a time to come", "code", "jwt", signed("iat", now+3600), "signed_response"},
		{"code is a number", "code", "jwt", signed("code", 1), "malformed_response"},
		{"an error", "code", "jwt", script{signed: func(c map[string]any) { delete(c, "code"); c["error"] = "access_denied" }}, "issuer_refused"},
		{"another key", "code", "jwt", script{jarm: func(c map[string]any) string { return signWith(testKeys()["foreign"], "", c) }}, "signed_response"},
		{"another algorithm", "code", "jwt", script{jarm: func(c map[string]any) string { return signWith(testKeys()["ES256"], "", c) }}, "signed_response"},
		{"another type", "code", "jwt", script{jarm: func(c map[string]any) string { return signWith(p.signer, "at+jwt", c) }}, "signed_response"},
		{"alg none", "code", "jwt", script{jarm: func(c map[string]any) string {
			return "eyJhbGciOiJub25lIn0." + strings.Split(signWith(p.signer, "", c), ".")[1] + "."
		}}, "malformed_response"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := newApp(t, p, asked(row.typ, row.mode))
			p.play(row.script)
			before := p.count("/token")
			b := a.browser()
			var res answer
			if row.mode == "form_post.jwt" {
				res = b.finishPost(a, b.beginPost(a, "/me"))
			} else {
				res = b.step(b.begin(a, "/me"))
			}
			if row.reason == "" {
				if b.loggedIn(a) != "alice" {
					t.Errorf("%d %s", res.StatusCode, a.logs.String())
				}
				return
			}
			if res.StatusCode/100 != 4 || b.loggedIn(a) != "" || !strings.Contains(a.logs.String(), `"reason":"`+row.reason+`"`) {
				t.Errorf("%d %s", res.StatusCode, a.logs.String())
			}
			if p.count("/token") != before {
				t.Error("the code was sent")
			}
		})
	}
}

// What is not signed is not taken, and nothing beside what is.
func TestSignedResponsesAlone(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, asked("code", "jwt"))
	b := a.browser()
	callback, _ := url.Parse(b.begin(a, "/me"))
	q := callback.Query()
	q.Set("code", "canary")
	if res := b.step(a.URL + "/auth/callback?" + q.Encode()); res.StatusCode != http.StatusBadRequest || p.count("/token") != 0 {
		t.Errorf("beside: %d", res.StatusCode)
	}
	plain := url.Values{"code": {"canary"}, "state": {p.lastRequest().Get("state")}, "iss": {p.URL}}
	if res := b.step(a.URL + "/auth/callback?" + plain.Encode()); res.StatusCode != http.StatusBadRequest || p.count("/token") != 0 {
		t.Errorf("plain: %d", res.StatusCode)
	}
}

// OpenID Connect Core 1.0 §3.2, §3.3 against a whole issuer.
func TestResponseTypesOfAProvider(t *testing.T) {
	for _, responseType := range []string{"code", "code id_token", "code token", "code id_token token", "id_token", "id_token token"} {
		t.Run(responseType, func(t *testing.T) {
			op, a := newAppAtProvider(t, registration{
				client: func(_ *app, m *oidckit.ClientMetadata) {
					own := handlers.Config{BaseURL: "https://app.example", ResponseType: responseType}.ClientMetadata()
					m.ResponseTypes, m.GrantTypes = own.ResponseTypes, own.GrantTypes
				},
				issuer: func(_ *app, c *provider.Config) {
					c.Hybrid, c.Legacy = &provider.Hybrid{AllowAccessTokens: true}, &provider.Legacy{Implicit: true}
				},
				app: func(c *handlers.Config) { c.ResponseType, c.ResponseMode = responseType, "form_post" },
			})
			b := a.browser()
			login := b.step(a.URL + "/auth/login?return_to=%2Fme")
			person := op.NewBrowser(t)
			if _, err := person.Authorize(login.Header.Get("Location")); err != nil {
				t.Fatal(err)
			}
			res := b.finishPost(a, person.Posted)
			if b.loggedIn(a) != oidctest.Subject {
				t.Fatalf("%d %s %s", res.StatusCode, res.body, a.logs.String())
			}
			if got := len(op.Requests(oidctest.EndpointToken)); (got == 1) != strings.Contains(responseType, "code") {
				t.Errorf("%d token requests", got)
			}
		})
	}
}
