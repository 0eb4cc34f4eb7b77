package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/handlers"
)

// OpenID Connect Session Management 1.0 §3.1: the frame names the issuer's and
// what to ask, where there is a session to watch, and only pages of our own may
// load it.
func TestCheckSession(t *testing.T) {
	const frame = "/check?a=b&c=d"
	for name, row := range map[string]struct {
		frame, state string
		signedIn     bool
		message      string
	}{
		"a session":                     {frame, "hash.salt", true, clientID + " hash.salt"},
		"nobody is signed in":           {frame, "hash.salt", false, ""},
		"the issuer has no frame":       {"", "hash.salt", true, ""},
		"the issuer said no state":      {frame, "", true, ""},
		"a state that is none":          {frame, "hash. salt", true, ""},
		"a state that is too long":      {frame, strings.Repeat("s", 600), true, ""},
		"a state with markup":           {frame, `"><script>.x`, true, clientID + ` &#34;&gt;&lt;script&gt;.x`},
		"a frame at its scheme's port":  {"https://OP.example:443/check", "hash.salt", true, clientID + " hash.salt"},
		"a frame that is no address":    {"javascript:alert(1)", "hash.salt", true, ""},
		"a frame of another, over http": {"http://elsewhere.example/", "hash.salt", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t)
			address, origin := row.frame, "https://op.example"
			if strings.HasPrefix(address, "/") {
				address, origin = p.URL+address, p.URL
			}
			p.play(script{
				metadata: func(m map[string]any) {
					if address != "" {
						m["check_session_iframe"] = address
					}
				},
				respond: func(q url.Values) {
					if row.state != "" {
						q.Set("session_state", row.state)
					}
				},
			})
			a := newApp(t, p, options{config: func(c *handlers.Config) { c.SessionManagement = true }})
			b := a.browser()
			if row.signedIn && b.open(a.URL+"/me").StatusCode != http.StatusOK {
				t.Fatal("no login")
			}
			res := b.step(a.URL + "/auth/check-session")
			policy := res.Header.Get("Content-Security-Policy")
			if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" || !strings.Contains(policy, "frame-ancestors 'self'") ||
				strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
				t.Errorf("%d %v", res.StatusCode, res.Header)
			}
			if framed := strings.Contains(res.body, "<iframe"); framed != (row.message != "") || framed != strings.Contains(policy, "frame-src "+origin+";") {
				t.Errorf("policy %q: %s", policy, res.body)
			}
			if !strings.Contains(res.body, `data-message="`+row.message+`"`) {
				t.Errorf("asks not %q: %s", row.message, res.body)
			}
			if row.message != "" && !strings.Contains(res.body, `data-issuer="`+origin+`"`) {
				t.Errorf("asks not %s: %s", origin, res.body)
			}
			if strings.Contains(res.body, "canary") {
				t.Errorf("a token is in the page: %s", res.body)
			}
		})
	}
	p := newIDP(t)
	a := newApp(t, p, options{})
	if res := a.browser().step(a.URL + "/auth/check-session"); !strings.HasPrefix(res.body, "page ") {
		t.Errorf("off: %d %s", res.StatusCode, res.body)
	}
}
