package provider_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

func newOwnConsent(t *testing.T) ownPage {
	o := newFixture(t, oidctest.Config{
		Users: []provider.Account{{Username: "bob", PasswordHash: aliceHash, Claims: map[string]any{"sub": "bob-subject"}}},
		Configure: func(c *provider.Config) {
			c.ConsentURL = "/app/allow?theme=dark"
			c.Scopes = map[string]string{"orders:read": "Read your orders"}
			c.Languages = []provider.Language{provider.English(), provider.German()}
			c.TrustedClients = []string{"web"}
		},
	})
	o.authorize("scope", "openid")
	return ownPage{o}
}

// asked opens a request that asks for consent and returns the request that the
// app's page gets.
func (o ownPage) asked(with ...string) *http.Request {
	o.t.Helper()
	a := o.browse(http.MethodGet, "/authorize?"+request(append([]string{"prompt", "consent"}, with...)...).Encode(), nil)
	if !strings.HasPrefix(a.location, "/app/allow?theme=dark&interaction=") {
		o.t.Fatalf("%d %q", a.status, a.location)
	}
	return o.withCookies(o.newRequest(http.MethodGet, a.location, nil))
}

func (o ownPage) withCookies(r *http.Request) *http.Request {
	for _, c := range o.browser.Client.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	return r
}

// decide makes the call that the app's handler makes for a POST.
func (o ownPage) decide(id string, allowed oidckit.Scope, headers ...string) (answer, error) {
	r := o.withCookies(o.newRequest(http.MethodPost, "/app/allow", url.Values{}))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return o.call(r, func(w http.ResponseWriter, r *http.Request) error {
		return o.op.Provider.CompleteConsent(w, r, id, allowed)
	})
}

func refused(t *testing.T, name string, a answer, err error, code oidckit.ErrorCode) {
	t.Helper()
	if e, ok := errors.AsType[*oidckit.Error](err); !ok || e.Code != code || a.status != 0 || len(a.header) != 0 {
		t.Errorf("%s: %+v %v", name, a, err)
	}
}

// The app's page learns what is asked, by whom, of whom, in words.
func TestConsentRequest(t *testing.T) {
	o := newOwnConsent(t)
	r := o.asked("scope", "openid email orders:read", "ui_locales", "de", "resource", ordersAPI, "claims", `{"userinfo":{"given_name":null,"email":null}}`)
	cr, err := o.op.Provider.ConsentRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	if cr.ID == "" || cr.ID != r.URL.Query().Get("interaction") || cr.Subject != oidctest.Subject || cr.ClientID != "web" || cr.ClientName != "Web shop" ||
		cr.RedirectHost != "app.example" || cr.Scope.String() != "openid email orders:read" || !slices.Equal(cr.Resources, []string{ordersAPI}) ||
		!slices.Equal(cr.Claims, []string{"given_name"}) || !slices.Equal(cr.UILocales, []string{"de"}) || !slices.Equal(cr.Prompt, []string{"consent"}) {
		t.Errorf("%+v", cr)
	}
	if cr.Descriptions["email"] != "Ihre E-Mail-Adresse sehen" || cr.Descriptions["orders:read"] != "Read your orders" {
		t.Errorf("%v", cr.Descriptions)
	}
	post := o.withCookies(o.newRequest(http.MethodPost, "/app/allow", url.Values{"interaction": {cr.ID}, "pin": {"1"}}))
	if again, err := o.op.Provider.ConsentRequest(post); err != nil || again.ID != cr.ID || post.PostForm.Get("pin") != "1" {
		t.Errorf("by POST: %+v %v", again, err)
	}
	if a := o.browse(http.MethodGet, "/consent?interaction="+cr.ID, nil); a.status != http.StatusNotFound {
		t.Errorf("the built-in page is served beside: %d", a.status)
	}
	bob := ownPage{o.sub(t)}
	_, err = o.op.Provider.ConsentRequest(bob.withCookies(o.newRequest(http.MethodGet, r.URL.RequestURI(), nil)))
	refused(t, "nobody signed in", answer{}, err, oidckit.AccessDenied)
	bob.browser.Username = "bob"
	bob.authorize("scope", "openid")
	_, err = o.op.Provider.ConsentRequest(bob.withCookies(o.newRequest(http.MethodGet, r.URL.RequestURI(), nil)))
	refused(t, "another person", answer{}, err, oidckit.InvalidRequest)
}

// ATK-205, ASVS 5.0 §10.7.1: the calls of an app's own page have the terms of
// the built-in one.
func TestATK205OwnConsentPage(t *testing.T) {
	o := newOwnConsent(t)
	id := o.asked("scope", "openid email").URL.Query().Get("interaction")
	everything := oidckit.Scope{"openid", "email"}
	bob := ownPage{o.sub(t)}
	a, err := bob.decide(id, everything)
	refused(t, "nobody signed in", a, err, oidckit.AccessDenied)
	bob.browser.Username = "bob"
	bob.authorize("scope", "openid")
	a, err = bob.decide(id, everything)
	refused(t, "another person", a, err, oidckit.InvalidRequest)
	a, err = o.decide(id, oidckit.Scope{"openid", "email", "profile"})
	refused(t, "more than was asked for", a, err, oidckit.InvalidScope)
	a, err = o.decide(id, everything, "Sec-Fetch-Site", "cross-site")
	refused(t, "from another site", a, err, oidckit.AccessDenied)
	a, err = o.call(o.withCookies(o.newRequest(http.MethodGet, "/app/allow?interaction="+id, nil)), func(w http.ResponseWriter, r *http.Request) error {
		return o.op.Provider.CompleteConsent(w, r, id, everything)
	})
	refused(t, "by GET", a, err, oidckit.InvalidRequest)
	a, err = o.decide(strings.Repeat("A", 43), everything)
	refused(t, "made up", a, err, oidckit.InvalidRequest)

	var wg sync.WaitGroup
	var mu sync.Mutex
	var codes []string
	for range 8 {
		wg.Go(func() {
			a, err := o.decide(id, everything)
			if u, parseErr := url.Parse(a.location); err == nil && parseErr == nil {
				mu.Lock()
				defer mu.Unlock()
				codes = append(codes, u.Query().Get("code"))
			}
		})
	}
	wg.Wait()
	if len(codes) != 1 || codes[0] == "" {
		t.Fatalf("double clicks: %v", codes)
	}
	a, err = o.decide(id, everything)
	refused(t, "a second time", a, err, oidckit.InvalidRequest)
	a, err = o.call(o.withCookies(o.newRequest(http.MethodPost, "/app/allow", url.Values{})), func(w http.ResponseWriter, r *http.Request) error {
		return o.op.Provider.DenyConsent(w, r, id)
	})
	refused(t, "deny after allow", a, err, oidckit.InvalidRequest)
}

// RFC 6749 §3.3: a person may allow less than was asked for; the token
// response says so, and nothing brings the rest.
func TestNarrowedConsent(t *testing.T) {
	o := newOwnConsent(t)
	narrow := func(allowed oidckit.Scope, with ...string) tokenResponse {
		t.Helper()
		a, err := o.decide(o.asked(with...).URL.Query().Get("interaction"), allowed)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(a.location)
		if err != nil {
			t.Fatal(err)
		}
		return o.token(codeForm(u.Query().Get("code")))
	}
	res := narrow(oidckit.Scope{"profile"}, "scope", "openid profile email offline_access",
		"claims", `{"userinfo":{"email":null,"given_name":null,"phone_number":null}}`)
	if res.Scope != "openid profile" || res.Refresh != "" {
		t.Errorf("%+v", res)
	}
	_, info, _ := o.get("/userinfo", res.Access)
	if info["email"] != nil || info["name"] == nil {
		t.Errorf("%v", info)
	}
	if res := narrow(nil, "scope", "openid email"); res.Scope != "openid" {
		t.Errorf("nothing but openid: %+v", res)
	}
	id := o.asked("scope", "email").URL.Query().Get("interaction")
	a, err := o.decide(id, nil)
	refused(t, "nothing at all", a, err, oidckit.InvalidScope)
	a, err = o.call(o.withCookies(o.newRequest(http.MethodPost, "/app/allow", url.Values{})), func(w http.ResponseWriter, r *http.Request) error {
		return o.op.Provider.DenyConsent(w, r, id)
	})
	if err != nil {
		t.Fatal(err)
	}
	a.refusal(t, oidckit.AccessDenied, o.base, "the state")
	if e, ok := o.watch.last(oidckit.EventConsentDenied); !ok || e.ClientID != "web" || e.Subject != oidctest.Subject {
		t.Errorf("%+v", e)
	}
}

func TestOwnPagesAreOnTheIssuersOrigin(t *testing.T) {
	c := newFixture(t, oidctest.Config{}).watch.config
	c.LoginURL, c.ConsentURL = "https://elsewhere.example/login", "//elsewhere.example/allow"
	_, err := provider.New(c)
	if err == nil || !strings.Contains(err.Error(), "LoginURL") || !strings.Contains(err.Error(), "ConsentURL") {
		t.Error(err)
	}
}
