package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

const byeURI = "https://app.example/bye"

// signedIn reports whether the browser's session still answers.
func (f *fixture) signedIn() bool {
	f.t.Helper()
	q := f.authorize("prompt", "none")
	if e := q.Get("error"); e != "" && e != "login_required" {
		f.t.Fatalf("%v", q)
	}
	return q.Get("code") != ""
}

// OpenID Connect RP-Initiated Logout 1.0 and the modules of its conformance
// plan. What is not surely the client's wish for this person is never
// followed: no redirect, and no logout without asking.
func TestRPInitiatedLogout(t *testing.T) {
	f := newFixture(t, oidctest.Config{Users: []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}}})
	bob := f.sub(t)
	bob.browser.Username = "bob"
	bobs := bob.token(codeForm(bob.code())).ID
	mine := f.token(codeForm(f.code())).ID
	others := f.token(f.as("other", codeForm(f.code("client_id", "other")))).ID
	two := f.op.IDToken(t, oidctest.Token{Claims: map[string]any{"aud": []string{"web", "other"}}})
	old := f.op.IDToken(t, oidctest.Token{Claims: map[string]any{"iat": time.Now().Add(-48 * time.Hour), "exp": time.Now().Add(-47 * time.Hour)}})
	payload := decode(t, mine, 1)
	kid := part(t, mine, 0)["kid"].(string)
	const (
		out     = "signed out at once"
		asked   = "asked first"
		refused = "refused on a page"
	)
	longState := oddState
	for _, row := range []struct {
		clause string
		q      url.Values
		want   string
		to     string
	}{
		{"conformance: hint, address, state", url.Values{"id_token_hint": {mine}, "post_logout_redirect_uri": {byeURI}, "state": {longState}}, out, byeURI + "?" + url.Values{"state": {longState}}.Encode()},
		{"conformance: no state", url.Values{"id_token_hint": {mine}, "post_logout_redirect_uri": {byeURI}}, out, byeURI},
		{"an address with a query", url.Values{"id_token_hint": {mine}, "post_logout_redirect_uri": {byeURI + "?x=1"}, "state": {"s"}}, out, byeURI + "?x=1&state=s"},
		{"conformance: hint only", url.Values{"id_token_hint": {mine}}, out, ""},
		{"hint and client_id", url.Values{"id_token_hint": {mine}, "client_id": {"web"}}, out, ""},
		{"a hint of two audiences, one of them named", url.Values{"id_token_hint": {two}, "client_id": {"other"}}, out, ""},
		{"a hint of two audiences that does not say who asked", url.Values{"id_token_hint": {two}}, asked, ""},
		{"a hint that has expired", url.Values{"id_token_hint": {old}, "post_logout_redirect_uri": {byeURI}}, out, byeURI},
		{"conformance: no parameters", url.Values{}, asked, ""},
		{"conformance: only state", url.Values{"state": {"s"}}, asked, ""},
		{"unknown parameters, logout_hint, ui_locales", url.Values{"logout_hint": {"alice"}, "ui_locales": {"se"}, "x": {"y"}}, asked, ""},
		{"client_id and address, no hint", url.Values{"client_id": {"web"}, "post_logout_redirect_uri": {byeURI}, "state": {oddState}}, asked, byeURI + "?state=" + url.QueryEscape(oddState)},
		{"another person's hint", url.Values{"id_token_hint": {bobs}}, asked, ""},
		{"another person's hint, address", url.Values{"id_token_hint": {bobs}, "post_logout_redirect_uri": {byeURI}}, asked, byeURI},
		{"conformance: no hint, an address", url.Values{"post_logout_redirect_uri": {byeURI}}, refused, ""},
		{"conformance: unregistered address", url.Values{"id_token_hint": {mine}, "post_logout_redirect_uri": {"https://evil.example/"}}, refused, ""},
		{"conformance: query added", url.Values{"id_token_hint": {mine}, "post_logout_redirect_uri": {byeURI + "?foo=bar"}}, refused, ""},
		{"another client's address", url.Values{"id_token_hint": {others}, "post_logout_redirect_uri": {byeURI}}, refused, ""},
		{"a redirect_uri is no address", url.Values{"id_token_hint": {mine}, "post_logout_redirect_uri": {redirectURI}}, refused, ""},
		{"address with a fragment", url.Values{"id_token_hint": {mine}, "post_logout_redirect_uri": {byeURI + "#x"}}, refused, ""},
		{"conformance: hint with alg none", url.Values{"id_token_hint": {encode(`{"alg":"none","typ":"JWT"}`) + "." + strings.Split(mine, ".")[1] + "."}, "post_logout_redirect_uri": {byeURI}}, refused, ""},
		{"conformance: hint of a foreign key", url.Values{"id_token_hint": {sign(t, "RS256", kid, "JWT", payload)}, "post_logout_redirect_uri": {byeURI}}, refused, ""},
		{"hint cut short", url.Values{"id_token_hint": {mine[:len(mine)-8]}}, refused, ""},
		{"junk hint", url.Values{"id_token_hint": {"junk"}}, refused, ""},
		{"§2 client_id of another client", url.Values{"id_token_hint": {mine}, "client_id": {"other"}}, refused, ""},
		{"unknown client_id", url.Values{"client_id": {"nobody"}}, refused, ""},
		{"a parameter twice", url.Values{"id_token_hint": {mine, mine}}, refused, ""},
		{"state of 5 KB", url.Values{"id_token_hint": {mine}, "state": {strings.Repeat("s", 5<<10)}}, refused, ""},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(row.clause+" "+method, func(t *testing.T) {
				g := *f
				g.t = t
				if !g.signedIn() {
					g.authorize()
				}
				a := g.endSession(method, row.q)
				switch row.want {
				case refused:
					a.page(t, http.StatusBadRequest)
					if !g.signedIn() {
						t.Error("signed out all the same")
					}
					return
				case asked:
					if a.status != http.StatusOK || a.location != "" || !strings.Contains(a.body, `action="/end_session/confirm"`) {
						t.Fatalf("%d %q %s", a.status, a.location, a.body)
					}
					if !g.signedIn() {
						t.Fatal("signed out without asking")
					}
					action, form, _ := oidctest.Form(a.body)
					form.Set("logout", "yes")
					a = g.browse(http.MethodPost, action, form, "Sec-Fetch-Site", "same-origin")
				}
				if row.to == "" && (a.status != http.StatusOK || a.location != "" || !strings.Contains(a.body, "Signed out")) {
					t.Errorf("no page: %d %q", a.status, a.location)
				}
				if row.to != "" && (a.status != http.StatusSeeOther || a.location != row.to) {
					t.Errorf("%d %q, want %q", a.status, a.location, row.to)
				}
				if g.signedIn() {
					t.Error("still signed in")
				}
				if e, ok := g.watch.last(oidckit.EventLogout); !ok || e.Subject != oidctest.Subject || e.SessionID == "" {
					t.Errorf("event: %+v", e)
				}
			})
		}
	}
}

func (f *fixture) endSession(method string, q url.Values) answer {
	f.t.Helper()
	if method == http.MethodPost {
		return f.browse(method, "/end_session", q)
	}
	return f.browse(method, "/end_session?"+q.Encode(), nil)
}

// §2: the endpoint takes POST from another site's page, which comes without
// the cookie: it must not tell that a session has ended which has not.
func TestLogoutPostFromAnotherSite(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	hint := f.token(codeForm(f.code())).ID
	q := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {byeURI}, "state": {oddState}}
	stranger := f.sub(t)
	a := stranger.browse(http.MethodPost, "/end_session", q, "Origin", "https://app.example", "Sec-Fetch-Site", "cross-site")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, "/end_session?") {
		t.Fatalf("%d %q", a.status, a.location)
	}
	a = f.follow(a)
	if want := byeURI + "?state=" + url.QueryEscape(oddState); a.location != want || f.signedIn() {
		t.Errorf("the navigation: %d %q", a.status, a.location)
	}
	q.Set("x", strings.Repeat("x", 20<<10))
	stranger.browse(http.MethodPost, "/end_session", q).page(t, http.StatusRequestEntityTooLarge)
}

// ASVS 10.6.2: nobody is signed out by a page of another site.
func TestLogoutConfirmation(t *testing.T) {
	f := newFixture(t, oidctest.Config{Users: []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}}})
	f.authorize()
	_, form, _ := oidctest.Form(f.browse(http.MethodGet, "/end_session?client_id=web", nil).body)
	form.Set("logout", "yes")
	confirm := func(form url.Values, headers ...string) answer {
		return f.browse(http.MethodPost, "/end_session/confirm", form, headers...)
	}
	confirm(form, "Sec-Fetch-Site", "cross-site").page(t, http.StatusForbidden)
	confirm(form, "Origin", "https://evil.example").page(t, http.StatusForbidden)
	confirm(change(form, "request", "")).page(t, http.StatusBadRequest)
	confirm(change(form, "request", form.Get("request")[1:])).page(t, http.StatusBadRequest)
	confirm(change(form, "request", encode(`{"return_to":"https://evil.example","at":1}`))).page(t, http.StatusBadRequest)
	if a := f.browse(http.MethodGet, "/end_session/confirm?"+form.Encode(), nil); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", a.status)
	}
	// A sealed authorization request is not a sealed logout (ATK-103).
	_, login := f.sub(t).loginPage()
	confirm(change(form, "request", login.Get("request"))).page(t, http.StatusBadRequest)
	f.browse(http.MethodGet, "/login?request="+form.Get("request"), nil).page(t, http.StatusBadRequest)
	if !f.signedIn() {
		t.Fatal("signed out")
	}
	t.Run("shown to another person", func(t *testing.T) {
		bob := f.sub(t)
		bob.browser.Username = "bob"
		bob.authorize()
		bob.browse(http.MethodPost, "/end_session/confirm", form).page(t, http.StatusBadRequest)
		if !bob.signedIn() {
			t.Error("signed out")
		}
	})
	if a := confirm(form); a.status != http.StatusOK || f.signedIn() {
		t.Errorf("the right one: %d", a.status)
	}
	if a := confirm(form); a.status != http.StatusOK {
		t.Errorf("again, when nobody is signed in: %d", a.status)
	}
}

func TestLogoutConfirmationExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, nil)
		f.authorize()
		_, form, _ := oidctest.Form(f.browse(http.MethodGet, "/end_session", nil).body)
		time.Sleep(31 * time.Minute)
		f.browse(http.MethodPost, "/end_session/confirm", form).page(t, http.StatusBadRequest)
		if !f.signedIn() {
			t.Error("signed out")
		}
	})
}

// The cookie goes, the handle is dead, and HEAD ends nothing.
func TestLogoutEndsTheSession(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	res := f.tokens()
	handle := f.cookie()
	for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodDelete} {
		if a := f.browse(method, "/end_session?id_token_hint="+res.ID, nil); a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, a.status)
		}
	}
	if !f.signedIn() {
		t.Fatal("signed out by HEAD")
	}
	f.browse(http.MethodGet, "/end_session?id_token_hint="+res.ID, nil)
	if f.cookie() != "" {
		t.Error("the cookie stays")
	}
	f.setCookie(handle)
	if f.signedIn() {
		t.Error("the handle still works")
	}
	// §2: what was granted for when the person is away goes on (Core §11).
	if f.token(refreshForm(res.Refresh)).status != http.StatusOK {
		t.Error("offline access ended with the session")
	}
	t.Run("nobody signed in, a good hint", func(t *testing.T) {
		a := f.sub(t).browse(http.MethodGet, "/end_session?"+url.Values{"id_token_hint": {res.ID}, "post_logout_redirect_uri": {byeURI}}.Encode(), nil)
		if a.location != byeURI {
			t.Errorf("%d %q", a.status, a.location)
		}
	})
}
