package handlers_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// signedUserinfo answers with a JWT of these claims over those that are due.
func (p *idp) signedUserinfo(signer *jose.Signer, typ string, changes map[string]any) script {
	return p.userinfoAs("application/jwt", func(claims map[string]any) string {
		for name, value := range changes {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
		return signWith(signer, typ, claims)
	})
}

func (p *idp) userinfoAs(mediaType string, body func(claims map[string]any) string) script {
	return script{serve: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/userinfo" {
			return false
		}
		w.Header().Set("Content-Type", mediaType)
		io.WriteString(w, body(map[string]any{"iss": p.URL, "aud": clientID, "sub": "alice", "name": "Signed Alice"}))
		return true
	}}
}

// OpenID Connect Core 1.0 §5.3.2: userinfo that is registered to be signed is
// verified as an ID token is, and taken in no other form.
func TestSignedUserinfo(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{config: func(c *handlers.Config) { c.UserinfoSignedResponseAlg = "RS256" }})
	keys := testKeys()
	changed := func(changes map[string]any) script { return p.signedUserinfo(keys["RS256"], "JWT", changes) }
	accepted := func(name string, s script) {
		t.Run(name, func(t *testing.T) {
			p.play(s)
			b := a.browser()
			if res := b.open(a.URL + "/me"); res.StatusCode != http.StatusOK || res.body != "sub=alice sid=sid-1 name=Signed Alice query=" {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
		})
	}
	accepted("signed", changed(nil))
	accepted("several audiences", changed(map[string]any{"aud": []string{"other", clientID}}))
	accepted("§5.3.2 iss and aud are a SHOULD", changed(map[string]any{"iss": nil, "aud": nil}))
	accepted("without typ", p.signedUserinfo(keys["RS256"], "", nil))
	accepted("not yet expired", changed(map[string]any{"exp": time.Now().Add(time.Minute).Unix(), "nbf": time.Now().Unix()}))

	plain := func(mediaType, body string) script {
		return p.userinfoAs(mediaType, func(map[string]any) string { return body })
	}
	refused := map[string]script{
		"JSON where a JWT was registered": plain("application/json", `{"sub":"alice"}`),
		"a JWT that says it is JSON":      p.userinfoAs("application/json", func(c map[string]any) string { return signWith(keys["RS256"], "JWT", c) }),
		"JSON that says it is a JWT":      plain("application/jwt", `{"sub":"alice"}`),
		"nothing":                         plain("application/jwt", ""),
		"a stranger's signature":          p.signedUserinfo(keys["foreign"], "JWT", nil),
		"another algorithm":               p.signedUserinfo(keys["ES256"], "JWT", nil),
		"no algorithm":                    plain("application/jwt", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."),
		"a logout token":                  p.signedUserinfo(keys["RS256"], "logout+jwt", nil),
		"an access token":                 p.signedUserinfo(keys["RS256"], "at+jwt", nil),
		"another issuer":                  changed(map[string]any{"iss": "https://other.example"}),
		"no text as issuer":               changed(map[string]any{"iss": 1}),
		"another audience":                changed(map[string]any{"aud": "other"}),
		"an empty audience":               changed(map[string]any{"aud": []string{}}),
		"no text as audience":             changed(map[string]any{"aud": 1}),
		"another subject":                 changed(map[string]any{"sub": "bob"}),
		"no subject":                      changed(map[string]any{"sub": nil}),
		"expired":                         changed(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}),
		"not yet valid":                   changed(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}),
		"no time as exp":                  changed(map[string]any{"exp": "soon"}),
	}
	for name, s := range refused {
		t.Run(name, func(t *testing.T) {
			a.take()
			p.play(s)
			b := a.browser()
			res := b.step(b.begin(a, "/me"))
			if res.StatusCode != http.StatusBadRequest || b.loggedIn(a) != "" {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
			if events := a.take(); len(events) != 1 || events[0].Name != oidckit.EventLoginFailed {
				t.Errorf("events: %v", events)
			}
		})
	}
}

// OpenID Connect Core 1.0 §5.3.2: a JWT that nobody has registered for is not
// taken, however good its signature is.
func TestSignedUserinfoThatNobodyAskedFor(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	p.play(p.signedUserinfo(testKeys()["RS256"], "JWT", nil))
	b := a.browser()
	if res := b.step(b.begin(a, "/me")); res.StatusCode != http.StatusBadRequest || b.loggedIn(a) != "" {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

// The provider of this module signs as it is registered, and the relying party
// reads it.
func TestSignedUserinfoOfAProvider(t *testing.T) {
	op, a := newRegisteredApp(t, func(m *oidckit.ClientMetadata) { m.UserinfoSignedResponseAlg = "ES256" },
		func(c *handlers.Config) { c.UserinfoSignedResponseAlg = "ES256" })
	b := a.browser()
	b.step(b.callback(a, op))
	if res := b.step(a.URL + "/me"); !strings.HasPrefix(res.body, "sub="+oidctest.Subject+" ") || !strings.Contains(res.body, " name=Alice Example ") {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}
