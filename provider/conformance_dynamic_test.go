package provider_test

import (
	"crypto"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// dynamic is the client of a run of the dynamic plan: it registers itself and
// authenticates by private_key_jwt.
type dynamic struct {
	*suite
	site *clientSite
	c    registered
	kid  string
	key  crypto.Signer
}

// clientSite is what the client publishes: its keys, and whom it shares its
// sector with.
type clientSite struct {
	*httptest.Server
	mu     sync.Mutex
	keys   []byte
	sector []string
	// object is the request object at /request.jwt.
	object string
}

func (s *clientSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	body := s.keys
	if r.URL.Path == "/request.jwt" {
		w.Header().Set("Content-Type", "application/jwt")
		body = []byte(s.object)
	}
	if r.URL.Path == "/sector.json" {
		var err error
		if body, err = json.Marshal(s.sector); err != nil {
			panic(err)
		}
	}
	_, _ = w.Write(body)
}

func (s *clientSite) publish(keys []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

func newDynamicSuite(t *testing.T) *dynamic {
	t.Helper()
	site := &clientSite{}
	site.Server = httptest.NewTLSServer(site)
	t.Cleanup(site.Close)
	f := newFixture(t, oidctest.Config{
		TLS: true, Users: []provider.Account{{Username: "zoe", PasswordHash: aliceHash, Claims: everything}},
		Configure: func(c *provider.Config) {
			dynamicIssuer(c)
			c.Outbound = provider.Outbound{AllowLoopback: true, RootCAs: pool(site.Server)}
		},
	})
	return &dynamic{suite: &suite{fixture: f}, site: site}
}

// newTimedDynamic is a client with a clock of its own, and without a network.
func newTimedDynamic(t *testing.T, responseType string) *dynamic {
	t.Helper()
	f := newLocalFixture(t, func(c *provider.Config) {
		dynamicIssuer(c)
		c.Clients, c.SigningAlgs = suiteClients(), []string{"RS256"}
	})
	d := &dynamic{suite: (&suite{fixture: f}).run(t, responseType, "")}
	d.browser.Username = "alice"
	d.enrol(d.metadata())
	return d
}

func dynamicIssuer(c *provider.Config) {
	suiteIssuer(c)
	c.Registration = &provider.Registration{AllowAnonymous: true}
	c.Pairwise = &provider.Pairwise{Salt: []byte(strings.Repeat("salt", 8))}
	c.RequestObjects = &provider.RequestObjects{AllowUnsigned: true, AllowParametersOutside: true}
}

// enrol registers the client of the run.
func (d *dynamic) enrol(metadata map[string]any) {
	d.t.Helper()
	d.c = d.register(metadata)
	d.clientID = d.c.text("client_id")
	d.post = func(form url.Values) tokenResponse { return d.token(form, d.base+"/token") }
}

// dynamicKeys are the keys of clients, by kid. Making them takes long.
var dynamicKeys = sync.OnceValues(func() (map[string]crypto.Signer, error) {
	made := map[string]crypto.Signer{}
	for _, kid := range []string{"client-1", "client-2"} {
		key, err := jose.GenerateKey("RS256")
		if err != nil {
			return nil, err
		}
		made[kid] = key
	}
	return made, nil
})

// useKey makes a key the client's and returns the set to publish.
func (d *dynamic) useKey(kid string) json.RawMessage {
	d.t.Helper()
	made, err := dynamicKeys()
	if err != nil {
		d.t.Fatal(err)
	}
	d.kid, d.key = kid, made[kid]
	set, err := jose.MarshalJWKS([]jose.JWK{{KeyID: kid, Algorithm: "RS256", Key: d.key.Public()}})
	if err != nil {
		d.t.Fatal(err)
	}
	return set
}

// metadata is what the suite registers, with changes.
func (d *dynamic) metadata(changes ...any) map[string]any {
	m := appMetadata("redirect_uris", []string{suiteCallback}, "response_types", allResponseTypes,
		"grant_types", []string{"authorization_code", "implicit", "refresh_token"}, "contacts", []string{"certification@oidf.org"},
		"token_endpoint_auth_method", "private_key_jwt", "jwks", d.useKey("client-1"))
	for i := 0; i+1 < len(changes); i += 2 {
		if m[changes[i].(string)] = changes[i+1]; changes[i+1] == nil {
			delete(m, changes[i].(string))
		}
	}
	return m
}

// module runs one module as a new person, with a client of its own that is
// deleted in the end.
func (d *dynamic) module(t *testing.T, name, responseType string, metadata func(*dynamic) map[string]any, run func(*dynamic)) {
	t.Run("oidcc-"+name, func(t *testing.T) {
		m := &dynamic{suite: d.run(t, responseType, ""), site: d.site}
		if metadata == nil {
			metadata = func(d *dynamic) map[string]any { return d.metadata() }
		}
		m.enrol(metadata(m))
		run(m)
		if r := m.manage(http.MethodDelete, m.c.text("registration_client_uri"), m.c.text("registration_access_token"), ""); r.status != http.StatusNoContent {
			t.Errorf("clean-up: %d %v", r.status, r.doc)
		}
	})
}

func (d *dynamic) assertion(audience string) string {
	d.t.Helper()
	signer, err := jose.NewSigner("RS256", d.kid, d.key)
	if err != nil {
		d.t.Fatal(err)
	}
	now, id := time.Now().Unix(), d.c.text("client_id")
	token, err := signer.Sign("JWT", []byte(jsonText(d.t, map[string]any{
		"iss": id, "sub": id, "aud": audience, "jti": rand.Text(), "iat": now, "exp": now + 60,
	})))
	if err != nil {
		d.t.Fatal(err)
	}
	return token
}

func (d *dynamic) token(form url.Values, audience string) tokenResponse {
	d.t.Helper()
	return d.do(d.newRequest(http.MethodPost, "/token", change(form,
		"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", d.assertion(audience))))
}

// oidcc-dynamic-certification-test-plan: what registration makes possible, with
// each response type.
func TestConformanceDynamicPlan(t *testing.T) {
	for _, responseType := range allResponseTypes {
		t.Run(responseType, func(t *testing.T) {
			d := newDynamicSuite(t)
			for _, m := range dynamicModules {
				if m.where.has(responseType) {
					m.start(t, d, responseType)
				}
			}
		})
	}
}

// oidcc-3rdparty-init-login-certification-test-plan.
func TestConformanceThirdPartyInitPlan(t *testing.T) {
	d := newDynamicSuite(t)
	const start = "https://suite.example/start"
	basic := func(d *dynamic) map[string]any {
		return d.metadata("token_endpoint_auth_method", nil, "jwks", nil, "initiate_login_uri", start)
	}
	d.module(t, "3rd_party-init-login", "code", basic, func(d *dynamic) {
		read := d.manage(http.MethodGet, d.c.text("registration_client_uri"), d.c.text("registration_access_token"), "")
		if d.c.text("initiate_login_uri") != start || read.status != http.StatusOK || read.text("initiate_login_uri") != start ||
			read.header.Get("Content-Type") != "application/json" {
			d.t.Errorf("%v, %v", d.c.doc, read.doc)
		}
	})
	d.refusedModule(t, "3rd_party-init-login-nohttps", "invalid_client_metadata", "initiate_login_uri", "http://suite.example/start")
}

// refusedModule registers what must be refused.
func (d *dynamic) refusedModule(t *testing.T, name, code string, changes ...any) {
	t.Run("oidcc-"+name, func(t *testing.T) {
		m := &dynamic{suite: &suite{fixture: d.sub(t)}, site: d.site}
		r := m.manage(http.MethodPost, "", "", jsonText(t, m.metadata(changes...)))
		if r.status != http.StatusBadRequest || r.Error != code || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%d %v", r.status, r.doc)
		}
	})
}
