package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// freeAddr returns an address nobody listens on at the moment, and the base URL
// that belongs to it.
func freeAddr(t *testing.T) (addr, base string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr = l.Addr().String()
	return addr, "http://" + strings.Replace(addr, "127.0.0.1", "localhost", 1)
}

func newIssuer(t *testing.T, base string, prefix string) *oidctest.Server {
	return oidctest.New(t, oidctest.Config{Clients: []oidckit.ClientMetadata{{
		ClientID: "webapp", ClientName: "Webapp", TokenEndpointAuthMethod: oidckit.AuthMethodNone,
		RedirectURIs:           []string{base + prefix + "/callback"},
		PostLogoutRedirectURIs: []string{base + prefix + "/logged-out"},
		BackchannelLogoutURI:   base + prefix + "/backchannel-logout", BackchannelLogoutSessionRequired: true,
	}}, Configure: func(c *provider.Config) {
		c.BackchannelLogout, c.Outbound.AllowLoopback = &provider.BackchannelLogout{}, true
		c.Resources = []provider.Resource{{Resource: "https://api.example/", Scopes: []string{"orders:read"}}}
		c.Scopes = map[string]string{"orders:read": "Read your orders"}
	}})
}

// person is somebody with one browser for the app and the issuer.
type person struct {
	t  *testing.T
	op *oidctest.Browser
	*http.Client
}

func newPerson(t *testing.T, op *oidctest.Server) *person {
	return newPersonWith(t, op.NewBrowser(t))
}

func newPersonWith(t *testing.T, op *oidctest.Browser) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, op, &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (p *person) get(address, accept string) (*http.Response, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := p.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res, string(body)
}

// open opens a page as a person does, and signs in at the issuer where that is
// asked for. It returns the authorization requests that were made on the way.
func (p *person) open(base, address string) (res *http.Response, body string, asked []url.Values) {
	p.t.Helper()
	for range 10 {
		res, body = p.get(address, "text/html")
		location, err := res.Location()
		if err != nil {
			return res, body, asked
		}
		if !strings.HasPrefix(location.String(), base+"/") {
			asked = append(asked, location.Query())
			if location, err = p.op.Authorize(location.String()); err != nil {
				p.t.Fatal(err)
			}
		}
		address = location.String()
	}
	p.t.Fatal("too many redirects")
	return nil, "", nil
}

func (p *person) me(base string) map[string]any {
	p.t.Helper()
	res, body := p.get(base+"/me", "application/json")
	if res.StatusCode != http.StatusOK {
		return nil
	}
	var me map[string]any
	if err := json.Unmarshal([]byte(body), &me); err != nil {
		p.t.Fatal(err)
	}
	return me
}

func TestWalk(t *testing.T) {
	binary := browsertest.Build(t, ".")
	for name, row := range map[string]struct {
		prefix string
		args   []string
		env    string
	}{
		"SQLite":         {prefix: "/auth", args: []string{"-db", "sqlite:app.db", "-resource", "https://api.example/"}},
		"memory, at top": {prefix: "", args: []string{"-prefix", "/"}},
		"PostgreSQL":     {prefix: "/auth", args: []string{"-db", "$"}, env: "OIDCKIT_TEST_POSTGRES"},
		"Redis":          {prefix: "/auth", args: []string{"-db", "sqlite:app.db", "-redis", "$"}, env: "OIDCKIT_TEST_REDIS"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i, arg := range row.args {
				if arg == "$" {
					if row.args[i] = os.Getenv(row.env); row.args[i] == "" {
						t.Skipf("%s is not set", row.env)
					}
				}
			}
			addr, base := freeAddr(t)
			op := newIssuer(t, base, row.prefix)
			args := append([]string{"-addr", addr, "-base-url", base, "-issuer", op.Issuer}, row.args...)
			app := browsertest.Start(t, dir, binary, args...)
			if app.Line("app") != base || app.Line("issuer") != op.Issuer {
				t.Errorf("printed %s", app.Stdout())
			}
			p := newPerson(t, op)
			walk(t, p, base, row.prefix, op.Issuer)
			endedByIssuer(t, op, p, base)
			if strings.Contains(name, "memory") {
				return
			}
			app.Stop()
			browsertest.Start(t, dir, binary, args...).Line("app")
			if me := p.me(base); me == nil || me["sub"] != oidctest.Subject {
				t.Errorf("after the restart: %v", me)
			}
		})
	}
}

// walk is what a person does: in, once more for the step-up, out, in again.
func walk(t *testing.T, p *person, base, prefix, issuer string) {
	t.Helper()
	if res, body := p.get(base+"/", "text/html"); res.StatusCode != http.StatusOK || !strings.Contains(body, base+prefix+"/login?return_to=%2Fme") {
		t.Errorf("/: %d %s", res.StatusCode, body)
	}
	if res, body := p.get(base+"/me", "application/json"); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "login_required") {
		t.Errorf("/me without a session: %d %s", res.StatusCode, body)
	}
	res, body, asked := p.open(base, base+"/me?x=1")
	if res.StatusCode != http.StatusOK || res.Request.URL.String() != base+"/me?x=1" || !strings.Contains(body, "Hello, Alice Example") || len(asked) != 1 {
		t.Fatalf("/me: %d at %s, %d logins: %s", res.StatusCode, res.Request.URL, len(asked), body)
	}
	if asked[0].Get("scope") != "openid profile email" || asked[0].Has("max_age") {
		t.Errorf("asked %v", asked[0])
	}
	me := p.me(base)
	claims, _ := me["claims"].(map[string]any)
	if me["iss"] != issuer || me["sub"] != oidctest.Subject || me["name"] != "Alice Example" || me["email"] != "alice@example.com" ||
		me["sid"] == nil || me["sid"] == "" || me["auth_time"] == nil || claims["given_name"] != "Alice" || claims["sub"] != oidctest.Subject {
		t.Errorf("me: %v", me)
	}
	res, body, asked = p.open(base, base+"/step-up")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, "just signed in again") || len(asked) != 1 || asked[0].Get("max_age") != "0" {
		t.Errorf("/step-up: %d at %s, asked %v: %s", res.StatusCode, res.Request.URL, asked, body)
	}
	if res, body := p.get(base+"/step-up", "application/json"); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "insufficient_user_authentication") {
		t.Errorf("/step-up for a program: %d %s", res.StatusCode, body)
	}
	out, err := p.PostForm(base+prefix+"/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	out.Body.Close()
	if out.StatusCode != http.StatusSeeOther || !strings.HasPrefix(out.Header.Get("Location"), issuer+"/") || p.me(base) != nil {
		t.Errorf("logout: %d to %s", out.StatusCode, out.Header.Get("Location"))
	}
	p.open(base, base+"/me")
	if p.me(base) == nil {
		t.Error("no login after the logout")
	}
}

// endedByIssuer is a logout that the app hears of over the back channel, and a
// new login.
func endedByIssuer(t *testing.T, op *oidctest.Server, p *person, base string) {
	t.Helper()
	if _, err := op.Provider.EndSessions(t.Context(), opstore.SessionSelector{Subject: oidctest.Subject}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); p.me(base) != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the app does not hear of the logout")
		}
	}
	if p.open(base, base+"/me"); p.me(base) == nil {
		t.Error("no login after it")
	}
}

func TestStrangers(t *testing.T) {
	p := browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), "-addr", "127.0.0.1:0", "-issuer", "http://localhost:1")
	base := p.Line("app")
	c := &person{t, nil, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for path, want := range map[string]int{"/": 200, "/healthz": 200, "/me": 302, "/step-up": 302, "/nothing": 404, "/auth/callback": 400, "/auth/logout": 200, "/auth/logged-out": 200, "/auth/login": 502} {
		if res, body := c.get(base+path, "text/html"); res.StatusCode != want {
			t.Errorf("%s: %d, want %d: %s", path, res.StatusCode, want, body)
		}
	}
	p.Stop()
}

// Everything that is wrong is named in one line, and nothing is left behind.
func TestProblemsAreNamedTogether(t *testing.T) {
	binary := browsertest.Build(t, ".")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		args []string
		want []string
	}{
		"flags": {
			[]string{"-addr", "nowhere", "-db", "oracle:pass-word", "-secret", "short", "-redis", "http://x", "-ca", "missing.pem", "-colour", "blue", "more"},
			[]string{"-addr", "-db", "-secret", "-redis", "-ca", "-colour", `"more"`},
		},
		"config": {
			[]string{"-addr", "127.0.0.1:0", "-issuer", "http://id.example", "-client-id", "", "-prefix", "auth", "-scopes", "email", "-resource", "api", "-ca", empty},
			[]string{"-issuer", "-client-id", "-prefix", "-scopes", "-resource", "-ca"},
		},
		"base URL":   {[]string{"-addr", "127.0.0.1:0", "-base-url", "http://app.example"}, []string{"-base-url"}},
		"taken port": {[]string{"-addr", taken.Addr().String(), "-db", "oracle:x"}, []string{"-addr", "in use", "-db"}},
		"a folder":   {[]string{"-addr", "127.0.0.1:0", "-db", "sqlite:."}, []string{"-db", "folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			status, stdout, stderr := browsertest.Refused(t, dir, binary, row.args...)
			if status != 2 || stdout != "" || strings.Count(strings.TrimSpace(stderr), "\n") != 0 {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
			}
			for _, want := range row.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q is not named in %q", want, stderr)
				}
			}
			if strings.Contains(stderr, "pass-word") {
				t.Errorf("the error repeats what may be a password: %s", stderr)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	env := map[string]string{"OIDCKIT_CLIENT_ID": "from-env", "OIDCKIT_ISSUER": "https://id.example", "OIDCKIT_SCOPES": "", "OIDCKIT_BASE_URL": "https://app.example/x/"}
	s, err := parseSettings([]string{"-issuer", "https://flag.example"}, func(name string) (string, bool) { v, ok := env[name]; return v, ok }, io.Discard)
	if err != nil || s.clientID != "from-env" || s.issuer != "https://flag.example" || s.scopes != "openid profile email" || s.basePath() != "/x" {
		t.Errorf("%+v %v", s, err)
	}
	s, err = parseSettings(nil, func(string) (string, bool) { return "", false }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s.resolve(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8081})
	if s.baseURL != "http://localhost:8081" || s.addr != "127.0.0.1:8081" || s.clientID != "webapp" || s.issuer != "http://localhost:9000" || s.prefix != "/auth" {
		t.Errorf("defaults: %+v", s)
	}
}
