package handlers_test

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
)

// The OpenID Foundation's modules for relying parties that are about how a
// client shows who it is and how it sends its request.
func TestConformanceClientAuthenticationModules(t *testing.T) {
	t.Run("client-secret-basic", func(t *testing.T) {
		// RFC 6749 §2.3.1: what is form-encoded first has nothing left in it that
		// could end the name or be read as something else.
		p := newIDP(t)
		p.play(script{claims: func(c map[string]any) { c["aud"] = "web:app/1 e" }})
		a := newApp(t, p, options{config: func(c *handlers.Config) {
			c.ClientID, c.ClientSecret, c.TokenEndpointAuthMethod = "web:app/1 e", "a b+c%d:&=", oidckit.AuthMethodClientSecretBasic
		}})
		b := a.browser()
		if got := b.open(a.URL + "/me"); b.loggedIn(a) != "alice" {
			t.Fatalf("%d %s", got.StatusCode, a.logs.String())
		}
		user, secret, _ := (&http.Request{Header: p.exchange}).BasicAuth()
		if user != "web%3Aapp%2F1+e" || secret != "a+b%2Bc%25d%3A%26%3D" || p.form.Has("client_secret") {
			t.Errorf("sent %q %q", user, secret)
		}
	})
	t.Run("mtls-endpoint-aliases", func(t *testing.T) {
		p, own := newIDP(t), ownCertificate(t)
		s, seen := mtlsEndpoints(t, p, own)
		p.play(script{metadata: func(m map[string]any) {
			// What the module publishes: no usual address of these works.
			m["token_endpoint"], m["pushed_authorization_request_endpoint"] = p.URL+"/closed", p.URL+"/closed"
			m["require_pushed_authorization_requests"] = true
			m["mtls_endpoint_aliases"] = map[string]any{"token_endpoint": s.URL + "/token", "pushed_authorization_request_endpoint": s.URL + "/par"}
		}, serve: func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case "/par":
				r.ParseForm()
				writeJSON(w, http.StatusCreated, map[string]any{"request_uri": "urn:example:" + url.QueryEscape(r.PostForm.Encode()), "expires_in": 60})
				return true
			case "/authorize":
				r.URL.RawQuery, _ = url.QueryUnescape(r.URL.Query().Get("request_uri")[len("urn:example:"):])
			case "/closed":
				t.Error("a usual endpoint was called")
			}
			return false
		}})
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		a := newApp(t, p, options{config: func(c *handlers.Config) {
			c.ClientSecret, c.TokenEndpointAuthMethod, c.HTTPClient = "", oidckit.AuthMethodTLSClientAuth, withCertificate(roots, own)
		}})
		b := a.browser()
		if got := b.open(a.URL + "/me"); b.loggedIn(a) != "alice" || seen.Load() != 2 {
			t.Errorf("%d %s, %d calls", got.StatusCode, a.logs.String(), seen.Load())
		}
	})
	t.Run("request-uri-signed-rs256", func(t *testing.T) {
		o := newObjectReader(t, "RS256", nil, signsRequests("RS256", handlers.RequestObjects{ByReference: true}))
		o.login()
		o.wantWhole(o.read[0])
	})
	t.Run("request-uri-signed-none", func(t *testing.T) {
		o := newObjectReader(t, "none", nil, signsRequests("none", handlers.RequestObjects{ByReference: true, AllowUnsigned: true}))
		o.login()
		o.wantWhole(o.read[0])
	})
}
