package provider_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
)

// What the conformance suite's (5.2.4) modules about request objects do where
// the issuer takes them; what they see where it does not is with their plans.
func TestConformanceRequestObjectModules(t *testing.T) {
	rsa := newClientKey(t, "RS256", "rsa")
	byAlg := func(alg string) func(*oidckit.ClientMetadata) {
		return func(m *oidckit.ClientMetadata) {
			m.RequestObjectSigningAlg, m.JWKS = alg, keySet(t, rsa)
		}
	}
	for name, run := range map[string]func(t *testing.T){
		"oidcc-request-uri-signed-rs256": func(t *testing.T) {
			o := newObjects(t, provider.RequestObjects{}, byAlg("RS256"))
			o.site.publish("/good", rsa.sign(t, "oauth-authz-req+jwt", o.claims("state", "fetched")))
			o.suiteAsks(t, "fetched", "request_uri", o.site.URL+"/good#another-fragment")
		},
		"oidcc-request-uri-unsigned": func(t *testing.T) {
			o := newObjects(t, provider.RequestObjects{AllowUnsigned: true}, byAlg("none"))
			o.site.publish("/good", unsigned(t, o.claims("state", "fetched")))
			o.suiteAsks(t, "fetched", "request_uri", o.site.URL+"/good")
		},
		"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": func(t *testing.T) {
			o := newObjects(t, provider.RequestObjects{AllowUnsigned: true}, byAlg("none"))
			o.suiteAsks(t, "inside", "request", unsigned(t, o.claims("state", "inside")))
		},
		"oidcc-ensure-request-object-with-redirect-uri": func(t *testing.T) {
			o := newObjects(t, provider.RequestObjects{AllowUnsigned: true}, byAlg("none"))
			o.suiteAsks(t, "inside", "redirect_uri", "https://suite.example/not-registered", "request", unsigned(t, o.claims("state", "inside")))
		},
		"ensure-request-object-with-multiple-aud-succeeds": func(t *testing.T) {
			o := newObjects(t, provider.RequestObjects{}, byAlg("RS256"))
			o.suiteAsks(t, "inside", "request", rsa.sign(t, "", o.claims("state", "inside", "aud", []string{"https://other1.example", o.base, "https://other2.example"})))
		},
		"ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted": func(t *testing.T) {
			o := newObjects(t, provider.RequestObjects{}, byAlg("RS256"))
			o.suiteAsks(t, "inside", "request", rsa.sign(t, "", o.claims("state", "inside", "nbf", time.Now().Add(8*time.Second).Unix())))
		},
		"state-only-outside-request-object-not-used": func(t *testing.T) {
			o := newObjects(t, provider.RequestObjects{}, byAlg("RS256"))
			o.suiteAsks(t, "", "request", rsa.sign(t, "", o.claims("state", nil)), "state", "outside")
		},
		"ensure-request-object-signature-algorithm-is-not-none": func(t *testing.T) {
			o := newObjects(t, provider.RequestObjects{}, byAlg("RS256"))
			a := o.send(unsigned(t, o.claims()), "redirect_uri", redirectURI)
			if !strings.Contains(a.location, "error=invalid_request_object&") {
				t.Errorf("%d %q", a.status, a.location)
			}
		},
	} {
		t.Run(name, run)
	}
}

// suiteAsks makes a request as the suite does, with client_id, response_type
// and scope outside, and demands a code, the state and an ID token.
func (o *objects) suiteAsks(t *testing.T, state string, more ...string) {
	t.Helper()
	q := change(url.Values{"client_id": {"web"}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {redirectURI}}, more...)
	got := o.accepted("the request", q.Encode())
	if got.Get("state") != state || got.Has("state") != (state != "") {
		t.Errorf("state %q, want %q", got.Get("state"), state)
	}
	if res := o.token(codeForm(got.Get("code"))); res.ID == "" || claims(t, res.ID)["nonce"] != "the nonce" {
		t.Errorf("tokens: %d %s", res.status, res.Error)
	}
}
