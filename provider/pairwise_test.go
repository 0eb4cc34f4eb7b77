package provider_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

func pairwiseClients() []oidckit.ClientMetadata {
	one := webClient
	one.SubjectType, one.RedirectURIs = "pairwise", []string{redirectURI}
	two, three := otherClient, otherClient
	two.SubjectType, two.RedirectURIs = "pairwise", []string{"https://bank.example/cb"}
	three.ClientID, three.SubjectType, three.SectorIdentifierURI = "third", "pairwise", "https://app.example/sector.json"
	three.RedirectURIs = []string{"https://c.example/cb", "https://d.example/cb"}
	return []oidckit.ClientMetadata{one, two, three, publicClient}
}

func newPairwise(t *testing.T, change func(*provider.Config)) *fixture {
	t.Helper()
	return newFixture(t, oidctest.Config{Clients: pairwiseClients(), Configure: func(c *provider.Config) {
		c.Pairwise, c.Introspection = &provider.Pairwise{Salt: bytes.Repeat([]byte("salt"), 8)}, &provider.Introspection{}
		if change != nil {
			change(c)
		}
	}})
}

func (f *fixture) subjects(changes ...string) (id, access, info string, res tokenResponse) {
	f.t.Helper()
	q := request(changes...)
	code := f.code(changes...)
	form := codeForm(code, "redirect_uri", q.Get("redirect_uri"))
	switch q.Get("client_id") {
	case "web":
	case "spa":
		form.Set("client_id", "spa")
	default:
		form.Set("client_id", q.Get("client_id"))
		form.Set("client_secret", "other-secret")
	}
	res = f.token(form)
	if res.status != http.StatusOK {
		f.t.Fatalf("%+v", res)
	}
	_, doc, _ := f.get("/userinfo", res.Access)
	return claims(f.t, res.ID)["sub"].(string), claims(f.t, res.Access)["sub"].(string), doc["sub"].(string), res
}

// ATK-269, OpenID Connect Core 1.0 §8.1: each sector knows the person by a name
// of its own, everywhere the same one, after a restart too.
func TestATK269PairwiseIssuer(t *testing.T) {
	f := newPairwise(t, nil)
	id, access, info, res := f.subjects()
	if id != access || id != info || id == oidctest.Subject || len(id) != 43 {
		t.Errorf("web: %s, %s, %s", id, access, info)
	}
	if doc := f.info(res.Access); doc["name"] != "Alice Example" {
		t.Errorf("userinfo: %v", doc)
	}
	req := f.newRequest(http.MethodPost, "/introspect", url.Values{"token": {res.Access}})
	req.SetBasicAuth("web", "web-secret")
	if a := f.send(f.client, req); a.status != http.StatusOK || !strings.Contains(a.body, `"sub":"`+id+`"`) || strings.Contains(a.body, oidctest.Subject) {
		t.Errorf("introspection: %d %s", a.status, a.body)
	}
	bank, _, bankInfo, _ := f.subjects("client_id", "other", "redirect_uri", "https://bank.example/cb")
	if bank == id || bank == oidctest.Subject || bank != bankInfo {
		t.Errorf("another sector: %s", bank)
	}
	third, _, _, _ := f.subjects("client_id", "third", "redirect_uri", "https://c.example/cb")
	if third != id {
		t.Errorf("the same sector: %s", third)
	}
	if public, _, _, _ := f.subjects("client_id", "spa"); public != oidctest.Subject {
		t.Errorf("a public client: %s", public)
	}
	_, doc, _ := f.get("/.well-known/openid-configuration", "")
	if types := doc["subject_types_supported"].([]any); !slices.Equal(types, []any{"public", "pairwise"}) {
		t.Errorf("%v", types)
	}
	second := f.sub(t)
	cfg := f.watch.config
	cfg.Clients = slices.Clone(cfg.Clients)
	second.client = &http.Client{Transport: newProvider(t, cfg).LocalTransport(nil)}
	second.browser = oidctest.NewBrowser(t, f.base, second.client)
	if again, _, _, _ := second.subjects(); again != id {
		t.Errorf("after a restart: %s", again)
	}
}

func (f *fixture) info(access string) map[string]any {
	f.t.Helper()
	_, doc, _ := f.get("/userinfo", access)
	return doc
}

// OpenID Connect Core 1.0 §3.1.2.1, §5.5.1, RP-Initiated Logout 1.0 §2: the
// client speaks of the person by its own name for them.
func TestPairwiseHints(t *testing.T) {
	f := newPairwise(t, nil)
	id, _, _, res := f.subjects()
	if q := f.authorize("prompt", "none", "id_token_hint", res.ID); q.Get("code") == "" {
		t.Errorf("its own hint: %v", q)
	}
	for sub, want := range map[string]string{id: "", oidctest.Subject: "login_required", "somebody": "login_required"} {
		asked := jsonText(t, map[string]any{"id_token": map[string]any{"sub": map[string]any{"value": sub}}})
		if q := f.authorize("prompt", "none", "claims", asked); q.Get("error") != want {
			t.Errorf("claims sub %s: %v", sub, q)
		}
	}
	back, err := f.browser.Authorize(f.base + "/end_session?id_token_hint=" + res.ID + "&post_logout_redirect_uri=https://app.example/bye")
	if err != nil || back.String() != "https://app.example/bye" || slices.Contains(f.browser.Seen, "/end_session/confirm") {
		t.Errorf("%v %v, pages %v", back, err, f.browser.Seen)
	}
}

// A registered client whose subjects are pairwise is refused by an issuer that
// makes none any more: it never gets the local one.
func TestPairwiseSwitchedOff(t *testing.T) {
	f := newPairwise(t, func(c *provider.Config) { c.Registration = &provider.Registration{AllowAnonymous: true} })
	c := f.register(appMetadata("subject_type", "pairwise"))
	res := f.login(c)
	if res.status != http.StatusOK || claims(t, res.ID)["sub"] == oidctest.Subject {
		t.Fatalf("%+v", res)
	}
	cfg := f.watch.config
	cfg.Pairwise, cfg.Clients = nil, nil
	other := f.sub(t)
	other.client = &http.Client{Transport: newProvider(t, cfg).LocalTransport(nil)}
	if again := other.redeemAs(c, refreshForm(res.Refresh)); again.Error != "invalid_client" {
		t.Errorf("%+v", again)
	}
	if other.alive(res.Access) {
		t.Error("its access token opens userinfo")
	}
}

// sectorServer serves a sector identifier document.
func sectorServer(t *testing.T, document any) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/gone":
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte(`["https://a.example/cb","https://b.example/cb"]`))
		case "/huge":
			w.Write(bytes.Repeat([]byte(" "), 1<<20))
		case "/object":
			w.Write([]byte(`{"redirect_uris":[]}`))
		default:
			if err := json.NewEncoder(w).Encode(document); err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// OpenID Connect Dynamic Client Registration 1.0 §5: the document must name
// every redirect URI; what does not answer well is a refusal too.
func TestSectorIdentifierURI(t *testing.T) {
	hosts := []string{"https://a.example/cb", "https://b.example/cb"}
	s := sectorServer(t, append([]string{"https://z.example/cb"}, hosts...))
	f := newPairwise(t, func(c *provider.Config) {
		c.Registration = &provider.Registration{AllowAnonymous: true}
		c.Outbound = provider.Outbound{AllowLoopback: true, RootCAs: pool(s)}
	})
	try := func(uri string, redirects ...string) registered {
		return f.manage(http.MethodPost, "", "", jsonText(t, appMetadata("subject_type", "pairwise", "sector_identifier_uri", uri, "redirect_uris", redirects)))
	}
	if r := try(s.URL+"/", hosts...); r.status != http.StatusCreated || r.text("sector_identifier_uri") != s.URL+"/" {
		t.Errorf("%d %v", r.status, r.doc)
	}
	for name, r := range map[string]registered{
		"a redirect URI that is not listed": try(s.URL+"/", append(hosts, "https://c.example/cb")...),
		"a redirect":                        try(s.URL+"/redirect", hosts...),
		"404":                               try(s.URL+"/gone", hosts...),
		"a megabyte":                        try(s.URL+"/huge", hosts...),
		"an object":                         try(s.URL+"/object", hosts...),
		"nobody there":                      try("https://127.0.0.1:1/", hosts...),
		"several hosts without":             f.manage(http.MethodPost, "", "", jsonText(t, appMetadata("subject_type", "pairwise", "redirect_uris", hosts))),
	} {
		if r.status != http.StatusBadRequest || r.Error != "invalid_client_metadata" {
			t.Errorf("%s: %d %v", name, r.status, r.doc)
		}
	}
}

// pool trusts a test server.
func pool(s *httptest.Server) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(s.Certificate())
	return p
}
