package provider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opstore"
)

// introspecting is an issuer whose orders take opaque tokens; machine acts as
// orders, and no client as stock.
func introspecting(c *provider.Config) {
	opaqueOrders(c)
	c.Introspection = &provider.Introspection{}
}

// introspect asks as a client of client_secret_basic or client_secret_post.
func (f *fixture) introspect(client, token string, more ...string) (int, map[string]any) {
	f.t.Helper()
	form := change(url.Values{"token": {token}}, more...)
	req := f.newRequest(http.MethodPost, "/introspect", form)
	switch client {
	case "web":
		req.SetBasicAuth("web", "web-secret")
	case "machine", "other":
		form.Set("client_id", client)
		form.Set("client_secret", client+"-secret")
		req = f.newRequest(http.MethodPost, "/introspect", form)
	case "":
	default:
		form.Set("client_id", client)
		req = f.newRequest(http.MethodPost, "/introspect", form)
	}
	a := f.send(f.client, req)
	if a.header.Get("Cache-Control") != "no-store" {
		f.t.Errorf("headers: %v", a.header)
	}
	doc := map[string]any{}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		f.t.Fatalf("status %d: %s", a.status, a.body)
	}
	return a.status, doc
}

// tells demands an answer of 200: nil stands for a token that is not active.
func (f *fixture) tells(client, token string, want map[string]any, more ...string) {
	f.t.Helper()
	status, doc := f.introspect(client, token, more...)
	if want == nil {
		// RFC 7662 §2.2: no additional information about an inactive token
		if status != http.StatusOK || len(doc) != 1 || doc["active"] != false {
			f.t.Errorf("%s is told %d %v", client, status, doc)
		}
		return
	}
	if status != http.StatusOK || doc["active"] != true {
		f.t.Errorf("%s is told %d %v", client, status, doc)
	}
	for name, v := range want {
		if doc[name] != v {
			f.t.Errorf("%s = %v, want %v", name, doc[name], v)
		}
	}
}

// RFC 7662 §2.2, RFC 9470 §6.2: what is told of each kind of token.
func TestIntrospectionAnswers(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: introspecting})
	jwt := f.tokens()
	opaque := f.token(codeForm(f.code("scope", "openid orders:read")))
	now := float64(time.Now().Unix())
	for name, token := range map[string]string{"JWT": jwt.Access, "opaque": opaque.Access} {
		_, doc := f.introspect("web", token)
		for member, want := range map[string]any{
			"active": true, "iss": f.base, "sub": oidctest.Subject, "client_id": "web", "token_type": "Bearer",
		} {
			if doc[member] != want {
				t.Errorf("%s: %s = %v", name, member, doc[member])
			}
		}
		iat, _ := doc["iat"].(float64)
		exp, _ := doc["exp"].(float64)
		nbf, _ := doc["nbf"].(float64)
		auth, _ := doc["auth_time"].(float64)
		if exp-iat != 3600 || nbf != iat || iat < now-60 || iat > now+60 || auth == 0 || auth > iat {
			t.Errorf("%s: times %v", name, doc)
		}
		if jti, _ := doc["jti"].(string); jti == "" || doc["sid"] == nil {
			t.Errorf("%s: jti %q, sid %v", name, jti, doc["sid"])
		}
	}
	if doc := claims(t, jwt.Access); doc["jti"] == nil {
		t.Error("no jti")
	}
	f.tells("web", jwt.Access, map[string]any{"scope": "openid profile email offline_access", "username": "alice"})
	f.tells("web", opaque.Access, map[string]any{"scope": "openid orders:read", "username": nil})
	f.tells("web", jwt.Refresh, map[string]any{
		"token_type": "N_A", "client_id": "web", "sub": oidctest.Subject, "scope": "openid profile email offline_access", "aud": nil,
	})
	// ID tokens are answered for too.
	f.tells("web", jwt.ID, map[string]any{"token_type": "N_A", "client_id": "web", "sub": oidctest.Subject, "scope": nil, "iss": f.base})
	// RFC 7662 §2.1: the hint is a hint
	for _, hint := range []string{"refresh_token", "access_token", "id_token", "no such kind"} {
		for _, token := range []string{jwt.Access, opaque.Access, jwt.Refresh, jwt.ID} {
			f.tells("web", token, map[string]any{"active": true}, "token_type_hint", hint)
		}
	}
	machine := f.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {"machine"}, "client_secret": {"machine-secret"}, "scope": {"orders:read"}})
	f.tells("machine", machine.Access, map[string]any{"sub": "machine", "client_id": "machine", "scope": "orders:read", "sid": nil, "auth_time": nil})
}

// ATK-256, ATK-257 and RFC 7662 §2.1, §4: who may ask about which token.
func TestATK256IntrospectionByOthers(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: introspecting})
	tokens := f.tokens()
	orders := f.token(codeForm(f.code("scope", "openid orders:read"))).Access
	stock := f.token(codeForm(f.code("scope", "openid stock:read"))).Access
	both := f.token(codeForm(f.code("scope", "openid stock:read orders:read"))).Access
	active := map[string]any{"client_id": "web"}
	f.tells("machine", orders, active)
	f.tells("machine", both, active)
	for _, token := range []string{stock, tokens.Access, tokens.Refresh, tokens.ID} {
		f.tells("machine", token, nil)
	}
	for _, token := range []string{orders, stock, both, tokens.Access, tokens.Refresh, tokens.ID} {
		f.tells("other", token, nil)
	}
	for _, token := range []string{"x", "a.b.c", strings.Repeat("x", 20<<10), tokens.Access + "x", tokens.Access[:len(tokens.Access)-4], orders + "x"} {
		f.tells("web", token, nil)
	}
	for _, client := range []string{"", "spa", "web-", "nobody"} {
		if status, doc := f.introspect(client, orders); status != http.StatusUnauthorized || doc["error"] != "invalid_client" || doc["active"] != nil {
			t.Errorf("%q: %d %v", client, status, doc)
		}
	}
	if status, doc := f.introspect("web", ""); status != http.StatusBadRequest || doc["error"] != "invalid_request" {
		t.Errorf("no token: %d %v", status, doc)
	}
	if status, _ := f.introspect("web", strings.Repeat("x", 1<<20)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("1 MB: %d", status)
	}
	if a := f.send(f.client, f.newRequest(http.MethodGet, "/introspect?token="+orders, nil)); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", a.status)
	}
}

// A token is not active once it has ended, by itself or with its grant.
func TestIntrospectionOfWhatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, introspecting)
		first := f.tokens("scope", "openid orders:read offline_access")
		again := f.token(refreshForm(first.Refresh))
		f.tells("web", first.Refresh, nil)
		f.tells("web", again.Refresh, map[string]any{"active": true})
		// The second use revokes the grant.
		f.token(refreshForm(first.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
		for _, token := range []string{first.Access, again.Access, again.Refresh} {
			f.tells("web", token, nil)
		}
		jwt := f.tokens()
		time.Sleep(time.Hour)
		f.tells("web", jwt.Access, nil)
		f.tells("web", jwt.ID, nil)
		f.tells("web", jwt.Refresh, map[string]any{"active": true})
		time.Sleep(30 * 24 * time.Hour)
		f.tells("web", jwt.Refresh, nil)
	})
}

// Disabled means disabled here too, a session's end ends what it was for, and a
// directory or store that is down is no refusal.
func TestIntrospectionOfUsersAndSessions(t *testing.T) {
	users := &switchedUsers{}
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) {
		introspecting(c)
		users.Users = provider.NewAccounts(c.Stores.Users)
		c.Users = users
	}})
	offline := f.tokens()
	online := f.token(codeForm(f.code("scope", "openid orders:read")))
	users.gone.Store(true)
	for _, token := range []string{offline.Access, offline.Refresh, offline.ID, online.Access} {
		f.tells("web", token, nil)
	}
	users.gone.Store(false)
	if _, err := f.browser.Authorize(f.base + "/end_session?" + url.Values{
		"id_token_hint": {online.ID}, "post_logout_redirect_uri": {"https://app.example/bye"},
	}.Encode()); err != nil {
		t.Fatal(err)
	}
	f.tells("web", online.Access, nil)
	f.tells("web", online.ID, nil)
	f.tells("web", offline.Access, map[string]any{"active": true})
	f.tells("web", offline.Refresh, map[string]any{"active": true})
}

// A client that is gone has no tokens, whoever has its client_id now.
func TestIntrospectionOfClients(t *testing.T) {
	f := newFixture(t, oidctest.Config{Configure: introspecting})
	token := f.token(codeForm(f.code("scope", "openid orders:read"))).Access
	f.tells("machine", token, map[string]any{"client_id": "web"})
	// Another issuer's configuration over the same stores: web is not there.
	c := f.watch.config
	c.Clients = []oidckit.ClientMetadata{machineClient}
	g := *f
	g.client = &http.Client{Transport: newProvider(t, c).LocalTransport(nil)}
	g.tells("machine", token, nil)
}

func TestIntrospectionWhenStoresAreDown(t *testing.T) {
	for _, verb := range []string{"Revoked", "RefreshToken", "User"} {
		stores := &faults{}
		f := newFixture(t, oidctest.Config{Stores: stores.open, Configure: func(c *provider.Config) { c.Introspection = &provider.Introspection{} }})
		tokens := f.tokens()
		token := tokens.Access
		if verb == "RefreshToken" {
			token = tokens.Refresh
		}
		stores.tell(verb, failsBefore)
		if status, doc := f.introspect("web", token); status != http.StatusServiceUnavailable || doc["active"] != nil {
			t.Errorf("%s: %d %v", verb, status, doc)
		}
	}
}

// RFC 9701 §4, §5: a signed answer for who accepts one, of whatever token.
func TestSignedIntrospection(t *testing.T) {
	es := webClient
	es.ClientID, es.IntrospectionSignedResponseAlg = "es", "ES256"
	f := newFixture(t, oidctest.Config{Configure: introspecting, Clients: []oidckit.ClientMetadata{webClient, es}})
	access := f.tokens().Access
	for client, alg := range map[string]string{"web": "RS256", "es": "ES256"} {
		for _, accept := range []string{"application/token-introspection+jwt", "text/plain, application/token-introspection+jwt;q=0.5"} {
			req := f.newRequest(http.MethodPost, "/introspect", url.Values{"token": {access}})
			req.SetBasicAuth(client, "web-secret")
			req.Header.Set("Accept", accept)
			a := f.send(f.client, req)
			if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/token-introspection+jwt" || a.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %v", a.status, a.header)
			}
			if head := part(t, a.body, 0); head["typ"] != "token-introspection+jwt" || head["alg"] != alg {
				t.Errorf("%s: header %v", client, head)
			}
			outer := claims(t, a.body)
			inner, _ := outer["token_introspection"].(map[string]any)
			if outer["iss"] != f.base || outer["aud"] != client || outer["iat"] == nil || outer["exp"] != nil || outer["sub"] != nil {
				t.Errorf("%s: %v", client, outer)
			}
			if inner["active"] != (client == "web") || len(inner) == 1 == (client == "web") {
				t.Errorf("%s: %v", client, inner)
			}
			j, err := jose.Parse(a.body)
			if err != nil || !signedBy(t, f, j) {
				t.Errorf("%s: the signature does not verify: %v", client, err)
			}
			// An answer is no token (RFC 9701 §8.1).
			f.tells("web", a.body, nil)
		}
	}
	req := f.newRequest(http.MethodPost, "/introspect", url.Values{"token": {access}})
	req.SetBasicAuth("web", "web-secret")
	req.Header.Set("Accept", "application/json, application/token-introspection+jwt;q=0")
	if a := f.send(f.client, req); a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v", a.header)
	}
}

// signedBy verifies with the keys that the issuer publishes.
func signedBy(t *testing.T, f *fixture, j *jose.JWS) bool {
	t.Helper()
	keys, _, err := jose.ParseJWKS([]byte(f.send(f.client, f.newRequest(http.MethodGet, "/jwks", nil)).body))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.KeyID == j.Header.KeyID && j.Verify(j.Header.Algorithm, k.Key) == nil {
			return true
		}
	}
	return false
}

// A client_id that is another client's now has no tokens of the one before.
func TestIntrospectionByASuccessor(t *testing.T) {
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{otherClient}, Configure: func(c *provider.Config) {
		introspecting(c)
		c.Registration = &provider.Registration{AllowAnonymous: true}
	}})
	registrations := f.op.Stores.Registrations
	register := func(at time.Time) {
		t.Helper()
		m := webClient
		m.ClientSecret, m.TokenEndpointAuthMethod, m.ResponseTypes = "", "client_secret_basic", []string{"code"}
		m.IDTokenSignedResponseAlg, m.SubjectType, m.ApplicationType = "RS256", "public", "web"
		err := registrations.CreateRegistration(t.Context(), &opstore.Registration{Client: opstore.Client{
			Metadata: m, SecretHashes: []oidckit.TokenHash{oidckit.HashToken("web-secret")}, CreatedAt: at,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	register(time.Now())
	tokens := f.tokens()
	all := []string{tokens.Access, tokens.Refresh, tokens.ID}
	for _, token := range all {
		f.tells("web", token, map[string]any{"active": true})
	}
	if err := registrations.DeleteRegistration(t.Context(), "web", 0); err != nil {
		t.Fatal(err)
	}
	// Tokens know only seconds: the next client comes a little later.
	register(time.Now().Add(2 * time.Second))
	for _, token := range all {
		f.tells("web", token, nil)
	}
}
