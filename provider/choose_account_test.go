package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// choosePage opens a request for a choice and returns the page and its form.
func (f *fixture) choosePage(with ...string) (answer, url.Values) {
	f.t.Helper()
	page, form := f.loginPage(append([]string{"prompt", "select_account"}, with...)...)
	if !strings.Contains(page.body, `name="account" value="continue"`) || strings.Contains(page.body, `name="password"`) {
		f.t.Fatalf("no choice: %s", page.body)
	}
	form.Del("username")
	form.Del("password")
	return page, form
}

// OpenID Connect Core 1.0 §3.1.2.1, select_account: the person goes on as who
// is signed in, or signs in as somebody else.
func TestSelectAccount(t *testing.T) {
	f := newFixture(t, oidctest.Config{
		Users:     []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}},
		Configure: func(c *provider.Config) { c.TrustedClients = []string{"web"} },
	})
	// With nobody to choose from, the person signs in.
	if page, _ := f.loginPage("prompt", "select_account"); !strings.Contains(page.body, `name="password"`) {
		t.Error("no login form for a stranger")
	}
	first := claims(t, f.token(codeForm(f.code())).ID)

	page, form := f.choosePage()
	if !strings.Contains(page.body, "Alice") || !strings.Contains(page.body, "Web shop") {
		t.Errorf("%s", page.body)
	}
	a := f.browse(http.MethodPost, "/login", change(form, "account", "continue"))
	u, err := url.Parse(a.location)
	if err != nil || a.status != http.StatusSeeOther || u.Query().Get("code") == "" {
		t.Fatalf("%d %q", a.status, a.location)
	}
	id := claims(t, f.token(codeForm(u.Query().Get("code"))).ID)
	if id["sub"] != oidctest.Subject || id["auth_time"] != first["auth_time"] {
		t.Errorf("%v", id)
	}
	// A double click, or the way back: the choice counts once.
	again := f.browse(http.MethodPost, "/login", change(form, "account", "continue"))
	again.page(t, http.StatusBadRequest)
	if !strings.Contains(again.body, "/authorize?") {
		t.Error("no way to start again")
	}

	_, form = f.choosePage("login_hint", "bob")
	a = f.browse(http.MethodPost, "/login", change(form, "account", "other"))
	if a.status != http.StatusOK || !strings.Contains(a.body, `name="password"`) || !strings.Contains(a.body, `value="bob"`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	_, login, _ := oidctest.Form(a.body)
	a = f.browse(http.MethodPost, "/login", change(login, "username", "bob", "password", oidctest.Password))
	if u, err = url.Parse(a.location); err != nil {
		t.Fatal(err)
	}
	if id := claims(t, f.token(codeForm(u.Query().Get("code"))).ID); id["sub"] != "bob-subject" {
		t.Errorf("%v", id)
	}
}

// A choice is of the one session that was shown, and stands in for no login
// that the request also asks for.
func TestSelectAccountIsNoLogin(t *testing.T) {
	f := newFixture(t, oidctest.Config{Users: []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}}})
	f.authorize("scope", "openid")
	for _, with := range [][]string{{"prompt", "select_account login"}, {"prompt", "select_account", "max_age", "0"}} {
		page, form := f.loginPage(with...)
		if strings.Contains(page.body, `name="account"`) {
			t.Errorf("%v: a choice in place of a login", with)
		}
		form.Del("password")
		a := f.browse(http.MethodPost, "/login", change(form, "account", "continue"))
		if a.location != "" || !strings.Contains(a.body, `name="password"`) {
			t.Errorf("%v: %d %q", with, a.status, a.location)
		}
	}
	_, form := f.choosePage()
	f.browser.Username = "bob"
	f.authorize("scope", "openid", "prompt", "login")
	a := f.browse(http.MethodPost, "/login", change(form, "account", "continue"))
	if a.location != "" || !strings.Contains(a.body, "bob-subject") {
		t.Errorf("went on as who was not chosen: %d %q %s", a.status, a.location, a.body)
	}
	f.browse(http.MethodPost, "/login", change(form, "account", "continue"), "Sec-Fetch-Site", "cross-site").page(t, http.StatusForbidden)
	g := f.sub(t)
	if a := g.browse(http.MethodPost, "/login", change(form, "account", "continue")); a.location != "" || !strings.Contains(a.body, `name="password"`) {
		t.Errorf("a browser without a session: %d %q", a.status, a.location)
	}
}
