package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

func revoking(c *provider.Config) {
	opaqueOrders(c)
	c.Revocation, c.Introspection = &provider.Revocation{}, &provider.Introspection{}
}

// revoke asks as web, or as the client that the form names.
func (f *fixture) revoke(token string, more ...string) answer {
	f.t.Helper()
	form := change(url.Values{"token": {token}}, more...)
	req := f.newRequest(http.MethodPost, "/revoke", form)
	if !form.Has("client_id") {
		req.SetBasicAuth("web", "web-secret")
	}
	a := f.send(f.client, req)
	if a.header.Get("Cache-Control") != "no-store" {
		f.t.Errorf("headers: %v", a.header)
	}
	return a
}

// revoked demands 200 and nothing else.
func (f *fixture) revoked(token string, more ...string) {
	f.t.Helper()
	if a := f.revoke(token, more...); a.status != http.StatusOK || a.body != "" {
		f.t.Errorf("revocation: %d %s", a.status, a.body)
	}
}

func hasError(a answer, code string) bool {
	return strings.Contains(a.body, `"error":"`+code+`"`) && a.header.Get("Content-Type") == "application/json"
}

// RFC 7009 §2.1: a refresh token takes the grant and all its access tokens, an
// access token goes alone, a hint is a hint.
func TestRevocation(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: revoking})
	for _, hint := range []string{"", "refresh_token", "access_token", "unknown"} {
		first := f.tokens("scope", "openid orders:read offline_access")
		second := f.token(refreshForm(first.Refresh))
		f.revoked(second.Access, "token_type_hint", hint)
		f.tells("web", second.Access, nil)
		if f.alive(second.Access) || !f.alive(first.Access) {
			t.Errorf("%q: an access token does not go alone", hint)
		}
		f.revoked(second.Refresh, "token_type_hint", hint)
		for _, token := range []string{first.Access, second.Refresh} {
			f.tells("web", token, nil)
		}
		f.token(refreshForm(second.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
		jwt := f.tokens()
		f.revoked(jwt.Access, "token_type_hint", hint)
		if f.alive(jwt.Access) {
			t.Errorf("%q: a JWT works on", hint)
		}
		if again := f.token(refreshForm(jwt.Refresh)); again.status != http.StatusOK {
			t.Errorf("%q: the grant went with an access token: %s", hint, again.body)
		}
	}
}

// One that was rotated away ends the grant as well: its client is done with it.
func TestRevocationOfARotatedToken(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: revoking})
	first := f.tokens()
	second := f.token(refreshForm(first.Refresh))
	f.revoked(first.Refresh)
	f.token(refreshForm(second.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
	if f.alive(second.Access) {
		t.Error("an access token works on")
	}
}

// ATK-258, RFC 7009 §2.1, §2.2: what another client asks for is refused and
// changes nothing; what nobody knows is revoked already.
func TestATK258RevocationByOthers(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: revoking})
	tokens := f.tokens()
	opaque := f.token(codeForm(f.code("scope", "openid orders:read"))).Access
	for _, token := range []string{tokens.Access, tokens.Refresh, tokens.ID, opaque} {
		for _, as := range [][]string{{"client_id", "spa"}, {"client_id", "other", "client_secret", "other-secret"}} {
			if a := f.revoke(token, as...); a.status != http.StatusBadRequest || !hasError(a, "invalid_grant") {
				t.Errorf("%v: %d %s", as, a.status, a.body)
			}
		}
		// Who owns the resource may ask about the token, not end it.
		if a := f.revoke(token, "client_id", "machine", "client_secret", "machine-secret"); a.status != http.StatusBadRequest {
			t.Errorf("machine: %d %s", a.status, a.body)
		}
	}
	if !f.alive(tokens.Access) || !f.alive(opaque) || f.token(refreshForm(tokens.Refresh)).status != http.StatusOK {
		t.Error("another client has ended a token")
	}
	for _, token := range []string{"x", "a.b.c", tokens.Access + "x", opaque + "x"} {
		f.revoked(token)
	}
	f.revoked(opaque)
	f.revoked(opaque)
	if a := f.revoke(tokens.ID); a.status != http.StatusBadRequest || !hasError(a, "unsupported_token_type") {
		t.Errorf("an ID token: %d %s", a.status, a.body)
	}
	for _, as := range [][]string{{"client_id", "web"}, {"client_id", "web", "client_secret", "guess"}, {"client_id", "nobody"}} {
		if a := f.revoke(tokens.Access, as...); a.status != http.StatusUnauthorized || !hasError(a, "invalid_client") {
			t.Errorf("%v: %d %s", as, a.status, a.body)
		}
	}
	if a := f.revoke(""); a.status != http.StatusBadRequest || !hasError(a, "invalid_request") {
		t.Errorf("no token: %d %s", a.status, a.body)
	}
	if a := f.send(f.client, f.newRequest(http.MethodGet, "/revoke?client_id=spa&token=x", nil)); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", a.status)
	}
}

// RFC 7009 §2.1, §2.3: public clients revoke by their client_id, and scripts of
// registered origins may read the answer.
func TestRevocationByAPublicClient(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: revoking})
	res := f.token(codeForm(f.code("client_id", "spa", "scope", "openid offline_access"), "client_id", "spa"))
	if res.Refresh == "" {
		t.Fatalf("%+v", res)
	}
	req := f.newRequest(http.MethodPost, "/revoke", url.Values{"token": {res.Refresh}, "client_id": {"spa"}})
	req.Header.Set("Origin", "https://app.example")
	a := f.send(f.client, req)
	if a.status != http.StatusOK || a.header.Get("Access-Control-Allow-Origin") != "https://app.example" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if f.alive(res.Access) {
		t.Error("the access token works on")
	}
}

// ATK-259, RFC 7009 §2.2.1: a fault is 503 with Retry-After, never 200.
func TestATK259RevocationWhenStoresAreDown(t *testing.T) {
	for _, row := range []struct {
		verb    string
		refresh bool
	}{{"Revoke", false}, {"Revoked", false}, {"RefreshToken", true}, {"Revoke", true}, {"RevokeGrants", true}} {
		stores := &faults{}
		f := newFixture(t, oidctest.Config{Stores: stores.open, Configure: func(c *provider.Config) { c.Revocation = &provider.Revocation{} }})
		tokens := f.tokens()
		token := tokens.Access
		if row.refresh {
			token = tokens.Refresh
		}
		stores.tell(row.verb, failsBefore)
		if a := f.revoke(token); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", row.verb, a.status, a.header)
		}
		stores.tell(row.verb, works)
		f.revoked(token)
		if f.alive(tokens.Access) {
			t.Errorf("%s: the access token works on", row.verb)
		}
	}
}

// What a deny list needs is in the event, and no token.
func TestRevocationEvents(t *testing.T) {
	var events []oidckit.Event
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		revoking(c)
		watched := c.Events
		c.Events = func(ctx context.Context, e oidckit.Event) {
			watched(ctx, e)
			if e.Name == oidckit.EventTokenRevoked || e.Name == oidckit.EventGrantRevoked {
				events = append(events, e)
			}
		}
	}})
	tokens := f.tokens()
	said := claims(t, tokens.Access)
	f.revoked(tokens.Access)
	f.revoked(tokens.Refresh)
	if len(events) != 2 {
		t.Fatalf("%+v", events)
	}
	exp, _ := said["exp"].(float64)
	if e := events[0]; e.Name != oidckit.EventTokenRevoked || e.TokenID != said["jti"] || e.Until.Before(time.Unix(int64(exp), 0)) || e.ClientID != "web" {
		t.Errorf("%+v", e)
	}
	if e := events[1]; e.Name != oidckit.EventGrantRevoked || e.Subject != oidctest.Subject || e.SessionID != said["sid"] {
		t.Errorf("%+v", e)
	}
}
