package provider_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// loginPage opens a request that leads to the login page and returns the form,
// filled in.
func (f *fixture) loginPage(with ...string) (page answer, form url.Values) {
	f.t.Helper()
	a := f.browse(http.MethodGet, "/authorize?"+request(with...).Encode(), nil)
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, "/login?request=") {
		f.t.Fatalf("no login page: %d %q", a.status, a.location)
	}
	page = f.follow(a)
	action, form, ok := oidctest.Form(page.body)
	if !ok || action != "/login" || page.status != http.StatusOK {
		f.t.Fatalf("no login form: %d %s", page.status, page.body)
	}
	form.Set("username", oidctest.Username)
	form.Set("password", oidctest.Password)
	return page, form
}

// typed is what the person has typed, and where the cursor goes on.
var typed = regexp.MustCompile(`value="[^"]*"| autofocus`)

// ASVS 5.0 §6.3.8: who guesses learns nothing about which accounts exist.
func TestWrongPasswordTellsNothing(t *testing.T) {
	f := newFixture(t, oidctest.Config{Users: []provider.Account{{Username: "nopassword", Claims: map[string]any{"sub": "np"}}}})
	_, form := f.loginPage()
	var first string
	for _, row := range []struct{ name, username, password string }{
		{"wrong password", "alice", "guess-guess-guess"},
		{"unknown name", "mallory", "guess-guess-guess"},
		{"an account without password", "nopassword", "guess-guess-guess"},
		{"unknown name, the password of another", "mallory", oidctest.Password},
		{"no password", "alice", ""},
		{"no name", "", "guess-guess-guess"},
		{"a password of 2 KB", "alice", strings.Repeat("p", 2<<10)},
		{"a name of 2 KB", strings.Repeat("u", 2<<10), "guess-guess-guess"},
		{"the hash instead of the password", "alice", aliceHash},
		{"markup", `"><script>alert(1)</script>`, "guess-guess-guess"},
		{"a NUL", "alice\x00", oidctest.Password},
	} {
		try := change(form, "username", row.username, "password", row.password)
		a := f.browse(http.MethodPost, "/login", try)
		a.page(t, http.StatusForbidden)
		if len(a.header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: a cookie was set", row.name)
		}
		if strings.Contains(a.body, "<script") || (row.password != "" && strings.Contains(a.body, row.password)) {
			t.Errorf("%s: reflected: %s", row.name, a.body)
		}
		text := typed.ReplaceAllString(a.body, "")
		if first == "" {
			first = text
		} else if text != first {
			t.Errorf("%s: another page:\n%s\n%s", row.name, text, first)
		}
	}
	if e, ok := f.watch.last(oidckit.EventLoginFailed); !ok || e.ClientID != "web" {
		t.Errorf("event: %+v", e)
	}
	// The form is still good for the right password.
	a := f.browse(http.MethodPost, "/login", change(form, "username", " ALICE "))
	if a.status != http.StatusSeeOther || f.cookie() == "" {
		t.Errorf("right password: %d %s", a.status, a.body)
	}
}

// ATK-207 and RFC 9700 §4.12: the redirect after a password is a 303, which
// carries the form nowhere.
func TestATK207RedirectAfterPassword(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	_, form := f.loginPage()
	a := f.browse(http.MethodPost, "/login", form)
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, "/consent?interaction=") {
		t.Errorf("%d %q", a.status, a.location)
	}
}

// ASVS 5.0 §3.5.1: another site's page cannot sign anybody in.
func TestLoginCSRF(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	_, form := f.loginPage()
	for name, headers := range map[string][]string{
		"Sec-Fetch-Site: cross-site":            {"Sec-Fetch-Site", "cross-site"},
		"Sec-Fetch-Site: same-site":             {"Sec-Fetch-Site", "same-site"},
		"foreign Origin":                        {"Origin", "https://evil.example"},
		"Origin: null":                          {"Origin", "null"},
		"own Origin with another port":          {"Origin", "http://127.0.0.1:1"},
		"cross-site with the issuer as Referer": {"Sec-Fetch-Site", "cross-site", "Referer", f.base + "/login"},
	} {
		a := f.browse(http.MethodPost, "/login", form, headers...)
		a.page(t, http.StatusForbidden)
		if f.cookie() != "" {
			t.Fatalf("%s: signed in", name)
		}
	}
	a := f.browse(http.MethodPost, "/login", form, "Sec-Fetch-Site", "same-origin", "Origin", f.base)
	if a.status != http.StatusSeeOther {
		t.Errorf("own page: %d", a.status)
	}
}

// ATK-215: what waits in the URL is sealed. What was changed, is old or is not
// ours leads to a page, before any password is looked at.
func TestATK215SealedRequest(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	_, form := f.loginPage()
	sealed := form.Get("request")
	foreign := newFixture(t, oidctest.Config{})
	_, foreignForm := foreign.loginPage()
	other := byte('A')
	if sealed[40] == other {
		other = 'B'
	}
	for name, value := range map[string]string{
		"absent":            "",
		"cut short":         sealed[:len(sealed)-8],
		"longer":            sealed + "AAAA",
		"changed":           sealed[:40] + string(other) + sealed[41:],
		"padded":            sealed + "=",
		"of another issuer": foreignForm.Get("request"),
		"not sealed":        encode(`{"client_id":"web","redirect_uri":"https://evil.example"}`),
		"of 100 KB":         strings.Repeat("A", 60<<10),
		"with a line break": sealed[:8] + "\n" + sealed[8:],
	} {
		t.Run(name, func(t *testing.T) {
			a := f.browse(http.MethodPost, "/login", change(form, "request", value))
			a.page(t, http.StatusBadRequest)
			if f.cookie() != "" {
				t.Error("signed in")
			}
			if len(value) < 8<<10 {
				f.browse(http.MethodGet, "/login?"+url.Values{"request": {value}}.Encode(), nil).page(t, http.StatusBadRequest)
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		f.browse(http.MethodPost, "/login", url.Values{"request": {sealed, sealed}, "username": {"alice"}, "password": {oidctest.Password}}).page(t, http.StatusBadRequest)
	})
}

func TestSealedRequestExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, nil)
		_, form := f.loginPage()
		time.Sleep(30 * time.Minute)
		_, later := f.loginPage()
		time.Sleep(2 * time.Second)
		old := f.browse(http.MethodPost, "/login", form)
		old.page(t, http.StatusBadRequest)
		shown := f.browse(http.MethodGet, "/login?request="+form.Get("request"), nil)
		shown.page(t, http.StatusBadRequest)
		for _, a := range []answer{old, shown} {
			if again := f.startAgain(a); !strings.HasPrefix(again.location, "/login?") {
				t.Errorf("start again: %d %q", again.status, again.location)
			}
		}
		if a := f.browse(http.MethodPost, "/login", later); a.status != http.StatusSeeOther {
			t.Errorf("fresh form: %d", a.status)
		}
	})
}

// A login form is good once: going back and sending it again signs nobody in.
func TestReplayedLoginForm(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	_, form := f.loginPage()
	if a := f.browse(http.MethodPost, "/login", form); a.status != http.StatusSeeOther {
		t.Fatalf("first: %d", a.status)
	}
	cookie := f.cookie()
	a := f.browse(http.MethodPost, "/login", form)
	a.page(t, http.StatusBadRequest)
	if len(a.header.Values("Set-Cookie")) != 0 || f.cookie() != cookie {
		t.Error("the second changed the session")
	}
	thief := f.sub(t)
	thief.browse(http.MethodPost, "/login", form).page(t, http.StatusBadRequest)
	if thief.cookie() != "" {
		t.Error("another browser was signed in")
	}
	// The person has a way on: the same request, made anew.
	if a = f.startAgain(a); !strings.HasPrefix(a.location, "/consent?") {
		t.Errorf("start again: %d %q", a.status, a.location)
	}
	if a = thief.startAgain(thief.browse(http.MethodPost, "/login", form)); !strings.HasPrefix(a.location, "/login?") {
		t.Errorf("start again, nobody signed in: %d %q", a.status, a.location)
	}
}

var link = regexp.MustCompile(`href="(/authorize[^"]*)"`)

// startAgain follows the link of an error page.
func (f *fixture) startAgain(a answer) answer {
	f.t.Helper()
	m := link.FindStringSubmatch(a.body)
	if m == nil {
		f.t.Fatalf("no link: %s", a.body)
	}
	return f.browse(http.MethodGet, html.UnescapeString(m[1]), nil)
}

// ASVS 5.0 §7.2.4 and ATK-103: each login has a new handle, and the old one is
// dead. What the browser had before is never taken over.
func TestSessionFixation(t *testing.T) {
	f := newFixture(t, oidctest.Config{Users: []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}}})
	planted := strings.Repeat("P", 43)
	f.setCookie(planted)
	f.authorize()
	first := f.cookie()
	if first == planted || len(first) != 43 {
		t.Fatal("the planted cookie was taken over")
	}
	for _, username := range []string{oidctest.Username, "bob"} {
		f.browser.Username = username
		before := f.cookie()
		f.authorize("prompt", "login")
		if f.cookie() == before {
			t.Errorf("%s: the handle is the same after a login", username)
		}
		old := f.sub(t)
		old.setCookie(before)
		if q := old.authorize("prompt", "none"); q.Get("error") != "login_required" {
			t.Errorf("%s: the old handle still works: %v", username, q)
		}
	}
}

// ATK-102: of two cookies of the name none is believed.
func TestATK102DuplicateCookies(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	f.authorize()
	name, value := f.cookieName(), f.cookie()
	for clause, header := range map[string]string{
		"two of the name":          name + "=" + value + "; " + name + "=" + strings.Repeat("x", 43),
		"two of the same":          name + "=" + value + "; " + name + "=" + value,
		"the name in upper case":   strings.ToUpper(name) + "=" + value,
		"cut short":                name + "=" + value[:42],
		"longer":                   name + "=" + value + "A",
		"empty":                    name + "=",
		"a flood of other cookies": strings.Repeat("a=b; ", 4000) + name + "=" + value,
	} {
		t.Run(clause, func(t *testing.T) {
			g := f.sub(t)
			g.browser.Client.Jar = nil
			a := g.browse(http.MethodGet, "/authorize?"+request("prompt", "none").Encode(), nil, "Cookie", header)
			a.refusal(t, oidckit.LoginRequired, f.base, "the state")
		})
	}
	g := f.sub(t)
	g.browser.Client.Jar = nil
	a := g.browse(http.MethodGet, "/authorize?"+request("prompt", "none").Encode(), nil, "Cookie", name+"="+value)
	if !strings.Contains(a.location, "code=") {
		t.Errorf("the one cookie: %q", a.location)
	}
}

// ASVS 5.0 §3.3: the cookie's attributes.
func TestCookieAttributes(t *testing.T) {
	for _, secure := range []bool{true, false} {
		f := newFixture(t, oidctest.Config{TLS: secure})
		_, form := f.loginPage()
		a := f.browse(http.MethodPost, "/login", form)
		cookies := (&http.Response{Header: a.header}).Cookies()
		if len(cookies) != 1 {
			t.Fatalf("cookies: %v", cookies)
		}
		c := cookies[0]
		if c.Secure != secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" ||
			strings.HasPrefix(c.Name, "__Host-") != secure {
			t.Errorf("secure %v: %v", secure, c)
		}
	}
}

// A user who is disabled is signed out of everything that asks.
func TestDisabledUser(t *testing.T) {
	people := &switchedUsers{}
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		people.Users = provider.NewAccounts(c.Stores.Users)
		c.Users = people
	}})
	tokens, code := f.tokens(), f.code()
	consent := f.browse(http.MethodGet, "/authorize?"+request("prompt", "consent").Encode(), nil)
	_, form := f.sub(t).loginPage()
	people.gone.Store(true)
	f.sub(t).browse(http.MethodPost, "/login", form).page(t, http.StatusForbidden)
	if q := f.authorize("prompt", "none"); q.Get("error") != "login_required" {
		t.Errorf("session: %v", q)
	}
	f.follow(consent).page(t, http.StatusForbidden)
	u, err := url.Parse(consent.location)
	if err != nil {
		t.Fatal(err)
	}
	f.browse(http.MethodPost, "/consent", url.Values{"interaction": {u.Query().Get("interaction")}, "decision": {"allow"}}).page(t, http.StatusForbidden)
	if res := f.token(codeForm(code)); res.Error != "invalid_grant" || res.Access != "" {
		t.Errorf("code: %+v", res)
	}
	if f.alive(tokens.Access) {
		t.Error("userinfo goes on")
	}
	if res := f.token(refreshForm(tokens.Refresh)); res.Error != "invalid_grant" {
		t.Errorf("refresh: %+v", res)
	}
	people.gone.Store(false)
	if res := f.token(refreshForm(tokens.Refresh)); res.Error != "invalid_grant" {
		t.Errorf("a grant that ended came back: %+v", res)
	}
}
