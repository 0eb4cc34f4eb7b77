package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/provider"
)

// Apps of one name are told apart by where they live, and what was allowed to
// one that is gone is not listed.
func TestAccountPageTellsAppsApart(t *testing.T) {
	f := newRegistry(t, withAccountPage)
	callback := func(host string) string { return "https://" + host + "/cb" }
	var apps []registered
	for _, host := range []string{"one.example", "two.example"} {
		c := f.register(appMetadata("client_name", "Calendar", "redirect_uris", []string{callback(host)}, "client_uri", "https://home.example/"))
		apps = append(apps, c)
		f.code("client_id", c.text("client_id"), "redirect_uri", callback(host))
	}
	shows := func(hosts ...string) {
		t.Helper()
		page, withdraw, _ := f.accountPage()
		if strings.Count(page.body, "<bdi>Calendar</bdi>") != len(hosts) || len(withdraw) != len(hosts) {
			t.Errorf("want %v in %s", hosts, page.body)
		}
		for _, host := range hosts {
			if !strings.Contains(page.body, "<bdi>"+host+"</bdi>") {
				t.Errorf("%s is missing in %s", host, page.body)
			}
		}
	}
	shows("one.example", "two.example")
	f.manage(http.MethodDelete, apps[0].text("registration_client_uri"), apps[0].text("registration_access_token"), "")
	shows("two.example")
}

// Who has signed out and is sent nowhere can go back to the app, where it has
// told its home page: with frames for other apps, and without.
func TestSignedOutPageLeadsBack(t *testing.T) {
	web, frames := webClient, webClient
	web.ClientURI, frames.ClientURI = "https://app.example/", "https://app.example/"
	frames.FrontchannelLogoutURI = "https://app.example/front"
	for name, client := range map[string]func(*provider.Config){
		"plain":  func(c *provider.Config) { c.Clients[0] = web },
		"frames": func(c *provider.Config) { c.Clients[0], c.FrontchannelLogout = frames, &provider.FrontchannelLogout{} },
	} {
		f := newLocalFixture(t, func(c *provider.Config) {
			client(c)
			c.Clients[0].IDTokenSignedResponseAlg = "ES256"
		})
		hint := f.token(codeForm(f.code())).ID
		a := f.endSession(http.MethodGet, url.Values{"id_token_hint": {hint}})
		if a.status != http.StatusOK || !strings.Contains(a.body, `<a class="button" href="https://app.example/">Back to Web shop</a>`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		nobody := f.sub(t).endSession(http.MethodGet, url.Values{})
		if strings.Contains(nobody.body, "<a ") || !strings.Contains(nobody.body, "You can close this page.") {
			t.Errorf("%s: %s", name, nobody.body)
		}
	}
}
