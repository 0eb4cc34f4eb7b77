package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// consentPage opens a request that leads to the consent page and returns the
// form, filled in with yes. The person is signed in.
func (f *fixture) consentPage(with ...string) (page answer, form url.Values) {
	f.t.Helper()
	a := f.browse(http.MethodGet, "/authorize?"+request(append([]string{"prompt", "consent"}, with...)...).Encode(), nil)
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, "/consent?interaction=") {
		f.t.Fatalf("no consent page: %d %q", a.status, a.location)
	}
	page = f.follow(a)
	action, form, ok := oidctest.Form(page.body)
	if !ok || action != "/consent" || page.status != http.StatusOK {
		f.t.Fatalf("no consent form: %d %s", page.status, page.body)
	}
	form.Set("decision", "allow")
	return page, form
}

// ATK-205 and ASVS 5.0 §10.7.1: a decision counts when the person who was
// asked makes it on the page, once.
func TestATK205ConsentDecision(t *testing.T) {
	f := newFixture(t, oidctest.Config{Users: []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}}})
	f.authorize("scope", "openid")
	bob := f.sub(t)
	bob.browser.Username = "bob"
	bob.authorize("scope", "openid")

	t.Run("by another person", func(t *testing.T) {
		_, form := f.consentPage()
		bob.browse(http.MethodPost, "/consent", form).page(t, http.StatusBadRequest)
		bob.browse(http.MethodGet, "/consent?interaction="+form.Get("interaction"), nil).page(t, http.StatusBadRequest)
		if a := f.browse(http.MethodPost, "/consent", form); !strings.HasPrefix(a.location, redirectURI+"?code=") {
			t.Errorf("the right one afterwards: %d %q", a.status, a.location)
		}
	})
	t.Run("by nobody", func(t *testing.T) {
		_, form := f.consentPage()
		f.sub(t).browse(http.MethodPost, "/consent", form).page(t, http.StatusForbidden)
	})
	t.Run("by another session of the same person", func(t *testing.T) {
		_, form := f.consentPage()
		g := f.sub(t)
		g.authorize("scope", "openid")
		g.browse(http.MethodPost, "/consent", form).page(t, http.StatusBadRequest)
	})
	t.Run("after the session has changed hands", func(t *testing.T) {
		g := f.sub(t)
		g.authorize("scope", "openid")
		_, form := g.consentPage()
		g.browser.Username = "bob"
		g.authorize("scope", "openid", "prompt", "login")
		g.browse(http.MethodPost, "/consent", form).page(t, http.StatusBadRequest)
	})
	t.Run("by GET", func(t *testing.T) {
		_, form := f.consentPage()
		a := f.browse(http.MethodGet, "/consent?"+form.Encode(), nil)
		if a.location != "" || a.status != http.StatusOK || !strings.Contains(a.body, `name="decision"`) {
			t.Errorf("%d %q", a.status, a.location)
		}
	})
	t.Run("without a page view, made up", func(t *testing.T) {
		f.browse(http.MethodPost, "/consent", url.Values{"interaction": {strings.Repeat("A", 43)}, "decision": {"allow"}}).page(t, http.StatusBadRequest)
		f.browse(http.MethodPost, "/consent", url.Values{"decision": {"allow"}}).page(t, http.StatusBadRequest)
	})
	t.Run("without a decision", func(t *testing.T) {
		_, form := f.consentPage()
		for _, decision := range []string{"", "yes", "ALLOW"} {
			f.browse(http.MethodPost, "/consent", change(form, "decision", decision)).page(t, http.StatusBadRequest)
		}
		form["decision"] = []string{"deny", "allow"}
		f.browse(http.MethodPost, "/consent", form).page(t, http.StatusBadRequest)
	})
	t.Run("in the query of a POST", func(t *testing.T) {
		_, form := f.consentPage()
		f.browse(http.MethodPost, "/consent?"+form.Encode(), url.Values{}).page(t, http.StatusBadRequest)
	})
	t.Run("from another site", func(t *testing.T) {
		_, form := f.consentPage()
		f.browse(http.MethodPost, "/consent", form, "Sec-Fetch-Site", "cross-site").page(t, http.StatusForbidden)
		f.browse(http.MethodPost, "/consent", form, "Origin", "https://evil.example").page(t, http.StatusForbidden)
	})
	t.Run("twice", func(t *testing.T) {
		_, form := f.consentPage()
		f.browse(http.MethodPost, "/consent", form)
		f.browse(http.MethodPost, "/consent", form).page(t, http.StatusBadRequest)
	})
	t.Run("deny, then allow", func(t *testing.T) {
		_, form := f.consentPage("state", oddState)
		f.browse(http.MethodPost, "/consent", change(form, "decision", "deny")).refusal(t, oidckit.AccessDenied, f.base, oddState)
		f.browse(http.MethodPost, "/consent", form).page(t, http.StatusBadRequest)
	})
	t.Run("scopes raised between page and decision", func(t *testing.T) {
		_, form := f.consentPage("scope", "openid")
		form.Set("scope", "openid profile email offline_access orders:write")
		a := f.browse(http.MethodPost, "/consent", form)
		u, err := url.Parse(a.location)
		if err != nil {
			t.Fatal(err)
		}
		if res := f.token(codeForm(u.Query().Get("code"))); res.Scope != "openid" || res.Refresh != "" {
			t.Errorf("%+v", res)
		}
	})
}

// ATK-205: of decisions sent at the same time one counts.
func TestParallelConsentDecisions(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	f.authorize("scope", "openid")
	_, form := f.consentPage()
	var wg sync.WaitGroup
	answers := make([]answer, 16)
	for i := range answers {
		wg.Go(func() { answers[i] = f.browse(http.MethodPost, "/consent", form) })
	}
	wg.Wait()
	codes := 0
	for _, a := range answers {
		if strings.Contains(a.location, "code=") {
			codes++
		}
	}
	if codes != 1 {
		t.Errorf("%d codes", codes)
	}
}

// Consent is remembered for what was allowed, by person and client, and a
// denial is not remembered.
func TestRememberedConsent(t *testing.T) {
	f := newFixture(t, oidctest.Config{Users: []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}}})
	f.browser.Deny = true
	if q := f.authorize("scope", "openid"); q.Get("error") != "access_denied" || q.Has("code") {
		t.Fatalf("denied: %v", q)
	}
	f.browser.Deny = false
	asks := func(g *fixture, with ...string) bool {
		t.Helper()
		a := g.browse(http.MethodGet, "/authorize?"+request(with...).Encode(), nil)
		return strings.HasPrefix(a.location, "/consent?")
	}
	if !asks(f, "scope", "openid") {
		t.Error("a denial was taken for a consent")
	}
	f.authorize("scope", "openid email")
	f.authorize("scope", "openid profile")
	if asks(f, "scope", "openid email profile") {
		t.Error("what was allowed in two steps is asked again")
	}
	if !asks(f, "scope", "openid address") || !asks(f, "scope", "openid offline_access") {
		t.Error("a new scope is not asked for")
	}
	if !asks(f, "client_id", "other", "scope", "openid") {
		t.Error("consent for one client counts for another")
	}
	bob := f.sub(t)
	bob.browser.Username = "bob"
	bob.authorize("client_id", "spa", "scope", "openid")
	if !asks(bob, "scope", "openid") {
		t.Error("one person's consent counts for another")
	}
	again := f.sub(t)
	again.authorize("scope", "openid")
	if len(again.browser.Seen) != 1 {
		t.Errorf("in another browser: %v", again.browser.Seen)
	}
	t.Run("offline_access is nothing to a client without refresh tokens", func(t *testing.T) {
		g := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{{
			ClientID: "web", ClientSecret: "web-secret", RedirectURIs: []string{redirectURI},
		}}})
		page, _ := func() (answer, url.Values) {
			g.authorize("scope", "openid")
			return g.consentPage("scope", "openid offline_access")
		}()
		if strings.Contains(page.body, "while you are away") {
			t.Error("asks for what it cannot give")
		}
	})
}

func TestConsentExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, func(c *provider.Config) { c.Lifetimes.Consent = time.Hour })
		f.authorize()
		_, form := f.consentPage()
		time.Sleep(31 * time.Minute)
		f.browse(http.MethodPost, "/consent", form).page(t, http.StatusBadRequest)
		if q := f.authorize("prompt", "none"); q.Get("code") == "" {
			t.Errorf("remembered: %v", q)
		}
		time.Sleep(30 * time.Minute)
		if q := f.authorize("prompt", "none"); q.Get("error") != "consent_required" {
			t.Errorf("expired: %v", q)
		}
	})
}

// ASVS 5.0 §10.7.2: the page says who asks, for what, for whom, and where the
// answer goes; hostile names stay text.
func TestConsentPage(t *testing.T) {
	hostile := webClient
	hostile.ClientName, hostile.PolicyURI, hostile.TosURI = `<b>Bank</b>"'`, "https://app.example/privacy", "https://app.example/terms"
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{hostile}, Configure: func(c *provider.Config) {
		c.Scopes = map[string]string{"orders:read": "Read your <orders>"}
	}})
	page, _ := f.loginPage()
	for _, want := range []string{"&lt;b&gt;Bank", `href="https://app.example/privacy"`, `href="https://app.example/terms"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("login page lacks %s", want)
		}
	}
	f.authorize("scope", "openid")
	page, _ = f.consentPage("scope", "openid profile email orders:read stock:read")
	for _, want := range []string{
		"&lt;b&gt;Bank", "Alice Example", "app.example", "Know who you are", "See your name and profile", "See your e-mail address",
		"Read your &lt;orders&gt;", "stock:read", `href="https://app.example/privacy"`,
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("consent page lacks %s", want)
		}
	}
	if strings.Contains(page.body, "<b>Bank") {
		t.Error("markup of a client's name")
	}
}

// ATK-336: every page of the issuer.
func TestATK336PageHeaders(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	login, _ := f.loginPage()
	f.authorize("scope", "openid")
	consent, _ := f.consentPage()
	pages := map[string]answer{
		"login": login, "consent": consent,
		"error":      f.browse(http.MethodGet, "/authorize", nil),
		"logout":     f.browse(http.MethodGet, "/end_session", nil),
		"signed out": f.sub(t).browse(http.MethodGet, "/end_session", nil),
	}
	for name, a := range pages {
		form := name == "login" || name == "consent" || name == "logout"
		csp, referrer := a.header.Get("Content-Security-Policy"), "no-referrer"
		if form {
			referrer = "same-origin"
		}
		for header, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			"Referrer-Policy": referrer, "Server": "", "Access-Control-Allow-Origin": "",
		} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s: %s = %q, want %q", name, header, got, want)
			}
		}
		for _, want := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: %q lacks %s", name, csp, want)
			}
		}
		if form && strings.Contains(csp, "form-action") {
			t.Errorf("%s: form-action would block the redirect to the client", name)
		}
	}
}
