package provider_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// modules does what each module of the suite does, by its name without
// "oidcc-". Those of timedModules have a clock of their own.
var modules = map[string]func(*suite){
	"server": func(s *suite) {
		h := s.happy()
		if h.access != "" {
			s.info(h)
		}
	},
	"response-type-missing": func(s *suite) {
		s.refused([]string{"unsupported_response_type", "invalid_request"}, "response_type", "")
	},
	"idtoken-signature": func(s *suite) { s.happy() },
	"idtoken-unsigned": func(s *suite) {
		_, doc, _ := s.get("/.well-known/openid-configuration", "")
		if slices.Contains(doc["id_token_signing_alg_values_supported"].([]any), any("none")) {
			s.t.Error("none is offered")
		}
	},
	"userinfo-get": func(s *suite) { s.info(s.happy()) },
	"userinfo-post-header": func(s *suite) {
		h := s.happy()
		req := s.newRequest(http.MethodPost, "/userinfo", url.Values{})
		req.Header.Set("Authorization", "Bearer "+h.access)
		s.readInfo(s.send(s.client, req), h)
	},
	"userinfo-post-body": func(s *suite) {
		h := s.happy()
		s.readInfo(s.send(s.client, s.newRequest(http.MethodPost, "/userinfo", url.Values{"access_token": {h.access}})), h)
	},
	"ensure-request-without-nonce-succeeds-for-code-flow": func(s *suite) { s.happy("nonce", "") },
	"ensure-request-without-nonce-fails":                  func(s *suite) { s.refused([]string{"invalid_request"}, "nonce", "") },
	"scope-profile":                                       func(s *suite) { s.scope("profile") },
	"scope-email":                                         func(s *suite) { s.scope("email") },
	"scope-address":                                       func(s *suite) { s.scope("address") },
	"scope-phone":                                         func(s *suite) { s.scope("phone") },
	"scope-all":                                           func(s *suite) { s.scope("profile", "email", "address", "phone") },
	"alternate-happy-flow":                                alternateHappyFlow,
	"display-page":                                        func(s *suite) { s.happy("display", "page") },
	"display-popup":                                       func(s *suite) { s.happy("display", "popup") },
	"prompt-none-not-logged-in": func(s *suite) {
		s.refused([]string{"login_required", "interaction_required"}, "prompt", "none", "state", strings.Repeat("s", 128))
	},
	"prompt-none-logged-in": func(s *suite) { s.again(false, "prompt", "none") },
	"max-age-10000":         maxAge10000,
	"ensure-request-with-unknown-parameter-succeeds": func(s *suite) { s.happy("extra", "foobar") },
	"id-token-hint": func(s *suite) {
		first := s.ask()
		hint := first.Get("id_token")
		if hint == "" {
			hint = s.redeem(first.Get("code"), s.query()).ID
		}
		s.browser.Seen = nil
		if h := s.happy("prompt", "none", "id_token_hint", hint); h.id["sub"] != claims(s.t, hint)["sub"] || len(s.browser.Seen) > 0 {
			s.t.Errorf("%v, pages %v", h.id, s.browser.Seen)
		}
	},
	"login-hint":     func(s *suite) { s.happy("login_hint", "buffy@suite.example") },
	"ui-locales":     func(s *suite) { s.happy("ui_locales", "se") },
	"claims-locales": func(s *suite) { s.happy("claims_locales", "se") },
	"ensure-request-with-acr-values-succeeds": func(s *suite) {
		// OpenID Connect Core 1.0 §3.1.2.1: voluntary, so that none is no error
		if acr, has := s.happy("acr_values", "1 2").id["acr"]; has && acr != "1" && acr != "2" {
			s.t.Errorf("acr %v", acr)
		}
	},
	"codereuse":                               func(s *suite) { s.reuse(0) },
	"ensure-registered-redirect-uri":          func(s *suite) { s.page("redirect_uri", "https://suite.example/other") },
	"ensure-post-request-succeeds":            ensurePostRequestSucceeds,
	"server-client-secret-post":               func(s *suite) { s.happy("client_id", "suite-post") },
	"claims-essential":                        claimsEssential,
	"ensure-request-object-with-redirect-uri": ensureRequestObjectWithRedirectURI,
	"ensure-request-with-valid-pkce-succeeds": ensureRequestWithValidPKCESucceeds,
	"discovery-endpoint-verification":         discoveryEndpointVerification,
	"request-uri-unsigned-supported-correctly-or-rejected-as-unsupported": func(s *suite) {
		s.refused([]string{"request_uri_not_supported", "invalid_request_uri"}, "request_uri", "https://suite.example/request.jwt")
	},
	"unsigned-request-object-supported-correctly-or-rejected-as-unsupported": func(s *suite) {
		s.refused([]string{"request_not_supported", "invalid_request_object"}, "request", encode(`{"alg":"none"}`)+"."+encode(`{"state":"inner","nonce":"inner"}`)+".")
	},
}

// timedModules run on a clock that waits for nobody.
var timedModules = map[string]func(*suite){
	"prompt-login": func(s *suite) {
		s.later(time.Second, true, "prompt", "login")
	},
	"max-age-1": func(s *suite) {
		s.later(2*time.Second, true, "max_age", "1")
	},
	"codereuse-30seconds": func(s *suite) { s.reuse(30 * time.Second) },
	"refresh-token": func(s *suite) {
		s.refreshes(s.happy(append(offline, "client_id", "suite-2")...).tokens.Refresh)
	},
}

// plan runs modules by name, each as a subtest.
func (s *suite) plan(t *testing.T, responseType, mode string, names ...string) {
	for _, name := range names {
		t.Run("oidcc-"+name, func(t *testing.T) {
			if run := timedModules[name]; run != nil {
				synctest.Test(t, func(t *testing.T) { run(newTimedSuite(t, responseType, mode)) })
				return
			}
			run := modules[name]
			if run == nil {
				t.Fatal("there is no such module")
			}
			run(s.run(t, responseType, mode))
		})
	}
}

// newTimedSuite is a suite without a network.
func newTimedSuite(t *testing.T, responseType, mode string) *suite {
	f := newLocalFixture(t, func(c *provider.Config) {
		suiteIssuer(c)
		c.Clients, c.SigningAlgs = suiteClients(), []string{"RS256"}
	})
	s := (&suite{fixture: f}).run(t, responseType, mode)
	s.browser.Username = "alice"
	return s
}

// scope asks for scopes and looks for their claims: in the ID token where that
// is all there is, else in userinfo and there alone.
func (s *suite) scope(names ...string) {
	s.t.Helper()
	h := s.happy("scope", "openid "+strings.Join(names, " "))
	got := h.id
	if h.access != "" {
		got = s.info(h)
	}
	want := map[string][]string{
		"profile": {"name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"},
		"email":   {"email", "email_verified"}, "address": {"address"}, "phone": {"phone_number", "phone_number_verified"},
	}
	first := map[string]any{}
	if s.has("code") && s.has("id_token") {
		first = claims(s.t, h.front.Get("id_token"))
	}
	for _, name := range names {
		for _, claim := range want[name] {
			if _, has := first[claim]; has {
				s.t.Errorf("%s is in the first ID token", claim)
			}
			if _, has := got[claim]; !has {
				s.t.Errorf("%s is missing", claim)
			}
			if _, has := h.id[claim]; has && h.access != "" {
				s.t.Errorf("%s is in the ID token too", claim)
			}
		}
	}
	if _, object := got["address"].(map[string]any); slices.Contains(names, "address") && !object {
		s.t.Errorf("address %v", got["address"])
	}
}

// again signs in, and asks once more: with a page for it, or without any.
func (s *suite) again(page bool, changes ...string) {
	s.t.Helper()
	s.later(0, page, changes...)
}

func (s *suite) later(wait time.Duration, page bool, changes ...string) {
	s.t.Helper()
	first := s.happy()
	s.browser.Seen = nil
	time.Sleep(wait)
	second := s.happy(changes...)
	if slices.Contains(s.browser.Seen, "/login") != page || !page && len(s.browser.Seen) > 0 {
		s.t.Errorf("pages %v", s.browser.Seen)
	}
	before, after := first.id["auth_time"].(float64), second.id["auth_time"].(float64)
	if first.id["sub"] != second.id["sub"] || (after-before > 0) != page {
		s.t.Errorf("auth_time %v, then %v", before, after)
	}
}

func maxAge10000(s *suite) {
	first := s.happy("max_age", "15000")
	s.browser.Seen = nil
	second := s.happy("max_age", "10000")
	if first.id["auth_time"] == nil || first.id["auth_time"] != second.id["auth_time"] || len(s.browser.Seen) > 0 {
		s.t.Errorf("%v, %v, pages %v", first.id, second.id, s.browser.Seen)
	}
}

func alternateHappyFlow(s *suite) {
	q := s.query("scope", "email profile openid")
	names := slices.Sorted(maps.Keys(q))
	slices.Reverse(names)
	var parts []string
	for _, name := range names {
		parts = append(parts, name+"="+url.QueryEscape(q.Get(name)))
	}
	h := s.check(s.open(strings.Join(parts, "&")), q)
	info := h.id
	if h.access != "" {
		info = s.info(h)
	}
	if info["email"] == nil || info["name"] == nil {
		s.t.Errorf("%v", info)
	}
}

// reuse redeems a code twice. What the first use brought is revoked.
func (s *suite) reuse(after time.Duration) {
	s.t.Helper()
	front := s.ask(offline...)
	first := s.redeem(front.Get("code"), s.query())
	time.Sleep(after)
	again := s.exchange(front.Get("code"), "suite")
	if again.status != http.StatusBadRequest || again.Error != "invalid_grant" || !strings.HasPrefix(again.header.Get("Content-Type"), "application/json") {
		s.t.Errorf("%+v", again)
	}
	if s.alive(first.Access) {
		s.t.Error("the access token still works")
	}
	if access := front.Get("access_token"); access != "" && s.alive(access) {
		s.t.Error("the access token of the first answer still works")
	}
	if first.Refresh == "" {
		s.t.Fatal("no refresh token")
	}
	if res := s.call(refreshForm(first.Refresh), "suite"); res.status != http.StatusBadRequest || res.Error != "invalid_grant" {
		s.t.Errorf("the refresh token still works: %+v", res)
	}
}

// page asks for what is refused on a page.
func (s *suite) page(changes ...string) {
	s.t.Helper()
	s.browse(http.MethodGet, "/authorize?"+s.query(changes...).Encode(), nil).page(s.t, http.StatusBadRequest)
}

func ensurePostRequestSucceeds(s *suite) {
	s.ask()
	a := s.browse(http.MethodPost, "/authorize", s.query())
	action, fields, ok := oidctest.Form(a.body)
	if !ok {
		action = a.location
	}
	s.check(s.read(action, fields, s.responseType), s.query())
}

func claimsEssential(s *suite) {
	where := "userinfo"
	if s.responseType == "id_token" {
		where = "id_token"
	}
	h := s.happy("claims", `{"`+where+`":{"name":{"essential":true}}}`)
	_, has := h.id["name"]
	if has != (h.access == "") {
		s.t.Errorf("ID token %v", h.id)
	}
	if h.access != "" && s.info(h)["name"] != "Zoë Example" {
		s.t.Errorf("userinfo %v", s.info(h))
	}
}

// The address outside is not registered: nothing goes there, nor to another
// one that nobody has signed for.
func ensureRequestObjectWithRedirectURI(s *suite) {
	object := encode(`{"alg":"none"}`) + "." + encode(`{"redirect_uri":"`+suiteCallback+`"}`) + "."
	s.page("redirect_uri", "https://suite.example/other", "request", object)
}

// offline asks for a refresh token.
var offline = []string{"scope", "openid offline_access", "prompt", "consent"}

// refreshes redeems a refresh token, and offers one that is another client's.
func (s *suite) refreshes(others string) {
	s.t.Helper()
	h := s.happy(offline...)
	if h.tokens.Refresh == "" || others == "" {
		s.t.Fatal("no refresh token")
	}
	time.Sleep(time.Second)
	if res := s.call(refreshForm(others), "suite"); res.status != http.StatusBadRequest || res.Error != "invalid_grant" {
		s.t.Errorf("another client's: %+v", res)
	}
	res := s.call(refreshForm(h.tokens.Refresh), "suite")
	if res.status != http.StatusOK || res.Access == h.tokens.Access || res.header.Get("Cache-Control") != "no-store" || len(res.Refresh) < 22 {
		s.t.Fatalf("%+v", res)
	}
	// OpenID Connect Core 1.0 §12.2
	s.verify(res.ID, "RS256")
	again := claims(s.t, res.ID)
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "azp"} {
		if again[name] != h.id[name] {
			s.t.Errorf("%s = %v, was %v", name, again[name], h.id[name])
		}
	}
	if before, after := h.id["iat"].(float64), again["iat"].(float64); after <= before {
		s.t.Errorf("iat %v, then %v", before, after)
	}
	s.info(happy{access: res.Access, id: h.id})
}

func ensureRequestWithValidPKCESucceeds(s *suite) {
	q := s.query("code_challenge", challengeOf(verifier), "code_challenge_method", "S256")
	code := s.open(q.Encode()).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {suiteCallback}, "code_verifier": {verifier}}
	if res := s.call(form, "suite"); res.status != http.StatusOK {
		s.t.Errorf("%+v", res)
	}
}

func discoveryEndpointVerification(s *suite) {
	status, doc, header := s.get("/.well-known/openid-configuration", "")
	if status != http.StatusOK || header.Get("Content-Type") != "application/json" || doc["issuer"] != s.base {
		s.t.Fatalf("%d %v %v", status, header, doc)
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} {
		if address, _ := doc[name].(string); !strings.HasPrefix(address, "https://") {
			s.t.Errorf("%s = %q", name, address)
		}
	}
	for name, want := range map[string][]string{
		"response_types_supported": allResponseTypes, "response_modes_supported": {"query", "fragment", "form_post"},
		"grant_types_supported": {"authorization_code", "implicit", "refresh_token"}, "subject_types_supported": {"public"},
		"id_token_signing_alg_values_supported": {"RS256"}, "scopes_supported": {"openid"}, "claims_supported": {"sub", "name"},
	} {
		list, _ := doc[name].([]any)
		for _, value := range want {
			if !slices.Contains(list, any(value)) {
				s.t.Errorf("%s lacks %s: %v", name, value, list)
			}
		}
	}
	if len(s.public) == 0 {
		s.t.Error("no keys")
	}
}
