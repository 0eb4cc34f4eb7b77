package provider_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// state128 is of the length that the suite sends.
var state128 = strings.Repeat("aZ9-._~b", 16)

// logoutFixture is an https issuer with every way of logout, whose client web
// is told by the receiver and in a frame.
func logoutFixture(t *testing.T) (*fixture, *receiver) {
	t.Helper()
	rc := &receiver{came: make(chan struct{}, 1000)}
	rc.Server = httptest.NewTLSServer(rc)
	t.Cleanup(rc.Close)
	roots := x509.NewCertPool()
	roots.AddCert(rc.Certificate())
	cfg := told(rc)
	cfg.TLS = true
	cfg.Clients[0].FrontchannelLogoutURI = "https://app.example/front?client=web"
	cfg.Clients[0].FrontchannelLogoutSessionRequired = true
	configure := cfg.Configure
	cfg.Configure = func(c *provider.Config) {
		configure(c)
		c.Outbound.RootCAs = roots
		c.FrontchannelLogout, c.SessionManagement = &provider.FrontchannelLogout{}, &provider.SessionManagement{}
	}
	return newFixture(t, cfg), rc
}

// endpointVerification is what each plan asks of the metadata.
func endpointVerification(t *testing.T, f *fixture, booleans []string, addresses ...string) {
	t.Helper()
	_, doc, _ := f.get("/.well-known/openid-configuration", "")
	for _, name := range booleans {
		if doc[name] != true {
			t.Errorf("%s is %v", name, doc[name])
		}
	}
	for _, name := range append(addresses, "end_session_endpoint") {
		address, _ := doc[name].(string)
		if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("%s is %q", name, address)
		}
	}
}

// loggedOut is the end of the modules: prompt=none answers login_required.
func (f *fixture) loggedOut(t *testing.T) {
	t.Helper()
	if e := f.authorize("prompt", "none").Get("error"); e != "login_required" {
		t.Errorf("prompt=none after the logout answers %q", e)
	}
}

// Plan oidcc-rp-initiated-logout-certification-test-plan. Without front-channel
// clients the answer is a redirect; where none may be made, a page.
func TestConformanceRPInitiatedLogout(t *testing.T) {
	web := webClient
	f := newFixture(t, oidctest.Config{TLS: true, Clients: []oidckit.ClientMetadata{web}})
	const (
		redirects = "the client gets the person back"
		page      = "a page tells of the logout"
		refuses   = "no redirect; the session may stay"
		asks      = "the person is asked, then a page tells"
	)
	for _, row := range []struct {
		module string
		change func(hint string, q url.Values)
		want   string
	}{
		{"oidcc-rp-initiated-logout", func(string, url.Values) {}, redirects},
		{"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", func(_ string, q url.Values) {
			q.Set("post_logout_redirect_uri", "https://app.example/not-registered")
		}, refuses},
		{"oidcc-rp-initiated-logout-modified-id-token-hint", func(hint string, q url.Values) {
			q.Set("id_token_hint", encode(`{"alg":"none"}`)+"."+strings.Split(hint, ".")[1]+".")
		}, refuses},
		{"oidcc-rp-initiated-logout-no-id-token-hint", func(_ string, q url.Values) { q.Del("id_token_hint") }, refuses},
		{"oidcc-rp-initiated-logout-no-params", func(_ string, q url.Values) { clear(q) }, asks},
		{"oidcc-rp-initiated-logout-no-post-logout-redirect-uri", func(_ string, q url.Values) {
			q.Del("post_logout_redirect_uri")
			q.Del("state")
		}, page},
		{"oidcc-rp-initiated-logout-no-state", func(_ string, q url.Values) { q.Del("state") }, redirects},
		{"oidcc-rp-initiated-logout-only-state", func(_ string, q url.Values) {
			q.Del("id_token_hint")
			q.Del("post_logout_redirect_uri")
		}, asks},
		{"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", func(_ string, q url.Values) {
			q.Set("post_logout_redirect_uri", byeURI+"?foo=bar")
		}, refuses},
		{"oidcc-rp-initiated-logout-bad-id-token-hint", func(_ string, q url.Values) {
			q.Set("id_token_hint", f.op.IDToken(t, oidctest.Token{Signed: oidctest.ByStranger}))
		}, refuses},
	} {
		t.Run(row.module, func(t *testing.T) {
			g := f.sub(t)
			hint := g.token(codeForm(g.code())).ID
			q := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {byeURI}, "state": {state128}}
			row.change(hint, q)
			a := g.endSession(http.MethodGet, q)
			switch row.want {
			case redirects:
				want := byeURI
				if q.Has("state") {
					want += "?state=" + url.QueryEscape(state128)
				}
				if a.status != http.StatusSeeOther || a.location != want {
					t.Errorf("%d %q", a.status, a.location)
				}
				g.loggedOut(t)
			case refuses:
				a.page(t, http.StatusBadRequest)
			case asks:
				action, form, ok := oidctest.Form(a.body)
				if !ok {
					t.Fatalf("nothing to confirm: %d %s", a.status, a.body)
				}
				form.Set("logout", "yes")
				a = g.browse(http.MethodPost, action, form, "Sec-Fetch-Site", "same-origin")
				fallthrough
			case page:
				if a.status != http.StatusOK || a.location != "" || !strings.Contains(a.body, "You are signed out") {
					t.Errorf("%d %q %s", a.status, a.location, a.body)
				}
				g.loggedOut(t)
			}
		})
	}
	t.Run("oidcc-rp-initiated-logout-discovery-endpoint-verification", func(t *testing.T) { endpointVerification(t, f, nil) })
}

// Plan oidcc-backchannel-rp-initiated-logout-certification-test-plan.
func TestConformanceBackchannelLogout(t *testing.T) {
	f, rc := logoutFixture(t)
	t.Run("oidcc-backchannel-logout-discovery-endpoint-verification", func(t *testing.T) {
		endpointVerification(t, f, []string{"backchannel_logout_supported", "backchannel_logout_session_supported"})
	})
	t.Run("oidcc-backchannel-rp-initiated-logout", func(t *testing.T) {
		g := f.sub(t)
		hint := g.token(codeForm(g.code())).ID
		a := g.endSession(http.MethodGet, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {byeURI}, "state": {state128}})
		// The person is taken back by a redirect, or by the page that also shows
		// the frames of other clients.
		if next := byeURI + "?state=" + url.QueryEscape(state128); a.location != next && !onTo(a, next) {
			t.Errorf("%d %q %s", a.status, a.location, a.body)
		}
		// The client is told while the answer is made: it knows before the person is back.
		checkLogoutToken(t, g, rc.wait(t), "web", hint)
		g.loggedOut(t)
	})
}

// onTo reports whether the page shows the only way on to an address, and takes
// it by itself.
func onTo(a answer, next string) bool {
	return a.status == http.StatusOK && strings.Count(a.body, "href=") == 1 && strings.Contains(a.body, `id="next" href="`+next+`"`) &&
		strings.Contains(a.header.Get("Content-Security-Policy"), "script-src 'sha256-")
}

var frame = regexp.MustCompile(`<iframe src="([^"]*)"`)

// Plan oidcc-frontchannel-rp-initiated-logout-certification-test-plan.
func TestConformanceFrontchannelLogout(t *testing.T) {
	f, _ := logoutFixture(t)
	t.Run("oidcc-frontchannel-logout-discovery-endpoint-verification", func(t *testing.T) {
		endpointVerification(t, f, []string{"frontchannel_logout_supported", "frontchannel_logout_session_supported"})
	})
	t.Run("oidcc-frontchannel-rp-initiated-logout", func(t *testing.T) {
		g := f.sub(t)
		g.code("client_id", "spa")
		hint := g.token(codeForm(g.code())).ID
		a := g.endSession(http.MethodGet, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {byeURI}, "state": {state128}})
		frames := frame.FindAllStringSubmatch(a.body, -1)
		if a.status != http.StatusOK || len(frames) != 1 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		// §2: the registered address with what it had, the issuer and the sid of
		// the ID token
		sid := claims(t, hint)["sid"].(string)
		want := "https://app.example/front?client=web&" + url.Values{"iss": {g.base}, "sid": {sid}}.Encode()
		if got := html.UnescapeString(frames[0][1]); got != want {
			t.Errorf("the frame is %q, want %q", got, want)
		}
		if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "; frame-src https://app.example;") {
			t.Errorf("policy %q", csp)
		}
		if next := byeURI + "?state=" + url.QueryEscape(state128); !strings.Contains(a.body, `id="next" href="`+next+`"`) {
			t.Errorf("no way on to %q in %s", next, a.body)
		}
		g.loggedOut(t)
		// A second logout ends nothing and tells nobody.
		if a := g.endSession(http.MethodGet, url.Values{"id_token_hint": {hint}}); strings.Contains(a.body, "<iframe") {
			t.Error("a frame for a session that had ended before")
		}
	})
}

// Plan oidcc-session-management-certification-test-plan. What the iframe's
// script says of these states is shown in a real browser by
// TestSessionManagementInABrowser.
func TestConformanceSessionManagement(t *testing.T) {
	f, _ := logoutFixture(t)
	t.Run("oidcc-session-management-discovery-endpoint-verification", func(t *testing.T) {
		endpointVerification(t, f, nil, "check_session_iframe")
		a := f.browse(http.MethodGet, "/check_session", nil)
		if a.status != http.StatusOK || a.header.Get("X-Frame-Options") != "" || strings.Contains(a.header.Get("Content-Security-Policy"), "frame-ancestors") ||
			!strings.Contains(a.header.Get("Content-Security-Policy"), "script-src 'sha256-") {
			t.Errorf("%d %v", a.status, a.header)
		}
	})
	t.Run("oidcc-session-management-rp-initiated-logout", func(t *testing.T) {
		g := f.sub(t)
		// state is what the browser has, as the script reads it.
		unchanged := func(sessionState string) bool {
			hash, salt, ok := strings.Cut(sessionState, ".")
			sum := sha256.Sum256([]byte("web https://app.example " + g.browserState() + " " + salt))
			return ok && hash == hex.EncodeToString(sum[:])
		}
		out := g.authorize("prompt", "none").Get("session_state")
		if !unchanged(out) {
			t.Error("before the login the state of nobody is told wrong")
		}
		hint := g.token(codeForm(g.code())).ID
		in := g.authorize().Get("session_state")
		if !unchanged(in) || unchanged(out) || g.authorize().Get("session_state") == in {
			t.Errorf("after the login: %q", in)
		}
		if again := g.authorize("prompt", "login").Get("session_state"); !unchanged(again) || !unchanged(in) {
			t.Error("changed by the same person")
		}
		g.endSession(http.MethodGet, url.Values{"id_token_hint": {hint}})
		if unchanged(in) || !unchanged(out) {
			t.Error("unchanged by the logout")
		}
		if e := g.authorize("prompt", "none"); e.Get("error") != "login_required" || !unchanged(e.Get("session_state")) {
			t.Errorf("%v", e)
		}
	})
	t.Run("in every error", func(t *testing.T) {
		for name, changes := range map[string][]string{
			"no response_type": {"response_type", ""}, "a contradiction": {"prompt", "none login"}, "a bad max_age": {"max_age", "soon"},
			"a bad request object": {"request", "x.y.z"}, "no PKCE": {"code_challenge", ""},
		} {
			g := f.sub(t)
			for range 2 {
				// Once for nobody, once for the one who is signed in.
				a := g.browse(http.MethodGet, "/authorize?"+request(changes...).Encode(), nil)
				_, answer, _ := strings.Cut(a.location, "?")
				q, err := url.ParseQuery(answer)
				if err != nil {
					t.Fatal(err)
				}
				hash, salt, _ := strings.Cut(q.Get("session_state"), ".")
				sum := sha256.Sum256([]byte("web https://app.example " + g.browserState() + " " + salt))
				if q.Get("error") == "" || hash != hex.EncodeToString(sum[:]) {
					t.Errorf("%s: %v", name, q)
				}
				g.code()
			}
		}
	})
	t.Run("the cookie", func(t *testing.T) {
		g := f.sub(t)
		_, form := g.loginPage()
		a := g.browse(http.MethodPost, "/login", form)
		found := false
		for _, c := range (&http.Response{Header: a.header}).Cookies() {
			if strings.HasSuffix(c.Name, "-state") {
				found = true
				if c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteNoneMode || !strings.HasPrefix(c.Name, "__Host-") {
					t.Errorf("%v", c)
				}
			}
		}
		if !found {
			t.Error("no cookie for scripts")
		}
	})
}

// browserState is what the cookie for scripts says.
func (f *fixture) browserState() string {
	u, err := url.Parse(f.base)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, c := range f.browser.Client.Jar.Cookies(u) {
		if strings.HasSuffix(c.Name, "-state") {
			return c.Value
		}
	}
	return ""
}

// Without the features there is no page, no cookie, no frame and no member.
func TestLogoutFeaturesAreOff(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	_, doc, _ := f.get("/.well-known/openid-configuration", "")
	for _, name := range []string{"backchannel_logout_supported", "frontchannel_logout_supported", "check_session_iframe"} {
		if _, has := doc[name]; has {
			t.Errorf("%s is there", name)
		}
	}
	if q := f.authorize(); q.Has("session_state") {
		t.Error("session_state")
	}
	if a := f.browse(http.MethodGet, "/check_session", nil); a.status != http.StatusNotFound {
		t.Errorf("check_session: %d", a.status)
	}
}
