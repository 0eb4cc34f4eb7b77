package broker_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// authorizeURL is what a client of the issuer sends a person to.
func (w *world) authorizeURL(with ...string) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {appCallback}, "scope": {"openid profile email"}, "state": {"app-state"}, "nonce": {"app-nonce"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(with); i += 2 {
		q.Set(with[i], with[i+1])
	}
	return w.URL + "/authorize?" + q.Encode()
}

// follow goes through the redirects of the issuer and the broker until a page,
// or an address elsewhere.
func (w *world) follow(v *visitor, a answer) (answer, *url.URL) {
	w.t.Helper()
	for range 10 {
		location, err := a.Location()
		if err != nil {
			return a, nil
		}
		if !strings.HasPrefix(location.String(), w.URL+"/") {
			return a, location
		}
		a = v.get(location.String())
	}
	w.t.Fatal("too many redirects")
	return a, nil
}

// signIn takes a person through an upstream and back to the app.
func (w *world) signIn(v *visitor, op *oidctest.Server, a answer) (answer, *url.URL) {
	w.t.Helper()
	a, upstream := w.follow(v, a)
	if upstream == nil || !strings.HasPrefix(upstream.String(), op.Issuer+"/") {
		w.t.Fatalf("not at the upstream: %d %v\n%s", a.StatusCode, upstream, w.logs.String())
	}
	browser := op.NewBrowser(w.t)
	callback, err := browser.Authorize(upstream.String())
	if err != nil {
		w.t.Fatal(err)
	}
	if browser.Posted != nil {
		return w.follow(v, v.do(http.MethodPost, callback.String(), browser.Posted))
	}
	return w.follow(v, v.get(callback.String()))
}

// Row B5: before the code is sent, the person authenticates with an identity
// provider behind the broker.
func TestSeedB5(t *testing.T) {
	w := newWorld(t, nil)
	op, record := w.upstream(t, "Staff", nil)
	v := w.newVisitor()
	a, app := w.signIn(v, op, v.get(w.authorizeURL()))
	if app == nil || !strings.HasPrefix(app.String(), appCallback) || app.Query().Get("code") == "" || app.Query().Get("state") != "app-state" {
		t.Fatalf("%d %v %s", a.StatusCode, app, a.body)
	}
	login := w.accounts.last()
	if login.ProviderID != record.UUID || login.Provider != record.Identifier || login.Issuer != op.Issuer || login.Subject != oidctest.Subject ||
		login.Claims.Text("name") != "Alice Example" || login.Email != "alice@example.com" {
		t.Errorf("%+v", login)
	}
	// The same person comes again: the same account.
	links, err := w.store.AccountLinks.AccountLink(t.Context(), op.Issuer, oidctest.Subject)
	if err != nil {
		t.Fatal(err)
	}
	second := w.newVisitor()
	if _, app := w.signIn(second, op, second.get(w.authorizeURL())); app == nil || app.Query().Get("code") == "" {
		t.Fatal("no second login")
	}
	again, err := w.store.AccountLinks.AccountLink(t.Context(), op.Issuer, oidctest.Subject)
	if err != nil || again.Account != links.Account {
		t.Errorf("%+v %v", again, err)
	}
}

// What decides where a login goes.
func TestChoice(t *testing.T) {
	w := newWorld(t, nil)
	staff, _ := w.upstream(t, "Staff", func(p *broker.IdentityProvider) { p.DomainMapping = "staff.example, example.com" })
	partner, partnerRecord := w.upstream(t, "Partner", func(p *broker.IdentityProvider) { p.AllowedClientIDs = []string{"app"} })
	hidden, hiddenRecord := w.upstream(t, "Hidden", func(p *broker.IdentityProvider) { p.ShowIDPToUsers = false })
	_, foreign := w.upstream(t, "Foreign", func(p *broker.IdentityProvider) { p.AllowedClientIDs = []string{"another"} })

	v := w.newVisitor()
	a, elsewhere := w.follow(v, v.get(w.authorizeURL()))
	if elsewhere != nil || a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Continue with <bdi>Staff") || !strings.Contains(a.body, "Continue with <bdi>Partner") ||
		strings.Contains(a.body, "Hidden") || strings.Contains(a.body, "Foreign") || !strings.Contains(a.body, `name="email"`) || !strings.Contains(a.body, "The App") {
		t.Fatalf("%d %v %s", a.StatusCode, elsewhere, a.body)
	}
	request := a.Request.URL.Query().Get("request")
	login := w.URL + "/broker/login"
	leads := func(name string, a answer, op *oidctest.Server) {
		t.Helper()
		if _, to := w.follow(v, a); to == nil || !strings.HasPrefix(to.String(), op.Issuer+"/authorize") {
			t.Errorf("%s: %d, to %v", name, a.StatusCode, to)
		}
	}
	choose := func(field, value string) answer {
		return v.do(http.MethodPost, login, url.Values{"request": {request}, field: {value}})
	}
	leads("a button", choose("idp", partnerRecord.UUID), partner)
	leads("an address", choose("email", "bob@STAFF.example"), staff)
	leads("a link", v.get(login+"?"+url.Values{"request": {request}, "idp": {hiddenRecord.Identifier}}.Encode()), hidden)
	leads("login_hint", v.get(w.authorizeURL("login_hint", "bob@staff.example")), staff)
	leads("acr_values", v.get(w.authorizeURL("acr_values", "gold idp:"+hiddenRecord.Identifier)), hidden)
	for name, a := range map[string]answer{
		"a provider of other clients": choose("idp", foreign.UUID),
		"an unknown provider":         choose("idp", "nobody"),
		"an unknown domain":           choose("email", "bob@unknown.example"),
		"no address":                  choose("email", "bob"),
	} {
		if a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, `role="alert"`) || !strings.Contains(a.body, "Continue with <bdi>Staff") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	if _, to := w.follow(v, v.get(w.authorizeURL("prompt", "none"))); to == nil || to.Query().Get("error") != string(oidckit.LoginRequired) {
		t.Errorf("prompt=none: %v", to)
	}

	// As JSON.
	req, _ := http.NewRequest(http.MethodGet, login+"?request="+url.QueryEscape(request), nil)
	req.Header.Set("Accept", "application/json")
	res, err := v.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		t.Errorf("as JSON: %d", res.StatusCode)
	}

	// A default is taken when nothing else has been said, and not where a choice
	// was asked for.
	fallback, _ := w.upstream(t, "Fallback", func(p *broker.IdentityProvider) { p.IsDefault = true })
	leads("the default", v.get(w.authorizeURL()), fallback)
	if a, to := w.follow(v, v.get(w.authorizeURL("prompt", "select_account"))); to != nil || !strings.Contains(a.body, "Continue with <bdi>Fallback") {
		t.Errorf("select_account: %v %s", to, a.body)
	}
}

// Who has one choice never sees the page.
func TestOneChoice(t *testing.T) {
	w := newWorld(t, nil)
	op, _ := w.upstream(t, "Only", nil)
	v := w.newVisitor()
	if _, to := w.follow(v, v.get(w.authorizeURL())); to == nil || !strings.HasPrefix(to.String(), op.Issuer+"/authorize") {
		t.Errorf("to %v", to)
	}
	none := newWorld(t, nil)
	if a, _ := none.follow(v, v.get(none.authorizeURL())); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "nowhere to sign in") {
		t.Errorf("without a provider: %d %s", a.StatusCode, a.body)
	}
}
