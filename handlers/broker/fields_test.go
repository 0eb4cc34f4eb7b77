package broker_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/broker"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// atApp demands that a login has come back to the app with a code.
func (w *world) atApp(a answer, app *url.URL) {
	w.t.Helper()
	if app == nil || !strings.HasPrefix(app.String(), appCallback) || app.Query().Get("code") == "" {
		w.t.Fatalf("not at the app: %d %v\n%s", a.StatusCode, app, w.logs.String())
	}
}

// stopped demands that a login has ended at a page, without a login downstream.
func (w *world) stopped(a answer, app *url.URL, status int, reason string) {
	w.t.Helper()
	if app != nil || a.StatusCode != status || !strings.Contains(w.logs.String(), `"reason":"`+reason+`"`) {
		w.t.Errorf("%d %v, want %d for %s\n%s", a.StatusCode, app, status, reason, w.logs.String())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Name == oidckit.EventLoginSucceeded {
			w.t.Error("a login succeeded")
		}
	}
}

func last(t *testing.T, op *oidctest.Server, e oidctest.Endpoint) oidctest.Request {
	t.Helper()
	all := op.Requests(e)
	if len(all) == 0 {
		t.Fatalf("%s was not asked", e)
	}
	return all[len(all)-1]
}

// What each field of a record does at a login: the table of the documents that
// the registry comes from.
func TestFields(t *testing.T) {
	type run struct {
		w      *world
		op     *oidctest.Server
		v      *visitor
		record *broker.IdentityProvider
	}
	plain := func(p *broker.IdentityProvider) { p.Issuer = "none" }
	for name, row := range map[string]struct {
		change func(*broker.IdentityProvider)
		// status and reason are why a login must not succeed.
		status int
		reason string
		check  func(t *testing.T, r run)
	}{
		"clientCredentialsHeaderEnabled true": {
			change: func(p *broker.IdentityProvider) { p.ClientCredentialsHeaderEnabled = true },
			check: func(t *testing.T, r run) {
				req := last(t, r.op, oidctest.EndpointToken)
				if !strings.HasPrefix(req.Header.Get("Authorization"), "Basic ") || req.Form.Has("client_secret") {
					t.Errorf("%v %v", req.Header, req.Form)
				}
			},
		},
		"scope, sendScopeInTokenRequest": {
			change: func(p *broker.IdentityProvider) { p.SendScopeInTokenRequest = true },
			check: func(t *testing.T, r run) {
				if got := last(t, r.op, oidctest.EndpointAuthorization).Query.Get("scope"); got != "openid profile email" {
					t.Errorf("asked for %q", got)
				}
				if got := last(t, r.op, oidctest.EndpointToken).Form.Get("scope"); got != "openid profile email" {
					t.Errorf("repeated %q", got)
				}
			},
		},
		"grantType AUTHORIZATION has PKCE": {
			check: func(t *testing.T, r run) {
				if q := last(t, r.op, oidctest.EndpointAuthorization).Query; q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" {
					t.Errorf("%v", q)
				}
			},
		},
		"endpoints without an issuer": {change: plain, check: func(t *testing.T, r run) {
			if login := r.w.accounts.last(); login.Issuer != "urn:uuid:"+r.record.UUID || login.Subject != oidctest.Subject || login.Claims.Text("name") != "Alice Example" {
				t.Errorf("%+v", login)
			}
		}},
		"introspectionEndpoint": {
			change: func(p *broker.IdentityProvider) { p.IntrospectionEndpoint = "/introspect" },
			check: func(t *testing.T, r run) {
				if last(t, r.op, oidctest.Endpoint("/introspect")).Form.Get("token") == "" {
					t.Error("no token was shown")
				}
			},
		},
		"subjectAttribute": {
			change: func(p *broker.IdentityProvider) { plain(p); p.SubjectAttribute = "email" },
			check: func(t *testing.T, r run) {
				if got := r.w.accounts.last().Subject; got != "alice@example.com" {
					t.Errorf("subject %q", got)
				}
			},
		},
		"attributeMapping": {
			change: func(p *broker.IdentityProvider) {
				p.AttributeMapping = []broker.AttributeMapping{
					{IncomingAttribute: "preferred_username", OutgoingAttribute: "USERNAME"}, {IncomingAttribute: "'staff'", OutgoingAttribute: "department"},
					{IncomingAttribute: "{given_name}/{family_name}", OutgoingAttribute: "label"},
				}
			},
			check: func(t *testing.T, r run) {
				c := r.w.accounts.last().Claims
				if c.Text("department") != "staff" || c.Text("name") != "Alice Example" || !strings.Contains(c.Text("label"), "/") {
					t.Errorf("%s", c)
				}
			},
		},
		"sendConfiguredAttributes": {
			change: func(p *broker.IdentityProvider) {
				p.SendConfiguredAttributes = true
				p.AttributeMapping = []broker.AttributeMapping{{IncomingAttribute: "email", OutgoingAttribute: "EMAIL"}}
			},
			check: func(t *testing.T, r run) {
				if got := string(r.w.accounts.last().Claims); got != `{"email":"alice@example.com","email_verified":true}` {
					t.Errorf("%s", got)
				}
			},
		},
		"domainMapping of another domain": {
			change: func(p *broker.IdentityProvider) { p.DomainMapping = "other.example" }, status: http.StatusForbidden, reason: "domain_refused",
		},
		"domainMapping":            {change: func(p *broker.IdentityProvider) { p.DomainMapping = "example.com" }},
		"domainMapping is a label": {change: func(p *broker.IdentityProvider) { p.DomainMapping = "AZURE" }},
		"acr comes back by mapping alone": {
			change: func(p *broker.IdentityProvider) {
				p.AttributeMapping = []broker.AttributeMapping{{IncomingAttribute: "'silver'", OutgoingAttribute: "acr"}}
			},
			check: func(t *testing.T, r run) {
				if r.w.accounts.last().Claims.Has("acr") {
					t.Errorf("%s", r.w.accounts.last().Claims)
				}
			},
		},
		"signRequest": {
			change: func(p *broker.IdentityProvider) { p.SignRequest = true },
			check: func(t *testing.T, r run) {
				q := last(t, r.op, oidctest.EndpointAuthorization).Query
				parts := strings.Split(q.Get("request"), ".")
				if len(parts) != 3 || q.Has("state") {
					t.Fatalf("%v", q)
				}
				if payload, err := base64.RawURLEncoding.DecodeString(parts[1]); err != nil || !strings.Contains(string(payload), `"redirect_uri":"`+r.record.OAuthCallbackURL) {
					t.Errorf("%s %v", payload, err)
				}
			},
		},
		"grantType IMPLICIT": {
			change: func(p *broker.IdentityProvider) { p.GrantType = broker.GrantTypeImplicit },
			check: func(t *testing.T, r run) {
				if q := last(t, r.op, oidctest.EndpointAuthorization).Query; q.Get("response_type") != "id_token" || q.Get("response_mode") != "form_post" {
					t.Errorf("%v", q)
				}
				if len(r.op.Requests(oidctest.EndpointToken)) != 0 {
					t.Error("the token endpoint was asked")
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := jose.GenerateKey("ES256")
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, func(c *broker.Config) { c.SigningKey = &broker.SigningKey{Key: key, KeyID: "k", Algorithm: "ES256"} })
			op, record := w.upstream(t, "Staff", row.change)
			v := w.newVisitor()
			a, app := w.signIn(v, op, v.get(w.authorizeURL()))
			if row.reason != "" {
				w.stopped(a, app, row.status, row.reason)
				return
			}
			w.atApp(a, app)
			if row.check != nil {
				row.check(t, run{w, op, v, record})
			}
		})
	}
}
