package provider_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// flakyRegistrations is a store that is down while broken is set.
type flakyRegistrations struct {
	opstore.Registrations
	broken *atomic.Bool
}

func (s flakyRegistrations) Client(ctx context.Context, id string) (*opstore.Client, error) {
	if s.broken.Load() {
		return nil, errDown
	}
	return s.Registrations.Client(ctx, id)
}

func (s flakyRegistrations) Registration(ctx context.Context, id string) (*opstore.Registration, error) {
	if s.broken.Load() {
		return nil, errDown
	}
	return s.Registrations.Registration(ctx, id)
}

func (s flakyRegistrations) CreateRegistration(ctx context.Context, r *opstore.Registration) error {
	if s.broken.Load() {
		return errDown
	}
	return s.Registrations.CreateRegistration(ctx, r)
}

func (s flakyRegistrations) ListRegistrations(ctx context.Context, offset, limit int) ([]opstore.Registration, int, error) {
	if s.broken.Load() {
		return nil, 0, errDown
	}
	return s.Registrations.ListRegistrations(ctx, offset, limit)
}

// The store of clients is down: 503 everywhere, never "unknown client", and
// configured clients go on.
func TestRegistrationStoreDown(t *testing.T) {
	var broken atomic.Bool
	f := newFixture(t, oidctest.Config{
		Stores: func(issuer string) opstore.Set {
			set := opstore.NewMemory().Open(issuer)
			set.Registrations = flakyRegistrations{set.Registrations, &broken}
			return set
		},
		Configure: func(c *provider.Config) {
			c.Registration, c.ClientAdmin = &provider.Registration{AllowAnonymous: true}, &provider.ClientAdmin{Guard: operatorOnly}
		},
	})
	c := f.register(appMetadata())
	res := f.login(c)
	own := f.tokens()
	broken.Store(true)
	address, token := c.text("registration_client_uri"), c.text("registration_access_token")
	for name, status := range map[string]int{
		"register": f.manage(http.MethodPost, "", "", jsonText(t, appMetadata())).status,
		"read":     f.manage(http.MethodGet, address, token, "").status,
		"delete":   f.manage(http.MethodDelete, address, token, "").status,
		"token":    f.redeemAs(c, refreshForm(res.Refresh)).status,
		"admin":    (&operator{f, f.op.Provider.ClientAdminHandler()}).ask(http.MethodGet, adminPath, "").status,
	} {
		if status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _, _ := f.get("/userinfo", res.Access); status != http.StatusServiceUnavailable {
		t.Errorf("userinfo: %d", status)
	}
	if a := f.browse(http.MethodGet, "/authorize?"+request("client_id", c.text("client_id")).Encode(), nil); a.status != http.StatusServiceUnavailable {
		t.Errorf("authorize: %d", a.status)
	}
	if r := f.token(refreshForm(own.Refresh)); r.status != http.StatusOK {
		t.Errorf("a configured client: %+v", r)
	}
	broken.Store(false)
	if r := f.redeemAs(c, refreshForm(res.Refresh)); r.status != http.StatusOK {
		t.Errorf("nothing was lost, but: %+v", r)
	}
}

// What a stranger registers is refused, or is metadata that the rules allow:
// never a fault, and never a redirect URI of another kind.
func FuzzRegistration(f *testing.F) {
	for _, seed := range []string{
		`{"redirect_uris":["https://a.example/cb"]}`, `{"redirect_uris":["https://a.example/cb"],"jwks":{"keys":[{"kty":"oct","k":"AA"}]}}`,
		`{"redirect_uris":["http://127.0.0.1/cb"],"application_type":"native","token_endpoint_auth_method":"none"}`,
		`{"redirect_uris":["com.example:/x"],"grant_types":["implicit"],"response_types":["id_token token"]}`,
		`{"redirect_uris":null,"client_name":"\u202e"}`, `{"redirect_uris":["https://a.example"],"sector_identifier_uri":"https://127.1"}`,
		`{"redirect_uris":["https://a.example"],"default_max_age":1e400}`, `[]`, `{"software_statement":"a.b.c"}`, "{\"\xff\":1}",
	} {
		f.Add(seed)
	}
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		f.Fatal(err)
	}
	const issuer = "https://op.example"
	p, err := provider.New(provider.Config{
		Issuer: issuer, Secrets: secrets, Stores: opstore.NewMemory().Open(issuer), SigningAlgs: []string{"ES256", "RS256"},
		Registration: &provider.Registration{AllowAnonymous: true, MaxClients: 1 << 20},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { p.Close() })
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, issuer+"/register", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		p.ServeHTTP(rec, r)
		var doc struct {
			oidckit.ClientMetadata
			Error string `json:"error"`
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		switch {
		case rec.Code == http.StatusCreated && doc.Error == "":
			for _, u := range doc.RedirectURIs {
				if strings.Contains(u, "#") || strings.HasPrefix(u, "javascript:") || strings.HasPrefix(u, "data:") {
					t.Errorf("registered %q", u)
				}
			}
			if doc.ClientID == "" || len(doc.RedirectURIs) == 0 || strings.ContainsAny(doc.ClientName, "<>") {
				t.Errorf("registered %s", rec.Body)
			}
		case (rec.Code == http.StatusBadRequest || rec.Code == http.StatusRequestEntityTooLarge) && doc.Error != "":
		default:
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	})
}
