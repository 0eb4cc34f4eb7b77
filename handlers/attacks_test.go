package handlers_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// refusal is a login that must fail: what the issuer, or somebody between,
// does, and what the person gets.
type refusal struct {
	name   string
	script script
	status int
	// reason is what the log says.
	reason string
	// exchanged is set where the code is sent to the issuer before the
	// refusal.
	exchanged bool
}

func claim(name string, value any) script {
	return script{claims: func(c map[string]any) {
		if value == nil {
			delete(c, name)
			return
		}
		c[name] = value
	}}
}

func token(name string, value any) script {
	return script{tokens: func(c map[string]any) {
		if value == nil {
			delete(c, name)
			return
		}
		c[name] = value
	}}
}

func respond(set func(q url.Values)) script { return script{respond: set} }

func raw(path string, status int, contentType, body string) script {
	return script{serve: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		w.Write([]byte(body))
		return true
	}}
}

// expectRefusal walks one login into its refusal and asserts everything that
// security.md says of RPfail, with its invariants.
func expectRefusal(t *testing.T, p *idp, a *app, row refusal) {
	t.Helper()
	if row.status == 0 {
		row.status = http.StatusBadRequest
	}
	p.play(row.script)
	a.take()
	b := a.browser()
	callback := b.begin(a, "/me")
	before, logged := p.count("/token"), len(a.logs.String())
	res := b.step(callback)
	if res.StatusCode != row.status {
		t.Errorf("status %d, want %d: %s", res.StatusCode, row.status, res.body)
	}
	checkSensitive(t, res)
	if strings.Contains(res.body, "canary") || strings.Contains(res.body, "<script") {
		t.Errorf("the page repeats what it must not: %s", res.body)
	}
	if !strings.Contains(res.body, "/auth/login?return_to=%2Fme") {
		t.Errorf("the page has no way to start again: %s", res.body)
	}
	// I1, I6
	if names := b.cookies(a); len(names) != 0 {
		t.Errorf("cookies after the refusal: %v", names)
	}
	if got := p.count("/token") - before; (got == 1) != row.exchanged || got > 1 {
		t.Errorf("%d exchanges", got)
	}
	line := a.logs.String()[logged:]
	if strings.Count(line, `"refused"`) != 1 || !strings.Contains(line, `"reason":"`+row.reason+`"`) {
		t.Errorf("log: %s", line)
	}
	events := a.take()
	if len(events) != 1 || events[0].Name != oidckit.EventLoginFailed || events[0].Err == nil {
		t.Errorf("events: %v", events)
	}
	// I7
	p.play(script{})
	if b.open(a.URL + "/me"); b.loggedIn(a) != "alice" {
		t.Error("no login works after the refusal")
	}
	a.take()
}

func TestRefusedResponses(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	for _, row := range []refusal{
		{name: "ATK-076 iss missing", script: respond(func(q url.Values) { q.Del("iss") }), reason: "missing_issuer"},
		{name: "ATK-076 iss of another", script: respond(func(q url.Values) { q.Set("iss", "https://evil.example") }), reason: "foreign_issuer"},
		{name: "ATK-090 code of an honest issuer, with its iss", reason: "foreign_issuer",
			script: respond(func(q url.Values) { q.Set("iss", "https://honest.example"); q.Set("code", "canary-honest") })},
		{name: "ATK-091 iss duplicated", script: respond(func(q url.Values) { q.Add("iss", q.Get("iss")) }), reason: "malformed_response"},
		{name: "code duplicated", script: respond(func(q url.Values) { q.Add("code", "canary") }), reason: "malformed_response"},
		{name: "error duplicated", script: respond(func(q url.Values) { q["error"] = []string{"a", "b"} }), reason: "malformed_response"},
		{name: "ATK-091 iss encoded twice", script: respond(func(q url.Values) { q.Set("iss", url.QueryEscape(q.Get("iss"))) }), reason: "foreign_issuer"},
		{name: "ATK-091 iss empty", script: respond(func(q url.Values) { q.Set("iss", "") }), reason: "foreign_issuer"},
		{name: "ATK-091 iss with a slash", script: respond(func(q url.Values) { q.Set("iss", q.Get("iss")+"/") }), reason: "foreign_issuer"},
		{name: "ATK-092 error is a script", script: respond(func(q url.Values) { q.Set("error", "<script>canary</script>"); q.Del("code") }), reason: "issuer_refused"},
		{name: "ATK-092 description with HTML and control characters", reason: "issuer_refused", status: http.StatusForbidden, script: respond(func(q url.Values) {
			q.Set("error", "access_denied")
			q.Set("error_description", "canary\r\nSet-Cookie: a=b\x1b[31m<script>")
			q.Set("error_uri", "javascript:canary")
		})},
		{name: "error with an empty code", script: respond(func(q url.Values) { q.Set("error", "") }), reason: "issuer_refused"},
		{name: "login_required", script: respond(func(q url.Values) { q.Set("error", "login_required"); q.Del("code") }), reason: "issuer_refused"},
		{name: "error and code", script: respond(func(q url.Values) { q.Set("error", "server_error") }), reason: "issuer_refused"},
		{name: "no code", script: respond(func(q url.Values) { q.Del("code") }), reason: "malformed_response"},
		{name: "a code that the issuer does not know", script: respond(func(q url.Values) { q.Set("code", "canary-foreign") }), reason: "code_refused", exchanged: true},
	} {
		t.Run(row.name, func(t *testing.T) { expectRefusal(t, p, a, row) })
	}
}

func TestRefusedTokenResponses(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	const html = "text/html"
	for _, row := range []refusal{
		{name: "ATK-115 no id_token", script: token("id_token", nil)},
		{name: "ATK-115 no access_token", script: token("access_token", nil)},
		{name: "ATK-115 token_type mac", script: token("token_type", "mac")},
		{name: "ATK-115 no token_type", script: token("token_type", nil)},
		{name: "ATK-115 expires_in text", script: token("expires_in", "abc")},
		{name: "ATK-115 expires_in negative", script: token("expires_in", -1)},
		{name: "ATK-115 expires_in 1e18", script: token("expires_in", 1e18)},
		{name: "ATK-115 duplicate keys", script: raw("/token", 200, "application/json", `{"access_token":"canary","access_token":"canary","token_type":"Bearer","id_token":"canary"}`)},
		{name: "ATK-115 text/html", script: raw("/token", 200, html, `{"access_token":"canary"}`)},
		{name: "ATK-115 all well but text/html", script: script{mediaType: "text/html; charset=utf-8"}},
		{name: "no media type that is known", script: script{mediaType: "application/jsonx"}},
		{name: "ATK-115 5 MB", script: raw("/token", 200, "application/json", `{"x":"`+strings.Repeat("x", 5<<20)+`"}`), reason: "issuer_unavailable", status: http.StatusBadGateway},
		{name: "FLT-17 error with status 200", script: raw("/token", 200, "application/json", `{"error":"bad_verification_code"}`)},
		{name: "FLT-17 HTML with status 200", script: raw("/token", 200, html, "<script>canary</script>")},
		{name: "error beside tokens", script: token("error", "canary")},
		{name: "null", script: raw("/token", 200, "application/json", "null")},
		{name: "trailing bytes", script: raw("/token", 200, "application/json", "{}{}")},
		{name: "access_token with a line break", script: token("access_token", "canary\r\nX: y")},
		{name: "access_token no text", script: token("access_token", 1)},
		{name: "RFC 6749 §5.2 invalid_client", script: raw("/token", 401, "application/json", `{"error":"invalid_client","error_description":"canary"}`), reason: "issuer_unavailable", status: http.StatusBadGateway},
		{name: "status 500", script: raw("/token", 500, html, "canary"), reason: "issuer_unavailable", status: http.StatusBadGateway},
		{name: "redirect", script: raw("/token", 302, html, "canary"), reason: "issuer_unavailable", status: http.StatusBadGateway},
		{name: "400 in HTML", script: raw("/token", 400, html, "canary"), reason: "code_refused"},
	} {
		if row.reason == "" {
			row.reason = "token_response"
		}
		row.exchanged = true
		t.Run(row.name, func(t *testing.T) { expectRefusal(t, p, a, row) })
	}
}

func TestRefusedIDTokens(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	now := time.Now().Unix()
	made := func(f func(c map[string]any) string) script { return script{idToken: f} }
	part := base64.RawURLEncoding.EncodeToString
	signed := func(c map[string]any) string { return signWith(testKeys()["RS256"], "JWT", c) }
	for _, row := range []refusal{
		{name: "ATK-001 alg none", script: made(func(c map[string]any) string {
			return part([]byte(`{"alg":"none"}`)) + strings.TrimRight("."+strings.Split(signed(c), ".")[1], "=") + "."
		})},
		{name: "ATK-049 an access token", script: script{typ: "at+jwt"}},
		{name: "a logout token", script: script{typ: "logout+jwt"}},
		{name: "signed with another algorithm", script: made(func(c map[string]any) string { return signWith(testKeys()["ES256"], "JWT", c) })},
		{name: "signed by another key of the name", script: made(func(c map[string]any) string { return signWith(testKeys()["foreign"], "JWT", c) })},
		{name: "ATK-060 signature removed", script: made(func(c map[string]any) string { s := signed(c); return s[:strings.LastIndexByte(s, '.')+1] })},
		{name: "ATK-060 fourth part", script: made(func(c map[string]any) string { return signed(c) + ".x" })},
		{name: "ATK-028 five parts", script: made(func(c map[string]any) string { return signed(c) + ".x.y" })},
		{name: "ATK-035 larger than 16 KiB", script: claim("x", strings.Repeat("x", 20<<10)), reason: "token_response"},
		{name: "issuer of another", script: claim("iss", "https://evil.example")},
		{name: "issuer with a slash", script: claim("iss", p.URL+"/")},
		{name: "no issuer", script: claim("iss", nil)},
		{name: "ASVS 10.5.4 another audience", script: claim("aud", "other")},
		{name: "ASVS 10.5.4 a further audience", script: claim("aud", []string{clientID, "other"})},
		{name: "ASVS 10.5.4 a further audience, last", script: claim("aud", []string{clientID, "zebra"})},
		{name: "audience in another case", script: claim("aud", "WebApp")},
		{name: "no audience", script: claim("aud", nil)},
		{name: "empty audience", script: claim("aud", []string{})},
		{name: "audience is an object", script: claim("aud", map[string]any{clientID: true})},
		{name: "azp of another", script: claim("azp", "other")},
		{name: "expired", script: claim("exp", now-120)},
		{name: "no exp", script: claim("exp", nil)},
		{name: "exp is a text", script: claim("exp", "9999999999")},
		{name: "ATK-043 no iat", script: claim("iat", nil)},
		{name: "ATK-043 iat in an hour", script: claim("iat", now+3600), reason: "clock_skew"},
		{name: "FLT-25 iat 5 minutes ago", script: claim("iat", now-300), reason: "clock_skew"},
		{name: "ATK-043 nbf beyond the leeway", script: claim("nbf", now+120), reason: "clock_skew"},
		{name: "nonce of another login", script: claim("nonce", "AAAAAAAAAAAAAAAAAAAAAA")},
		{name: "no nonce", script: claim("nonce", nil)},
		{name: "no subject", script: claim("sub", nil)},
		{name: "ATK-273 empty subject", script: claim("sub", "")},
		{name: "ATK-273 subject of spaces", script: claim("sub", "   ")},
		{name: "subject is a number", script: claim("sub", 1)},
		{name: "subject beyond 255 characters", script: claim("sub", strings.Repeat("a", 256))},
		{name: "subject beyond ASCII", script: claim("sub", "alicé")},
		{name: "ATK-054 at_hash of another token", script: claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")},
		{name: "ATK-054 at_hash empty", script: claim("at_hash", "")},
		{name: "auth_time is a text", script: claim("auth_time", "now")},
		{name: "acr is a list", script: claim("acr", []string{"gold"})},
		{name: "amr is a text", script: claim("amr", "pwd")},
		{name: "sid is a number", script: claim("sid", 1)},
	} {
		if row.reason == "" {
			row.reason = "id_token"
		}
		row.exchanged = true
		t.Run(row.name, func(t *testing.T) { expectRefusal(t, p, a, row) })
	}
}

func TestRefusedUserinfo(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	subject := func(v any) script {
		return script{userinfo: func(c map[string]any) { c["sub"] = v }}
	}
	for _, row := range []refusal{
		{name: "Core §5.3.2 another subject", script: subject("bob")},
		{name: "Core §5.3.2 no subject", script: subject(nil)},
		{name: "subject in another case", script: subject("Alice")},
		{name: "duplicate subject", script: raw("/userinfo", 200, "application/json", `{"sub":"alice","sub":"alice"}`)},
		{name: "HTML", script: raw("/userinfo", 200, "text/html", "<script>canary")},
		{name: "status 401, without a resource", script: raw("/userinfo", 401, "text/html", "canary"), status: http.StatusBadGateway, reason: "issuer_unavailable"},
		{name: "status 500", script: raw("/userinfo", 500, "text/html", "canary"), status: http.StatusBadGateway, reason: "issuer_unavailable"},
		{name: "FLT-24 claims of 1 MB", script: script{userinfo: func(c map[string]any) { c["x"] = strings.Repeat("x", 1<<20) }}, status: http.StatusBadGateway, reason: "issuer_unavailable"},
		{name: "FLT-24 10 000 groups", script: script{userinfo: func(c map[string]any) {
			groups := make([]string, 10_000)
			for i := range groups {
				groups[i] = "canary-group-of-the-directory"
			}
			c["groups"] = groups
		}}, reason: "claims_too_large"},
	} {
		if row.reason == "" {
			row.reason = "userinfo"
		}
		row.exchanged = true
		t.Run(row.name, func(t *testing.T) { expectRefusal(t, p, a, row) })
	}
}

// RFC 8707 §2.2: a token for an API alone is none for userinfo. Any other answer
// is still a fault.
func TestUserinfoBesideAResource(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{config: func(c *handlers.Config) { c.Resource = "https://api.example/" }})
	p.play(raw("/userinfo", http.StatusUnauthorized, "application/json", `{"error":"invalid_token"}`))
	if got := a.browser().open(a.URL + "/me"); got.body != "sub=alice sid=sid-1 name= query=" {
		t.Errorf("401: %d %s", got.StatusCode, got.body)
	}
	a.take()
	for name, row := range map[string]refusal{
		"status 500":      {script: raw("/userinfo", 500, "text/html", "canary"), status: http.StatusBadGateway, reason: "issuer_unavailable"},
		"another subject": {script: script{userinfo: func(c map[string]any) { c["sub"] = "bob" }}, reason: "userinfo"},
	} {
		row.name, row.exchanged = name, true
		t.Run(name, func(t *testing.T) { expectRefusal(t, p, a, row) })
	}
}

// What is unusual and right goes through.
func TestAcceptedAnswers(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	for name, s := range map[string]script{
		"no iss where the metadata does not promise it": {
			metadata: func(m map[string]any) { delete(m, "authorization_response_iss_parameter_supported") },
			respond:  func(q url.Values) { q.Del("iss") },
		},
		"audience as a list":            claim("aud", []string{clientID}),
		"azp is us":                     claim("azp", clientID),
		"clock 50 seconds ahead":        claim("iat", time.Now().Unix()+50),
		"token_type in lower case":      token("token_type", "bearer"),
		"no expires_in":                 token("expires_in", nil),
		"FLT-18 expires_in 0":           token("expires_in", 0),
		"FLT-18 expires_in 10 years":    token("expires_in", 10*365*86400),
		"no refresh_token":              token("refresh_token", nil),
		"typ absent":                    {typ: " "},
		"ATK-106 20 KB of groups":       {userinfo: func(c map[string]any) { c["groups"] = strings.Repeat("group ", 20<<10/6) }},
		"unknown response parameters":   respond(func(q url.Values) { q.Set("session_state", "x"); q.Set("scope", "openid") }),
		"no userinfo endpoint":          {metadata: func(m map[string]any) { delete(m, "userinfo_endpoint") }},
		"userinfo in another type":      raw("/userinfo", 200, "application/json; charset=utf-8", `{"sub":"alice"}`),
		"reserved claims in userinfo":   {userinfo: func(c map[string]any) { c["sid"], c["acr"], c["iss"] = "evil", "gold", "https://evil.example" }},
		"a claim in both: the ID token": {claims: func(c map[string]any) { c["name"] = "Token" }},
	} {
		t.Run(name, func(t *testing.T) {
			if s.typ == " " {
				s = script{idToken: func(c map[string]any) string { return signWith(testKeys()["RS256"], "", c) }}
			}
			p.play(s)
			a.build(p, options{})
			b := a.browser()
			res := b.open(a.URL + "/me")
			if b.loggedIn(a) != "alice" || !strings.Contains(res.body, "sid=sid-1") {
				t.Fatalf("not logged in: %s %s", res.body, a.logs.String())
			}
			if strings.Contains(name, "in both") && !strings.Contains(res.body, "name=Token") {
				t.Errorf("userinfo has won: %s", res.body)
			}
			// ATK-106
			if n := b.cookieBytes(a); n > 200 {
				t.Errorf("the cookies have %d bytes", n)
			}
		})
	}
}

// ATK-131, FLT-55: a hook that refuses or panics leaves no session.
func TestMapIdentity(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	for _, row := range []struct {
		name   string
		hook   func(oidckit.Identity) (oidckit.Identity, error)
		status int
		want   string
	}{
		{"error", func(id oidckit.Identity) (oidckit.Identity, error) { return id, http.ErrNoCookie }, 403, ""},
		{"error with a status", func(id oidckit.Identity) (oidckit.Identity, error) {
			return id, oidckit.NewError(oidckit.TemporarilyUnavailable, "directory down")
		}, 503, ""},
		{"panic", func(oidckit.Identity) (oidckit.Identity, error) { panic("canary") }, 500, ""},
		{"runtime.Goexit", func(oidckit.Identity) (oidckit.Identity, error) { runtime.Goexit(); return oidckit.Identity{}, nil }, 500, ""},
		{"another person", func(id oidckit.Identity) (oidckit.Identity, error) {
			id.Subject, id.Issuer, id.SessionID = "root", "https://evil.example", "x"
			id.Claims = oidckit.Claims(`{"name":"Mapped"}`)
			return id, nil
		}, 303, "sub=alice sid=sid-1 name=Mapped query="},
	} {
		t.Run(row.name, func(t *testing.T) {
			a.build(p, options{config: func(c *handlers.Config) {
				c.MapIdentity = func(_ context.Context, id oidckit.Identity) (oidckit.Identity, error) { return row.hook(id) }
			}})
			b := a.browser()
			res := b.step(b.begin(a, "/me"))
			if res.StatusCode != row.status || strings.Contains(res.body, "canary") {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
			if row.want != "" {
				if got := b.step(a.URL + "/me").body; got != row.want {
					t.Errorf("identity: %s", got)
				}
			} else if names := b.cookies(a); len(names) != 0 {
				t.Errorf("cookies: %v", names)
			}
		})
	}
}
