package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/browsertest"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// orders is an API that tells what it was asked, and misbehaves as told.
type orders struct {
	*httptest.Server

	mu   sync.Mutex
	last http.Header
	body string
	path string
}

func newOrders(t *testing.T) *orders {
	o := &orders{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		o.last, o.body, o.path = r.Header.Clone(), string(body), r.URL.RequestURI()
		o.mu.Unlock()
		w.Header().Set("Set-Cookie", "stolen=1")
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		switch r.URL.Path {
		case "/elsewhere":
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(http.StatusFound)
		case "/refuses":
			w.WriteHeader(http.StatusForbidden)
		default:
			fmt.Fprint(w, `{"orders":[]}`)
		}
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *orders) asked() (http.Header, string, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last, o.path, o.body
}

// world is the program with an issuer and an API, and a person's browser that
// remembers all that it was sent.
type world struct {
	t       *testing.T
	base    string
	op      *oidctest.Server
	api     *orders
	app     *browsertest.Program
	person  *oidctest.Browser
	browser *http.Client

	seen bytes.Buffer
}

func start(t *testing.T, args ...string) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	w := &world{t: t, base: "http://" + strings.Replace(addr, "127.0.0.1", "localhost", 1), api: newOrders(t)}
	w.op = oidctest.New(t, oidctest.Config{Clients: []oidckit.ClientMetadata{{
		ClientID: "bff", TokenEndpointAuthMethod: oidckit.AuthMethodNone,
		RedirectURIs:           []string{w.base + "/auth/callback"},
		PostLogoutRedirectURIs: []string{w.base + "/auth/logged-out"},
	}}, Configure: func(c *provider.Config) {
		c.Scopes = map[string]string{"orders:read": "Read", "orders:write": "Write"}
		c.Resources = []provider.Resource{{Resource: w.api.URL, Scopes: []string{"orders:read", "orders:write"}}}
	}})
	args = append([]string{"-addr", addr, "-base-url", w.base, "-issuer", w.op.Issuer, "-api", w.api.URL}, args...)
	w.app = browsertest.Start(t, t.TempDir(), browsertest.Build(t, "."), args...)
	if w.app.Line("app") != w.base || w.app.Line("api") != w.api.URL {
		t.Errorf("printed %s", w.app.Stdout())
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.person = w.op.NewBrowser(t)
	w.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return w
}

// call is what the page's script does.
func (w *world) call(method, path, body string, headers ...string) (int, http.Header, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Sec-Fetch-Mode", "cors")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.browser.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = res.Header.Write(&w.seen)
	w.seen.Write(text)
	return res.StatusCode, res.Header, string(text)
}

// logIn follows the login's address through the issuer and back.
func (w *world) logIn(loginURL string) {
	w.t.Helper()
	u, err := url.Parse(loginURL)
	if err != nil || !strings.HasPrefix(loginURL, w.base+"/") {
		w.t.Fatalf("login at %q: %v", loginURL, err)
	}
	_, h, _ := w.call("GET", u.RequestURI(), "", "Sec-Fetch-Mode", "navigate")
	callback, err := w.person.Authorize(h.Get("Location"))
	if err != nil {
		w.t.Fatal(err)
	}
	status, h, text := w.call("GET", callback.RequestURI(), "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "cross-site")
	if status != http.StatusSeeOther || h.Get("Location") != "/" {
		w.t.Fatalf("callback: %d to %q: %s", status, h.Get("Location"), text)
	}
}

func errorOf(text string) (code, loginURL string) {
	var body struct {
		Error    string `json:"error"`
		LoginURL string `json:"login_url"`
	}
	_ = json.Unmarshal([]byte(text), &body)
	return body.Error, body.LoginURL
}

// OWASP ASVS 5.0 10.1.1: the session cookie is outside, the token inside, and
// nothing of it ever comes out.
func TestTokensStayInside(t *testing.T) {
	for name, args := range map[string][]string{
		"memory":     nil,
		"SQLite":     {"-db", "sqlite:bff.db"},
		"PostgreSQL": {"-db", "OIDCKIT_TEST_POSTGRES"},
		"Redis":      {"-redis", "OIDCKIT_TEST_REDIS"},
	} {
		t.Run(name, func(t *testing.T) {
			if len(args) > 0 && strings.HasPrefix(args[1], "OIDCKIT") {
				if args[1] = os.Getenv(args[1]); args[1] == "" {
					t.Skip("no such service to test with")
				}
			}
			w := start(t, args...)
			status, h, text := w.call("GET", "/", "")
			if status != http.StatusOK || !strings.Contains(text, "<script src=\"/app.js\" defer>") || !strings.Contains(h.Get("Content-Security-Policy"), "script-src 'self'") {
				t.Errorf("/: %d %v", status, h)
			}
			status, _, text = w.call("GET", "/auth/me", "")
			code, loginURL := errorOf(text)
			if status != http.StatusUnauthorized || code != "login_required" {
				t.Fatalf("/auth/me without a session: %d %s", status, text)
			}
			if status, _, text := w.call("GET", "/api/orders", ""); status != http.StatusUnauthorized || !strings.Contains(text, "login_url") {
				t.Errorf("/api without a session: %d %s", status, text)
			}
			if h, _, _ := w.api.asked(); h != nil {
				t.Error("the API was asked for nobody")
			}
			w.logIn(loginURL)
			if status, _, text := w.call("GET", "/auth/me", ""); status != http.StatusOK || !strings.Contains(text, "Alice Example") {
				t.Errorf("/auth/me: %d %s", status, text)
			}
			status, h, text = w.call("POST", "/api/orders?n=1", `{"item":1}`, "Content-Type", "application/json", "Authorization", "Bearer mine", "DPoP", "x")
			if status != http.StatusOK || text != `{"orders":[]}` || h.Get("Set-Cookie") != "" || h.Get("WWW-Authenticate") != "" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("/api/orders: %d %v %s", status, h, text)
			}
			in, path, body := w.api.asked()
			token, bearer := strings.CutPrefix(in.Get("Authorization"), "Bearer ")
			if !bearer || token == "mine" || in.Get("Cookie") != "" || in.Get("DPoP") != "" || path != "/orders?n=1" || body != `{"item":1}` {
				t.Errorf("the API got %v %s %s", in, path, body)
			}
			for what, secret := range map[string]string{"the access token": token, "its signature": token[strings.LastIndex(token, ".")+1:], "an ID token": "id_token"} {
				if strings.Contains(w.seen.String(), secret) || strings.Contains(w.app.Stderr(), secret) {
					t.Errorf("%s came out", what)
				}
			}
			if status, h, _ := w.call("POST", "/auth/logout", "", "Sec-Fetch-Mode", "navigate"); status != http.StatusSeeOther || !strings.HasPrefix(h.Get("Location"), w.op.Issuer) {
				t.Errorf("logout: %d %v", status, h)
			}
			if status, _, _ := w.call("GET", "/api/orders", ""); status != http.StatusUnauthorized {
				t.Errorf("after the logout: %d", status)
			}
		})
	}
}

// What another site starts changes nothing, and what the API says about the
// token, cookies and other places stays inside.
func TestRefusals(t *testing.T) {
	w := start(t)
	_, _, text := w.call("GET", "/auth/me", "")
	_, loginURL := errorOf(text)
	w.logIn(loginURL)
	for name, row := range map[string]struct {
		method, path string
		headers      []string
		status       int
	}{
		"another site posts":      {"POST", "/api/orders", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"another origin posts":    {"POST", "/api/orders", []string{"Sec-Fetch-Site", "", "Origin", "http://localhost:1"}, http.StatusForbidden},
		"another site logs out":   {"POST", "/auth/logout", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"the API redirects":       {"GET", "/api/elsewhere", nil, http.StatusBadGateway},
		"the API refuses":         {"GET", "/api/refuses", nil, http.StatusForbidden},
		"a way out of the prefix": {"GET", "/api/%2e%2e/auth/me", nil, http.StatusBadRequest},
		"an encoded way out":      {"GET", "/api/orders/..%2f..%2fadmin", nil, http.StatusBadRequest},
		"a way out of others":     {"GET", "/api/..;/admin", nil, http.StatusBadRequest},
		"posting to the page":     {"POST", "/", nil, http.StatusMethodNotAllowed},
		"a file that is not":      {"GET", "/nothing.js", nil, http.StatusNotFound},
		"health":                  {"GET", "/healthz", nil, http.StatusOK},
	} {
		status, h, text := w.call(row.method, row.path, "", row.headers...)
		if status != row.status || h.Get("Location") == "https://evil.example/" || h.Get("Set-Cookie") != "" && strings.Contains(h.Get("Set-Cookie"), "stolen") {
			t.Errorf("%s: %d %v %s", name, status, h, text)
		}
	}
	w.api.Close()
	if status, _, text := w.call("GET", "/api/orders", ""); status != http.StatusBadGateway || !strings.Contains(text, "api_unavailable") || strings.Contains(text, "127.0.0.1") {
		t.Errorf("an API that is down: %d %s", status, text)
	}
}

// Everything that is wrong is named in one line, and nothing is left behind.
func TestProblemsAreNamedTogether(t *testing.T) {
	binary := browsertest.Build(t, ".")
	for name, row := range map[string]struct {
		args []string
		want []string
	}{
		"flags": {
			[]string{"-addr", "nowhere", "-db", "oracle:pass-word", "-secret", "short", "-redis", "http://x", "-ca", "missing.pem", "-api", "ftp://x", "-colour", "blue", "more"},
			[]string{"-addr", "-db", "-secret", "-redis", "-ca", "-api", "-colour", `"more"`},
		},
		"config": {
			[]string{"-addr", "127.0.0.1:0", "-issuer", "http://id.example", "-client-id", "", "-scopes", "email", "-resource", "api", "-api", "http://api.example"},
			[]string{"-issuer", "-client-id", "-scopes", "-resource", "-api"},
		},
		"a path": {[]string{"-addr", "127.0.0.1:0", "-base-url", "https://app.example/x"}, []string{"-base-url: must have no path"}},
	} {
		dir := t.TempDir()
		status, stdout, stderr := browsertest.Refused(t, dir, binary, row.args...)
		if status != 2 || stdout != "" || strings.Count(strings.TrimSpace(stderr), "\n") != 0 || strings.Contains(stderr, "pass-word") {
			t.Errorf("%s: status %d, stdout %q, stderr %q", name, status, stdout, stderr)
		}
		for _, want := range row.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q is not named in %q", name, want, stderr)
			}
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}
