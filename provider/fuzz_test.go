package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// fuzzed is an issuer that answers without a network.
func fuzzed(f *testing.F) *provider.Provider {
	const issuer = "https://op.example"
	clients := []oidckit.ClientMetadata{everyType(webClient), publicClient, nativeClient, machineClient}
	for i := range clients {
		clients[i].IDTokenSignedResponseAlg = "ES256"
	}
	return newProvider(f, provider.Config{
		Issuer: issuer, Secrets: newSecrets(f), Stores: opstore.NewMemory().Open(issuer), Clients: clients, SigningAlgs: []string{"ES256"},
		Resources: []provider.Resource{{Resource: ordersAPI, Scopes: []string{"orders:read"}}},
		Hybrid:    &provider.Hybrid{AllowAccessTokens: true}, Legacy: &provider.Legacy{Implicit: true},
	})
}

// Whatever a query holds, the person is sent to the login page, to an address
// that a client has registered, or nowhere; and never is it our fault.
func FuzzAuthorizeQuery(f *testing.F) {
	p := fuzzed(f)
	for _, q := range []url.Values{
		request(), request("prompt", "none"), request("client_id", "native", "redirect_uri", "http://127.0.0.1:1/cb"), request("resource", ordersAPI),
		request("max_age", "0"), request("request", "x"), request("redirect_uri", "https://evil.example/cb"), request("state", oddState),
		request("redirect_uri", "https://app.example/cb?foo=bar", "id_token_hint", "a.b.c"),
		request("response_type", "code id_token", "prompt", "none"), request("response_type", "token id_token", "response_mode", "form_post", "max_age", "x"),
		request("claims", `{"id_token":{"acr":{"essential":true,"values":["a"]},"sub":{"value":"b"}}}`, "claims_locales", "de"),
	} {
		f.Add(q.Encode())
		f.Add(q.Encode() + "&state=again&redirect_uri=https%3A%2F%2Fevil.example")
	}
	f.Add("%zz&client_id=web;state")
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{Method: http.MethodGet, Header: http.Header{}, Host: "op.example", URL: &url.URL{Path: "/authorize", RawQuery: query}}
		rec := httptest.NewRecorder()
		p.ServeHTTP(rec, r)
		location := rec.Header().Get("Location")
		sent := location
		switch {
		case rec.Code == http.StatusOK && location == "" && formTarget(rec.Body.String()):
			sent = rec.Body.String()
		case rec.Code == http.StatusSeeOther && (strings.HasPrefix(location, "/login?request=") || registeredTarget(location)):
		case (rec.Code == http.StatusBadRequest || rec.Code == http.StatusRequestURITooLong) && location == "":
		default:
			t.Fatalf("%q: %d %q", query, rec.Code, location)
		}
		if strings.ContainsAny(location, "\r\n") || len(location) > 64<<10 {
			t.Fatalf("%q: Location %q", query, location)
		}
		if signedOut(sent) {
			t.Fatalf("%q: a code for nobody: %q", query, location)
		}
	})
}

// signedOut reports whether an answer brings something, although nobody has
// signed in.
func signedOut(answer string) bool {
	if _, fields, ok := oidctest.Form(answer); ok {
		return fields.Get("error") == ""
	}
	return registeredTarget(answer) && !strings.Contains(answer, "error=")
}

// formTarget reports whether a page is a form for a registered address.
func formTarget(body string) bool {
	action, _, ok := oidctest.Form(body)
	return ok && registeredTarget(action)
}

func registeredTarget(location string) bool {
	location, _, _ = strings.Cut(location, "#")
	u, err := url.Parse(location)
	if err != nil || u.User != nil {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Host == "app.example" && u.Path == "/cb"
	case "http":
		return u.Hostname() == "127.0.0.1" && u.Path == "/cb"
	}
	return strings.HasPrefix(location, "com.example.app:/cb?") || location == "com.example.app:/cb"
}

// Whatever a body holds, there are tokens only for the client with its secret,
// every refusal is one of RFC 6749 §5.2, and never is it our fault.
func FuzzTokenForm(f *testing.F) {
	p := fuzzed(f)
	machine := url.Values{"grant_type": {"client_credentials"}, "client_id": {"machine"}, "client_secret": {"machine-secret"}}
	for _, form := range []url.Values{
		machine, change(machine, "scope", "orders:read"), change(machine, "resource", ordersAPI), change(machine, "client_secret", "guess"),
		codeForm("code", "client_id", "spa"), refreshForm("token", "client_id", "spa"), change(machine, "client_assertion", "a.b.c"),
	} {
		f.Add(form.Encode())
		f.Add(form.Encode() + "&grant_type=client_credentials")
	}
	f.Add("grant_type=client_credentials;client_id=machine")
	codes := []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "invalid_target"}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "https://op.example/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		p.ServeHTTP(rec, r)
		var doc struct{ Error, Access_token string }
		if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil || rec.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%q: %d %s %v", body, rec.Code, rec.Body, err)
		}
		if rec.Code == http.StatusOK {
			form, err := url.ParseQuery(body)
			if err != nil || form.Get("client_id") != "machine" || form.Get("client_secret") != "machine-secret" || form.Get("grant_type") != "client_credentials" {
				t.Fatalf("%q: tokens", body)
			}
			return
		}
		if !slices.Contains(codes, doc.Error) || doc.Access_token != "" || !slices.Contains([]int{400, 401, 413}, rec.Code) || (rec.Code == 401) != (doc.Error == "invalid_client") {
			t.Fatalf("%q: %d %s", body, rec.Code, rec.Body)
		}
	})
}

// A header authenticates a client only if it spells out that client's id and
// secret, encoded or as they stand (RFC 6749 §2.3.1).
func FuzzBasicAuth(f *testing.F) {
	p := fuzzed(f)
	for _, credentials := range []string{"web:web-secret", "web:web%2Dsecret", "web:", ":web-secret", "web", "web:web-secret:", "%77eb:web-secret", "web:web+secret", "\x00:\xff", "web:%zz"} {
		f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte(credentials)))
	}
	f.Add("basic d2ViOndlYi1zZWNyZXQ=")
	f.Add("Bearer x")
	f.Add("Basic")
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodPost, "https://op.example/token", strings.NewReader("grant_type=client_credentials"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header["Authorization"] = []string{header}
		rec := httptest.NewRecorder()
		p.ServeHTTP(rec, r)
		good := spells(header, "web", "web-secret")
		if want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[good]; rec.Code != want {
			t.Fatalf("%q: %d %s, want %d", header, rec.Code, rec.Body, want)
		}
		if !good && rec.Header().Get("WWW-Authenticate") == "" {
			t.Fatalf("%q: no challenge", header)
		}
	})
}

// spells is FuzzBasicAuth's oracle: a header that carries these credentials.
func spells(header, id, secret string) bool {
	scheme, value, _ := strings.Cut(header, " ")
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil || !strings.EqualFold(scheme, "basic") {
		return false
	}
	gotID, gotSecret, _ := strings.Cut(string(raw), ":")
	same := func(got, want string) bool {
		decoded, err := url.QueryUnescape(got)
		return err == nil && decoded == want || got == want
	}
	return same(gotID, id) && same(gotSecret, secret)
}
