package handlers_test

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers"
	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// planRun is one module of a plan of the OpenID Foundation's suite: an issuer
// of its own, and the app that logs in there.
type planRun struct {
	*testing.T
	op *oidctest.Server
	a  *app
}

// The modules that the config plan and the dynamic plan share, by their names
// without "oidcc-client-test-". The last log-in of each is the suite's.
var discoveryModules = map[string]func(planRun){
	"discovery-openid-config": func(r planRun) {
		wantLogin(r.T, r.a, r.op)
		for _, e := range []oidctest.Endpoint{oidctest.EndpointDiscovery, oidctest.EndpointAuthorization, oidctest.EndpointToken, oidctest.EndpointJWKS, oidctest.EndpointUserinfo} {
			if len(r.op.Requests(e)) == 0 {
				r.Errorf("%s was not asked", e)
			}
		}
	},
	"discovery-jwks-uri-keys": func(r planRun) {
		path := "/jwks-" + secret.ID()
		r.op.Break(r, oidctest.EndpointDiscovery, oidctest.EditJSON(func(m map[string]any) { m["jwks_uri"] = r.op.Issuer + path }))
		r.op.Break(r, oidctest.EndpointJWKS, oidctest.Answer(http.StatusNotFound, "text/plain", "moved"))
		r.op.Break(r, oidctest.Endpoint(path), func(issuer http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				moved := req.Clone(req.Context())
				moved.URL.Path, moved.RequestURI = "/jwks", "/jwks"
				issuer.ServeHTTP(w, moved)
			})
		})
		wantLogin(r.T, r.a, r.op)
		if len(r.op.Requests(oidctest.Endpoint(path))) != 1 || len(r.op.Requests(oidctest.EndpointJWKS)) != 0 {
			r.Errorf("keys: %v", r.op.Requests(oidctest.EndpointAny))
		}
	},
	"discovery-issuer-mismatch": func(r planRun) {
		r.op.Break(r, oidctest.EndpointDiscovery, oidctest.EditJSON(func(m map[string]any) { m["issuer"] = r.op.Issuer + "/other" }))
		if res := r.a.browser().step(r.a.URL + "/auth/login?return_to=%2Fme"); res.StatusCode != http.StatusBadGateway || res.Header.Get("Location") != "" {
			r.Errorf("%d %v", res.StatusCode, res.Header)
		}
		r.nothingBut(oidctest.EndpointDiscovery, "registration_endpoint")
	},
	"idtoken-sig-none": func(r planRun) {
		// RFC 8725 §3.2: nobody can ask for it here, and who gets it stops.
		if _, err := handlers.NewRelyingParty(handlers.Config{Issuer: r.op.Issuer, ClientID: "c", BaseURL: r.a.URL, Sessions: r.a.sessions, IDTokenSignedResponseAlg: "none"}); err == nil || !strings.Contains(err.Error(), "Config.IDTokenSignedResponseAlg") {
			r.Errorf("none is taken: %v", err)
		}
		r.op.EditIDTokens(r, oidctest.Token{Signed: oidctest.ByNobody})
		wantNoLogin(r.T, r.a, r.op, http.StatusBadRequest, "id_token")
		if asked := r.op.Requests(oidctest.EndpointUserinfo); len(asked) != 0 {
			r.Errorf("userinfo was asked: %v", asked)
		}
	},
	"signing-key-rotation-just-before-signing": func(r planRun) {
		wantLogin(r.T, r.a, r.op)
		before := len(r.op.Requests(oidctest.EndpointJWKS))
		b := r.a.browser()
		callback := b.callback(r.a, r.op)
		r.op.RotateKeys(r)
		if res := b.step(callback); b.loggedIn(r.a) != oidctest.Subject {
			r.Errorf("%d %s", res.StatusCode, res.body)
		}
		if n := len(r.op.Requests(oidctest.EndpointJWKS)) - before; n != 1 {
			r.Errorf("the keys were fetched %d times", n)
		}
	},
	"signing-key-rotation": func(r planRun) {
		wantLogin(r.T, r.a, r.op)
		r.op.RotateKeys(r)
		wantLogin(r.T, r.a, r.op)
		if n := len(r.op.Requests(oidctest.EndpointJWKS)); n != 2 {
			r.Errorf("the keys were fetched %d times", n)
		}
	},
}

// nothingBut demands that the issuer was asked for these only.
func (r planRun) nothingBut(allowed ...oidctest.Endpoint) {
	r.Helper()
	for _, asked := range r.op.Requests(oidctest.EndpointAny) {
		if !slices.Contains(allowed, asked.Endpoint) {
			r.Errorf("%s was asked", asked.Path)
		}
	}
}

// configPlan is oidcc-client-config-certification-test-plan.
var configPlan = []string{
	"discovery-openid-config", "discovery-jwks-uri-keys", "discovery-issuer-mismatch", "idtoken-sig-none",
	"signing-key-rotation-just-before-signing", "signing-key-rotation",
}

func TestConformanceClientConfig(t *testing.T) {
	for _, name := range configPlan {
		t.Run("oidcc-client-test-"+name, func(t *testing.T) {
			op, a := newProviderApp(t, nil)
			discoveryModules[name](planRun{t, op, a})
		})
	}
}

// The dynamic plan, oidcc-client-dynamic-certification-test-plan: the same, by an
// app that has registered itself.
func TestConformanceClientDynamic(t *testing.T) {
	for _, name := range configPlan {
		t.Run("oidcc-client-test-"+name, func(t *testing.T) {
			op, a := registeringIssuer(t, provider.Registration{AllowAnonymous: true}), unregisteredApp(t)
			registerAndBuild(t, a, op, "", nil)
			discoveryModules[name](planRun{t, op, a})
		})
	}
	t.Run("oidcc-client-test-dynamic-registration", func(t *testing.T) {
		op, a := registeringIssuer(t, provider.Registration{AllowAnonymous: true}), unregisteredApp(t)
		var sent oidckit.ClientMetadata
		op.Break(t, "registration_endpoint", func(issuer http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				data, _ := io.ReadAll(r.Body)
				if err := json.Unmarshal(data, &sent); err != nil || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s %v %v", data, r.Header, err)
				}
				r.Body = io.NopCloser(strings.NewReader(string(data)))
				issuer.ServeHTTP(w, r)
			})
		})
		registerAndBuild(t, a, op, "", nil)
		// RFC 7591 §2.1: grant_types fit response_types
		if !slices.Equal(sent.ResponseTypes, []string{"code"}) || !slices.Equal(sent.GrantTypes, []string{"authorization_code"}) ||
			!slices.Equal(sent.RedirectURIs, []string{a.URL + "/auth/callback"}) || sent.ClientID != "" {
			t.Errorf("%+v", sent)
		}
		wantLogin(t, a, op)
	})
	t.Run("oidcc-client-test-userinfo-signed", func(t *testing.T) {
		op, a := registeringIssuer(t, provider.Registration{AllowAnonymous: true}, "RS256"), unregisteredApp(t)
		registerAndBuild(t, a, op, "", func(c *handlers.Config) { c.UserinfoSignedResponseAlg = "RS256" })
		wantLogin(t, a, op)
		if asked := op.Requests(oidctest.EndpointUserinfo); len(asked) != 1 || asked[0].Header.Get("Accept") != "application/jwt" {
			t.Errorf("userinfo: %v", asked)
		}
		op.Break(t, oidctest.EndpointUserinfo, oidctest.Answer(http.StatusOK, "application/json", `{"sub":"`+oidctest.Subject+`"}`))
		wantNoLogin(t, a, op, http.StatusBadRequest, "userinfo")
	})
	t.Run("oidcc-client-test-request-uri-signed-rs256", func(t *testing.T) {
		registerObjects(t, "RS256", handlers.RequestObjects{ByReference: true})
	})
	t.Run("oidcc-client-test-request-uri-signed-none", func(t *testing.T) {
		registerObjects(t, "none", handlers.RequestObjects{ByReference: true, AllowUnsigned: true})
	})
	for name, identifier := range map[string]func(host string) string{
		"discovery-webfinger-acct": func(host string) string { return "acct:rp.oidcc-client-test-discovery-webfinger-acct@" + host },
		"discovery-webfinger-url":  func(host string) string { return "https://" + host + "/rp/oidcc-client-test-discovery-webfinger-url" },
	} {
		t.Run("oidcc-client-test-"+name, func(t *testing.T) { findRegisterLogin(t, identifier) })
	}
}

// registerObjects registers an app that sends its requests by reference, at an
// issuer that fetches them, and logs in with what was answered.
func registerObjects(t *testing.T, alg string, objects handlers.RequestObjects) {
	edit := signsRequests(alg, objects)
	o := newObjectReader(t, alg, func(m map[string]any) { m["registration_endpoint"] = m["issuer"].(string) + "/register" }, edit)
	sc, sent := o.script, oidckit.ClientMetadata{}
	asIssuer := sc.serve
	sc.serve = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/register" {
			return asIssuer(w, r)
		}
		data, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(data, &sent); err != nil {
			t.Error(err)
		}
		writeJSON(w, http.StatusCreated, map[string]any{"client_id": clientID, "client_secret": clientSecret, "client_secret_expires_at": 0})
		return true
	}
	o.play(sc)
	cfg := handlers.Config{Issuer: o.URL, BaseURL: o.app.URL, Scopes: oidckit.Scope{"openid", "profile", "email"}}
	edit(&cfg)
	reg, err := handlers.Register(t.Context(), handlers.RegistrationRequest{Issuer: o.URL, Metadata: cfg.ClientMetadata()})
	if err != nil {
		t.Fatal(err)
	}
	o.app.build(o.idp, options{config: func(c *handlers.Config) {
		edit(c)
		c.ClientID, c.ClientSecret = reg.ClientID, reg.ClientSecret
	}})
	o.login()
	o.wantWhole(o.read[0])
	if sent.RequestObjectSigningAlg != alg || len(sent.RequestURIs) != 1 || !strings.HasPrefix(o.asked[0].Get("request_uri"), sent.RequestURIs[0]) {
		t.Errorf("registered %q %v, sent %v", sent.RequestObjectSigningAlg, sent.RequestURIs, o.asked[0])
	}
}

// findRegisterLogin is all that an app knows of beforehand: an identifier.
func findRegisterLogin(t *testing.T, identifier func(host string) string) {
	op, a := registeringIssuer(t, provider.Registration{AllowAnonymous: true}), unregisteredApp(t)
	op.Break(t, "/.well-known/webfinger", oidctest.Answer(http.StatusOK, "application/jrd+json",
		`{"links":[{"rel":"http://openid.net/specs/connect/1.0/issuer","href":"`+op.Issuer+`"}]}`))
	out := handlers.Outbound{AllowLoopback: true, RootCAs: x509.NewCertPool()}
	out.RootCAs.AddCert(a.Certificate())
	issuer, err := handlers.FindIssuer(t.Context(), handlers.FindIssuerRequest{
		Identifier: identifier(strings.TrimPrefix(op.Issuer, "https://")), Outbound: out,
	})
	if err != nil || issuer != op.Issuer {
		t.Fatalf("%s %v", issuer, err)
	}
	registerAndBuild(t, a, op, "", func(c *handlers.Config) { c.Issuer, c.HTTPClient = issuer, out.HTTPClient() })
	wantLogin(t, a, op)
}
