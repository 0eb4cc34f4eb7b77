package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/admin"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

// TestMain has no names resolved: what a name leads to is judged when it is
// dialled.
func TestMain(m *testing.M) {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no network")
	}}
	os.Exit(m.Run())
}

// operatorOnly is a guard of an app's own.
func operatorOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := r.Header.Get("X-Operator")
		if who == "" {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(oidckit.ContextWithIdentity(r.Context(), &oidckit.Identity{Subject: who})))
	})
}

// api is the API and a person at it.
type api struct {
	t         *testing.T
	handler   http.Handler
	prefix    string
	registry  *broker.Registry
	set       rpstore.Set
	described *description
	log       *bytes.Buffer

	mu     sync.Mutex
	events []oidckit.Event
}

type settings struct {
	admin    admin.Config
	registry broker.RegistryConfig
	set      rpstore.Set
}

func newAPI(t *testing.T, change func(*settings)) *api {
	t.Helper()
	ring, err := oidckit.NewSecrets(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	a := &api{t: t, log: &bytes.Buffer{}}
	s := settings{
		set:   rpstore.NewMemory().Open("app"),
		admin: admin.Config{Guard: operatorOnly, Logger: zerolog.New(zerolog.SyncWriter(a.log))},
	}
	s.registry = broker.RegistryConfig{
		Store: s.set.IdentityProviders, Secrets: ring, CallbackURL: "https://app.example.com/broker/callback",
		Events: func(_ context.Context, e oidckit.Event) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.events = append(a.events, e)
		},
	}
	if change != nil {
		change(&s)
	}
	a.set = s.set
	if a.registry, err = broker.NewRegistry(s.registry); err != nil {
		t.Fatal(err)
	}
	s.admin.Registry = a.registry
	h, err := admin.New(s.admin)
	if err != nil {
		t.Fatal(err)
	}
	if a.prefix = s.admin.Prefix; a.prefix == "" {
		a.prefix = admin.DefaultPrefix
	}
	mux := http.NewServeMux()
	h.Mount(mux)
	a.handler = mux
	free := s.admin
	free.Guard, free.CustomerKey = operatorOnly, nil
	open, err := admin.New(free)
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, a.prefix+"/openapi.json", nil)
	r.Header.Set("X-Operator", "root")
	open.ServeHTTP(rec, r)
	a.described = newDescription(t, rec.Body.Bytes())
	return a
}

type answer struct {
	status int
	header http.Header
	body   []byte
	doc    document
}

type document struct {
	Status, Message, Timestamp, Details string
	StatusCode                          int
	IDP                                 *broker.IdentityProvider
	IDPList                             *struct {
		TotalResults, StartIndex, ItemsPerPage int
		Resources                              []broker.IdentityProvider
	}
	Errors []broker.FieldError
}

// fields are the names of the fields that an answer names.
func (a answer) fields() string {
	var names []string
	for _, e := range a.doc.Errors {
		names = append(names, e.Field)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// ask sends a request to an address below the prefix, and checks the answer by
// the API's description.
func (a *api) ask(method, below, body string, headers ...string) answer {
	a.t.Helper()
	return a.send(a.request(method, below, body, headers...))
}

func (a *api) request(method, below, body string, headers ...string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "https://app.example.com"+a.prefix+below, reader)
	r.Header.Set("X-Operator", "root")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return r
}

func (a *api) send(r *http.Request) answer {
	a.t.Helper()
	rec := httptest.NewRecorder()
	a.handler.ServeHTTP(rec, r)
	got := answer{status: rec.Code, header: rec.Header(), body: rec.Body.Bytes()}
	if r.Method != http.MethodHead && got.header.Get("Content-Type") == "application/json" {
		a.described.check(a.t, a.prefix, r, got.status, got.header, got.body)
		_ = json.Unmarshal(got.body, &got.doc)
	}
	if got.header.Get("Access-Control-Allow-Origin") != "" {
		a.t.Error("scripts of other origins are let in")
	}
	return got
}

// create stores a record and returns it.
func (a *api) create(body string) *broker.IdentityProvider {
	a.t.Helper()
	got := a.ask("POST", "", body)
	if got.status != http.StatusCreated {
		a.t.Fatalf("creation: %d %s", got.status, got.body)
	}
	a.described.checkRequest(a.t, body)
	return got.doc.IDP
}

func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// changed returns a JSON object with other members; nil takes one out.
func changed(t *testing.T, body string, members map[string]any) string {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	for name, v := range members {
		if doc[name] = v; v == nil {
			delete(doc, name)
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What differs from call to call, and the callback, which is ours.
var (
	uuids     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	times     = regexp.MustCompile(`"timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)
	callbacks = regexp.MustCompile(`"oauthCallBackUrl":"[^"]*"`)
)

// sameDocument compares an answer with one of the documents', byte for byte and
// in the order of the members.
func sameDocument(t *testing.T, got []byte, name string) {
	t.Helper()
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(golden(t, name))); err != nil {
		t.Fatal(err)
	}
	flat := func(doc []byte) string {
		s := uuids.ReplaceAllString(string(doc), "UUID")
		s = times.ReplaceAllString(s, `"timestamp":"TIME"`)
		return callbacks.ReplaceAllString(s, `"oauthCallBackUrl":"CALLBACK"`)
	}
	if g, w := flat(got), flat(want.Bytes()); g != w {
		t.Errorf("%s:\n got %s\nwant %s", name, g, w)
	}
}

func (a *api) taken() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, e := range a.events {
		out = append(out, fmt.Sprintf("%s by %s %s", e.Name, e.Subject, strings.Join(e.Fields, ",")))
	}
	a.events = nil
	return out
}
