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

func withAccountPage(c *provider.Config) { c.AccountPage = &provider.AccountPage{} }

var accountButton = regexp.MustCompile(`<button[^>]* name="(withdraw|end)" value="([^"]*)"`)

// accountPage opens the page and returns the values of its buttons.
func (f *fixture) accountPage() (page answer, withdraw, end []string) {
	f.t.Helper()
	page = f.browse(http.MethodGet, "/account", nil)
	if page.status != http.StatusOK {
		f.t.Fatalf("%d %q", page.status, page.location)
	}
	for _, m := range accountButton.FindAllStringSubmatch(page.body, -1) {
		if value := html.UnescapeString(m[2]); m[1] == "withdraw" {
			withdraw = append(withdraw, value)
		} else {
			end = append(end, value)
		}
	}
	return page, withdraw, end
}

// Who is not signed in is sent through the login page, and comes back.
func TestAccountPageSignsIn(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: withAccountPage})
	a := f.browse(http.MethodGet, "/account", nil)
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, "/login?request=") {
		t.Fatalf("%d %q", a.status, a.location)
	}
	page := f.follow(a)
	_, form, ok := oidctest.Form(page.body)
	if !ok || strings.Contains(page.body, "to continue to") {
		t.Fatalf("%s", page.body)
	}
	wrong := f.browse(http.MethodPost, "/login", change(form, "username", oidctest.Username, "password", "wrong"))
	if wrong.status != http.StatusForbidden || !strings.Contains(wrong.body, "not right") {
		t.Errorf("%d", wrong.status)
	}
	a = f.browse(http.MethodPost, "/login", change(form, "username", oidctest.Username, "password", oidctest.Password))
	if a.status != http.StatusSeeOther || a.location != "/account" {
		t.Fatalf("%d %q", a.status, a.location)
	}
	if page, withdraw, _ := f.accountPage(); len(withdraw) != 0 || !strings.Contains(page.body, "You have not allowed any app anything.") {
		t.Errorf("%s", page.body)
	}
	// The back button: the same form again.
	again := f.browse(http.MethodPost, "/login", change(form, "username", oidctest.Username, "password", oidctest.Password))
	again.page(t, http.StatusBadRequest)
	if !strings.Contains(again.body, `href="/account"`) {
		t.Errorf("no way on: %s", again.body)
	}
	off := newFixture(t, oidctest.Config{})
	if a := off.browse(http.MethodGet, "/account", nil); a.status != http.StatusNotFound {
		t.Errorf("off: %d", a.status)
	}
}

// An app's own login page serves the issuer's own pages too: nobody asks but
// the issuer.
func TestAccountPageBehindOwnLogin(t *testing.T) {
	o := newOwnPage(t, withAccountPage)
	a := o.browse(http.MethodGet, "/account", nil)
	r := o.newRequest(http.MethodGet, a.location, nil)
	lr, err := o.op.Provider.LoginRequest(r)
	if err != nil || lr.ClientID != "" || lr.ClientName != "" || lr.ReturnTo != "/account" {
		t.Fatalf("%+v %v", lr, err)
	}
	a, err = o.call(r, func(w http.ResponseWriter, r *http.Request) error { return o.op.Provider.FailLogin(w, r, lr.ID, nil) })
	refused(t, "FailLogin", a, err, oidckit.AccessDenied)
	a, err = o.call(r, func(w http.ResponseWriter, r *http.Request) error {
		return o.op.Provider.CompleteLogin(w, r, lr.ID, oidckit.Authentication{Subject: oidctest.Subject})
	})
	if err != nil || a.location != "/account" || len(a.header.Values("Set-Cookie")) != 1 {
		t.Errorf("%+v %v", a, err)
	}
}

// Withdrawing ends at once whatever the client holds of this person: the
// consent, refresh tokens, access tokens with and without one, and a code that
// is still under way. Others keep theirs, and a new consent starts anew.
func TestWithdrawConsent(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: withAccountPage})
	web := f.tokens()
	short := f.token(codeForm(f.code("scope", "openid email")))
	spa := f.token(codeForm(f.code("client_id", "spa"), "client_id", "spa"))
	// Asked again, and allowed more: it is still the same consent.
	pending := f.code("scope", "openid email address offline_access", "prompt", "consent")

	page, withdraw, _ := f.accountPage()
	page.page(t, http.StatusOK)
	for _, want := range []string{"Web shop", "spa", "See your e-mail address", "Keep this access while you are away", time.Now().UTC().Format("2006-01-02")} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if len(withdraw) != 2 || !f.alive(web.Access) || !f.alive(short.Access) || !f.alive(spa.Access) {
		t.Fatal("nothing to withdraw")
	}
	// The list is in the order of the client_ids: spa, web.
	a := f.browse(http.MethodPost, "/account", url.Values{"withdraw": {withdraw[1]}})
	if a.status != http.StatusOK || !strings.Contains(a.body, `role="status"`) || strings.Count(a.body, `name="withdraw"`) != 1 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if f.alive(web.Access) || f.alive(short.Access) {
		t.Error("an access token is still taken")
	}
	if res := f.token(refreshForm(web.Refresh)); res.Error != "invalid_grant" {
		t.Errorf("the refresh token: %+v", res)
	}
	if res := f.token(codeForm(pending)); res.Error != "invalid_grant" {
		t.Errorf("the code under way: %+v", res)
	}
	if !f.alive(spa.Access) {
		t.Error("another client's token died")
	}
	if q := f.authorize("prompt", "none"); q.Get("error") != "consent_required" {
		t.Errorf("%v", q)
	}
	if e, ok := f.watch.last(oidckit.EventConsentWithdrawn); !ok || e.ClientID != "web" || e.Subject != oidctest.Subject {
		t.Errorf("%+v", e)
	}
	anew := f.tokens()
	if !f.alive(anew.Access) || f.alive(web.Access) || f.token(refreshForm(anew.Refresh)).status != http.StatusOK {
		t.Error("a new consent does not start anew")
	}
	// The same button again withdraws the new consent: it says what it does.
	if err := f.op.Provider.WithdrawConsent(t.Context(), oidctest.Subject, "spa"); err != nil || f.alive(spa.Access) {
		t.Errorf("by the operator: %v", err)
	}
}

// The buttons of the page work for the session that was shown it, on this
// site, for an hour; nothing else does anything.
func TestAccountPageForgery(t *testing.T) {
	f := newFixture(t, oidctest.Config{
		Users:     []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}},
		Configure: withAccountPage,
	})
	res := f.tokens()
	_, withdraw, end := f.accountPage()
	bob := f.sub(t)
	bob.browser.Username = "bob"
	bob.tokens()
	_, ofBob, _ := bob.accountPage()

	f.browse(http.MethodPost, "/account", url.Values{"withdraw": {withdraw[0]}}, "Sec-Fetch-Site", "cross-site").page(t, http.StatusForbidden)
	f.browse(http.MethodPost, "/account", url.Values{"withdraw": {withdraw[0]}}, "Origin", "https://evil.example").page(t, http.StatusForbidden)
	for name, form := range map[string]url.Values{
		"of another person":  {"withdraw": {ofBob[0]}},
		"made up":            {"withdraw": {"web"}},
		"of another purpose": {"end": {strings.TrimPrefix(f.browse(http.MethodGet, "/authorize?"+request("prompt", "login").Encode(), nil).location, "/login?request=")}},
		"nothing":            {},
	} {
		a := f.browse(http.MethodPost, "/account", form)
		if a.status != http.StatusOK || !strings.Contains(a.body, "Nothing was changed") {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if a := bob.browse(http.MethodPost, "/account", url.Values{"withdraw": {withdraw[0]}}); !strings.Contains(a.body, "Nothing was changed") {
		t.Error("another person's button was taken")
	}
	bob.browse(http.MethodPost, "/account", url.Values{"end": {end[0]}})
	if a := f.browse(http.MethodGet, "/account?withdraw="+url.QueryEscape(withdraw[0]), nil); a.status != http.StatusOK {
		t.Errorf("by GET: %d", a.status)
	}
	stranger := f.sub(t).browse(http.MethodPost, "/account", url.Values{"withdraw": {withdraw[0]}})
	if stranger.status != http.StatusSeeOther || !strings.HasPrefix(stranger.location, "/login?") {
		t.Errorf("a stranger: %d %q", stranger.status, stranger.location)
	}
	if !f.alive(res.Access) {
		t.Error("something was withdrawn")
	}
	if _, left, _ := bob.accountPage(); len(left) != 1 {
		t.Error("bob's consent was withdrawn")
	}
}

// A page that was left open for more than an hour does nothing but show itself
// anew.
func TestAccountPageGrowsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, withAccountPage)
		f.authorize()
		_, withdraw, _ := f.accountPage()
		time.Sleep(time.Hour + time.Second)
		if a := f.browse(http.MethodPost, "/account", url.Values{"withdraw": {withdraw[0]}}); !strings.Contains(a.body, "Nothing was changed") {
			t.Errorf("%s", a.body)
		}
		if _, withdraw, _ = f.accountPage(); len(withdraw) != 1 {
			t.Error("it was withdrawn")
		}
	})
}

// A person sees where they are signed in, and ends it.
func TestAccountPageSessions(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: withAccountPage})
	f.authorize()
	g := f.sub(t)
	g.authorize()
	page, _, end := f.accountPage()
	if len(end) != 2 || strings.Count(page.body, "This browser") != 1 || strings.Count(page.body, "Another browser") != 1 {
		t.Fatalf("%s", page.body)
	}
	here := strings.Index(page.body, "This browser") < strings.Index(page.body, "Another browser")
	own, other := end[0], end[1]
	if !here {
		own, other = other, own
	}
	if a := f.browse(http.MethodPost, "/account", url.Values{"end": {other}}); !strings.Contains(a.body, "That browser is signed out.") {
		t.Errorf("%s", a.body)
	}
	if a := g.browse(http.MethodGet, "/account", nil); a.status != http.StatusSeeOther {
		t.Errorf("the other browser is still signed in: %d", a.status)
	}
	a := f.browse(http.MethodPost, "/account", url.Values{"end": {own}})
	if a.status != http.StatusOK || !strings.Contains(a.body, "You are signed out") || a.header.Get("Set-Cookie") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := f.browse(http.MethodGet, "/account", nil); a.status != http.StatusSeeOther {
		t.Errorf("still signed in: %d", a.status)
	}
}

// FLT-28: whichever step of a withdrawal fails, the person is told so, and the
// page still has the button that finishes it.
func TestFLT28Withdraw(t *testing.T) {
	for _, verb := range []string{"Session", "Consent", "Revoke", "RevokeGrants", "DeleteConsent"} {
		t.Run(verb, func(t *testing.T) {
			f, stores := newFaulty(t, withAccountPage)
			res := f.tokens()
			_, withdraw, _ := f.accountPage()
			stores.tell(verb, failsBefore)
			f.browse(http.MethodPost, "/account", url.Values{"withdraw": withdraw}).unavailable(t)
			stores.tell(verb, works)
			_, withdraw, _ = f.accountPage()
			if len(withdraw) != 1 {
				t.Fatal("the consent is gone, and what it brought may live")
			}
			f.browse(http.MethodPost, "/account", url.Values{"withdraw": withdraw})
			if _, left, _ := f.accountPage(); len(left) != 0 || f.alive(res.Access) || f.token(refreshForm(res.Refresh)).Error != "invalid_grant" {
				t.Error("it was not withdrawn")
			}
		})
	}
}
