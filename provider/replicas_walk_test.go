package provider_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/oidckit/oidckit/internal/secret"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
	"github.com/oidckit/oidckit/provider/opredis"
	"github.com/oidckit/oidckit/provider/opstore"
)

// redisSessions opens sessions in Redis, under a prefix of the test's own, by
// connections of each caller's own.
func redisSessions(t *testing.T) func(issuer string) opstore.Sessions {
	t.Helper()
	address := os.Getenv("OIDCKIT_TEST_REDIS")
	if address == "" {
		t.Skip("OIDCKIT_TEST_REDIS is not set: Redis not tested")
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	options.ContextTimeoutEnabled = true
	prefix := "oidckit-test:" + secret.ID() + ":"
	sweeper := redis.NewClient(options)
	t.Cleanup(func() {
		ctx := context.Background()
		for it := sweeper.Scan(ctx, 0, prefix+"*", 1000).Iterator(); it.Next(ctx); {
			sweeper.Del(ctx, it.Val())
		}
		sweeper.Close()
	})
	return func(issuer string) opstore.Sessions {
		client := redis.NewClient(options)
		t.Cleanup(func() { client.Close() })
		store, err := opredis.New(opredis.Config{Client: client, Prefix: prefix, Timeout: 5e9})
		if err != nil {
			t.Fatal(err)
		}
		return store.Open(issuer)
	}
}

// at is the person's browser and the client at one of the replicas alone.
func (b *balanced) at(i int, f *fixture) *fixture {
	g := *f
	g.client = b.replicas[i].client
	browser := *f.browser
	own := *browser.Client
	own.Transport = g.client.Transport
	browser.Client = &own
	g.browser = &browser
	return &g
}

// TestReplicasActAsOne walks whole logins with every request at the other
// replica, and then ends on one what the other one must refuse in the same
// moment: no replica keeps anything to itself.
func TestReplicasActAsOne(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		actAsOne(t, d, func(*opstore.Set, string) {})
	})
	t.Run("PostgreSQL and Redis", func(t *testing.T) {
		d, sessions := postgresDatabase(t), redisSessions(t)
		actAsOne(t, d, func(set *opstore.Set, issuer string) { set.Sessions = sessions(issuer) })
	})
}

func actAsOne(t *testing.T, d database, configure func(*opstore.Set, string)) {
	c := replicated(t, func(c *provider.Config) {
		c.Introspection, c.Revocation = &provider.Introspection{}, &provider.Revocation{}
		c.Registration = &provider.Registration{AllowAnonymous: true}
		c.Resources[1].AccessTokenFormat = provider.AccessTokenOpaque
	})
	var both [2]*fixture
	for i := range both {
		set := d.open(t, c.Issuer)
		configure(&set, c.Issuer)
		both[i] = newReplica(t, c, set)
	}
	createAlice(t, both[0].op.Stores)
	b := balance(t, both[0], both[1])
	for name, walk := range map[string]func(t *testing.T, b *balanced, f *fixture){
		"login, tokens, refresh": walkLogin,
		"logout":                 walkLogout,
		"an operator":            walkOperator,
		"revocation":             walkRevocation,
		"registration":           walkRegistration,
		"keys":                   walkKeys,
	} {
		t.Run(name, func(t *testing.T) { walk(t, b, b.sub(t)) })
	}
	t.Run("a disabled user", func(t *testing.T) { walkDisabled(t, b, b.sub(t)) })
}

// Login page, password, consent page, decision, code, userinfo, introspection
// and a chain of refresh tokens, all of them crosswise.
func walkLogin(t *testing.T, _ *balanced, f *fixture) {
	res := f.tokens("scope", "openid email offline_access stock:read", "prompt", "login consent", "resource", stockAPI)
	if len(f.browser.Seen) < 2 {
		t.Errorf("pages seen: %q", f.browser.Seen)
	}
	for range 4 {
		for range 2 {
			if !f.introspected(res.Access) {
				t.Fatal("a replica does not know the access token")
			}
		}
		next := f.token(refreshForm(res.Refresh))
		if next.status != http.StatusOK {
			t.Fatalf("%s", next.body)
		}
		res = next
	}
	if q := f.authorize("prompt", "none", "scope", "openid email"); q.Get("code") == "" {
		t.Errorf("the other replica does not know the session: %v", q)
	}
}

func (f *fixture) introspected(token string) bool {
	f.t.Helper()
	return f.send(f.client, f.clientRequest("/introspect", url.Values{"token": {token}})).body != `{"active":false}`
}

func walkLogout(t *testing.T, b *balanced, f *fixture) {
	res := f.token(codeForm(f.code()))
	code := f.code()
	for i := range 2 {
		if !b.at(i, f).signedIn() || !b.at(i, f).alive(res.Access) {
			t.Fatalf("replica %d does not know the session", i)
		}
	}
	g, h := b.at(0, f), b.at(1, f)
	// The copy of the jar is the same jar: the cookie would be gone with the logout.
	stale := h.withCookies(h.newRequest(http.MethodGet, "/authorize?"+request("prompt", "none").Encode(), nil))
	g.endSession(http.MethodGet, url.Values{"id_token_hint": {res.ID}})
	a := h.send(&http.Client{Transport: h.client.Transport, CheckRedirect: h.browser.Client.CheckRedirect}, stale)
	a.refusal(t, "login_required", h.base, "the state")
	if h.alive(res.Access) || h.token(codeForm(code)).status == http.StatusOK {
		t.Error("what was issued in the session outlives it on the other replica")
	}
}

func walkOperator(t *testing.T, b *balanced, f *fixture) {
	res := f.tokens()
	sid, _ := claims(t, res.ID)["sid"].(string)
	if n, err := b.replicas[1].op.Provider.EndSessions(t.Context(), opstore.SessionSelector{ID: sid}); n != 1 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	if b.at(0, f).signedIn() {
		t.Error("still signed in on the other replica")
	}
	if n, err := b.replicas[1].op.Provider.RevokeGrants(t.Context(), opstore.GrantSelector{Subject: oidctest.Subject}); n == 0 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	g := b.at(0, f)
	if g.alive(res.Access) || g.token(refreshForm(res.Refresh)).Error != "invalid_grant" {
		t.Error("a revoked grant works on the other replica")
	}
}

func walkRevocation(t *testing.T, b *balanced, f *fixture) {
	g, h := b.at(0, f), b.at(1, f)
	for name, with := range map[string][]string{"JWT": nil, "opaque": {"scope", "openid offline_access stock:read", "resource", stockAPI}} {
		res := f.tokens(with...)
		if !g.introspected(res.Access) || !h.introspected(res.Access) {
			t.Fatalf("%s: a token is not known", name)
		}
		if a := g.send(g.client, g.clientRequest("/revoke", url.Values{"token": {res.Access}})); a.status != http.StatusOK {
			t.Fatalf("%s: %d", name, a.status)
		}
		if h.introspected(res.Access) {
			t.Errorf("%s: revoked on one replica, good on the other", name)
		}
		h.send(h.client, h.clientRequest("/revoke", url.Values{"token": {res.Refresh}}))
		if g.token(refreshForm(res.Refresh)).Error != "invalid_grant" {
			t.Errorf("%s: a revoked refresh token works on the other replica", name)
		}
	}
}

func walkRegistration(t *testing.T, b *balanced, f *fixture) {
	g, h := b.at(0, f), b.at(1, f)
	c := g.register(appMetadata("id_token_signed_response_alg", "ES256"))
	res := f.login(c)
	if res.status != http.StatusOK || !h.alive(res.Access) {
		t.Fatalf("%d %s", res.status, res.body)
	}
	h.manage(http.MethodDelete, c.text("registration_client_uri"), c.text("registration_access_token"), "")
	req := g.newRequest(http.MethodPost, "/token", refreshForm("x"))
	req.SetBasicAuth(c.text("client_id"), c.text("client_secret"))
	if a := g.do(req); a.status != http.StatusUnauthorized {
		t.Errorf("deleted on one replica, served on the other: %d", a.status)
	}
	if g.alive(res.Access) {
		t.Error("a token of a client that is gone works on the other replica")
	}
	if a := g.manage(http.MethodGet, c.text("registration_client_uri"), c.text("registration_access_token"), ""); a.status != http.StatusUnauthorized {
		t.Errorf("its registration: %d", a.status)
	}
}

// What a replica has signed with a key that the others have yet to read is
// good on them: a kid that is not known is looked for.
func walkKeys(t *testing.T, b *balanced, f *fixture) {
	g, h := b.at(0, f), b.at(1, f)
	old := f.tokens()
	if err := g.op.Provider.RotateKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	kid := f.kid(old.Access)
	if err := g.op.Provider.RevokeKey(t.Context(), kid); err != nil {
		t.Fatal(err)
	}
	fresh := g.token(refreshForm(old.Refresh))
	if fresh.status != http.StatusOK || g.kid(fresh.Access) == kid {
		t.Fatalf("%d, signed by %s", fresh.status, kid)
	}
	if !h.alive(fresh.Access) {
		t.Error("the other replica does not know the new key")
	}
	if h.alive(old.Access) || slices.Contains(h.kids(), kid) {
		t.Error("the other replica has seen the new keys and believes the one that was revoked")
	}
}

func walkDisabled(t *testing.T, b *balanced, f *fixture) {
	res := f.tokens()
	if err := b.replicas[0].op.Provider.DisableUser(t.Context(), oidctest.Subject); err != nil {
		t.Fatal(err)
	}
	h := b.at(1, f)
	if h.signedIn() || h.alive(res.Access) || h.token(refreshForm(res.Refresh)).Error != "invalid_grant" {
		t.Error("disabled on one replica, served on the other")
	}
	_, form := b.at(1, f.sub(t)).loginPage()
	if a := b.at(1, f.sub(t)).browse(http.MethodPost, "/login", form); a.status != http.StatusForbidden {
		t.Errorf("signs in on the other replica: %d", a.status)
	}
}
