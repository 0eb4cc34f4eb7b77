package provider_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

func inGermanToo(c *provider.Config) {
	german := provider.German()
	german.Messages["scope.orders:read"] = "Ihre Bestellungen lesen"
	c.Languages = []provider.Language{provider.English(), german}
	c.Scopes = map[string]string{"orders:read": "Read your orders"}
	c.AccountPage = &provider.AccountPage{}
}

// OpenID Connect Core 1.0 §3.1.2.1 (ui_locales) and §3.1.2.6: every page on the
// way is in the language that was asked for, the browser's where none was.
func TestUILocales(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: inGermanToo})
	german := func(name string, a answer, words ...string) {
		t.Helper()
		if a.header.Get("Content-Language") != "de" || !strings.Contains(a.body, `<html lang="de" dir="ltr">`) {
			t.Errorf("%s is not German: %.200s", name, a.body)
		}
		for _, w := range words {
			if !strings.Contains(a.body, w) {
				t.Errorf("%s lacks %q", name, w)
			}
		}
	}
	page, form := f.loginPage("ui_locales", "fr-CA de-AT en", "scope", "openid email orders:read")
	german("login", page, "um weiterzugehen zu", "Passwort")
	german("wrong password", f.browse(http.MethodPost, "/login", change(form, "password", "wrong")), "stimmen nicht")
	a := f.browse(http.MethodPost, "/login", form)
	german("consent", f.follow(a), "Ihre E-Mail-Adresse sehen", "Ihre Bestellungen lesen", "Erlauben", "Ablehnen")
	german("the second time", f.browse(http.MethodPost, "/login", form), "schon abgeschlossen", "Von vorn beginnen")
	page, _ = f.choosePage("ui_locales", "de")
	german("choice", page, "Konto wählen", "Anderes Konto")

	german("account", f.browse(http.MethodGet, "/account", nil, "Accept-Language", "de-DE,de;q=0.9,en;q=0.8"), "Ihr Konto")
	german("sign out", f.browse(http.MethodGet, "/end_session?ui_locales=de", nil), "Abmelden?")
	refusal := f.browse(http.MethodGet, "/authorize?"+request("redirect_uri", "https://evil.example/", "ui_locales", "de").Encode(), nil)
	german("an error of the client's", refusal, "Das hat nicht geklappt", "Gehen Sie zurück zu der App")
	german("an error of the person's", f.browse(http.MethodGet, "/consent?interaction=x", nil, "Accept-Language", "de"), "schon beantwortet")

	if page, _ := f.sub(t).loginPage(); page.header.Get("Content-Language") != "en" {
		t.Error("without a wish the page is not in the first language")
	}
	_, doc, _ := f.get("/.well-known/openid-configuration", "")
	if got := doc["ui_locales_supported"].([]any); !slices.Equal(got, []any{"en", "de"}) {
		t.Errorf("%v", got)
	}
}

// A language in which something is missing is no language: New names all of
// it.
func TestLanguagesAreChecked(t *testing.T) {
	c := newFixture(t, oidctest.Config{}).watch.config
	french := provider.English()
	french.Tag = "fr"
	delete(french.Messages, "login.title")
	french.Messages["login.for_app"] = "vers l'application"
	french.Messages["no.such"] = "rien"
	arabic := provider.English()
	arabic.Tag, arabic.RightToLeft = "ar", true
	c.Languages = []provider.Language{provider.English(), french, {Tag: "?"}, arabic, arabic}
	_, err := provider.New(c)
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{`Languages[1]`, `"login.title" is missing`, `"login.for_app" has the placeholders`, `"no.such"`, `Languages[2]`, `"ar" is there twice`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("lacks %s", want)
		}
	}
	c.Languages = []provider.Language{arabic}
	p := newProvider(t, c)
	f := &fixture{t: t, client: &http.Client{Transport: p.LocalTransport(nil)}, base: c.Issuer}
	f.browser = oidctest.NewBrowser(t, f.base, f.client)
	if page, _ := f.loginPage(); !strings.Contains(page.body, `<html lang="ar" dir="rtl">`) {
		t.Errorf("%.200s", page.body)
	}
}

// The conformance suite looks at the pages: its modules' names are those of the
// rows. The pages must work in HtmlUnit, without modern scripts.
func TestConformancePages(t *testing.T) {
	client := webClient
	client.LogoURI, client.PolicyURI, client.TosURI = "https://app.example/logo.png", "https://app.example/policy", "https://app.example/terms"
	f := newFixture(t, oidctest.Config{})
	f = newFixture(t, oidctest.Config{Clients: append(f.watch.config.Clients[1:], client)})
	for _, row := range []struct{ module, want string }{
		{"oidcc-registration-logo-uri", `src="https://app.example/logo.png"`},
		{"oidcc-registration-policy-uri", `href="https://app.example/policy"`},
		{"oidcc-registration-tos-uri", `href="https://app.example/terms"`},
	} {
		t.Run(row.module, func(t *testing.T) {
			g := f.sub(t)
			page, form := g.loginPage()
			if !strings.Contains(page.body, row.want) {
				t.Errorf("login page: %s", page.body)
			}
			if page := g.follow(g.browse(http.MethodPost, "/login", form)); !strings.Contains(page.body, row.want) {
				t.Errorf("consent page: %s", page.body)
			}
		})
	}
	for module, with := range map[string][]string{
		"oidcc-login-hint":    {"login_hint", "buffy@app.example"},
		"oidcc-ui-locales":    {"ui_locales", "se"},
		"oidcc-display-page":  {"display", "page"},
		"oidcc-display-popup": {"display", "popup"},
	} {
		t.Run(module, func(t *testing.T) {
			page, _ := f.sub(t).loginPage(with...)
			if strings.Contains(page.body, "<script") || module == "oidcc-login-hint" && !strings.Contains(page.body, `value="buffy@app.example"`) {
				t.Errorf("%s", page.body)
			}
		})
	}
	t.Run("oidcc-prompt-login", func(t *testing.T) {
		g := f.sub(t)
		g.authorize()
		if page, _ := g.loginPage("prompt", "login"); !strings.Contains(page.body, `name="password"`) {
			t.Error("no login page")
		}
	})
	t.Run("oidcc-ensure-registered-redirect-uri", func(t *testing.T) {
		f.sub(t).browse(http.MethodGet, "/authorize?"+request("redirect_uri", "https://app.example/other").Encode(), nil).page(t, http.StatusBadRequest)
	})
}

// Two tabs, one person: each request is its own, and the first to be done does
// not take the other away.
func TestTwoTabs(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	_, first := f.loginPage("state", "tab one")
	_, second := f.loginPage("state", "tab two")
	a := f.follow(f.browse(http.MethodPost, "/login", first))
	_, consentOne, _ := oidctest.Form(a.body)
	b := f.follow(f.browse(http.MethodPost, "/login", second))
	_, consentTwo, _ := oidctest.Form(b.body)
	for state, form := range map[string]url.Values{"tab one": consentOne, "tab two": consentTwo} {
		a := f.browse(http.MethodPost, "/consent", change(form, "decision", "allow"))
		u, err := url.Parse(a.location)
		if err != nil || u.Query().Get("state") != state || u.Query().Get("code") == "" {
			t.Errorf("%s: %d %q", state, a.status, a.location)
		}
	}
}
