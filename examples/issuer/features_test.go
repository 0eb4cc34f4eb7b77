package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
)

const badFeatures = `{"features": {"mind_reading": {}, "registration": {"initial_access_token": "two words"}, "hybrid": {"allow_acess_tokens": true},
	"pairwise": {"salt": "short"}, "backchannel_logout": {"attempts": 99}, "revocation": "yes", "implicit": 1}}`

func featureProblems() []string {
	return []string{
		`"mind_reading"`, "features.registration", "features.hybrid", "allow_acess_tokens", "Pairwise.Salt", "Attempts", "features.revocation",
		"features.implicit",
	}
}

// known are the names of the features, from the table that switches them.
func known() []string {
	secrets, err := oidckit.ParseSecrets(oidckit.GenerateSecret())
	if err != nil {
		panic(err)
	}
	return slices.Sorted(maps.Keys(featureTable(&provider.Config{}, secrets)))
}

// Each feature can be told from the outside: by a member of the metadata, or
// by an answer of an address.
func TestEachFeatureIsSwitched(t *testing.T) {
	has := func(member, value string) func(*running) bool {
		return func(r *running) bool { return strings.Contains(fmt.Sprint(r.discovery()[member]), value) }
	}
	served := func(path string) func(*running) bool {
		return func(r *running) bool {
			res, err := http.Get(r.issuer + path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			return res.StatusCode != http.StatusNotFound
		}
	}
	signs := map[string]func(*running) bool{
		"account_page":        served("/account"),
		"backchannel_logout":  has("backchannel_logout_supported", "true"),
		"certificates":        served("/certificate"),
		"frontchannel_logout": has("frontchannel_logout_supported", "true"),
		"hybrid":              has("response_types_supported", "code id_token token"),
		"implicit":            has("response_types_supported", "id_token"),
		"introspection":       has("introspection_endpoint", "/introspect"),
		"pairwise":            has("subject_types_supported", "pairwise"),
		"password":            has("grant_types_supported", "password"),
		"registration":        has("registration_endpoint", "/register"),
		"request_objects":     has("request_uri_parameter_supported", "true"),
		"revocation":          has("revocation_endpoint", "/revoke"),
		"session_management":  has("check_session_iframe", "/check_session"),
	}
	if got, want := slices.Sorted(maps.Keys(signs)), known(); !slices.Equal(got, want) {
		t.Fatalf("the features are %v, shown are %v", want, got)
	}
	start := func(t *testing.T, features map[string]any) *running {
		config := map[string]any{"signing_algs": []string{"ES256"}}
		if features != nil {
			config["features"] = features
		}
		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		addr, issuer := freeIssuer(t, "")
		return launch(t, t.TempDir(), addr, issuer, "-config", write(t, "config.json", string(text)))
	}
	check := func(t *testing.T, r *running, want func(name string) bool) {
		t.Helper()
		for name, sign := range signs {
			// The response types of hybrid hold the word too.
			if name == "implicit" && want("hybrid") && !want("implicit") {
				continue
			}
			if sign(r) != want(name) {
				t.Errorf("%s is on: %t, want %t", name, !want(name), want(name))
			}
		}
		r.Stop()
	}
	t.Run("default", func(t *testing.T) {
		check(t, start(t, nil), func(name string) bool { return name != "implicit" && name != "password" })
	})
	for i, name := range known() {
		t.Run(name, func(t *testing.T) {
			all := map[string]any{}
			for j, other := range known() {
				// Both ways to say no.
				if all[other] = nil; j%2 == 0 {
					all[other] = false
				}
			}
			if all[name] = map[string]any{}; i%2 == 0 {
				all[name] = true
			}
			check(t, start(t, all), func(n string) bool { return n == name })
		})
	}
}

// What the settings of features say is heeded.
func TestFeatureSettings(t *testing.T) {
	addr, issuer := freeIssuer(t, "")
	config := write(t, "config.json", `{"signing_algs": ["RS256"], "features": {"registration": {"initial_access_token": "let-me-in"},
		"hybrid": {"allow_access_tokens": false}, "request_objects": {"allow_unsigned": true, "allow_parameters_outside": true},
		"pairwise": {"salt": "thirty-two characters or more of a salt"}, "backchannel_logout": {"attempts": 2}}}`)
	r := launch(t, t.TempDir(), addr, issuer, "-config", config)
	doc := r.discovery()
	if types := fmt.Sprint(doc["response_types_supported"]); !strings.Contains(types, "code id_token") || strings.Contains(types, "token]") && strings.Contains(types, "code token") {
		t.Errorf("response types %s", types)
	}
	if algs := fmt.Sprint(doc["request_object_signing_alg_values_supported"]); !strings.Contains(algs, "none") {
		t.Errorf("request objects by %s", algs)
	}
	client := map[string]any{"redirect_uris": []string{"https://app.example/cb"}}
	for token, want := range map[string]int{"": 401, "another": 401, "let-me-in": 201} {
		status, answer := r.call(http.MethodPost, issuer+"/register", client, func(req *http.Request) {
			if token != "" {
				bearer(token)(req)
			}
		})
		if status != want {
			t.Errorf("with %q: %d %v", token, status, answer)
		}
	}
}

// Legacy features serve the clients that are registered for them.
func TestLegacyFeatures(t *testing.T) {
	addr, issuer := freeIssuer(t, "")
	config := write(t, "config.json", `{"features": {"implicit": {}, "password": {}},
		"users": [{"username": "alice", "password": "wonderland", "claims": {"sub": "1"}}],
		"clients": [{"client_id": "old", "client_secret": "the secret of old", "grant_types": ["password"]},
			{"client_id": "spa", "redirect_uris": ["https://spa.example/cb"], "response_types": ["id_token"], "grant_types": ["implicit"]}]}`)
	r := launch(t, t.TempDir(), addr, issuer, "-config", config)
	form := url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wonderland"}}
	if status, answer := r.call(http.MethodPost, issuer+"/token", form, basic("old", "the secret of old")); status != 200 || answer["access_token"] == nil {
		t.Errorf("password: %d %v", status, answer)
	}
	q := challenge("spa", "https://spa.example/cb", url.Values{"response_type": {"id_token"}})
	q.Del("code_challenge")
	q.Del("code_challenge_method")
	if _, claims := claimsOf(t, r.authorize(r.person("alice", "wonderland"), q).Get("id_token")); claims["sub"] != "1" {
		t.Errorf("implicit: %v", claims)
	}
}

// A resource may take opaque tokens, which its services introspect.
func TestOpaqueTokens(t *testing.T) {
	addr, issuer := freeIssuer(t, "")
	config := write(t, "config.json", `{"scopes": {"orders:read": "Read", "bills:read": "Read"},
		"clients": [{"client_id": "svc", "client_secret": "the secret of svc", "grant_types": ["client_credentials"]},
			{"client_id": "api", "client_secret": "the secret of api"},
			{"client_id": "app", "client_secret": "the secret of app", "redirect_uris": ["https://app.example/cb"]}],
		"resources": [{"resource": "https://api.example/", "scopes": ["orders:read"], "access_token_format": "opaque"},
			{"resource": "https://bills.example/", "scopes": ["bills:read"], "access_token_format": "jwt", "client_ids": []}]}`)
	r := launch(t, t.TempDir(), addr, issuer, "-config", config)
	for _, row := range []struct {
		scope, client string
		jwt, active   bool
	}{
		{"orders:read", "api", false, true}, {"orders:read", "app", false, false},
		{"bills:read", "svc", true, true}, {"bills:read", "api", true, false},
	} {
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {row.scope}}
		status, answer := r.call(http.MethodPost, issuer+"/token", form, basic("svc", "the secret of svc"))
		token, _ := answer["access_token"].(string)
		if status != 200 || strings.Contains(token, ".") != row.jwt {
			t.Fatalf("%s: %d, JWT %t", row.scope, status, !row.jwt)
		}
		_, told := r.call(http.MethodPost, issuer+"/introspect", url.Values{"token": {token}}, basic(row.client, "the secret of "+row.client))
		if told["active"] != row.active {
			t.Errorf("%s asks about a token for %s: %v", row.client, row.scope, told)
		}
	}
}
