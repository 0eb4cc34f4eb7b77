package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// sent reads what an answer sends the client, and where: behind "?" or "#", or
// in a "form".
func (a answer) sent(t *testing.T) (q url.Values, where string) {
	t.Helper()
	if action, fields, ok := oidctest.Form(a.body); ok && a.status == http.StatusOK && action == redirectURI {
		return fields, "form"
	}
	rest, ok := strings.CutPrefix(a.location, redirectURI)
	if !ok || rest == "" || a.status != http.StatusSeeOther {
		t.Fatalf("nothing was sent: %d %q %s", a.status, a.location, a.body)
	}
	q, err := url.ParseQuery(rest[1:])
	if err != nil {
		t.Fatal(err)
	}
	return q, rest[:1]
}

// everyType registers a client for all response types.
func everyType(m oidckit.ClientMetadata) oidckit.ClientMetadata {
	m.ResponseTypes, m.GrantTypes = allResponseTypes, append([]string{"implicit"}, m.GrantTypes...)
	return m
}

// ASVS 5.0 §10.6.1 and OpenID Connect Core 1.0 §3.2, §3.3: a response type is
// there where issuer and client both name it, and its errors go where its
// answers would.
func TestResponseTypesAreOptIn(t *testing.T) {
	all := func(c *provider.Config) {
		c.Hybrid, c.Legacy = &provider.Hybrid{AllowAccessTokens: true}, &provider.Legacy{Implicit: true}
	}
	idTokenOnly := everyType(webClient)
	idTokenOnly.ResponseTypes = []string{"code", "id_token code"}
	for _, row := range []struct {
		clause       string
		configure    func(*provider.Config)
		client       oidckit.ClientMetadata
		responseType string
		want         oidckit.ErrorCode
		where        string
	}{
		{"off by default: implicit", nil, webClient, "id_token", oidckit.UnsupportedResponseType, "#"},
		{"off by default: implicit with token", nil, webClient, "id_token token", oidckit.UnsupportedResponseType, "#"},
		{"off by default: hybrid", nil, webClient, "code id_token", oidckit.UnsupportedResponseType, "#"},
		{"off by default: token", nil, webClient, "token", oidckit.UnsupportedResponseType, "#"},
		{"RFC 9700 §2.1.2 token alone is never there", all, everyType(webClient), "token", oidckit.UnsupportedResponseType, "#"},
		{"none", all, everyType(webClient), "none", oidckit.UnsupportedResponseType, "?"},
		{"conformance: missing", all, everyType(webClient), "", oidckit.InvalidRequest, "?"},
		{"not registered: implicit", all, webClient, "id_token", oidckit.UnauthorizedClient, "#"},
		{"not registered: hybrid", all, webClient, "code id_token", oidckit.UnauthorizedClient, "#"},
		{"registered for another hybrid type", all, idTokenOnly, "code token", oidckit.UnauthorizedClient, "#"},
		{"RFC 9700 §2.1.2 hybrid without access tokens", func(c *provider.Config) { c.Hybrid = &provider.Hybrid{} }, idTokenOnly, "code id_token token", oidckit.UnsupportedResponseType, "#"},
		{"Legacy alone offers nothing", func(c *provider.Config) { c.Legacy = &provider.Legacy{} }, webClient, "id_token", oidckit.UnsupportedResponseType, "#"},
		{"registered in another order", all, idTokenOnly, "code id_token", "", "#"},
		{"asked for in another order", all, everyType(webClient), "token code id_token", "", "#"},
		{"code is still there", all, everyType(webClient), "code", "", "?"},
	} {
		t.Run(row.clause, func(t *testing.T) {
			f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{row.client}, Configure: func(c *provider.Config) {
				if row.configure != nil {
					row.configure(c)
				}
				c.TrustedClients = []string{"web"}
			}})
			f.authorize("scope", "openid")
			got, where := f.browse(http.MethodGet, "/authorize?"+request("response_type", row.responseType, "state", oddState).Encode(), nil).sent(t)
			if got.Get("error") != string(row.want) || where != row.where || got.Get("state") != oddState || got.Get("iss") != f.base {
				t.Errorf("%s %v", where, got)
			}
		})
	}
}

// ATK-187, ATK-208 and OAuth 2.0 Multiple Response Types §2.1, §3.0, OAuth 2.0
// Form Post Response Mode §2: an answer goes where it was asked to go, an error
// like a success; tokens never into a query.
func TestATK187ResponseModes(t *testing.T) {
	f := newFixture(t, oidctest.Config{
		Clients: []oidckit.ClientMetadata{everyType(webClient), nativeClient},
		Configure: func(c *provider.Config) {
			c.Hybrid, c.Legacy = &provider.Hybrid{AllowAccessTokens: true}, &provider.Legacy{Implicit: true}
			c.TrustedClients = []string{"web"}
		},
	})
	f.authorize("scope", "openid")
	const odd = "a b+c%2Fd&e=f#g/é\"<>'`"
	for _, responseType := range allResponseTypes {
		for _, mode := range []string{"", "query", "fragment", "form_post", "jwt", "Query"} {
			t.Run(responseType+" "+mode, func(t *testing.T) {
				where := map[string]string{"query": "?", "fragment": "#", "form_post": "form"}[mode]
				refused := mode != "" && where == ""
				if responseType != "code" && mode == "query" {
					where, refused = "", true
				}
				if where == "" {
					where = map[bool]string{true: "?", false: "#"}[responseType == "code"]
				}
				ask := func(with ...string) url.Values {
					with = append([]string{"response_type", responseType, "response_mode", mode, "state", odd}, with...)
					got, there := f.browse(http.MethodGet, "/authorize?"+request(with...).Encode(), nil).sent(t)
					if there != where || got.Get("state") != odd || got.Get("iss") != f.base {
						t.Errorf("%s, want %s: %v", there, where, got)
					}
					return got
				}
				got := ask()
				if want := map[bool]string{true: "invalid_request"}[refused]; got.Get("error") != want {
					t.Errorf("%v", got)
				}
				for _, name := range []string{"code", "id_token", "access_token"} {
					asked := strings.Contains(" "+responseType+" ", " "+strings.TrimPrefix(name, "access_")+" ")
					if got.Has(name) != (asked && !refused) {
						t.Errorf("%s: %v", name, got)
					}
				}
				if got := ask("prompt", "none login"); got.Get("error") != "invalid_request" || got.Has("code") {
					t.Errorf("%v", got)
				}
			})
		}
	}
	t.Run("OpenID Connect Core 1.0 §11: no code, no offline_access", func(t *testing.T) {
		for _, responseType := range allResponseTypes {
			a := f.browse(http.MethodGet, "/authorize?"+request("response_type", responseType, "scope", "openid offline_access").Encode(), nil)
			if got, _ := a.sent(t); got.Has("access_token") && (got.Get("scope") == "openid") != (responseType == "id_token token") {
				t.Errorf("%s: scope %q", responseType, got.Get("scope"))
			}
		}
	})
	t.Run("OpenID Connect Core 1.0 §3.1.2.1: no openid, no ID token", func(t *testing.T) {
		for _, responseType := range allResponseTypes {
			a := f.browse(http.MethodGet, "/authorize?"+request("response_type", responseType, "scope", "email").Encode(), nil)
			if got, _ := a.sent(t); (got.Get("error") == "invalid_request") != strings.Contains(responseType, "id_token") || got.Has("id_token") {
				t.Errorf("%s: %v", responseType, got)
			}
		}
	})
	t.Run("an app that no form reaches", func(t *testing.T) {
		const app = "com.example.app:/cb"
		a := f.browse(http.MethodGet, "/authorize?"+request("client_id", "native", "redirect_uri", app, "response_mode", "form_post").Encode(), nil)
		if !strings.HasPrefix(a.location, app+"?error=invalid_request&") {
			t.Errorf("%d %q", a.status, a.location)
		}
	})
	t.Run("a state that a form would change", func(t *testing.T) {
		for _, state := range []string{"\xff", "a\r\nb", "a\x00"} {
			f.browse(http.MethodGet, "/authorize?"+request("response_mode", "form_post", "state", state).Encode(), nil).refusal(t, oidckit.InvalidRequest, f.base, state)
		}
	})
	t.Run("two modes", func(t *testing.T) {
		q := request("response_mode", "form_post")
		q.Add("response_mode", "fragment")
		f.browse(http.MethodGet, "/authorize?"+q.Encode(), nil).refusal(t, oidckit.InvalidRequest, f.base, "the state")
	})
}

// The page of form_post sends itself, by the one script that its policy lets
// run, or by its button; and may be answered with a redirect to anywhere.
func TestFormPostPage(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		c.TrustedClients, c.Languages = []string{"web"}, []provider.Language{provider.English(), provider.German()}
	}})
	f.authorize()
	a := f.browse(http.MethodGet, "/authorize?"+request("response_mode", "form_post", "ui_locales", "de", "state", `"><script>alert(1)</script>`).Encode(), nil)
	if !strings.Contains(a.body, `<html lang="de"`) || !strings.Contains(a.body, ">Weiter</button>") {
		t.Errorf("OpenID Connect Core 1.0 §3.1.2.1 ui_locales: %s", a.body)
	}
	if a.status != http.StatusOK || a.location != "" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	if !strings.Contains(a.body, `<form method="post" action="`+redirectURI+`">`) || !strings.Contains(a.body, `<button type="submit">`) || strings.Contains(a.body, "<script>alert") {
		t.Errorf("%s", a.body)
	}
	scripts := regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`).FindAllStringSubmatch(a.body, -1)
	if len(scripts) != 1 {
		t.Fatalf("%d scripts", len(scripts))
	}
	sum := sha256.Sum256([]byte(scripts[0][1]))
	csp := a.header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || !strings.Contains(csp, "default-src 'none'") ||
		strings.Contains(csp, "form-action") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("CSP %q", csp)
	}
	// A client that checks Origin must see the issuer's, not null.
	if got := a.header.Get("Referrer-Policy"); got != "strict-origin" {
		t.Errorf("Referrer-Policy %q", got)
	}
}

// OAuth 2.0 Form Post Response Mode §2: what comes of the pages on the way goes
// the way that was asked for.
func TestResponseModeOverPages(t *testing.T) {
	o := newOwnPage(t, nil)
	for mode, where := range map[string]string{"": "?", "fragment": "#", "form_post": "form"} {
		sealed := o.sealed("response_mode", mode)
		a, err := o.write(func(w http.ResponseWriter, r *http.Request) error { return o.op.Provider.FailLogin(w, r, sealed, nil) })
		if err != nil {
			t.Fatal(err)
		}
		if got, there := a.sent(t); there != where || got.Get("error") != "access_denied" || got.Get("state") != "the state" || got.Get("iss") != o.base {
			t.Errorf("login failed: %s %v", there, got)
		}
	}
	f := newFixture(t, oidctest.Config{})
	for mode, where := range map[string]string{"": "?", "fragment": "#", "form_post": "form"} {
		g := f.sub(t)
		g.authorize("scope", "openid")
		_, form := g.consentPage("response_mode", mode)
		got, there := g.browse(http.MethodPost, "/consent", change(form, "decision", "deny")).sent(t)
		if there != where || got.Get("error") != "access_denied" || got.Get("state") != "the state" {
			t.Errorf("denied: %s %v", there, got)
		}
		_, form = g.consentPage("response_mode", mode)
		if got, there := g.browse(http.MethodPost, "/consent", form).sent(t); there != where || got.Get("code") == "" {
			t.Errorf("allowed: %s %v", there, got)
		}
	}
}

// ATK-210 and RFC 9700 §4.11.2: whatever is wrong, people are sent to the
// registered address or nowhere.
func TestATK210OpenRedirector(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	for _, with := range [][]string{{"scope", "\x01"}, {"response_type", "x"}, {"response_mode", "form_post", "scope", "\x01"}} {
		q := request(append(with, "redirect_uri", "https://evil.example/cb")...)
		a := f.browse(http.MethodGet, "/authorize?"+q.Encode(), nil)
		a.page(t, http.StatusBadRequest)
		if strings.Contains(a.body, "evil.example") {
			t.Errorf("%s", a.body)
		}
		if _, where := f.browse(http.MethodGet, "/authorize?"+request(with...).Encode(), nil).sent(t); where == "" {
			t.Error("nothing was sent")
		}
	}
}
