package provider_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// ownPage is an issuer whose login page belongs to the app: calls are made
// directly, as the app's handler makes them.
type ownPage struct{ *fixture }

func newOwnPage(t *testing.T, configure func(*provider.Config)) ownPage {
	return ownPage{newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		c.LoginURL = "/app/signin?theme=dark"
		if configure != nil {
			configure(c)
		}
	}})}
}

// sealed returns the request parameter that the app's page is called with.
func (o ownPage) sealed(with ...string) string {
	o.t.Helper()
	a := o.sub(o.t).browse(http.MethodGet, "/authorize?"+request(with...).Encode(), nil)
	raw, ok := strings.CutPrefix(a.location, "/app/signin?theme=dark&request=")
	if !ok {
		o.t.Fatalf("%d %q", a.status, a.location)
	}
	value, err := url.QueryUnescape(raw)
	if err != nil {
		o.t.Fatal(err)
	}
	return value
}

// write is call for an answer with a body.
func (o ownPage) write(fn func(w http.ResponseWriter, r *http.Request) error) (answer, error) {
	o.t.Helper()
	rec := httptest.NewRecorder()
	err := fn(rec, o.newRequest(http.MethodPost, "/app/signin", url.Values{}))
	return answer{status: rec.Code, header: rec.Header(), location: rec.Header().Get("Location"), body: rec.Body.String()}, err
}

// call runs an app's handler that makes one call.
func (o ownPage) call(r *http.Request, fn func(w http.ResponseWriter, r *http.Request) error) (answer, error) {
	w := &response{header: http.Header{}}
	err := fn(w, r)
	return answer{status: w.status, header: w.header, location: w.header.Get("Location")}, err
}

type response struct {
	header http.Header
	status int
}

func (w *response) Header() http.Header         { return w.header }
func (w *response) WriteHeader(status int)      { w.status = status }
func (w *response) Write(b []byte) (int, error) { return len(b), nil }

// The page learns for whom it asks and how.
func TestLoginRequest(t *testing.T) {
	o := newOwnPage(t, nil)
	sealed := o.sealed("prompt", "login select_account", "max_age", "60", "login_hint", "alice@example.com", "ui_locales", "de fr", "acr_values", "gold silver")
	check := func(lr *oidckit.LoginRequest, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if lr.ID != sealed || lr.ClientID != "web" || lr.ClientName != "Web shop" || lr.LoginHint != "alice@example.com" ||
			*lr.MaxAge != time.Minute || !slices.Equal(lr.Prompt, []string{"login", "select_account"}) ||
			!slices.Equal(lr.UILocales, []string{"de", "fr"}) || !slices.Equal(lr.ACRValues, []string{"gold", "silver"}) {
			t.Errorf("%+v", lr)
		}
	}
	get := o.newRequest(http.MethodGet, "/app/signin?"+url.Values{"request": {sealed}}.Encode(), nil)
	check(o.op.Provider.LoginRequest(get))
	check(o.op.Provider.LoginRequest(o.newRequest(http.MethodPost, "/app/signin", url.Values{"request": {sealed}})))
	read := o.newRequest(http.MethodPost, "/app/signin", url.Values{"request": {sealed}, "pin": {"1"}})
	if err := read.ParseForm(); err != nil {
		t.Fatal(err)
	}
	check(o.op.Provider.LoginRequest(read))
	if read.PostForm.Get("pin") != "1" {
		t.Error("the app's own fields are lost")
	}
	for name, r := range map[string]*http.Request{
		"nothing":        o.newRequest(http.MethodGet, "/app/signin", nil),
		"junk":           o.newRequest(http.MethodGet, "/app/signin?request=junk", nil),
		"a form of 1 MB": o.newRequest(http.MethodPost, "/app/signin", url.Values{"x": {strings.Repeat("x", 1<<20)}, "request": {sealed}}),
	} {
		_, err := o.op.Provider.LoginRequest(r)
		if e, ok := errors.AsType[*oidckit.Error](err); !ok || e.Code != oidckit.InvalidRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// CompleteLogin signs in once for each request, and only who may.
func TestCompleteLogin(t *testing.T) {
	o := newOwnPage(t, nil)
	complete := func(id string, auth oidckit.Authentication) (answer, error) {
		return o.call(o.newRequest(http.MethodPost, "/app/signin", url.Values{}), func(w http.ResponseWriter, r *http.Request) error {
			return o.op.Provider.CompleteLogin(w, r, id, auth)
		})
	}
	sealed := o.sealed()
	for name, subject := range map[string]string{
		"no subject": "", "a space": "alice smith", "a line break": "alice\n", "not ASCII": "ålice", "256 characters": strings.Repeat("a", 256),
	} {
		if a, err := complete(sealed, oidckit.Authentication{Subject: subject}); err == nil || a.status != 0 || len(a.header) != 0 {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
	a, err := complete(sealed, oidckit.Authentication{Subject: "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	a.refusal(t, oidckit.AccessDenied, o.base, "the state")
	if len(a.header.Values("Set-Cookie")) != 0 {
		t.Error("unknown user: a cookie was set")
	}
	if a, err = complete(sealed, oidckit.Authentication{Subject: oidctest.Subject}); err != nil || len(a.header.Values("Set-Cookie")) != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	for name, id := range map[string]string{"a second time": sealed, "junk": "junk", "nothing": ""} {
		a, err := complete(id, oidckit.Authentication{Subject: oidctest.Subject})
		if e, ok := errors.AsType[*oidckit.Error](err); !ok || e.Code != oidckit.InvalidRequest || a.status != 0 || len(a.header) != 0 {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
}

// FailLogin tells the client, with a code of the app's where it gives one.
func TestFailLogin(t *testing.T) {
	o := newOwnPage(t, nil)
	for _, row := range []struct {
		cause error
		want  oidckit.ErrorCode
	}{
		{errors.New("secret detail"), oidckit.AccessDenied},
		{nil, oidckit.AccessDenied},
		{oidckit.NewError(oidckit.TemporarilyUnavailable, "the directory is down").WithCause(errors.New("secret detail")), oidckit.TemporarilyUnavailable},
	} {
		sealed := o.sealed("state", oddState)
		a, err := o.call(o.newRequest(http.MethodPost, "/app/signin", url.Values{}), func(w http.ResponseWriter, r *http.Request) error {
			return o.op.Provider.FailLogin(w, r, sealed, row.cause)
		})
		if err != nil {
			t.Fatal(err)
		}
		a.refusal(t, row.want, o.base, oddState)
		if strings.Contains(a.location, "detail") {
			t.Errorf("the cause was told: %q", a.location)
		}
	}
	if err := o.op.Provider.FailLogin(&response{header: http.Header{}}, o.newRequest(http.MethodGet, "/", nil), "junk", nil); err == nil {
		t.Error("a junk id was taken")
	}
}

// A login that claims to be of the future cannot outwit max_age.
func TestAuthenticationTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *provider.Provider
		f := newLocalFixture(t, func(c *provider.Config) { c.LoginURL = "/app/signin"; c.TrustedClients = []string{"web"} })
		p = f.op.Provider
		signIn := func(at time.Time) {
			a := f.browse(http.MethodGet, "/authorize?"+request("prompt", "login").Encode(), nil)
			u, err := url.Parse(a.location)
			if err != nil {
				t.Fatal(err)
			}
			w := &response{header: http.Header{}}
			auth := oidckit.Authentication{Subject: oidctest.Subject, Time: at, ACR: "gold", AMR: []string{"hwk"}}
			if err := p.CompleteLogin(w, f.newRequest(http.MethodPost, "/", url.Values{}), u.Query().Get("request"), auth); err != nil {
				t.Fatal(err)
			}
			f.browser.Client.Jar.SetCookies(f.newRequest(http.MethodGet, "/", nil).URL, (&http.Response{Header: w.header}).Cookies())
		}
		signIn(time.Now().Add(time.Hour))
		id := claims(t, f.token(codeForm(f.code())).ID)
		if got := int64(id["auth_time"].(float64)); got > time.Now().Unix() {
			t.Errorf("auth_time %d is to come", got)
		}
		if id["acr"] != "gold" || id["amr"].([]any)[0] != "hwk" {
			t.Errorf("%v", id)
		}
		time.Sleep(2 * time.Second)
		if q := f.authorize("prompt", "none", "max_age", "1"); q.Get("error") != "login_required" {
			t.Errorf("%v", q)
		}
		before := time.Now().Add(-time.Minute)
		signIn(before)
		id = claims(t, f.token(codeForm(f.code())).ID)
		if got := int64(id["auth_time"].(float64)); got != before.Unix() {
			t.Errorf("auth_time %d, the app said %d", got, before.Unix())
		}
	})
}

// OpenID Connect Core 1.0 §3.1.2.1: who was let in because they had signed in
// before has not signed in again, whatever the app's page says.
func TestOldAuthentication(t *testing.T) {
	o := newOwnPage(t, func(c *provider.Config) { c.TrustedClients = []string{"web"} })
	for _, row := range []struct {
		name string
		with []string
		age  time.Duration
		ok   bool
	}{
		{"nothing asked", nil, 24 * time.Hour, true},
		{"prompt login", []string{"prompt", "login"}, 10 * time.Minute, false},
		{"prompt login, clocks that differ", []string{"prompt", "login"}, 30 * time.Second, true},
		{"max_age 0", []string{"max_age", "0"}, 10 * time.Minute, false},
		{"older than max_age", []string{"max_age", "600"}, 15 * time.Minute, false},
		{"within max_age", []string{"max_age", "600"}, 9 * time.Minute, true},
	} {
		a, err := o.call(o.newRequest(http.MethodPost, "/app/signin", url.Values{}), func(w http.ResponseWriter, r *http.Request) error {
			auth := oidckit.Authentication{Subject: oidctest.Subject, Time: time.Now().Add(-row.age)}
			return o.op.Provider.CompleteLogin(w, r, o.sealed(row.with...), auth)
		})
		if err != nil {
			t.Fatal(err)
		}
		back, err := url.Parse(a.location)
		if err != nil {
			t.Fatal(err)
		}
		if got := back.Query(); (got.Get("code") != "") != row.ok || !row.ok && got.Get("error") != "login_required" {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}
