package broker_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/provider/oidctest"
)

func onLoopback(c *broker.RegistryConfig) {
	c.Outbound.AllowLoopback, c.Outbound.Timeout = true, 2*time.Second
}

func newUpstream(t *testing.T) *oidctest.Server {
	return oidctest.New(t, oidctest.Config{Clients: []oidckit.ClientMetadata{{
		ClientID: "broker", ClientSecret: "a secret of some length, for the broker", RedirectURIs: []string{"https://app.example.com/broker/callback/1"},
	}}})
}

func upstreamRecord(op *oidctest.Server) broker.IdentityProvider {
	return broker.IdentityProvider{
		Identifier: "op", DisplayName: "OP", Issuer: op.Issuer, GrantType: broker.GrantTypeAuthorization, Scope: []string{"openid"},
		ClientID: "broker", ClientSecret: "a secret of some length, for the broker", ClientCredentialsHeaderEnabled: true,
	}
}

// outcome is the steps of a test, each with + or -.
func outcome(steps []broker.ConnectionStep) string {
	var out []string
	for _, s := range steps {
		sign := "-"
		if s.OK {
			sign = "+"
		}
		out = append(out, sign+s.Step)
	}
	return strings.Join(out, " ")
}

func TestConnection(t *testing.T) {
	op := newUpstream(t)
	f := newRegistry(t, onLoopback)
	const good = "+discovery +keys +authorize +token +userinfo"
	steps := f.TestConnection(t.Context(), upstreamRecord(op))
	if outcome(steps) != good || !strings.Contains(steps[3].Message, "takes the client id and secret") {
		t.Errorf("a good record: %+v", steps)
	}
	wrong := upstreamRecord(op)
	wrong.ClientSecret = "another"
	if steps := f.TestConnection(t.Context(), wrong); outcome(steps) != "+discovery +keys +authorize -token +userinfo" {
		t.Errorf("a wrong secret: %+v", steps)
	}
	// The stored secret stands behind its mask, for the hosts that it was meant
	// for.
	stored, err := f.Create(t.Context(), upstreamRecord(op), "")
	if err != nil {
		t.Fatal(err)
	}
	if steps := f.TestConnection(t.Context(), *stored); outcome(steps) != good || !strings.Contains(steps[3].Message, "takes") {
		t.Errorf("a stored record: %+v", steps)
	}
	var seen []string
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	stolen := *stored
	stolen.TokenEndpoint = thief.URL
	f.TestConnection(t.Context(), stolen)
	if !slices.Equal(seen, []string{"GET"}) {
		t.Errorf("the stored secret was sent elsewhere: %q", seen)
	}
	if steps := f.TestConnection(t.Context(), broker.IdentityProvider{Issuer: "https://169.254.169.254", Scope: []string{"openid"}}); outcome(steps) != "-settings" {
		t.Errorf("an inner address: %+v", steps)
	}
	if len(f.events.all) != 1 {
		t.Errorf("a test is no change: %+v", f.events.all)
	}
}

// hostile is a provider that answers every request the same.
func hostile(t *testing.T, answer http.HandlerFunc) string {
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

// What a hostile provider does costs its test alone, and nothing of what it says
// comes back.
func TestConnectionToHostileProviders(t *testing.T) {
	f := newRegistry(t, func(c *broker.RegistryConfig) { onLoopback(c); c.Outbound.Timeout = 200 * time.Millisecond })
	const reflected = "<script>reflected</script>"
	self := func(document string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, strings.ReplaceAll(document, "SELF", "http://"+r.Host))
		}
	}
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"another issuer": {self(`{"issuer":"https://` + reflected + `"}`), "-discovery"},
		"no JSON":        {self(reflected), "-discovery"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, "-discovery"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for range 4096 {
				if _, err := w.Write([]byte(strings.Repeat(" ", 4096))); err != nil {
					return
				}
			}
		}, "-discovery"},
		"slow":           {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "-discovery"},
		"inner endpoint": {self(`{"issuer":"SELF","token_endpoint":"https://10.0.0.1/","jwks_uri":"SELF/","authorization_endpoint":"SELF/"}`), "+discovery -discovery"},
		"nothing there":  {self(`{"issuer":"SELF"}`), "+discovery -keys -authorize -token"},
		"all the same": {self(`{"issuer":"SELF","token_endpoint":"SELF/t","jwks_uri":"SELF/j","authorization_endpoint":"SELF/a","error":"` + reflected + `"}`),
			"+discovery -keys +authorize +token"},
	} {
		p := upstreamRecord(&oidctest.Server{Issuer: hostile(t, row.answer)})
		steps := f.TestConnection(t.Context(), p)
		if outcome(steps) != row.want || strings.Contains(fmt.Sprint(steps), "reflected") {
			t.Errorf("%s: %+v, want %s", name, steps, row.want)
		}
	}
}

func TestImport(t *testing.T) {
	op := newUpstream(t)
	f := newRegistry(t, onLoopback)
	for _, address := range []string{op.Issuer, op.Issuer + "/.well-known/openid-configuration", " " + op.Issuer + "/.well-known/oauth-authorization-server"} {
		p, err := f.Import(t.Context(), address)
		if err != nil || p.Issuer != op.Issuer || p.AuthorizeEndpoint != "" || !slices.Contains(p.Scope, "openid") || p.GrantType != broker.GrantTypeAuthorization {
			t.Fatalf("%s: %+v, %v", address, p, err)
		}
		p.ClientID, p.ClientSecret, p.Identifier = "broker", "secret", "imported"
		if wrong := f.Check(t.Context(), p); len(wrong) != 0 {
			t.Errorf("%s: %v", address, wrong)
		}
	}
	plain := hostile(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "openid") {
			http.NotFound(w, r)
			return
		}
		self := "http://" + r.Host
		fmt.Fprintf(w, `{"issuer":"%[1]s","authorization_endpoint":"%[1]s/a","token_endpoint":"%[1]s/t","scopes_supported":["email"],
			"token_endpoint_auth_methods_supported":["client_secret_post"],"code_challenge_methods_supported":["plain"]}`, self)
	})
	p, err := f.Import(t.Context(), plain)
	if err != nil || p.Issuer != "" || p.TokenEndpoint != plain+"/t" || p.PKCE != broker.PKCENone || p.ClientCredentialsHeaderEnabled || !slices.Equal(p.Scope, []string{"email"}) {
		t.Errorf("plain OAuth 2.0: %+v, %v", p, err)
	}
	slash := hostile(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer":"http://%[1]s/","jwks_uri":"http://%[1]s/j","id_token_signing_alg_values_supported":["HS256","ES256"]}`, r.Host)
	})
	if p, err := f.Import(t.Context(), slash+"/.well-known/openid-configuration"); err != nil || p.Issuer != slash+"/" || p.IDTokenSignedResponseAlg != "ES256" {
		t.Errorf("an issuer with a slash: %+v, %v", p, err)
	}
	for _, bad := range []string{"", "x", "http://id.example.com", "https://10.0.0.1", "https://id.nowhere.example", "file:///etc/passwd"} {
		if _, err := f.Import(t.Context(), bad); !slices.Equal(fields(err), []string{"url"}) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPresets(t *testing.T) {
	f := newRegistry(t, nil)
	var names []string
	for _, preset := range broker.Presets() {
		names = append(names, preset.Name)
		values := map[string]string{}
		for _, p := range preset.Parameters {
			values[p.Name] = p.Example
		}
		p, err := preset.Fill(values)
		if err != nil {
			t.Errorf("%s: %v", preset.Name, err)
			continue
		}
		if fmt.Sprint(p.Issuer, p.AuthorizeEndpoint, p.TokenEndpoint, p.UserInfoEndpoint) != strings.NewReplacer("{", "", "}", "").Replace(fmt.Sprint(p.Issuer, p.AuthorizeEndpoint, p.TokenEndpoint, p.UserInfoEndpoint)) {
			t.Errorf("%s: a parameter is left: %+v", preset.Name, p)
		}
		p.ClientID, p.ClientSecret = "client", "secret"
		if _, err := f.Create(t.Context(), p, ""); err != nil {
			t.Errorf("%s: %v", preset.Name, err)
		}
		for _, q := range preset.Parameters {
			for _, bad := range []string{"a/b", "a@b", "a?b", "a#b", "a b", "{x}", "é", "a\r\nb", "../x", "."} {
				values[q.Name] = bad
				if _, err := preset.Fill(values); !slices.Equal(fields(err), []string{"parameters." + q.Name}) {
					t.Errorf("%s: %s %q: %v", preset.Name, q.Name, bad, err)
				}
				values[q.Name] = q.Example
			}
		}
		if _, err := preset.Fill(map[string]string{"other": "x"}); len(fields(err)) == 0 {
			t.Errorf("%s takes a parameter that it does not have", preset.Name)
		}
	}
	if want := "amazon-cognito apple auth0 facebook github gitlab google keycloak microsoft-entra okta"; strings.Join(names, " ") != want {
		t.Errorf("presets %q", names)
	}
	if _, ok := broker.FindPreset("okta"); !ok {
		t.Error("okta is not found")
	}
	if _, ok := broker.FindPreset("other"); ok {
		t.Error("other is found")
	}
}
