package provider_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

const adminPath = "/admin/clients"

// operatorOnly is a guard of an app's own.
func operatorOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Operator") == "" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		ctx := oidckit.ContextWithIdentity(r.Context(), &oidckit.Identity{Subject: r.Header.Get("X-Operator")})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// operator is a person at the API.
type operator struct {
	*fixture
	api http.Handler
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		c.ClientAdmin = &provider.ClientAdmin{Guard: operatorOnly}
	}})
	return &operator{f, f.op.Provider.ClientAdminHandler()}
}

func (o *operator) ask(method, path, body string, headers ...string) registered {
	o.t.Helper()
	r := httptest.NewRequest(method, o.base+path, strings.NewReader(body))
	r.Header.Set("X-Operator", "root")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	o.api.ServeHTTP(rec, r)
	a := registered{status: rec.Code, header: rec.Header(), doc: map[string]any{}}
	if rec.Body.Len() > 0 {
		if err := json.Unmarshal(rec.Body.Bytes(), &a.doc); err != nil {
			o.t.Fatalf("%s %s: %d %s", method, path, rec.Code, rec.Body)
		}
	}
	a.Error = a.text("error")
	return a
}

func (o *operator) create(metadata map[string]any, headers ...string) registered {
	o.t.Helper()
	r := o.ask(http.MethodPost, adminPath, jsonText(o.t, metadata), headers...)
	if r.status != http.StatusCreated {
		o.t.Fatalf("%d %v", r.status, r.doc)
	}
	return r
}

// An operator registers a client, which works at once, changes it and deletes
// it; each change is an event with who it was, and without secrets.
func TestClientAdminLife(t *testing.T) {
	o := newOperator(t)
	c := o.create(appMetadata("client_name", "Shop", "scope", "openid profile email offline_access orders:read"))
	id := c.text("client_id")
	if c.text("client_secret") == "" || c.header.Get("ETag") != `"1"` || c.header.Get("Location") != adminPath+"/"+id || c.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %v", c.doc, c.header)
	}
	res := o.login(c)
	if res.status != http.StatusOK || !o.alive(res.Access) {
		t.Fatalf("%+v", res)
	}
	got := o.ask(http.MethodGet, adminPath+"/"+id, "")
	if got.status != http.StatusOK || got.text("client_secret") != "" || got.text("client_name") != "Shop" || got.doc["self_registered"] != nil {
		t.Errorf("%d %v", got.status, got.doc)
	}
	got.doc["client_name"] = "Bigger shop"
	next := o.ask(http.MethodPut, adminPath+"/"+id, jsonText(t, got.doc), "If-Match", got.header.Get("ETag"))
	if next.status != http.StatusOK || next.header.Get("ETag") != `"2"` || next.text("client_name") != "Bigger shop" || next.text("client_secret") != "" {
		t.Errorf("%d %v", next.status, next.doc)
	}
	if again := o.redeemAs(c, refreshForm(res.Refresh)); again.status != http.StatusOK {
		t.Errorf("%+v", again)
	} else {
		res = again
	}
	if r := o.ask(http.MethodDelete, adminPath+"/"+id, "", "If-Match", `"2"`); r.status != http.StatusNoContent {
		t.Errorf("%d %v", r.status, r.doc)
	}
	if r := o.redeemAs(c, refreshForm(res.Refresh)); r.Error != "invalid_client" || o.alive(res.Access) {
		t.Errorf("%+v", r)
	}
	for _, name := range []oidckit.EventName{oidckit.EventClientRegistered, oidckit.EventClientUpdated, oidckit.EventClientDeleted} {
		if e, ok := o.watch.last(name); !ok || e.ClientID != id || e.Subject != "root" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if strings.Contains(o.watch.log(), c.text("client_secret")) {
		t.Error("the secret was logged")
	}
}

// Everything that is wrong is told at once; what is mistyped is told too.
func TestClientAdminRefusals(t *testing.T) {
	o := newOperator(t)
	c := o.create(appMetadata("client_id", "shop"))
	bad := o.ask(http.MethodPost, adminPath, jsonText(t, appMetadata(
		"client_id", "a/b", "redirect_uris", []string{"http://a.example"}, "subject_type", "pairwise", "logo_uri", "javascript:x")))
	fields := fmt.Sprint(bad.doc["fields"])
	if bad.status != http.StatusBadRequest || bad.Error != "invalid_client_metadata" {
		t.Errorf("%d %v", bad.status, bad.doc)
	}
	for _, field := range []string{"client_id", "redirect_uris", "subject_type", "logo_uri"} {
		if !strings.Contains(fields, field) {
			t.Errorf("%s is not told: %s", field, fields)
		}
	}
	good := jsonText(t, appMetadata())
	item := adminPath + "/shop"
	for name, row := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
	}{
		"nobody":                    {"GET", adminPath, "", []string{"X-Operator", ""}, 401},
		"a script of another site":  {"POST", adminPath, good, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"a form":                    {"POST", adminPath, "client_name=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		"an unknown field":          {"POST", adminPath, `{"redirect_uri":["https://a.example"]}`, nil, 400},
		"a wrong type":              {"POST", adminPath, `{"redirect_uris":"https://a.example"}`, nil, 400},
		"too large":                 {"POST", adminPath, `{"client_name":"` + strings.Repeat("x", 300<<10) + `"}`, nil, 413},
		"a taken client_id":         {"POST", adminPath, jsonText(t, appMetadata("client_id", "shop")), nil, 409},
		"a configured client_id":    {"POST", adminPath, jsonText(t, appMetadata("client_id", "web")), nil, 409},
		"a query":                   {"POST", adminPath + "?x=y", good, nil, 400},
		"a secret of a public one":  {"POST", adminPath, jsonText(t, appMetadata("client_secret", "x", "token_endpoint_auth_method", "none")), nil, 400},
		"a configured client":       {"GET", adminPath + "/web", "", nil, 404},
		"below a client":            {"GET", item + "/x", "", nil, 404},
		"an empty client_id":        {"GET", adminPath + "/", "", nil, 404},
		"elsewhere":                 {"GET", "/admin", "", nil, 404},
		"PUT without If-Match":      {"PUT", item, good, nil, 428},
		"PUT of an old version":     {"PUT", item, good, []string{"If-Match", `"0"`}, 412},
		"PUT of a weak version":     {"PUT", item, good, []string{"If-Match", `W/"1"`}, 412},
		"PUT of another client_id":  {"PUT", item, jsonText(t, appMetadata("client_id", "x")), []string{"If-Match", `"1"`}, 400},
		"PUT of nothing there":      {"PUT", adminPath + "/x", good, []string{"If-Match", "*"}, 404},
		"DELETE without If-Match":   {"DELETE", item, "", nil, 428},
		"DELETE of an old version":  {"DELETE", item, "", []string{"If-Match", `"7"`}, 412},
		"DELETE of nothing there":   {"DELETE", adminPath + "/x", "", []string{"If-Match", "*"}, 404},
		"DELETE of everything":      {"DELETE", adminPath, "", []string{"If-Match", "*"}, 405},
		"POST to a client":          {"POST", item, good, nil, 405},
		"PATCH":                     {"PATCH", item, good, nil, 405},
		"an odd page":               {"GET", adminPath + "?startIndex=0", "", nil, 400},
		"an unknown parameter":      {"GET", adminPath + "?filter=x", "", nil, 400},
		"ATK-331 a hidden method":   {"POST", item, "", []string{"X-HTTP-Method-Override", "DELETE"}, 405},
		"ATK-331 a preflight":       {"OPTIONS", adminPath, "", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "PUT"}, 405},
		"a too long key of a retry": {"POST", adminPath, good, []string{"Idempotency-Key", strings.Repeat("x", 300)}, 400},
	} {
		r := httptest.NewRequest(row.method, o.base+row.path, strings.NewReader(row.body))
		r.Header.Set("X-Operator", "root")
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(row.headers); i += 2 {
			r.Header.Set(row.headers[i], row.headers[i+1])
		}
		rec := httptest.NewRecorder()
		o.api.ServeHTTP(rec, r)
		if rec.Code != row.status || rec.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if r := o.ask(http.MethodGet, item, ""); r.status != http.StatusOK || r.header.Get("ETag") != c.header.Get("ETag") {
		t.Errorf("the client is not what it was: %d %v", r.status, r.header)
	}
}

// A list is read page by page, and begins at 1.
func TestClientAdminList(t *testing.T) {
	o := newOperator(t)
	for i := range 5 {
		o.create(appMetadata("client_id", fmt.Sprintf("app-%d", i)))
	}
	var ids []string
	for start := 1; start < 7; start += 2 {
		r := o.ask(http.MethodGet, fmt.Sprintf("%s?startIndex=%d&count=2", adminPath, start), "")
		if r.doc["totalResults"] != 5.0 || r.doc["startIndex"] != float64(start) || r.doc["itemsPerPage"] != float64(len(r.doc["clients"].([]any))) {
			t.Errorf("%v", r.doc)
		}
		for _, c := range r.doc["clients"].([]any) {
			if _, has := c.(map[string]any)["client_secret"]; has {
				t.Error("a list has secrets")
			}
			ids = append(ids, c.(map[string]any)["client_id"].(string))
		}
	}
	if !slices.Equal(ids, []string{"app-0", "app-1", "app-2", "app-3", "app-4"}) {
		t.Errorf("%v", ids)
	}
}

// A creation and a replacement whose answers were lost can be repeated, and
// nothing else gets what they got.
func TestClientAdminRetries(t *testing.T) {
	o := newOperator(t)
	first := o.create(appMetadata("client_name", "Shop"), "Idempotency-Key", "order-4711")
	again := o.create(appMetadata("client_name", "Shop"), "Idempotency-Key", "order-4711")
	if again.text("client_id") != first.text("client_id") || again.text("client_secret") != first.text("client_secret") || len(again.text("client_id")) < 22 {
		t.Errorf("%v, %v", first.doc, again.doc)
	}
	if r := o.redeemAs(again, refreshForm("x")); r.Error != "invalid_grant" {
		t.Errorf("the secret that came again: %+v", r)
	}
	if r := o.ask(http.MethodPost, adminPath, jsonText(t, appMetadata("client_name", "Another")), "Idempotency-Key", "order-4711"); r.status != http.StatusConflict {
		t.Errorf("another request with the key: %d %v", r.status, r.doc)
	}
	for name, headers := range map[string][]string{"another key": {"Idempotency-Key", "order-4712"}, "another operator": {"Idempotency-Key", "order-4711", "X-Operator", "eve"}, "no key": nil} {
		if r := o.create(appMetadata("client_name", "Shop"), headers...); r.text("client_id") == first.text("client_id") || r.text("client_secret") == first.text("client_secret") {
			t.Errorf("%s: %v", name, r.doc)
		}
	}
	item := adminPath + "/" + first.text("client_id")
	change := jsonText(t, appMetadata("client_name", "Bigger shop"))
	for range 2 {
		if r := o.ask(http.MethodPut, item, change, "If-Match", `"1"`); r.status != http.StatusOK || r.header.Get("ETag") != `"2"` {
			t.Errorf("%d %v", r.status, r.doc)
		}
	}
	if r := o.ask(http.MethodPut, item, jsonText(t, appMetadata("client_name", "Smaller")), "If-Match", `"1"`); r.status != http.StatusPreconditionFailed {
		t.Errorf("another change of the old version: %d", r.status)
	}
	if r := o.ask(http.MethodPost, adminPath, jsonText(t, appMetadata("client_name", "Shop")), "Idempotency-Key", "order-4711"); r.status != http.StatusConflict {
		t.Errorf("a creation after a change: %d", r.status)
	}
}

// A key does not bring back to life what a deletion has ended: the secret may be
// why the client was deleted.
func TestClientAdminDeletedSecretStaysDead(t *testing.T) {
	o := newOperator(t)
	meta := appMetadata("client_name", "Shop")
	first := o.create(meta, "Idempotency-Key", "order-4711")
	if r := o.ask(http.MethodDelete, adminPath+"/"+first.text("client_id"), "", "If-Match", first.header.Get("ETag")); r.status != http.StatusNoContent {
		t.Fatalf("%d %v", r.status, r.doc)
	}
	again := o.create(meta, "Idempotency-Key", "order-4711")
	if again.text("client_secret") == first.text("client_secret") || len(again.text("client_secret")) != len(first.text("client_secret")) {
		t.Error("the deleted client's secret came back")
	}
	if r := o.redeemAs(first, refreshForm("x")); r.Error != "invalid_client" {
		t.Errorf("the deleted client's secret: %+v", r)
	}
	if r := o.redeemAs(again, refreshForm("x")); r.Error != "invalid_grant" {
		t.Errorf("the new client's secret: %+v", r)
	}
	if third := o.create(meta, "Idempotency-Key", "order-4711"); third.text("client_secret") != again.text("client_secret") {
		t.Error("a repeated creation gets another secret")
	}
}

// Of operators who change a client at once, one wins and the others hear of it.
func TestClientAdminRace(t *testing.T) {
	o := newOperator(t)
	c := o.create(appMetadata())
	const racers = 16
	var wg sync.WaitGroup
	answers := make([]registered, racers)
	for i := range racers {
		wg.Go(func() {
			answers[i] = o.ask(http.MethodPut, adminPath+"/"+c.text("client_id"), jsonText(t, appMetadata("client_name", fmt.Sprint(i))), "If-Match", `"1"`)
		})
	}
	wg.Wait()
	won := 0
	for _, a := range answers {
		switch a.status {
		case http.StatusOK:
			won++
		case http.StatusPreconditionFailed:
		default:
			t.Errorf("%d %v", a.status, a.doc)
		}
	}
	if won != 1 {
		t.Errorf("%d have won", won)
	}
}

// The API is where the app mounts it, on either router, and nobody's without a
// guard.
func TestClientAdminMounting(t *testing.T) {
	for name, guard := range map[string]func(http.Handler) http.Handler{"guarded": operatorOnly, "no guard": nil} {
		c := goodConfig(t)
		c.ClientAdmin = &provider.ClientAdmin{Path: "/ops/clients", Guard: guard}
		p := newProvider(t, c)
		mux, router := http.NewServeMux(), chi.NewRouter()
		p.MountClientAdmin(mux)
		p.MountClientAdmin(router)
		for routerName, h := range map[string]http.Handler{"ServeMux": mux, "chi": router} {
			for path, want := range map[string]int{"/ops/clients": 200, "/ops/clients/nobody": 404} {
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.Header.Set("X-Operator", "root")
				if guard == nil {
					want = http.StatusForbidden
				}
				rec := httptest.NewRecorder()
				if h.ServeHTTP(rec, r); rec.Code != want || rec.Header().Get("Content-Type") != "application/json" {
					t.Errorf("%s, %s %s: %d %s", name, routerName, path, rec.Code, rec.Body)
				}
			}
		}
		rec := httptest.NewRecorder()
		if p.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/ops/clients", nil)); rec.Code != http.StatusNotFound {
			t.Errorf("%s: the issuer serves it by itself: %d", name, rec.Code)
		}
	}
	p := newProvider(t, goodConfig(t))
	p.MountClientAdmin(http.NewServeMux())
	rec := httptest.NewRecorder()
	if p.ClientAdminHandler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/admin/clients", nil)); rec.Code != http.StatusNotFound {
		t.Errorf("where it is off: %d", rec.Code)
	}
}
