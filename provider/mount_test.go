package provider_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// The issuer works wherever it is mounted: as a handler, by Mount on either
// router, at the root and below a path, and behind a proxy that strips it.
func TestMounting(t *testing.T) {
	for name, mount := range map[string]func(p *provider.Provider, path string) http.Handler{
		"as it is": func(p *provider.Provider, _ string) http.Handler { return p },
		"Mount on ServeMux": func(p *provider.Provider, _ string) http.Handler {
			mux := http.NewServeMux()
			p.Mount(mux)
			mux.HandleFunc("/", http.NotFound)
			return mux
		},
		"Mount on chi": func(p *provider.Provider, _ string) http.Handler {
			r := chi.NewRouter()
			p.Mount(r)
			return r
		},
		"Handle on ServeMux": func(p *provider.Provider, path string) http.Handler {
			mux := http.NewServeMux()
			mux.Handle(path+"/", p)
			return mux
		},
		"StripPrefix": func(p *provider.Provider, path string) http.Handler { return http.StripPrefix(path, p) },
		"chi, mounted": func(p *provider.Provider, path string) http.Handler {
			r := chi.NewRouter()
			r.Mount(path+"/", p)
			return r
		},
	} {
		for _, path := range []string{"", "/tenant", "/a/b.c~d"} {
			t.Run(name+" at "+path+"/", func(t *testing.T) {
				var h http.Handler
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
				t.Cleanup(s.Close)
				issuer := s.URL + path
				set := opstore.NewMemory().Open(issuer)
				if _, err := provider.NewAccounts(set.Users).Create(t.Context(), provider.Account{Username: oidctest.Username, PasswordHash: aliceHash}); err != nil {
					t.Fatal(err)
				}
				client := webClient
				client.IDTokenSignedResponseAlg = "ES256"
				p := newProvider(t, provider.Config{Issuer: issuer, Secrets: newSecrets(t), Stores: set, Clients: []oidckit.ClientMetadata{client}, SigningAlgs: []string{"ES256"}})
				h = mount(p, path)
				f := &fixture{t: t, client: s.Client(), browser: oidctest.NewBrowser(t, issuer, s.Client()), base: issuer}
				res := f.tokens()
				if !f.alive(res.Access) {
					t.Error("userinfo")
				}
				if _, doc, _ := f.get("/.well-known/openid-configuration", ""); doc["issuer"] != issuer {
					t.Errorf("%v", doc["issuer"])
				}
				back, err := f.browser.Authorize(issuer + "/end_session?client_id=web&post_logout_redirect_uri=" + byeURI)
				if err != nil || back.String() != byeURI {
					t.Errorf("%v %v", back, err)
				}
			})
		}
	}
}

// The local transport serves the issuer's endpoints and nothing else; what it
// hands on is untouched.
func TestLocalTransport(t *testing.T) {
	next := &passedOn{}
	f := newLocalFixture(t, nil)
	client := &http.Client{Transport: f.op.Provider.LocalTransport(next)}
	for _, row := range []struct {
		url   string
		local bool
	}{
		{"https://op.example/jwks", true},
		{"https://OP.example/jwks", true},
		{"https://op.example/jwks?x=y", true},
		{"https://op.example/orders", false},
		{"https://op.example/jwks/", false},
		{"http://op.example/jwks", false},
		{"https://op.example:8443/jwks", false},
		{"https://api.example/jwks", false},
	} {
		next.seen = nil
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, row.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", row.url, err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if (len(next.seen) == 0) != row.local || err != nil {
			t.Errorf("%s: passed on: %v, %v", row.url, next.seen, err)
		}
		if row.local && (res.StatusCode != 200 || res.Status != "200 OK" || int64(len(body)) != res.ContentLength || res.Request == nil || !strings.Contains(string(body), `"keys"`)) {
			t.Errorf("%s: %+v", row.url, res)
		}
	}
	t.Run("a body is read and closed", func(t *testing.T) {
		body := &closing{Reader: strings.NewReader(machineForm)}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.base+"/token", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("web", "web-secret")
		res, err := client.Do(req)
		if err != nil || res.StatusCode != 200 || !body.closed {
			t.Errorf("%v %v, closed %v", res, err, body.closed)
		}
	})
	t.Run("a request that was given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base+"/jwks", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Do(req); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if res := f.token(f.as("web", map[string][]string{"grant_type": {"client_credentials"}})); res.status != 200 {
					t.Errorf("%s", res.body)
				}
			})
		}
		wg.Wait()
	})
}

const machineForm = "grant_type=client_credentials"

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// passedOn is a transport that only remembers.
type passedOn struct{ seen []string }

func (p *passedOn) RoundTrip(r *http.Request) (*http.Response, error) {
	p.seen = append(p.seen, r.URL.String())
	return &http.Response{StatusCode: http.StatusTeapot, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}
