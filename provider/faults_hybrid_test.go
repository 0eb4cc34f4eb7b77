package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/oidckit/oidckit/provider"
)

// FLT-28 and ASVS 5.0 §16.5.3: a store that fails at any step of an answer that
// brings tokens itself is a page with a 503, and brings none.
func TestFLT28FrontChannelTokens(t *testing.T) {
	f, stores := newFaulty(t, func(c *provider.Config) {
		c.Hybrid, c.Legacy, c.TrustedClients = &provider.Hybrid{AllowAccessTokens: true}, &provider.Legacy{Implicit: true}, []string{"web"}
		c.Clients[0] = everyType(c.Clients[0])
	})
	f.authorize()
	for _, responseType := range allResponseTypes {
		for _, mode := range []string{"", "form_post"} {
			for _, verb := range []string{"Session", "User", "Consent", "CreateCode"} {
				if verb == "CreateCode" && !strings.Contains(responseType, "code") {
					continue
				}
				ask := func() answer {
					return f.browse(http.MethodGet, "/authorize?"+request("response_type", responseType, "response_mode", mode,
						"claims", `{"id_token":{"email":null}}`).Encode(), nil)
				}
				stores.tell(verb, failsBefore)
				a := ask()
				a.unavailable(t)
				if a.location != "" || strings.Contains(a.body, "eyJ") || strings.Contains(a.body, redirectURI) {
					t.Errorf("%s: %s: %d %q", responseType, verb, a.status, a.location)
				}
				stores.tell(verb, works)
				if q, _ := ask().sent(t); q.Has("error") {
					t.Errorf("%s: %s: afterwards %v", responseType, verb, q)
				}
			}
		}
	}
}
