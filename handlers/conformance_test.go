package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// rpSuite plays the modules of the conformance suite's plans for relying
// parties (5.2.4), by their names without "oidcc-client-", for one response
// type and mode. A module passes where a good answer ends at userinfo, and a
// bad one in no further request.
type rpSuite struct {
	*testing.T
	idp  *idp
	app  *app
	typ  string
	mode string
}

func newRPSuite(t *testing.T, responseType, mode string) *rpSuite {
	t.Helper()
	s := &rpSuite{T: t, idp: newIDP(t), typ: responseType, mode: mode}
	s.app = newApp(t, s.idp, options{config: func(c *handlers.Config) { c.ResponseType, c.ResponseMode = responseType, mode }})
	return s
}

func (s *rpSuite) has(word string) bool { return slices.Contains(strings.Fields(s.typ), word) }

// edited is a script that changes the first ID token of a login.
func (s *rpSuite) edited(edit func(c map[string]any)) script {
	if s.has("id_token") {
		return script{front: edit}
	}
	return script{claims: edit}
}

func (s *rpSuite) set(name string, value any) script {
	return s.edited(func(c map[string]any) { c[name] = value })
}

func (s *rpSuite) without(name string) script {
	return s.edited(func(c map[string]any) { delete(c, name) })
}

// login walks through one login.
func (s *rpSuite) login(sc script) (*browser, answer) {
	s.Helper()
	s.idp.play(sc)
	b := s.app.browser()
	if !strings.HasPrefix(s.mode, "form_post") {
		return b, b.step(b.begin(s.app, "/me"))
	}
	return b, b.finishPost(s.app, b.beginPost(s.app, "/me"))
}

func (s *rpSuite) accept(sc script) {
	s.Helper()
	tokens, infos := s.idp.count("/token"), s.idp.count("/userinfo")
	b, res := s.login(sc)
	if res.StatusCode != http.StatusSeeOther || b.loggedIn(s.app) != "alice" {
		s.Fatalf("not logged in: %d %s %s", res.StatusCode, res.body, s.app.logs.String())
	}
	if got := s.idp.count("/token") - tokens; (got == 1) != s.has("code") {
		s.Errorf("%d token requests", got)
	}
	if got := s.idp.count("/userinfo") - infos; (got == 1) == (s.typ == "id_token") {
		s.Errorf("%d userinfo requests", got)
	}
}

// refuse expects no further request, where the bad token came with the answer.
func (s *rpSuite) refuse(sc script) {
	s.Helper()
	tokens, infos := s.idp.count("/token"), s.idp.count("/userinfo")
	b, res := s.login(sc)
	if res.StatusCode != http.StatusBadRequest || b.loggedIn(s.app) != "" || len(b.cookies(s.app)) != 0 {
		s.Errorf("%d %s, cookies %v", res.StatusCode, res.body, b.cookies(s.app))
	}
	if got := s.idp.count("/token") - tokens; s.has("id_token") && got != 0 || got > 1 {
		s.Errorf("%d token requests", got)
	}
	if s.idp.count("/userinfo") != infos {
		s.Error("userinfo was asked")
	}
}

// signedBy makes ID tokens with another key or header.
func signedBy(sign func(claims map[string]any) string) script { return script{idToken: sign} }

var rpModules = map[string]func(*rpSuite){
	"test":                   func(s *rpSuite) { s.accept(script{}) },
	"invalid-iss":            func(s *rpSuite) { s.refuse(s.set("iss", "https://other.example")) },
	"missing-sub":            func(s *rpSuite) { s.refuse(s.without("sub")) },
	"invalid-aud":            func(s *rpSuite) { s.refuse(s.set("aud", "other")) },
	"missing-iat":            func(s *rpSuite) { s.refuse(s.without("iat")) },
	"kid-absent-single-jwks": func(s *rpSuite) { s.accept(withoutKeyID()) },
	"kid-absent-multiple-jwks": func(s *rpSuite) {
		s.refuse(withoutKeyID(published(s.idp.signer, ""), published(testKeys()["ES256"], "")))
	},
	"idtoken-sig-rs256": func(s *rpSuite) { s.accept(script{}) },
	"idtoken-sig-none": func(s *rpSuite) {
		s.refuse(signedBy(func(c map[string]any) string {
			return "eyJhbGciOiJub25lIn0." + strings.Split(signWith(s.idp.signer, "JWT", c), ".")[1] + "."
		}))
	},
	"invalid-sig-rs256": func(s *rpSuite) {
		s.refuse(signedBy(func(c map[string]any) string { return signWith(testKeys()["foreign"], "JWT", c) }))
	},
	"userinfo-invalid-sub": func(s *rpSuite) {
		b, res := s.login(script{userinfo: func(c map[string]any) { c["sub"] = "bob" }})
		if res.StatusCode != http.StatusBadRequest || b.loggedIn(s.app) != "" {
			s.Errorf("%d %s", res.StatusCode, res.body)
		}
	},
	"nonce-invalid": func(s *rpSuite) { s.refuse(s.set("nonce", "AAAAAAAAAAAAAAAAAAAAAA")) },
	"nonce-unless-code-flow": func(s *rpSuite) {
		s.accept(script{})
		if len(s.idp.lastRequest().Get("nonce")) < 22 {
			s.Error("no nonce was sent")
		}
	},
	"scope-userinfo-claims": func(s *rpSuite) {
		s.accept(script{})
		if got := s.idp.lastRequest().Get("scope"); got != "openid profile email" {
			s.Errorf("scope %q", got)
		}
	},
	"client-secret-basic": func(s *rpSuite) {
		s.accept(script{})
		id, pw, _ := (&http.Request{Header: s.idp.exchange}).BasicAuth()
		if id != clientID || pw != url.QueryEscape(clientSecret) {
			s.Errorf("client authentication: %q %q", id, pw)
		}
	},
	"invalid-chash":  func(s *rpSuite) { s.refuse(s.set("c_hash", halfHash("another code"))) },
	"missing-chash":  func(s *rpSuite) { s.refuse(s.without("c_hash")) },
	"invalid-athash": func(s *rpSuite) { s.refuse(s.set("at_hash", halfHash("another token"))) },
	"missing-athash": func(s *rpSuite) { s.refuse(s.without("at_hash")) },
}

// withoutKeyID signs without a kid, and publishes the key among others.
func withoutKeyID(others ...jose.JWK) script {
	signer := testKeys()["nameless"]
	set, err := jose.MarshalJWKS(append([]jose.JWK{{KeyID: "named", Algorithm: "RS256", Use: "sig", Key: signer.Public()}}, others...))
	if err != nil {
		panic(err)
	}
	sc := raw("/jwks", http.StatusOK, "application/jwk-set+json", string(set))
	sc.idToken = func(c map[string]any) string { return signWith(signer, "JWT", c) }
	return sc
}

// plan runs modules, each with an issuer of its own.
func plan(t *testing.T, responseType, mode string, modules ...string) {
	for _, name := range modules {
		t.Run(name, func(t *testing.T) { rpModules[name](newRPSuite(t, responseType, mode)) })
	}
}

// with returns the modules that all plans share, and others.
func with(modules ...string) []string {
	return append(modules, "test", "invalid-iss", "missing-sub", "invalid-aud", "missing-iat", "kid-absent-single-jwks", "kid-absent-multiple-jwks",
		"idtoken-sig-rs256", "invalid-sig-rs256", "nonce-invalid", "scope-userinfo-claims")
}

// oidcc-client-basic-certification-test-plan.
func TestConformanceBasicPlan(t *testing.T) {
	plan(t, "code", "", with("idtoken-sig-none", "userinfo-invalid-sub", "client-secret-basic")...)
}

// oidcc-client-formpost-basic-certification-test-plan.
func TestConformanceFormPostBasicPlan(t *testing.T) {
	plan(t, "code", "form_post", with("idtoken-sig-none", "userinfo-invalid-sub", "client-secret-basic")...)
}

// oidcc-client-formpost-implicit-certification-test-plan.
func TestConformanceFormPostImplicitPlan(t *testing.T) {
	t.Run("id_token", func(t *testing.T) {
		plan(t, "id_token", "form_post", with("nonce-unless-code-flow")...)
	})
	t.Run("id_token token", func(t *testing.T) {
		plan(t, "id_token token", "form_post", with("nonce-unless-code-flow", "invalid-athash", "missing-athash", "userinfo-invalid-sub")...)
	})
}

// oidcc-client-formpost-hybrid-certification-test-plan.
func TestConformanceFormPostHybridPlan(t *testing.T) {
	t.Run("code id_token", func(t *testing.T) {
		plan(t, "code id_token", "form_post",
			with("invalid-chash", "missing-chash", "userinfo-invalid-sub", "nonce-unless-code-flow", "client-secret-basic")...)
	})
	t.Run("code token", func(t *testing.T) {
		plan(t, "code token", "form_post", with("userinfo-invalid-sub", "nonce-unless-code-flow", "client-secret-basic")...)
	})
	t.Run("code id_token token", func(t *testing.T) {
		plan(t, "code id_token token", "form_post", with("invalid-chash", "missing-chash", "userinfo-invalid-sub", "nonce-unless-code-flow",
			"client-secret-basic", "invalid-athash", "missing-athash")...)
	})
}

// oidcc-client-test-form-post-error: what prompt=none and max_age=0 get comes as
// a form too.
func TestConformanceFormPostError(t *testing.T) {
	s := newRPSuite(t, "code", "form_post")
	s.idp.play(respond(func(q url.Values) { q.Del("code"); q.Set("error", "login_required") }))
	b, now := s.app.browser(), time.Duration(0)
	page := b.step(b.step(s.app.rp.LoginURL(nil, oidckit.LoginRequest{ReturnTo: "/me", Prompt: []string{"none"}, MaxAge: &now})).Header.Get("Location"))
	if q := s.idp.lastRequest(); q.Get("prompt") != "none" || q.Get("max_age") != "0" || q.Get("response_mode") != "form_post" {
		t.Errorf("request %v", q)
	}
	_, form, _ := oidctest.Form(page.body)
	res := b.finishPost(s.app, form)
	if res.StatusCode != http.StatusBadRequest || !strings.Contains(res.body, "not signed in at the sign-in service") || len(b.cookies(s.app)) != 0 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if s.idp.count("/token") != 0 {
		t.Error("a token was asked for")
	}
}
