package handlers_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/middleware"
)

// app is a small app over TLS with one relying party: /me is guarded, / is
// public.
type app struct {
	*httptest.Server
	t        *testing.T
	rp       *handlers.RelyingParty
	sessions *handlers.Sessions
	handler  atomic.Pointer[http.Handler]
	logs     logBuffer

	mu     sync.Mutex
	events []oidckit.Event
}

// options changes the configs before the app is built.
type options struct {
	session func(c *handlers.SessionConfig)
	config  func(c *handlers.Config)
	plain   bool
	// path is that of the base URL.
	path string
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func testSecrets(t testing.TB, seed byte) oidckit.Secrets {
	t.Helper()
	s, err := oidckit.NewSecrets(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newApp(t *testing.T, p *idp, o options) *app {
	t.Helper()
	a := &app{t: t}
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*a.handler.Load()).ServeHTTP(w, r) })
	if o.plain {
		a.Server = httptest.NewServer(serve)
	} else {
		a.Server = httptest.NewTLSServer(serve)
	}
	t.Cleanup(a.Close)
	a.build(p, o)
	return a
}

func (a *app) build(p *idp, o options) {
	a.t.Helper()
	logger := zerolog.New(&a.logs)
	sc := handlers.SessionConfig{
		Secrets: testSecrets(a.t, 1), Store: rpstore.NewMemory().Open("app"), BaseURL: a.URL + o.path, Logger: logger,
	}
	if o.session != nil {
		o.session(&sc)
	}
	var err error
	if a.sessions, err = handlers.NewSessions(sc); err != nil {
		a.t.Fatal(err)
	}
	c := handlers.Config{
		Issuer: p.URL, ClientID: clientID, ClientSecret: clientSecret, BaseURL: a.URL + o.path, Sessions: a.sessions,
		Scopes: oidckit.Scope{"openid", "profile", "email"}, Logger: logger, Events: a.record,
	}
	if o.config != nil {
		o.config(&c)
	}
	if a.rp, err = handlers.NewRelyingParty(c); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { a.rp.Close() })
	mux := http.NewServeMux()
	a.rp.Mount(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "page %s", r.URL.RequestURI()) })
	mux.Handle(o.path+"/me", middleware.RequireAuth(a.rp)(http.HandlerFunc(serveMe)))
	var h http.Handler = a.sessions.LoadAndSave(mux)
	a.handler.Store(&h)
}

func serveMe(w http.ResponseWriter, r *http.Request) {
	id, _ := oidckit.IdentityFromContext(r.Context())
	fmt.Fprintf(w, "sub=%s sid=%s name=%s query=%s", id.Subject, id.SessionID, id.Claims.Text("name"), r.URL.RawQuery)
}

func (a *app) record(_ context.Context, e oidckit.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

// take returns the events since the last call.
func (a *app) take() []oidckit.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.events
	a.events = nil
	return out
}

// browser keeps cookies and opens pages as a person's browser does.
type browser struct {
	t *testing.T
	*http.Client
}

// answer is a page that was read.
type answer struct {
	*http.Response
	body string
}

func (a *app) browser() *browser {
	a.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return &browser{t: a.t, Client: &http.Client{Jar: jar, Transport: a.Client().Transport}}
}

// navigation headers are what Chromium sends when a person opens an address.
func navigation(r *http.Request) {
	r.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
}

func (b *browser) do(method, address string, form url.Values, header func(*http.Request)) answer {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, address, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if header != nil {
		header(req)
	}
	res, err := b.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res, string(data)}
}

// open follows redirects, as a browser does.
func (b *browser) open(address string) answer {
	b.t.Helper()
	b.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		navigation(req)
		if len(via) > 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b.do(http.MethodGet, address, nil, navigation)
}

// step opens one address and follows nothing.
func (b *browser) step(address string) answer {
	b.t.Helper()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b.do(http.MethodGet, address, nil, navigation)
}

func (b *browser) post(address string, form url.Values, origin string, headers ...func(*http.Request)) answer {
	b.t.Helper()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b.do(http.MethodPost, address, form, func(r *http.Request) {
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		for _, set := range headers {
			set(r)
		}
	})
}

// begin starts a login and returns the callback address that the issuer sends
// the browser to, unopened.
func (b *browser) begin(a *app, returnTo string) string {
	b.t.Helper()
	login := b.step(a.URL + "/auth/login?return_to=" + url.QueryEscape(returnTo))
	if login.StatusCode != http.StatusFound {
		b.t.Fatalf("login: %d %s", login.StatusCode, login.body)
	}
	back := b.step(login.Header.Get("Location"))
	if back.StatusCode != http.StatusFound {
		b.t.Fatalf("authorize: %d %s", back.StatusCode, back.body)
	}
	return back.Header.Get("Location")
}

// cookies returns the names the browser has for the app.
func (b *browser) cookies(a *app) []string {
	u, _ := url.Parse(a.URL)
	var out []string
	for _, c := range b.Jar.Cookies(u) {
		out = append(out, c.Name)
	}
	slices.Sort(out)
	return out
}

func (b *browser) cookieBytes(a *app) int {
	u, _ := url.Parse(a.URL)
	n := 0
	for _, c := range b.Jar.Cookies(u) {
		n += len(c.Name) + len(c.Value) + len("=; ")
	}
	return n
}

// loggedIn reports whom the app takes the browser for.
func (b *browser) loggedIn(a *app) string {
	b.t.Helper()
	got := b.step(a.URL + "/me")
	if got.StatusCode != http.StatusOK {
		return ""
	}
	sub, _, _ := strings.Cut(strings.TrimPrefix(got.body, "sub="), " ")
	return sub
}
