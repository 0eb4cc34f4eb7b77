package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/internal/browsertest"
)

const (
	username = "input[name=username]"
	password = "input[name=password]"
	submit   = "button[type=submit]"
	allow    = "button[name=decision][value=allow]"
	deny     = "button[name=decision][value=deny]"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// signIn fills in the login page and presses its button.
func signIn(b *browsertest.Browser, name, pass string) {
	b.Fill(username, name)
	b.Fill(password, pass)
	b.Click(submit)
}

// The way a person walks: a public page, a wrong password first, consent, the
// page, the API, a restart in between, and out everywhere.
func TestWalkInABrowser(t *testing.T) {
	b := browsertest.New(t)
	binary := browsertest.Build(t, ".")
	dir := t.TempDir()
	p := browsertest.Start(t, dir, binary, "-addr", "127.0.0.1:0")
	base, issuer, user, pass := p.Line("app"), p.Line("issuer"), p.Line("user"), p.Line("password")
	if !strings.HasPrefix(base, "http://localhost:") || !strings.HasPrefix(issuer, "http://localhost:") {
		t.Errorf("app %s, issuer %s: not on localhost", base, issuer)
	}

	b.Open(base)
	b.Click("#log-in")
	if got := b.Text("main"); !strings.Contains(got, "Quickstart") {
		t.Errorf("the login page does not name the client:\n%s", got)
	}
	signIn(b, user, "wrong-password")
	if got := b.Text("[role=alert]"); got == "" {
		t.Error("a wrong password is not told")
	}
	signIn(b, user, pass)
	if got := b.Text("main"); !strings.Contains(got, "Read your orders") {
		t.Errorf("the consent page does not say what is asked:\n%s", got)
	}
	b.Click(allow)
	if b.URL() != base+"/me" {
		t.Errorf("after the login the browser is at %s", b.URL())
	}
	page := b.Text("main")
	for _, want := range []string{"Alice Example", "alice@example.com", issuer} {
		if !strings.Contains(page, want) {
			t.Errorf("/me lacks %q:\n%s", want, page)
		}
	}
	b.Click("button[name=call]")
	if got := b.Text("#api-answer"); !strings.Contains(got, "Green tea") {
		t.Errorf("the API answered %s", got)
	}
	_, before := b.JSON(base + "/me")

	cookies := b.Cookies()
	if len(cookies) < 2 {
		t.Errorf("the browser has %d cookies, want one of the app and one of the issuer", len(cookies))
	}

	// Killed, not stopped: what was said must have been written.
	p.Kill()
	checkNothingLeaked(t, dir, p, pass, cookies)
	for _, want := range []string{"event=login.failed", "event=login.succeeded", "event=consent.granted", "event=token.issued", "client_id=quickstart", "grant_type=authorization_code"} {
		if !strings.Contains(p.Stderr(), want) {
			t.Errorf("the log lacks %s:\n%s", want, p.Stderr())
		}
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(base, "http://"), ":")
	p = browsertest.Start(t, dir, binary, "-addr", "127.0.0.1:"+port)
	if got := p.Line("password"); got != pass {
		t.Error("the demo password changed at the restart")
	}
	b.Open(base + "/me")
	if b.URL() != base+"/me" {
		t.Fatalf("after the restart the browser is at %s", b.URL())
	}
	_, after := b.JSON(base + "/me")
	if after["sub"] != before["sub"] || after["sid"] != before["sid"] || after["sub"] == nil {
		t.Errorf("after the restart: %v, before: %v", after, before)
	}
	b.Click("button[name=call]")
	if got := b.Text("#api-answer"); !strings.Contains(got, "Green tea") {
		t.Errorf("after the restart the API answered %s", got)
	}

	logOutEverywhere(t, b, base)
	p.Stop()
	if !strings.Contains(p.Stderr(), "event=logout") {
		t.Errorf("the log tells of no logout:\n%s", p.Stderr())
	}
	checkNothingLeaked(t, dir, p, pass, cookies)
}

// checkNothingLeaked looks for the password and the cookies in what the
// program has logged and in the files of its database.
func checkNothingLeaked(t *testing.T, dir string, p *browsertest.Program, pass string, cookies map[string]string) {
	t.Helper()
	places := map[string]string{"the log": p.Stderr()}
	files, err := filepath.Glob(filepath.Join(dir, "quickstart.db*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files of the database: %v, %v", files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".secret") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		places[filepath.Base(file)] = string(text)
	}
	for place, text := range places {
		if strings.Contains(text, pass) {
			t.Errorf("%s holds the password", place)
		}
		for name, value := range cookies {
			if len(value) >= 16 && strings.Contains(text, value) {
				t.Errorf("%s holds the cookie %s", place, name)
			}
		}
	}
}

// logOutEverywhere ends the session at the app and at the issuer: the next
// visit is asked for the password, not waved through.
func logOutEverywhere(t *testing.T, b *browsertest.Browser, base string) {
	t.Helper()
	b.Open(base + "/me")
	b.Click("#log-out")
	if b.Has("button[name=logout]") {
		b.Click("button[name=logout]")
	}
	if got, _ := b.JSON(base + "/me"); got != http.StatusUnauthorized {
		t.Errorf("after the logout /me answers %v", got)
	}
	b.Open(base + "/me?from=here")
	if !b.Has(password) {
		t.Errorf("after the logout the issuer still knows the browser: %s", b.URL())
	}
}

func TestReturnToWithQueryAndDeny(t *testing.T) {
	b := browsertest.New(t)
	p := browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), "-addr", "127.0.0.1:0")
	base := p.Line("app")

	b.Open(base + "/me?call=orders")
	signIn(b, p.Line("user"), p.Line("password"))
	status := b.Click(deny)
	if status < 400 || !strings.HasPrefix(b.URL(), base+"/auth/callback") {
		t.Errorf("denied: status %d at %s", status, b.URL())
	}
	if got, _ := b.JSON(base + "/me"); got != http.StatusUnauthorized {
		t.Errorf("denied, and /me answers %v", got)
	}

	b.Open(base + "/me?call=orders")
	b.Click(allow)
	if b.URL() != base+"/me?call=orders" {
		t.Errorf("the browser is at %s, not where it wanted to go", b.URL())
	}
	if got := b.Text("#api-answer"); !strings.Contains(got, "Teapot") {
		t.Errorf("the API answered %s", got)
	}
}

// Another -data is another world; what both keep in the database is nothing
// that could be used.
func TestDataIsAWorld(t *testing.T) {
	binary := browsertest.Build(t, ".")
	dir := t.TempDir()
	first := browsertest.Start(t, dir, binary, "-addr", "127.0.0.1:0", "-data", "one.db")
	second := browsertest.Start(t, dir, binary, "-addr", "127.0.0.1:0", "-data", "two.db")
	if first.Line("password") == second.Line("password") {
		t.Error("two worlds have the same password")
	}
	keys := func(p *browsertest.Program) string { return get(t, p.Line("issuer")+"/jwks", "") }
	if keys(first) == keys(second) {
		t.Error("two worlds have the same signing keys")
	}
	pass := first.Line("password")
	for _, p := range []*browsertest.Program{first, second} {
		p.Stop()
	}
	for _, name := range []string{"one.db", "one.db.secret", "two.db", "two.db.secret"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode().Perm())
		}
	}
	ring, err := os.ReadFile(filepath.Join(dir, "one.db.secret"))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "one.db"))
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"the password": pass, "the key ring": strings.TrimSpace(string(ring)), "a private key": "PRIVATE KEY"} {
		if strings.Contains(string(kept), secret) {
			t.Errorf("the database holds %s", what)
		}
	}
}

func get(t *testing.T, address, accept string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Status + "\n" + resp.Header.Get("WWW-Authenticate") + resp.Header.Get("Location") + "\n" + string(body)
}

// What each address answers to a stranger.
func TestStrangers(t *testing.T) {
	p := browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), "-addr", "127.0.0.1:0")
	base := p.Line("app")
	rows := []struct{ path, accept, want string }{
		{"/", "text/html", "200 OK"},
		{"/healthz", "", `"status": "ok"`},
		{"/me", "application/json", "401 Unauthorized"},
		{"/me", "text/html", "/auth/login?"},
		{"/api/orders", "", "401 Unauthorized\nBearer"},
		{"/nothing", "text/html", "404 Not Found"},
		{"/op/.well-known/openid-configuration", "", `"issuer":"` + base + `/op"`},
		{"/.well-known/oauth-authorization-server/op", "", `"issuer":"` + base + `/op"`},
	}
	for _, row := range rows {
		if got := get(t, base+row.path, row.accept); !strings.Contains(got, row.want) {
			t.Errorf("GET %s: %s\nlacks %s", row.path, got, row.want)
		}
	}
}
