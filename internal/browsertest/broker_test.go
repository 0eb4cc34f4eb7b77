package browsertest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/browsertest"
)

// The broker as a person meets it: an app, an issuer that asks where they have
// an account, and the provider that they choose, by a button and by an address.
func TestBrokerInABrowser(t *testing.T) {
	b := browsertest.New(t)
	dir, issuerPort, appPort := t.TempDir(), freePort(t), freePort(t)
	issuer, app := "http://localhost:"+issuerPort, "http://127.0.0.1:"+appPort
	demo := browsertest.Start(t, dir, browsertest.Build(t, module+"/examples/broker"), "-addr", "127.0.0.1:"+issuerPort, "-issuer", issuer, "-db", "memory")
	password := demo.Line("password")
	demo.Listens("127.0.0.1:" + issuerPort)
	// The app registers itself, as a client that the demo does not know.
	registration := `{"client_name": "The web app", "token_endpoint_auth_method": "none", "redirect_uris": ["` + app + `/auth/callback"],
		"post_logout_redirect_uris": ["` + app + `/auth/logged-out"]}`
	res, err := http.Post(issuer+"/register", "application/json", strings.NewReader(registration))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var client struct {
		ID string `json:"client_id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&client); err != nil || client.ID == "" {
		t.Fatalf("registration: %d %v", res.StatusCode, err)
	}
	browsertest.Start(t, dir, browsertest.Build(t, module+"/examples/webapp"),
		"-addr", "127.0.0.1:"+appPort, "-base-url", app, "-issuer", issuer, "-client-id", client.ID).Listens("127.0.0.1:" + appPort)

	enterAs := func(user, password string) {
		t.Helper()
		if !b.Has("input[name=password]") {
			t.Fatalf("no login page: %s", b.URL())
		}
		b.Fill("input[name=username]", user)
		b.Fill("input[name=password]", password)
		b.Click("button[type=submit]")
		if b.Has("button[name=decision]") {
			b.Click("button[name=decision][value=allow]")
		}
	}
	b.Open(app + "/me?by=button")
	if !strings.HasPrefix(b.URL(), issuer+"/broker/login") || !b.Has("input[name=email]") || !strings.Contains(b.Text("main"), "The web app") {
		t.Fatalf("the browser is at %s", b.URL())
	}
	b.Click("button[name=idp]")
	enterAs("alice", password)
	if got := b.URL(); got != app+"/me?by=button" {
		t.Fatalf("the browser is at %s", got)
	}
	if status, me := b.JSON(app + "/me"); status != http.StatusOK || me["name"] != "Alice Adams" || me["email"] != "alice@staff.example" || me["iss"] != issuer {
		t.Errorf("/me: %d %v", status, me)
	}
	// The page remembers where the person came from the last time.
	b.Click("#log-out")
	if b.Has("button[name=logout]") {
		b.Click("button[name=logout]")
	}
	b.Open(app + "/me?by=address")
	if !strings.Contains(b.Text("main"), "used last time") {
		t.Errorf("the chooser reads: %s", b.Text("main"))
	}
	b.Fill("input[name=email]", "bob@nowhere.example")
	if status := b.Click("form button"); status != http.StatusBadRequest || b.Text("[role=alert]") == "" {
		t.Errorf("an unknown domain: %d", status)
	}
	b.Fill("input[name=email]", "alice@staff.example")
	b.Click("form button")
	// The provider still knows the browser; consent is asked for again of an app on
	// the device.
	if b.Has("input[name=password]") {
		enterAs("alice", password)
	}
	if b.Has("button[name=decision]") {
		b.Click("button[name=decision][value=allow]")
	}
	if got := b.URL(); got != app+"/me?by=address" {
		t.Errorf("the browser is at %s", got)
	}
}
