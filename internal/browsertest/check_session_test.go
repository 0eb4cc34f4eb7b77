package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// watchingPage loads the relying party's frame and keeps what that tells.
const watchingPage = `<!DOCTYPE html><p id="here">watching</p><script>
var heard = [];
addEventListener("message", function (e) {
	if (e.origin === location.origin && e.data.type === "oidckit.session") heard.push(e.data.session);
});
function next() {
	return new Promise(function (resolve) {
		(function wait() { heard.length ? resolve(heard[heard.length - 1]) : setTimeout(wait, 10) })();
	});
}
</script><iframe src="/auth/check-session"></iframe>`

// The module oidcc-client-test-session-management (OpenID Connect Session
// Management 1.0 §3.1): the relying party's frame asks the issuer's, and tells
// unchanged while the session lasts, and changed after a logout.
func TestRelyingPartyWatchesTheSession(t *testing.T) {
	b := browsertest.New(t)
	mux := http.NewServeMux()
	srv := httptest.NewUnstartedServer(mux)
	base := "http://" + srv.Listener.Addr().String()
	op := oidctest.New(t, oidctest.Config{
		Clients: []oidckit.ClientMetadata{{
			ClientID: "app", TokenEndpointAuthMethod: "none", RedirectURIs: []string{base + "/auth/callback"},
			PostLogoutRedirectURIs: []string{base + "/auth/logged-out"},
		}},
		Configure: func(c *provider.Config) {
			c.SessionManagement, c.TrustedClients = &provider.SessionManagement{}, []string{"app"}
		},
	})
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := handlers.NewSessions(handlers.SessionConfig{Secrets: secrets, Store: rpstore.NewMemory().Open(base), BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	rp, err := handlers.NewRelyingParty(handlers.Config{Issuer: op.Issuer, ClientID: "app", BaseURL: base, Sessions: sessions, SessionManagement: true})
	if err != nil {
		t.Fatal(err)
	}
	rp.Mount(mux)
	mux.HandleFunc("/watch", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, watchingPage)
	})
	srv.Config.Handler = sessions.LoadAndSave(mux)
	srv.Start()
	t.Cleanup(func() {
		srv.Close()
		rp.Close()
	})
	hears := func(want string) {
		t.Helper()
		b.Open(base + "/watch")
		if got := browsertest.Eval[string](b, "next()"); got != want {
			t.Errorf("the page hears %q, want %q", got, want)
		}
	}
	hears("none")
	b.Open(base + "/auth/login?return_to=%2Fwatch")
	b.Fill("input[name=username]", oidctest.Username)
	b.Fill("input[name=password]", oidctest.Password)
	b.Click("button[type=submit]")
	if !strings.HasPrefix(b.URL(), base+"/watch") {
		t.Fatalf("the browser is at %s", b.URL())
	}
	hears("unchanged")
	b.Open(op.Issuer + "/end_session?" + url.Values{"client_id": {"app"}}.Encode())
	b.Click("button[name=logout]")
	hears("changed")
}
