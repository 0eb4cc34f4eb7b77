package provider_test

import (
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
)

// OpenID Connect Core 1.0 §5.5.1.1: an essential acr must be the session's when
// the answer goes out, not only when the question was asked.
func TestEssentialACRWhileAsked(t *testing.T) {
	for renewed, want := range map[string]string{"gold": "", "silver": "unmet_authentication_requirements"} {
		o := newOwnPage(t, nil)
		o.signIn(o.sealed(), "gold")
		_, form := o.consentPage("claims", `{"id_token":{"acr":{"essential":true,"values":["gold"]}}}`)
		o.signIn(o.sealed(), renewed)
		q, _ := o.browse(http.MethodPost, "/consent", form).sent(t)
		if q.Get("error") != want || (q.Get("code") != "") != (want == "") {
			t.Errorf("renewed with %s: %v", renewed, q)
		}
	}
}

// OpenID Connect Dynamic Client Registration 1.0 §2, default_max_age: one that
// no clock reaches is no limit, as a max_age is none.
func TestDefaultMaxAgeIsBounded(t *testing.T) {
	for _, age := range []int64{math.MaxInt64, math.MaxInt64 / 1000} {
		client := publicTwin("patient", func(m *oidckit.ClientMetadata) { m.DefaultMaxAge = &age })
		o := newOwnPage(t, func(c *provider.Config) { c.Clients, c.TrustedClients = append(c.Clients, client), []string{"patient"} })
		o.signIn(o.sealed(), "gold")
		a := o.browse(http.MethodGet, "/authorize?"+request("client_id", "patient", "prompt", "none").Encode(), nil)
		if !strings.HasPrefix(a.location, redirectURI+"?code=") {
			t.Errorf("%d: %d %q", age, a.status, a.location)
		}
	}
}
