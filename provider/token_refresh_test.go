package provider_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// RFC 6749 §6, §10.4: a refresh token is bound to its client, and to nobody
// else's tries.
func TestRefreshTokenBinding(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	mine, spas := f.tokens(), f.token(f.as("spa", codeForm(f.code("client_id", "spa", "scope", "openid offline_access"))))
	for _, row := range []struct{ clause, client, token string }{
		{"conformance: by another confidential client", "other", mine.Refresh},
		{"by a public client", "spa", mine.Refresh},
		{"a public client's by a confidential one", "other", spas.Refresh},
		{"unknown", "web", "unknown-unknown-unknown"},
		{"cut short", "web", mine.Refresh[:42]},
		{"an access token", "web", mine.Access},
		{"an ID token", "web", mine.ID},
	} {
		t.Run(row.clause, func(t *testing.T) {
			f.token(f.as(row.client, refreshForm(row.token))).refusal(t, http.StatusBadRequest, "invalid_grant")
		})
	}
	t.Run("missing", func(t *testing.T) { f.token(refreshForm("")).refusal(t, http.StatusBadRequest, "invalid_request") })
	if res := f.token(refreshForm(mine.Refresh)); res.status != http.StatusOK {
		t.Errorf("the right client: %s", res.body)
	}
	if res := f.token(f.as("spa", refreshForm(spas.Refresh))); res.status != http.StatusOK || res.Refresh == spas.Refresh {
		t.Errorf("RFC 9700 §4.14.2 rotation for a public client: %s", res.body)
	}
}

// ATK-236: a refresh may ask for less, once, and never for more.
func TestATK236RefreshScope(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	res := f.tokens("scope", "openid email offline_access orders:read")
	for _, row := range []struct {
		clause string
		with   []string
		code   string
	}{
		{"wider scope", []string{"scope", "openid email offline_access orders:read orders:write"}, "invalid_scope"},
		{"another scope", []string{"scope", "profile"}, "invalid_scope"},
		{"unknown scope", []string{"scope", "openid nonsense"}, "invalid_scope"},
		{"malformed scope", []string{"scope", "openid  email"}, "invalid_scope"},
		{"a resource not granted", []string{"resource", stockAPI}, "invalid_target"},
		{"a resource without scopes, not granted", []string{"resource", openAPI}, "invalid_target"},
		{"an unknown resource", []string{"resource", "https://unknown.example"}, "invalid_target"},
		{"a relative resource", []string{"resource", "orders"}, "invalid_target"},
	} {
		t.Run(row.clause, func(t *testing.T) {
			f.token(refreshForm(res.Refresh, row.with...)).refusal(t, http.StatusBadRequest, row.code)
		})
	}
	less := f.token(refreshForm(res.Refresh, "scope", "email"))
	if less.status != http.StatusOK || less.Scope != "email" || less.ID != "" {
		t.Fatalf("less: %s", less.body)
	}
	narrow := f.token(refreshForm(less.Refresh, "resource", ordersAPI, "scope", "orders:read"))
	if aud := claims(t, narrow.Access)["aud"].([]any); len(aud) != 1 || aud[0] != ordersAPI {
		t.Errorf("one resource: %v", aud)
	}
	all := f.token(refreshForm(narrow.Refresh))
	if all.Scope != "openid email offline_access orders:read" || all.ID == "" {
		t.Errorf("narrowing stuck: %s", all.body)
	}
	if res := f.token(refreshForm(all.Refresh, "scope", "orders:read openid")); res.status != http.StatusOK {
		t.Errorf("conformance, another order: %s", res.body)
	}
}

// ATK-238, RFC 9700 §4.14.2: a token that was rotated comes back, and the
// whole grant ends: the newest refresh token and every access token.
func TestATK238RefreshReplay(t *testing.T) {
	for _, with := range [][]string{nil, {"scope", "openid orders:write"}, {"resource", stockAPI}} {
		f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) { c.SigningAlgs = []string{"RS256"} }})
		first, bystander := f.tokens(), f.tokens()
		second := f.token(refreshForm(first.Refresh))
		third := f.token(refreshForm(second.Refresh))
		f.token(refreshForm(first.Refresh, with...)).refusal(t, http.StatusBadRequest, "invalid_grant")
		for i, access := range []string{first.Access, second.Access, third.Access} {
			if f.alive(access) {
				t.Errorf("access token %d lives on", i+1)
			}
		}
		f.token(refreshForm(third.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
		if !f.alive(bystander.Access) || f.token(refreshForm(bystander.Refresh)).status != http.StatusOK {
			t.Error("I7: another grant of the same person and client was hit")
		}
		if e, ok := f.watch.last(oidckit.EventRefreshTokenReplayed); !ok || e.Subject != oidctest.Subject || e.ClientID != "web" {
			t.Errorf("event: %+v", e)
		}
	}
	t.Run("by another client it is no replay", func(t *testing.T) {
		f := newFixture(t, oidctest.Config{})
		first := f.tokens()
		second := f.token(refreshForm(first.Refresh))
		f.token(f.as("other", refreshForm(first.Refresh))).refusal(t, http.StatusBadRequest, "invalid_grant")
		if res := f.token(refreshForm(second.Refresh)); res.status != http.StatusOK {
			t.Errorf("a stranger ended the grant: %s", res.body)
		}
	})
}

// ATK-239: one refresh token, 50 at once over two replicas: one success, and
// afterwards nothing of the grant lives.
func TestATK239RefreshRace(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	g := f.replica(t, nil)
	for range 5 {
		first := f.tokens()
		won := race(50, func(i int) tokenResponse { return []*fixture{f, g}[i%2].token(refreshForm(first.Refresh)) })
		if len(won) != 1 {
			t.Fatalf("%d winners", len(won))
		}
		f.token(refreshForm(won[0].Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
		if f.alive(won[0].Access) || f.alive(first.Access) {
			t.Error("an access token outlived 49 replays")
		}
	}
}

// ATK-240: with a reuse interval the same 50 all get the one successor, and
// there is one live chain.
func TestATK240RefreshRaceWithinInterval(t *testing.T) {
	interval := func(c *provider.Config) { c.Lifetimes.RefreshTokenReuse = 10 * time.Second }
	f := newFixture(t, oidctest.Config{Configure: interval})
	g := f.replica(t, nil)
	for range 5 {
		first := f.tokens()
		won := race(50, func(i int) tokenResponse { return []*fixture{f, g}[i%2].token(refreshForm(first.Refresh)) })
		if len(won) != 50 {
			t.Fatalf("%d of 50 answered with tokens", len(won))
		}
		for _, res := range won {
			if res.Refresh != won[0].Refresh {
				t.Fatal("two successors")
			}
		}
		if !f.alive(won[0].Access) || !f.alive(won[49].Access) {
			t.Error("access tokens are dead")
		}
		next := f.token(refreshForm(won[0].Refresh))
		if next.status != http.StatusOK {
			t.Fatalf("the chain is broken: %s", next.body)
		}
		// The successor was used: whoever has the old token is a thief.
		g.token(refreshForm(first.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
		f.token(refreshForm(next.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
	}
}

// A lost answer: within the interval the same client gets the same successor,
// another client nothing, and after it the grant ends.
func TestLostRefreshAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, func(c *provider.Config) { c.Lifetimes.RefreshTokenReuse = 30 * time.Second })
		first := f.tokens()
		lost := f.token(refreshForm(first.Refresh))
		time.Sleep(30 * time.Second)
		f.token(f.as("spa", refreshForm(first.Refresh))).refusal(t, http.StatusBadRequest, "invalid_grant")
		f.token(refreshForm(first.Refresh, "scope", "openid stock:read")).refusal(t, http.StatusBadRequest, "invalid_scope")
		again := f.token(refreshForm(first.Refresh))
		if again.status != http.StatusOK || again.Refresh != lost.Refresh || again.Access == lost.Access {
			t.Fatalf("within the interval: %s", again.body)
		}
		time.Sleep(time.Second)
		f.token(refreshForm(first.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
		f.token(refreshForm(lost.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
	})
}

// ATK-244, ASVS 10.4.8: rotation goes on only until the absolute end; an
// unused token ends sooner.
func TestATK244AbsoluteLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, func(c *provider.Config) {
			c.Lifetimes.Grant, c.Lifetimes.RefreshToken = 24*time.Hour, 2*time.Hour
		})
		idle, cur := f.tokens(), f.tokens()
		for hours := 1; hours < 24; hours++ {
			time.Sleep(time.Hour)
			if cur = f.token(refreshForm(cur.Refresh)); cur.status != http.StatusOK {
				t.Fatalf("after %d hours: %s", hours, cur.body)
			}
		}
		f.token(refreshForm(idle.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
		time.Sleep(time.Hour)
		f.token(refreshForm(cur.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
	})
}

// Core §11: refresh tokens come with offline_access, to clients registered for
// them, and are hashed at rest.
func TestWhoGetsRefreshTokens(t *testing.T) {
	plain := webClient
	plain.ClientID, plain.GrantTypes = "plain", []string{"authorization_code"}
	f := newFixture(t, oidctest.Config{Clients: []oidckit.ClientMetadata{webClient, plain}})
	if res := f.token(codeForm(f.code())); res.Refresh != "" {
		t.Error("without offline_access")
	}
	form := codeForm(f.code("client_id", "plain", "scope", "openid offline_access"))
	req := f.newRequest(http.MethodPost, "/token", form)
	req.SetBasicAuth("plain", "web-secret")
	if res := f.do(req); res.status != http.StatusOK || res.Refresh != "" || res.Scope != "openid" {
		t.Errorf("without the grant type: %s", res.body)
	}
	if res := f.tokens(); len(res.Refresh) < 43 {
		t.Error("a short refresh token")
	}
}

// I3 for grants: replays that race with rotations leave no live chain.
func TestReplayRacesRotation(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	for range 10 {
		first := f.tokens()
		second := f.token(refreshForm(first.Refresh))
		var (
			wg    sync.WaitGroup
			third tokenResponse
		)
		wg.Go(func() { third = f.token(refreshForm(second.Refresh)) })
		wg.Go(func() { f.token(refreshForm(first.Refresh)) })
		wg.Wait()
		if !slices.Contains([]int{200, 400}, third.status) {
			t.Fatalf("%s", third.body)
		}
		if third.Refresh != "" {
			f.token(refreshForm(third.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
		}
		if third.Access != "" && f.alive(third.Access) {
			t.Error("an access token outlived its grant")
		}
	}
}
