package oidckit_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpsql"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opsql"
	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/rs/zerolog"
	_ "modernc.org/sqlite"
)

// secretWatch collects every secret that goes over the wire, and every body
// that is not meant to carry one.
type secretWatch struct {
	mu      sync.Mutex
	secrets map[string]string
	bodies  bytes.Buffer
}

func (s *secretWatch) add(kind, value string) {
	// Shorter ones would be found by chance.
	if len(value) >= 16 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.secrets[value] = kind
	}
}

// watched are the parameters that are secrets, in queries, forms and answers.
var watched = []string{"code", "code_verifier", "client_secret", "access_token", "refresh_token", "id_token", "id_token_hint", "password", "request", "interaction"}

func (s *secretWatch) values(q url.Values) {
	for _, name := range watched {
		s.add(name, q.Get(name))
	}
}

// wrap watches a RoundTripper. Bodies of the token endpoint are read for
// tokens, all others are kept.
func (s *secretWatch) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		s.values(r.URL.Query())
		if r.Body != nil {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			if form, err := url.ParseQuery(string(body)); err == nil {
				s.values(form)
			}
			r = r.Clone(r.Context())
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		res, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		for _, c := range res.Cookies() {
			s.add("cookie "+c.Name, c.Value)
		}
		if location, err := res.Location(); err == nil {
			s.values(location.Query())
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return nil, err
		}
		res.Body = io.NopCloser(bytes.NewReader(body))
		s.read(r.URL.Path, body)
		return res, nil
	})
}

func (s *secretWatch) read(path string, body []byte) {
	if strings.HasSuffix(path, "/token") {
		var answer map[string]any
		if json.Unmarshal(body, &answer) == nil {
			for _, name := range watched {
				text, _ := answer[name].(string)
				s.add(name, text)
			}
			if answer["error"] == nil {
				return
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies.Write(body)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// No code, token, secret, password or cookie reaches a log, an event, a page,
// an error body or the database file (invariant I4, OWASP ASVS 5.0 16.2.5).
func TestSecretsStayWhereTheyBelong(t *testing.T) {
	watch := &secretWatch{secrets: map[string]string{}}
	watch.add("client_secret", appSecret)
	watch.add("password", oidctest.Password)
	log, file := &lockedBuffer{}, filepath.Join(t.TempDir(), "all.db")
	w := newWorld(t, worldConfig{
		mux:         http.NewServeMux(),
		stores:      sqliteStores(t, file),
		backChannel: watch.wrap,
		logger:      zerolog.New(log).Level(zerolog.TraceLevel),
		events: func(_ context.Context, e oidckit.Event) {
			fmt.Fprintf(log, "%+v\n", e)
			for err := e.Err; err != nil; {
				fmt.Fprintf(log, "%+v %#v\n", err, err)
				wrapped, ok := err.(interface{ Cause() error })
				if !ok {
					break
				}
				err = wrapped.Cause()
			}
		},
		scopes: oidckit.Scope{"openid", "profile", "email", "offline_access"},
	})
	w.http.Transport = watch.wrap(http.DefaultTransport)
	w.walkEverything()

	database := readAll(t, file) + readAll(t, file+"-wal")
	if len(watch.secrets) < 25 || log.buf.Len() < 1000 || watch.bodies.Len() < 1000 || len(database) < 50_000 {
		t.Fatalf("the walk saw %d secrets, %d bytes of log, %d of bodies, %d of database", len(watch.secrets), log.buf.Len(), watch.bodies.Len(), len(database))
	}
	for value, kind := range watch.secrets {
		if strings.Contains(log.buf.String(), value) {
			t.Errorf("a %s is in the log", kind)
		}
		for _, form := range spellings(value) {
			if strings.Contains(database, form) {
				t.Errorf("a %s is in the database", kind)
			}
		}
		// The pages' own forms carry what is sealed or waits.
		if kind != "request" && kind != "interaction" && strings.Contains(watch.bodies.String(), value) {
			t.Errorf("a %s is in a body", kind)
		}
	}
}

// spellings returns a value as it is and as it stands inside base64, at each of
// the three alignments: columns may hold either.
func spellings(value string) []string {
	out := []string{value}
	for pad := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", pad) + value))
		// The ends depend on what stands beside the value.
		out = append(out, encoded[4:len(encoded)-4])
	}
	return out
}

func readAll(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sqliteStores(t *testing.T, file string) func(issuer, app string) (opstore.Set, rpstore.Set) {
	return func(issuer, app string) (opstore.Set, rpstore.Set) {
		db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		op, err := opsql.New(opsql.Config{DB: db, Dialect: opsql.SQLite})
		if err != nil {
			t.Fatal(err)
		}
		rp, err := rpsql.New(rpsql.Config{DB: db, Dialect: rpsql.SQLite})
		if err != nil {
			t.Fatal(err)
		}
		return op.Open(issuer), rp.Open(app)
	}
}

// walkEverything goes every way there is, the bad ones too.
func (w *world) walkEverything() {
	w.t.Helper()
	w.wrongPassword()
	w.open(w.base + "/me")
	callback := w.base + "/auth/callback"
	for _, bad := range []string{
		"/auth/callback?code=0123456789abcdef0123456789abcdef&state=0123456789abcdef012345",
		"/op/authorize?client_id=app&redirect_uri=https://elsewhere.example/",
		"/op/login?request=AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
		"/op/consent?interaction=AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
		"/op/end_session?id_token_hint=eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
	} {
		w.fetch(http.MethodGet, bad, nil, "")
	}
	tokens := w.userTokens("openid offline_access orders:read")
	w.fetch(http.MethodGet, "/api/orders", nil, tokens["access_token"])
	w.fetch(http.MethodGet, "/api/orders", nil, tokens["access_token"]+"x")
	w.fetch(http.MethodGet, "/op/userinfo", nil, tokens["access_token"])
	w.fetch(http.MethodGet, "/op/userinfo", nil, tokens["id_token"])
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"]}}
	w.fetch(http.MethodPost, "/op/token", refresh, "app")
	w.fetch(http.MethodPost, "/op/token", refresh, "app")
	w.fetch(http.MethodPost, "/op/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {tokens["code"]}, "redirect_uri": {callback}, "code_verifier": {pkceVerifier},
	}, "app")
	w.fetch(http.MethodPost, "/op/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"orders:read"}}, "app")
	w.fetch(http.MethodPost, "/op/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"a wrong but long secret"},
	}, "")
	w.open(w.base + "/auth/logout")
	w.checkLoggedOut()
}

// wrongPassword goes as far as the login page and types something else.
func (w *world) wrongPassword() {
	w.t.Helper()
	res, err := w.http.Get(w.base + "/auth/login")
	if err != nil {
		w.t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	action, form, ok := oidctest.Form(string(body))
	if !ok {
		w.t.Fatalf("no login page: %d", res.StatusCode)
	}
	form.Set("username", oidctest.Username)
	form.Set("password", "another quite long password")
	target, _ := res.Request.URL.Parse(action)
	w.fetch(http.MethodPost, strings.TrimPrefix(target.String(), w.base), form, "")
}

// fetch makes one request; with a form, credential is a client with appSecret,
// otherwise a bearer token.
func (w *world) fetch(method, path string, form url.Values, credential string) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	switch {
	case form != nil && credential != "":
		req.SetBasicAuth(credential, url.QueryEscape(appSecret))
	case credential != "":
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	res, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	res.Body.Close()
}
