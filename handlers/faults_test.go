package handlers_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/jose"
)

func withTimeout(d time.Duration) func(*handlers.Config) {
	return func(c *handlers.Config) { c.HTTPClient = &http.Client{Timeout: d} }
}

// FLT-15: a token endpoint that does not answer is asked once, and the person
// has a page with a way on.
func TestTokenEndpointTimesOut(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{config: withTimeout(300 * time.Millisecond)})
	release := make(chan struct{})
	defer close(release)
	b := a.browser()
	callback := b.begin(a, "/me")
	p.play(script{serve: func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			<-release
		}
		return r.URL.Path == "/token"
	}})
	res := b.step(callback)
	if res.StatusCode != http.StatusGatewayTimeout || !strings.Contains(res.body, "/auth/login?return_to=%2Fme") || len(b.cookies(a)) != 0 {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	if res := b.step(callback); res.StatusCode != http.StatusBadRequest {
		t.Errorf("again: %d", res.StatusCode)
	}
	if n := p.count("/token"); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

// A connection that breaks in the exchange is not mended by asking again.
func TestTokenEndpointDrops(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	b := a.browser()
	callback := b.begin(a, "/me")
	p.play(script{serve: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			panic(http.ErrAbortHandler)
		}
		return false
	}})
	if res := b.step(callback); res.StatusCode != http.StatusBadGateway || p.count("/token") != 1 {
		t.Errorf("%d after %d exchanges", res.StatusCode, p.count("/token"))
	}
}

// FLT-01: an issuer that is down delays logins, not the start, and it
// recovers; FLT-07, FLT-08: what it may answer in place of metadata.
func TestIssuerDown(t *testing.T) {
	var canary atomic.Int32
	internal := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { canary.Add(1) }))
	defer internal.Close()
	const path = "/.well-known/openid-configuration"
	for name, s := range map[string]script{
		"503":     raw(path, 503, "text/html", "canary"),
		"garbage": raw(path, 200, "text/html", "<script>canary"),
		"50 MB":   raw(path, 200, "application/json", strings.Repeat(" ", 50<<20)),
		"redirect": {serve: func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, internal.URL, http.StatusFound)
			return true
		}},
		"another issuer":        {metadata: func(m map[string]any) { m["issuer"] = "https://evil.example" }},
		"ATK-065 http endpoint": {metadata: func(m map[string]any) { m["token_endpoint"] = "http://id.example/token" }},
		"no token endpoint":     {metadata: func(m map[string]any) { delete(m, "token_endpoint") }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t)
			p.play(s)
			a := newApp(t, p, options{})
			b := a.browser()
			res := b.open(a.URL + "/me")
			if res.StatusCode != http.StatusBadGateway || !strings.Contains(res.body, "/auth/login?return_to=%2Fme") || strings.Contains(res.body, "canary") || len(b.cookies(a)) != 0 {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
			if err := a.rp.Check(t.Context()); !errors.Is(err, oidckit.TemporarilyUnavailable) {
				t.Errorf("Check = %v", err)
			}
			if name == "no token endpoint" {
				return // well-formed metadata is kept for its hour
			}
			p.play(script{})
			deadline := time.Now().Add(30 * time.Second)
			for b.open(a.URL+"/me").StatusCode != http.StatusOK {
				if time.Now().After(deadline) {
					t.Fatal("it does not recover")
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	if canary.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// The key set is down or broken: no login, and not the person's fault.
func TestKeySetDown(t *testing.T) {
	for name, s := range map[string]script{
		"503": raw("/jwks", 503, "text/html", ""), "garbage": raw("/jwks", 200, "text/html", "<html>"),
	} {
		p := newIDP(t)
		p.play(s)
		a := newApp(t, p, options{})
		b := a.browser()
		if res := b.open(a.URL + "/me"); res.StatusCode != http.StatusBadGateway || len(b.cookies(a)) != 0 {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
}

// FLT-10: the issuer has changed its key just before it signed.
func TestKeyRotation(t *testing.T) {
	p := newIDP(t)
	a := newApp(t, p, options{})
	b := a.browser()
	b.open(a.URL + "/me")
	p.signer = newSigner("RS256", "kid-next")
	other := a.browser()
	if res := other.open(a.URL + "/me"); other.loggedIn(a) != "alice" {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

// The issuer has moved its keys: the metadata that led to the old address is
// looked up anew, and logins go on.
func TestMovedKeySet(t *testing.T) {
	for name, old := range map[string]http.HandlerFunc{
		"gone":   http.NotFound,
		"a page": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newIDP(t)
			a := newApp(t, p, options{})
			if b := a.browser(); b.open(a.URL+"/me").StatusCode != http.StatusOK {
				t.Fatal("no login")
			}
			signer := newSigner("RS256", "kid-next")
			set, err := jose.MarshalJWKS([]jose.JWK{published(signer, "")})
			if err != nil {
				t.Fatal(err)
			}
			p.play(script{
				metadata: func(m map[string]any) { m["jwks_uri"] = p.URL + "/moved" },
				idToken:  func(claims map[string]any) string { return signWith(signer, "JWT", claims) },
				serve: func(w http.ResponseWriter, r *http.Request) bool {
					switch r.URL.Path {
					case "/jwks":
						old(w, r)
					case "/moved":
						w.Write(set)
					default:
						return false
					}
					return true
				},
			})
			soon(t, func() bool {
				b := a.browser()
				b.open(a.URL + "/me")
				return b.loggedIn(a) == "alice"
			})
		})
	}
}

// FLT-54: a browser that goes away in the middle of a callback has no session
// afterwards, and its login cannot be finished again.
func TestBrowserGoesAway(t *testing.T) {
	p := newIDP(t)
	a, s := watchedApp(t, p)
	b := a.browser()
	callback := b.begin(a, "/me")
	ctx, leave := context.WithCancel(t.Context())
	p.play(script{serve: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			// Only with its body read does a server notice who leaves.
			r.ParseForm()
			leave()
			<-r.Context().Done()
			return true
		}
		return false
	}})
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, callback, nil)
	// The page may just overtake the end of the connection.
	if res, err := b.Do(req); err == nil {
		res.Body.Close()
		if res.StatusCode != http.StatusBadGateway {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	soon(t, func() bool { return strings.Contains(a.logs.String(), `"refused"`) })
	p.play(script{})
	if n := s.sessions.writes.Load(); n != 0 {
		t.Errorf("%d sessions were made", n)
	}
	if res := b.step(callback); res.StatusCode != http.StatusBadRequest || p.count("/token") != 1 {
		t.Errorf("again: %d, %d exchanges", res.StatusCode, p.count("/token"))
	}
}
