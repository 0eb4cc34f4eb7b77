package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// watchedApp is a client that remembers what its addresses were asked, and
// serves a page that watches the session.
type watchedApp struct {
	base string
	op   *oidctest.Server

	mu   sync.Mutex
	seen []string
}

// newWatchedApp serves an app on a host: localhost is another site than the
// issuer's, 127.0.0.1 the same site with another origin.
func newWatchedApp(t *testing.T, host string, configure func(*provider.Config)) *watchedApp {
	t.Helper()
	app := &watchedApp{}
	srv := httptest.NewServer(app)
	t.Cleanup(srv.Close)
	app.base = strings.Replace(srv.URL, "127.0.0.1", host, 1)
	app.op = oidctest.New(t, oidctest.Config{
		Clients: []oidckit.ClientMetadata{{
			ClientID: "app", ClientSecret: "a secret of more than thirty-two characters", RedirectURIs: []string{app.base + "/cb"},
			PostLogoutRedirectURIs: []string{app.base + "/bye"}, FrontchannelLogoutURI: app.base + "/front?x=1",
		}},
		Configure: func(c *provider.Config) {
			c.TrustedClients = []string{"app"}
			configure(c)
		},
	})
	return app
}

const watchPage = `<!DOCTYPE html><p id="here">watching</p><iframe id="op" src="%s"></iframe><script>
var answers = [];
addEventListener("message", function (e) { if (e.origin === %q) answers.push(e.data) });
function ask(message) {
	return new Promise(function (resolve) {
		var n = answers.length;
		document.getElementById("op").contentWindow.postMessage(message, "*");
		(function wait() { answers.length > n ? resolve(answers[n]) : setTimeout(wait, 5) })();
	});
}
</script>`

func (a *watchedApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.seen = append(a.seen, r.URL.RequestURI())
	a.mu.Unlock()
	w.Header().Set("Content-Type", "text/html")
	if r.URL.Path == "/watch" {
		fmt.Fprintf(w, watchPage, a.op.Issuer+"/check_session", a.op.Issuer)
		return
	}
	fmt.Fprintf(w, `<p id="here">%s</p>`, r.URL.Path)
}

// asked returns the queries that a path was called with.
func (a *watchedApp) asked(path string) []url.Values {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []url.Values
	for _, uri := range a.seen {
		if u, err := url.Parse(uri); err == nil && u.Path == path {
			all = append(all, u.Query())
		}
	}
	return all
}

// signIn takes the browser through the issuer, and returns what the app got.
func (a *watchedApp) signIn(t *testing.T, b *browsertest.Browser, prompt string) url.Values {
	t.Helper()
	before := len(a.asked("/cb"))
	b.Open(a.op.Issuer + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {a.base + "/cb"}, "scope": {"openid"}, "prompt": {prompt},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode())
	if b.Has("input[name=password]") {
		b.Fill("input[name=username]", oidctest.Username)
		b.Fill("input[name=password]", oidctest.Password)
		b.Click("button[type=submit]")
	}
	all := a.asked("/cb")
	if len(all) != before+1 {
		t.Fatalf("the app was not answered; the browser is at %s", b.URL())
	}
	return all[before]
}

// signOut confirms a logout that leads back to the app.
func (a *watchedApp) signOut(b *browsertest.Browser) {
	b.Open(a.op.Issuer + "/end_session?" + url.Values{"client_id": {"app"}, "post_logout_redirect_uri": {a.base + "/bye"}, "state": {"a b"}}.Encode())
	b.Click("button[name=logout]")
}

// OpenID Connect Front-Channel Logout 1.0: the page's own policy lets the frame
// of an app on another site load, and the browser goes on afterwards.
func TestFrontchannelLogoutInABrowser(t *testing.T) {
	b := browsertest.New(t)
	app := newWatchedApp(t, "localhost", func(c *provider.Config) { c.FrontchannelLogout = &provider.FrontchannelLogout{} })
	app.signIn(t, b, "")
	app.signOut(b)
	b.WaitURL(app.base + "/bye?state=a+b")
	calls := app.asked("/front")
	if len(calls) != 1 || calls[0].Get("iss") != app.op.Issuer || calls[0].Get("sid") == "" || calls[0].Get("x") != "1" {
		t.Errorf("the frame was called with %v", calls)
	}
}

// OpenID Connect Session Management 1.0 §3.2: unchanged while the session
// lasts, changed by a logout, and an error for what is no question.
func TestSessionManagementInABrowser(t *testing.T) {
	b := browsertest.New(t)
	app := newWatchedApp(t, "127.0.0.1", func(c *provider.Config) { c.SessionManagement = &provider.SessionManagement{} })
	ask := func(message string) string {
		return browsertest.Eval[string](b, fmt.Sprintf("ask(%q)", message))
	}
	in := app.signIn(t, b, "").Get("session_state")
	b.Open(app.base + "/watch")
	for message, want := range map[string]string{
		"app " + in: "unchanged", "other " + in: "changed", "app " + in + "x": "changed", in: "error", "app": "error", "": "error", "app x.": "error",
	} {
		if got := ask(message); got != want {
			t.Errorf("%q is answered with %q, want %q", message, got, want)
		}
	}
	app.signOut(b)
	b.Open(app.base + "/watch")
	if got := ask("app " + in); got != "changed" {
		t.Errorf("after the logout: %q", got)
	}
	out := app.signIn(t, b, "none")
	b.Open(app.base + "/watch")
	if got := ask("app " + out.Get("session_state")); out.Get("error") != "login_required" || got != "unchanged" {
		t.Errorf("for nobody: %v is %q", out, got)
	}
	app.signIn(t, b, "")
	b.Open(app.base + "/watch")
	if got := ask("app " + in); got != "changed" {
		t.Errorf("in a later session: %q", got)
	}
}
