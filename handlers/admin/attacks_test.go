package admin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/admin"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/storetest"
)

func TestConfig(t *testing.T) {
	_, err := admin.New(admin.Config{Prefix: "a b"})
	for _, field := range []string{"Registry", "Prefix", "Guard"} {
		if err == nil || !strings.Contains(err.Error(), "admin.Config."+field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
	_, err = admin.New(admin.Config{Guard: operatorOnly, CustomerKey: &admin.CustomerKey{Window: time.Hour}})
	for _, field := range []string{"Guard or CustomerKey", "CustomerKey.APIKeys", "CustomerKey.Replay", "CustomerKey.Window"} {
		if err == nil || !strings.Contains(err.Error(), "admin.Config."+field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}

// ATK-296: the guard stands before every address.
func TestNobodyGetsPastTheGuard(t *testing.T) {
	a := newAPI(t, nil)
	p := a.create(golden(t, "C4_create_request.json"))
	for _, path := range []string{"", "/" + p.UUID, "/" + p.UUID + "/test", "/openapi.json", "/presets", "/import", "/test", "/preview", "/none"} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			if got := a.ask(method, path, "", "X-Operator", ""); got.status != 401 {
				t.Errorf("%s %s: %d", method, path, got.status)
			}
		}
	}
}

// ATK-303, ATK-304: whatever the headers are, the answer is 401.
func TestBadCustomerKeys(t *testing.T) {
	a := newAPI(t, withCustomerKey)
	now := time.Now()
	good := signed(now, "334709", "the api key")
	with := func(i int, value string) []string {
		h := append([]string{}, good...)
		h[i] = value
		return h
	}
	stamp := good[3]
	rows := map[string][]string{
		"none": {"X-Operator", "root"}, "unknown customer": signed(now, "1", "the api key"), "wrong key": signed(now, "334709", "another"),
		"empty key": signed(now, "1", ""), "hash of nothing": with(5, ""), "upper case": with(5, strings.ToUpper(good[5])), "half": with(5, good[5][:64]),
		"129": with(5, good[5]+"0"), "NUL": with(5, good[5][:127]+"\x00"), "no hex": with(5, strings.Repeat("g", 128)), "bearer": with(5, "Bearer "+good[5]),
		"too old": signed(now.Add(-61*time.Second), "334709", "the api key"), "too new": signed(now.Add(62*time.Second), "334709", "the api key"),
		"customer with a slash": signed(now, "a/b", "the api key"),
	}
	for _, bad := range []string{"", "abc", "1e13", "+" + stamp[1:], " " + stamp[1:], "１" + stamp[1:], "0x" + stamp[2:], "-" + stamp[1:], strings.Repeat("9", 30), stamp[:10], stamp + "0", "9999999999999"} {
		rows["timestamp "+bad] = with(3, bad)
	}
	for name, headers := range rows {
		got := a.ask("GET", "", "", headers...)
		if got.status != 401 || got.doc.Status != "FAILED" || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for _, twice := range []string{"Customer-Key", "Timestamp", "Authorization"} {
		r := a.request("GET", "", "", good...)
		r.Header.Add(twice, r.Header.Get(twice))
		if got := a.send(r); got.status != 401 {
			t.Errorf("%s twice: %d", twice, got.status)
		}
	}
	// None of it has used up the timestamp.
	if got := a.ask("GET", "", "", good...); got.status != 200 {
		t.Errorf("the good one: %d %s", got.status, got.body)
	}
}

// ATK-301, ATK-307, ATK-309: a header is good once, for whatever request, on
// whatever replica.
func TestReplayedCustomerKey(t *testing.T) {
	store := rpstore.NewMemory()
	replica := func() *api {
		return newAPI(t, func(s *settings) {
			s.set = store.Open("app")
			s.registry.Store = s.set.IdentityProviders
			withCustomerKey(s)
		})
	}
	one, other := replica(), replica()
	headers := signed(time.Now(), "334709", "the api key")
	if got := one.ask("GET", "", "", headers...); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for name, got := range map[string]answer{
		"the same": one.ask("GET", "", "", headers...), "another replica": other.ask("GET", "", "", headers...),
		"another method": other.ask("DELETE", "/a3564079-a229-421d-9af7-20972f1df1c0", "", headers...),
		"another body":   one.ask("POST", "", golden(t, "C4_create_request.json"), headers...),
	} {
		if got.status != 401 || !strings.Contains(got.doc.Message, "used before") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	// At once on both: one gets in.
	headers = signed(time.Now().Add(time.Millisecond), "334709", "the api key")
	var mu sync.Mutex
	refused := errors.New("refused")
	err := storetest.OneWinner(storetest.Race(func(i int) error {
		rec := httptest.NewRecorder()
		mu.Lock()
		r := one.request("GET", "", "", headers...)
		mu.Unlock()
		[]*api{one, other}[i%2].handler.ServeHTTP(rec, r)
		if rec.Code != 200 {
			return refused
		}
		return nil
	}), refused)
	if err != nil {
		t.Error(err)
	}
}

type brokenReplay struct{}

func (brokenReplay) UseOnce(context.Context, string, time.Time) error { return errors.New("down") }

// What cannot be checked lets nobody in, and is a fault of ours; ATK-313: nor
// does anybody get in without TLS, but from this machine.
func TestCustomerKeyWithoutStoreOrTLS(t *testing.T) {
	down := newAPI(t, func(s *settings) { withCustomerKey(s); s.admin.CustomerKey.Replay = brokenReplay{} })
	if got := down.ask("GET", "", "", signed(time.Now(), "334709", "the api key")...); got.status != 503 {
		t.Errorf("replay store down: %d", got.status)
	}
	unknown := newAPI(t, func(s *settings) {
		withCustomerKey(s)
		s.admin.CustomerKey.APIKeys = func(context.Context, string) ([]string, error) { return nil, errors.New("down") }
	})
	if got := unknown.ask("GET", "", "", signed(time.Now(), "334709", "the api key")...); got.status != 503 {
		t.Errorf("keys not at hand: %d", got.status)
	}
	a := newAPI(t, withCustomerKey)
	proxied := newAPI(t, func(s *settings) { withCustomerKey(s); s.admin.CustomerKey.AllowPlainHTTP = true })
	for i, row := range []struct {
		a      *api
		remote string
		want   int
	}{{a, "192.0.2.1:1234", 403}, {a, "127.0.0.1:1234", 200}, {a, "[::1]:1234", 200}, {a, "@", 403}, {proxied, "192.0.2.1:1234", 200}} {
		r := row.a.request("GET", "", "", signed(time.Now().Add(time.Duration(i)*time.Millisecond), "334709", "the api key")...)
		r.TLS, r.RemoteAddr = nil, row.remote
		if got := row.a.send(r); got.status != row.want {
			t.Errorf("%s: %d, want %d", row.remote, got.status, row.want)
		}
	}
}

// ATK-323: of two operators the second is told.
func TestOperatorsAtOnce(t *testing.T) {
	a := newAPI(t, nil)
	request := golden(t, "C4_create_request.json")
	p := a.create(request)
	path := "/" + p.UUID
	if got := a.ask("PUT", path, request); got.status != 428 {
		t.Errorf("without If-Match: %d %s", got.status, got.body)
	}
	if got := a.ask("DELETE", path, ""); got.status != 428 {
		t.Errorf("without If-Match: %d %s", got.status, got.body)
	}
	named := func(name string) string { return changed(t, request, map[string]any{"displayName": name}) }
	if got := a.ask("PUT", path, named("one"), "If-Match", `"1"`); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, stale := range []string{`"1"`, `"0"`, `"3"`, `W/"2"`, `2`, ``} {
		r := a.request("PUT", path, named("two"))
		r.Header["If-Match"] = []string{stale}
		if got := a.send(r); got.status != 412 {
			t.Errorf("%s: %d %s", stale, got.status, got.body)
		}
	}
	if got := a.ask("DELETE", path, "", "If-Match", `"1"`); got.status != 412 {
		t.Errorf("%d %s", got.status, got.body)
	}
	// The one whose answer was lost sends it again.
	if got := a.ask("PUT", path, named("one"), "If-Match", `"1"`); got.status != 200 || got.header.Get("ETag") != `"2"` {
		t.Errorf("%d %s", got.status, got.body)
	}
	lost := errors.New("told")
	err := storetest.OneWinner(storetest.Race(func(i int) error {
		rec := httptest.NewRecorder()
		a.handler.ServeHTTP(rec, a.request("PUT", path, changed(t, request, map[string]any{"displayName": fmt.Sprint("racer ", i)}), "If-Match", `"2"`))
		switch rec.Code {
		case 200:
			return nil
		case 412:
			return lost
		}
		return fmt.Errorf("%d %s", rec.Code, rec.Body)
	}), lost)
	if err != nil {
		t.Error(err)
	}
	loose := newAPI(t, func(s *settings) { s.admin.AllowMissingIfMatch = true })
	p = loose.create(request)
	if got := loose.ask("PUT", "/"+p.UUID, named("x")); got.status != 200 {
		t.Errorf("where it may be missing: %d", got.status)
	}
}

func TestCreationIsRepeatable(t *testing.T) {
	a := newAPI(t, nil)
	request := golden(t, "C4_create_request.json")
	first := a.ask("POST", "", request, "Idempotency-Key", "k1")
	again := a.ask("POST", "", request, "Idempotency-Key", "k1")
	if again.status != 201 || again.doc.IDP.UUID != first.doc.IDP.UUID || again.header.Get("Location") != first.header.Get("Location") {
		t.Errorf("%d %s", again.status, again.body)
	}
	for name, got := range map[string]answer{
		"another key": a.ask("POST", "", request, "Idempotency-Key", "k2"), "another person": a.ask("POST", "", request, "Idempotency-Key", "k1", "X-Operator", "eve"),
		"another body": a.ask("POST", "", changed(t, request, map[string]any{"clientId": "x"}), "Idempotency-Key", "k1"),
	} {
		if got.status != 409 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := a.ask("POST", "", request, "Idempotency-Key", strings.Repeat("k", 256)); got.status != 400 {
		t.Errorf("a long key: %d", got.status)
	}
	if events := a.taken(); len(events) != 1 {
		t.Errorf("events %q", events)
	}
}

// ATK-037, ATK-324, ATK-325, ATK-331, and what else is no request.
func TestMalformedRequests(t *testing.T) {
	a := newAPI(t, nil)
	request := golden(t, "C4_create_request.json")
	p := a.create(request)
	member := func(s string) string { return strings.Replace(request, "{", "{"+s+",", 1) }
	for name, row := range map[string]struct {
		got  answer
		want int
	}{
		"member twice":         {a.ask("POST", "", member(`"clientId":"other"`)), 400},
		"escaped twice":        {a.ask("POST", "", member(`"client\u0049d":"other"`)), 400},
		"null":                 {a.ask("POST", "", "null"), 400},
		"list":                 {a.ask("POST", "", "[]"), 400},
		"null in it":           {a.ask("POST", "", changed(t, request, map[string]any{"identifier": "n", "attributeMapping": []any{nil}})), 400},
		"two documents":        {a.ask("POST", "", request+"{}"), 400},
		"deep":                 {a.ask("POST", "", member(`"scope":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000))), 400},
		"large":                {a.ask("POST", "", member(`"x":"`+strings.Repeat("x", 2<<20)+`"`)), 413},
		"form":                 {a.ask("POST", "", request, "Content-Type", "application/x-www-form-urlencoded"), 415},
		"text":                 {a.ask("POST", "", request, "Content-Type", "text/plain"), 415},
		"no type":              {a.ask("POST", "", request, "Content-Type", ""), 415},
		"unknown in a mapping": {a.ask("POST", "", strings.Replace(request, `"mail"`, `"mail","x":1`, 1)), 400},
		"query of a creation":  {a.ask("POST", "?x=1", request), 400},
		"query of a record":    {a.ask("GET", "/"+p.UUID+"?x=1", ""), 400},
		"startIndex":           {a.ask("GET", "?startIndex=-1", ""), 400},
		"startIndex 1e9":       {a.ask("GET", "?startIndex=9999999999", ""), 400},
		"count as text":        {a.ask("GET", "?count=ten", ""), 400},
		"count twice":          {a.ask("GET", "?count=1&count=2", ""), 400},
		"filter":               {a.ask("GET", "?filter=1%3D1&sort=uuid;DROP", ""), 400},
		"override":             {a.ask("POST", "/"+p.UUID, "", "X-HTTP-Method-Override", "DELETE"), 405},
		"patch":                {a.ask("PATCH", "/"+p.UUID, "{}"), 405},
		"options":              {a.ask("OPTIONS", "", "", "Origin", "https://evil.example"), 405},
		"another site":         {a.ask("POST", "", request, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"), 403},
	} {
		if row.got.status != row.want {
			t.Errorf("%s: %d, want %d: %.200s", name, row.got.status, row.want, row.got.body)
		}
	}
	if got := a.ask("PUT", "", request); got.status != 405 || got.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("%d %v", got.status, got.header)
	}
	if total := a.ask("GET", "", "").doc.IDPList.TotalResults; total != 1 {
		t.Errorf("%d records", total)
	}
}

// ATK-298: another tenant's record is none.
func TestTenants(t *testing.T) {
	store := rpstore.NewMemory()
	tenant := func(name string) *api {
		return newAPI(t, func(s *settings) { s.registry.Store = store.Open(name).IdentityProviders })
	}
	a, b := tenant("a"), tenant("b")
	p := a.create(golden(t, "C4_create_request.json"))
	path, missing := "/"+p.UUID, "/a3564079-a229-421d-9af7-20972f1df1c0"
	blank := func(got answer) string {
		return strings.NewReplacer(p.UUID, "", missing[1:], "", got.doc.Timestamp, "").Replace(string(got.body)) + got.header.Get("ETag")
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		body := ""
		if method == "PUT" {
			body = golden(t, "C5_replace_request.json")
		}
		foreign, none := b.ask(method, path, body, "If-Match", "*"), b.ask(method, missing, body, "If-Match", "*")
		if foreign.status != 404 || blank(foreign) != blank(none) {
			t.Errorf("%s: %d %s, for none %s", method, foreign.status, foreign.body, none.body)
		}
	}
	if got := b.ask("GET", "", ""); got.doc.IDPList.TotalResults != 0 {
		t.Errorf("%s", got.body)
	}
}

// The API is the same wherever it is mounted.
func TestMounts(t *testing.T) {
	a := newAPI(t, func(s *settings) { s.admin.Prefix = "/admin/idps" })
	router := chi.NewRouter()
	h, err := admin.New(admin.Config{Registry: a.registry, Guard: operatorOnly, Prefix: a.prefix})
	if err != nil {
		t.Fatal(err)
	}
	h.Mount(router)
	for name, handler := range map[string]http.Handler{"ServeMux": a.handler, "chi": router, "alone": h} {
		a.handler = handler
		created := a.ask("POST", "", changed(t, golden(t, "C4_create_request.json"), map[string]any{"identifier": strings.ToLower(name)}))
		if created.status != 201 || created.doc.Details != "uri=/v1/oauth" || created.header.Get("Location") != "/admin/idps/"+created.doc.IDP.UUID {
			t.Fatalf("%s: %d %s", name, created.status, created.body)
		}
		if got := a.ask("GET", "/"+created.doc.IDP.UUID, ""); got.status != 200 {
			t.Errorf("%s: %d", name, got.status)
		}
		if got := a.ask("HEAD", "/"+created.doc.IDP.UUID, ""); got.status != 200 {
			t.Errorf("%s: HEAD %d", name, got.status)
		}
		if got := a.ask("GET", "/openapi.json", ""); got.status != 200 || !bytes.Contains(got.body, []byte(`"/admin/idps/{uuid}"`)) {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}

type brokenStore struct{ rpstore.IdentityProviders }

func (brokenStore) ListIdentityProviders(context.Context, rpstore.IdentityProviderSelector, int, int) ([]rpstore.IdentityProvider, int, error) {
	return nil, 0, errors.New("the password of the database is hunter2")
}

// A fault is 503, and its text stays here.
func TestStoreDown(t *testing.T) {
	a := newAPI(t, func(s *settings) { s.registry.Store = brokenStore{s.registry.Store} })
	got := a.ask("GET", "", "")
	if got.status != 503 || got.header.Get("Retry-After") == "" || strings.Contains(string(got.body), "hunter2") || !strings.Contains(a.log.String(), "hunter2") {
		t.Errorf("%d %s; logged %s", got.status, got.body, a.log)
	}
	if _, err := a.registry.Default(t.Context()); errors.Is(err, oidckit.ErrNotFound) {
		t.Error("a fault is no absence")
	}
}

// ATK-311: while a key is replaced both count; a key that is gone counts for
// nothing from the next request on.
func TestCustomerKeysTurnOver(t *testing.T) {
	keys := []string{"old"}
	a := newAPI(t, func(s *settings) {
		withCustomerKey(s)
		s.admin.CustomerKey.APIKeys = func(context.Context, string) ([]string, error) { return keys, nil }
	})
	at := time.Now()
	for _, row := range []struct {
		keys     []string
		old, new int
	}{{[]string{"old"}, 200, 401}, {[]string{"old", "new"}, 200, 200}, {[]string{"new"}, 401, 200}, {nil, 401, 401}, {[]string{""}, 401, 401}} {
		keys = row.keys
		for key, want := range map[string]int{"old": row.old, "new": row.new, "": 401} {
			at = at.Add(time.Millisecond)
			if got := a.ask("GET", "", "", signed(at, "334709", key)...); got.status != want {
				t.Errorf("with keys %q, %q gets %d, want %d", row.keys, key, got.status, want)
			}
		}
	}
}
