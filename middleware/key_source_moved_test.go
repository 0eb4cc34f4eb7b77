package middleware_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// moving is an issuer that publishes its keys at another address once moved is
// set, whose old one then answers with old, and that counts calls.
type moving struct {
	to                http.RoundTripper
	old               func(*http.Request) (*http.Response, error)
	moved             atomic.Bool
	metadata, oldKeys atomic.Int64
}

func (m *moving) edit(c *middleware.JWTConfig) {
	m.to = c.HTTPClient.Transport
	c.HTTPClient = &http.Client{Transport: m}
}

func (m *moving) RoundTrip(r *http.Request) (*http.Response, error) {
	discovery := r.URL.Path == "/.well-known/openid-configuration"
	if discovery {
		m.metadata.Add(1)
	}
	switch {
	case !m.moved.Load():
	case discovery:
		issuer := r.URL.Scheme + "://" + r.URL.Host
		w := httptest.NewRecorder()
		json.NewEncoder(w).Encode(oidckit.ProviderMetadata{Issuer: issuer, JWKSURI: issuer + "/moved"})
		return w.Result(), nil
	case r.URL.Path == "/keys":
		m.oldKeys.Add(1)
		return m.old(r)
	case r.URL.Path == "/moved":
		r = r.Clone(r.Context())
		r.URL.Path = "/keys"
	}
	return m.to.RoundTrip(r)
}

func answering(status int, text string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}, nil
	}
}

// OpenID Connect Discovery 1.0 §4: an issuer that moves its keys is followed
// with the next attempt, whatever there is at the old address, and old tokens
// never notice.
func TestMovedKeys(t *testing.T) {
	for name, row := range map[string]struct {
		old  func(*http.Request) (*http.Response, error)
		took time.Duration
	}{
		"nothing":    {answering(404, ""), 0},
		"a page":     {answering(200, "<html>"), 0},
		"no set":     {answering(200, "{}"), 0},
		"a redirect": {answering(302, ""), 0},
		"no host":    {func(*http.Request) (*http.Response, error) { return nil, errors.New("no such host") }, 0},
		"no answer": {func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			m := &moving{old: row.old}
			inBubble(t, m.edit, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
				before, after := iss.keys[0], iss.keys[1]
				iss.set(false, before)
				old, fresh := "Bearer "+iss.token(t), "Bearer "+iss.sign(t, "ES384", "at+jwt", iss.claims())
				g.wantServed(t, g.get(old))
				iss.set(false, before, after)
				m.moved.Store(true)
				moved := time.Now()
				g.wantRefused(t, g.get(fresh), 503, "temporarily_unavailable")
				time.Sleep(time.Until(moved.Add(row.took + 1100*time.Millisecond)))
				g.get(fresh)
				g.served.Store(0)
				time.Sleep(time.Millisecond)
				g.wantServed(t, g.get(fresh))
				g.wantServed(t, g.get(old))
				if n, calls := m.metadata.Load(), m.oldKeys.Load(); n != 2 || calls != 1 {
					t.Errorf("%d calls for metadata, %d for keys at the old address", n, calls)
				}
			})
		})
	}
}

// Keys that are down, and not moved, do not make a flood of calls for metadata.
func TestMetadataOfKeysThatAreDown(t *testing.T) {
	m := &moving{old: answering(500, "")}
	inBubble(t, m.edit, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
		old := "Bearer " + iss.token(t)
		g.wantServed(t, g.get(old))
		m.moved.Store(true)
		iss.set(true)
		for range 600 {
			time.Sleep(time.Second)
			g.wantServed(t, g.get(old))
			g.wantRefused(t, g.get("Bearer "+forge(t, `{"alg":"ES256","typ":"at+jwt","kid":"forged"}`, iss.claims())), 503, "temporarily_unavailable")
		}
		if n := m.metadata.Load(); n > 50 {
			t.Errorf("%d calls in 10 minutes", n)
		}
	})
}
