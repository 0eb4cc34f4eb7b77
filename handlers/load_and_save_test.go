package handlers_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// offlineParty is a relying party whose issuer nobody asks.
func offlineParty(t testing.TB, s *handlers.Sessions) *handlers.RelyingParty {
	t.Helper()
	rp, err := handlers.NewRelyingParty(handlers.Config{Issuer: "https://id.example", ClientID: clientID, BaseURL: "https://app.example", Sessions: s})
	if err != nil {
		t.Fatal(err)
	}
	return rp
}

func authenticate(rp *handlers.RelyingParty, s *handlers.Sessions, cookie *http.Cookie) (id *oidckit.Identity, err error) {
	r := httptest.NewRequest(http.MethodGet, "/me", nil)
	r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	s.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { id, err = rp.Authenticate(r) })).ServeHTTP(httptest.NewRecorder(), r)
	return id, err
}

func newSessions(t testing.TB, change func(*handlers.SessionConfig)) *handlers.Sessions {
	t.Helper()
	c := handlers.SessionConfig{Secrets: testSecrets(t, 1), Store: rpstore.NewMemory().Open("t"), BaseURL: "https://app.example"}
	if change != nil {
		change(&c)
	}
	s, err := handlers.NewSessions(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoadAndSaveNested(t *testing.T) {
	s := newSessions(t, nil)
	h := s.LoadAndSave(s.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Put(r.Context(), "n", 1)
		io.WriteString(w, "ok")
	})))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if c := w.Result().Cookies(); len(c) != 1 {
		t.Errorf("%d cookies", len(c))
	}
}

// What an app keeps comes back, and the cookie is as safe as it can be.
func TestAppValues(t *testing.T) {
	s := newSessions(t, nil)
	h := s.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/put" {
			s.Put(r.Context(), "cart", "three apples")
			return
		}
		io.WriteString(w, s.GetString(r.Context(), "cart"))
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/put", nil))
	c := w.Result().Cookies()[0]
	if !strings.HasPrefix(c.Name, "__Host-session-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	read := func(cookies ...*http.Cookie) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, c := range cookies {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if len(w.Result().Cookies()) != 0 {
			t.Error("a read has set a cookie")
		}
		return w.Body.String()
	}
	if got := read(c); got != "three apples" {
		t.Errorf("got %q", got)
	}
	// ATK-102: two cookies of the name are none.
	if got := read(c, &http.Cookie{Name: c.Name, Value: "x"}) + read(&http.Cookie{Name: c.Name, Value: "x"}, c); got != "" {
		t.Errorf("with two cookies: %q", got)
	}
}

// A cookie is set before the first byte, however it is sent.
func TestCookieBeforeTheFirstByte(t *testing.T) {
	s := newSessions(t, func(c *handlers.SessionConfig) { c.BaseURL = "http://localhost" })
	for name, send := range map[string]func(w http.ResponseWriter){
		"nothing":             func(http.ResponseWriter) {},
		"write":               func(w http.ResponseWriter) { io.WriteString(w, "x") },
		"header":              func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
		"response controller": func(w http.ResponseWriter) { http.NewResponseController(w).Flush() },
		"flusher":             func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
	} {
		srv := httptest.NewServer(s.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.Put(r.Context(), "n", 1)
			send(w)
		})))
		res, err := http.Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		srv.Close()
		if len(res.Cookies()) != 1 {
			t.Errorf("%s: %d cookies", name, len(res.Cookies()))
		}
	}
}

// What an interim answer precedes is still saved.
func TestEarlyHints(t *testing.T) {
	s := newSessions(t, func(c *handlers.SessionConfig) { c.BaseURL = "http://localhost" })
	srv := httptest.NewServer(s.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		s.Put(r.Context(), "n", 1)
		io.WriteString(w, "x")
	})))
	defer srv.Close()
	res, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if len(res.Cookies()) != 1 {
		t.Errorf("%d cookies", len(res.Cookies()))
	}
}

// A connection can be taken over (WebSockets).
func TestHijack(t *testing.T) {
	s := newSessions(t, nil)
	srv := httptest.NewServer(s.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\ntaken")
		conn.Close()
	})))
	defer srv.Close()
	res, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if line, _ := bufio.NewReader(res.Body).ReadString('n'); line != "taken" {
		t.Errorf("got %q", line)
	}
}

// What cannot be saved is not answered as if it were.
func TestSaveFails(t *testing.T) {
	st := newStores()
	s := newSessions(t, func(c *handlers.SessionConfig) { c.Store = st.set() })
	st.browser.readOnly.Store(true)
	var wrote error
	h := s.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Put(r.Context(), "n", 1)
		w.Header().Set("Location", "/me")
		w.WriteHeader(http.StatusSeeOther)
		_, wrote = io.WriteString(w, "saved")
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable || wrote == nil || strings.Contains(w.Body.String(), "saved") || len(w.Result().Cookies()) != 0 {
		t.Errorf("%d %v %s", w.Code, wrote, w.Body)
	}
	// A person gets a page with a way on, and a program a line.
	for accept, want := range map[string]string{"text/html": `<a class="button" href="/"`, "application/json": "text/plain"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if !strings.Contains(w.Header().Get("Content-Type")+w.Body.String(), want) || w.Code != http.StatusServiceUnavailable || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d %v %s", accept, w.Code, w.Header(), w.Body)
		}
	}
}

// Where the session could not be read, nothing is written over it.
func TestNothingIsSavedWhileDown(t *testing.T) {
	st := newStores()
	s := newSessions(t, func(c *handlers.SessionConfig) { c.Store = st.set() })
	h := s.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Put(r.Context(), "n", 1)
		io.WriteString(w, "public")
	}))
	st.browser.down.Store(true)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: s.Cookie.Name, Value: strings.Repeat("A", 43)})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.String() != "public" || len(w.Result().Cookies()) != 0 || st.browser.writes.Load() != 0 {
		t.Errorf("%d %s, %d writes", w.Code, w.Body, st.browser.writes.Load())
	}
}

func TestSessionConfigErrors(t *testing.T) {
	_, err := handlers.NewSessions(handlers.SessionConfig{
		BaseURL: "http://app.example", Lifetime: time.Second, IdleTimeout: -1, Store: rpstore.Set{},
	})
	for _, want := range []string{"Secrets", "Store", "BaseURL", "Lifetime", "IdleTimeout"} {
		if err == nil || !strings.Contains(err.Error(), "SessionConfig."+want) {
			t.Errorf("no word about %s: %v", want, err)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	_, err := handlers.NewRelyingParty(handlers.Config{
		Issuer: "http://id.example", ClientSecret: "a\nb", BaseURL: "http://app.example", Prefix: "auth/", Scopes: oidckit.Scope{"email"},
		TokenEndpointAuthMethod: "tls", IDTokenSignedResponseAlg: "HS256", Resource: "api", PostLogoutReturnTo: "//evil.example",
	})
	for _, want := range []string{"Issuer", "ClientID", "ClientSecret", "BaseURL", "Prefix", "Scopes", "Sessions", "TokenEndpointAuthMethod",
		"IDTokenSignedResponseAlg", "Resource", "PostLogoutReturnTo"} {
		if err == nil || !strings.Contains(err.Error(), "Config."+want+" ") {
			t.Errorf("no word about %s: %v", want, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "a\nb") {
		t.Error("the error repeats the secret")
	}
}

// One field at a time: what is refused (ATK-065, ATK-110), and what is not.
func TestConfigRows(t *testing.T) {
	secure, plain := newSessions(t, nil), newSessions(t, func(c *handlers.SessionConfig) { c.BaseURL = "http://localhost:8081" })
	changed := newSessions(t, nil)
	changed.IdleTimeout = time.Minute
	insecure := newSessions(t, nil)
	insecure.Cookie.Secure = false
	rows := []struct {
		name   string
		change func(c *handlers.Config)
		ok     bool
	}{
		{"minimal", func(*handlers.Config) {}, true},
		{"ATK-065 http issuer", func(c *handlers.Config) { c.Issuer = "http://id.example" }, false},
		{"http issuer on loopback", func(c *handlers.Config) { c.Issuer = "http://127.0.0.1:9000" }, true},
		{"issuer with a query", func(c *handlers.Config) { c.Issuer += "?a" }, false},
		{"ATK-110 http base URL", func(c *handlers.Config) { c.BaseURL = "http://app.example" }, false},
		{"http base URL on loopback", func(c *handlers.Config) { c.BaseURL, c.Sessions = "http://localhost:8081", plain }, true},
		{"http base URL, Secure sessions", func(c *handlers.Config) { c.BaseURL = "http://localhost:8081" }, false},
		{"https base URL, plain sessions", func(c *handlers.Config) { c.Sessions = plain }, false},
		{"base URL with a path", func(c *handlers.Config) { c.BaseURL += "/app" }, true},
		{"base URL with a slash", func(c *handlers.Config) { c.BaseURL += "/" }, true},
		{"base URL with a dot segment", func(c *handlers.Config) { c.BaseURL += "/../x" }, false},
		{"base URL with a fragment", func(c *handlers.Config) { c.BaseURL += "#x" }, false},
		{"prefix at the top", func(c *handlers.Config) { c.Prefix = "/" }, true},
		{"prefix with a pattern", func(c *handlers.Config) { c.Prefix = "/{x}" }, false},
		{"prefix with a query", func(c *handlers.Config) { c.Prefix = "/a?b" }, false},
		{"public client with basic", func(c *handlers.Config) { c.TokenEndpointAuthMethod = "client_secret_basic" }, false},
		{"secret and none", func(c *handlers.Config) { c.ClientSecret, c.TokenEndpointAuthMethod = "s", "none" }, false},
		{"alg none", func(c *handlers.Config) { c.IDTokenSignedResponseAlg = "none" }, false},
		{"alg ES256", func(c *handlers.Config) { c.IDTokenSignedResponseAlg = "ES256" }, true},
		{"scope with a space", func(c *handlers.Config) { c.Scopes = oidckit.Scope{"openid", `a"b`} }, false},
		{"resource with a fragment", func(c *handlers.Config) { c.Resource = "https://api.example/#x" }, false},
		{"return target elsewhere", func(c *handlers.Config) { c.PostLogoutReturnTo = "https://evil.example" }, false},
		{"a manager with an idle timeout", func(c *handlers.Config) { c.Sessions = changed }, false},
		{"a manager without Secure", func(c *handlers.Config) { c.Sessions = insecure }, false},
	}
	for _, row := range rows {
		c := handlers.Config{Issuer: "https://id.example", ClientID: "c", BaseURL: "https://app.example", Sessions: secure}
		row.change(&c)
		rp, err := handlers.NewRelyingParty(c)
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
		if rp != nil {
			if err := errors.Join(rp.Close(), rp.Close()); err != nil {
				t.Errorf("%s: Close: %v", row.name, err)
			}
		}
	}
}
