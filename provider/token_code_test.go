package provider_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

// ATK-231, ATK-232, ATK-234: a code is bound to its client, its redirect URI
// and its challenge. A try that fails does not spend it.
func TestCodeBinding(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	code := f.code()
	spaCode := f.code("client_id", "spa")
	for _, row := range []struct {
		clause, client, code string
		with                 []string
	}{
		{"ATK-231 by a confidential client", "other", code, nil},
		{"ATK-231 by a public client", "spa", code, nil},
		{"ATK-231 a public client's by a confidential one", "other", spaCode, nil},
		{"ATK-231 a public client's by another with the verifier", "web", spaCode, nil},
		{"ATK-232 redirect_uri missing", "web", code, []string{"redirect_uri", ""}},
		{"ATK-232 another that is registered", "web", code, []string{"redirect_uri", "https://app.example/cb?foo=bar"}},
		{"ATK-232 same prefix", "web", code, []string{"redirect_uri", redirectURI + "/x"}},
		{"ATK-232 cut short", "web", code, []string{"redirect_uri", redirectURI[:len(redirectURI)-1]}},
		{"conformance: verifier missing", "web", code, []string{"code_verifier", ""}},
		{"conformance: wrong verifier", "web", code, []string{"code_verifier", strings.Repeat("x", 43)}},
		{"verifier cut short", "web", code, []string{"code_verifier", verifier[:42]}},
		{"the challenge as the verifier", "web", code, []string{"code_verifier", challengeOf(verifier)}},
		{"RFC 7636 §4.1 verifier of 129 characters", "web", code, []string{"code_verifier", strings.Repeat("x", 129)}},
		{"RFC 6749 §10.10 unknown code", "web", strings.Repeat("A", 43), nil},
		{"code cut short", "web", code[:42], nil},
		{"code and more", "web", code + "A", nil},
		{"case of the code", "web", strings.ToUpper(code), nil},
	} {
		t.Run(row.clause, func(t *testing.T) {
			f.token(f.as(row.client, codeForm(row.code, row.with...))).refusal(t, http.StatusBadRequest, "invalid_grant")
		})
	}
	t.Run("RFC 7636 §4.1 a verifier of five characters, whose challenge it is", func(t *testing.T) {
		short := f.code("code_challenge", challengeOf("short"))
		f.token(codeForm(short, "code_verifier", "short")).refusal(t, http.StatusBadRequest, "invalid_grant")
	})
	if res := f.token(codeForm(code)); res.status != http.StatusOK {
		t.Errorf("the right client: %s", res.body)
	}
	if res := f.token(f.as("spa", codeForm(spaCode))); res.status != http.StatusOK {
		t.Errorf("the right public client: %s", res.body)
	}
}

// RFC 6749 §4.1.2, conformance codereuse: the second use is refused and
// revokes what the first has brought; a stranger's use revokes nothing.
func TestCodeReplay(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	code := f.code("scope", "openid offline_access")
	first := f.token(codeForm(code))
	bystander := f.tokens()
	f.token(f.as("other", codeForm(code))).refusal(t, http.StatusBadRequest, "invalid_grant")
	f.token(f.as("spa", codeForm(code))).refusal(t, http.StatusBadRequest, "invalid_grant")
	if !f.alive(first.Access) {
		t.Fatal("a stranger's use revoked the tokens")
	}
	f.token(codeForm(code)).refusal(t, http.StatusBadRequest, "invalid_grant")
	if f.alive(first.Access) {
		t.Error("the access token lives on")
	}
	f.token(refreshForm(first.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
	f.token(codeForm(code)).refusal(t, http.StatusBadRequest, "invalid_grant")
	if !f.alive(bystander.Access) || f.token(refreshForm(bystander.Refresh)).status != http.StatusOK {
		t.Error("I7: an unrelated grant was hit")
	}
	if e, ok := f.watch.last(oidckit.EventCodeReplayed); !ok || e.ClientID != "web" || e.Subject != oidctest.Subject || e.SessionID == "" {
		t.Errorf("event: %+v", e)
	}
	t.Run("even with a wrong verifier", func(t *testing.T) {
		code := f.code()
		first := f.token(codeForm(code))
		f.token(codeForm(code, "code_verifier", strings.Repeat("x", 43))).refusal(t, http.StatusBadRequest, "invalid_grant")
		if f.alive(first.Access) {
			t.Error("the access token lives on")
		}
	})
}

// Codes live for Lifetimes.Code; that one was used is remembered for as long
// as what it brought.
func TestCodeLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, func(c *provider.Config) { c.Lifetimes.AccessToken = 30 * time.Minute })
		late, used, soon := f.code(), f.code("scope", "openid offline_access"), ""
		first := f.token(codeForm(used))
		time.Sleep(59 * time.Second)
		soon = f.code()
		if res := f.token(codeForm(f.code())); res.status != http.StatusOK {
			t.Errorf("%s", res.body)
		}
		time.Sleep(2 * time.Second)
		f.token(codeForm(late)).refusal(t, http.StatusBadRequest, "invalid_grant")
		if res := f.token(codeForm(soon)); res.status != http.StatusOK {
			t.Errorf("a code of 2 seconds: %s", res.body)
		}
		time.Sleep(28 * time.Minute)
		if !f.alive(first.Access) {
			t.Fatal("the token has ended early")
		}
		f.token(codeForm(used)).refusal(t, http.StatusBadRequest, "invalid_grant")
		if f.alive(first.Access) {
			t.Error("a replay after 29 minutes has revoked nothing")
		}
		f.token(refreshForm(first.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
	})
}

// What was revoked stays revoked for as long as it could live.
func TestRevocationLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, nil)
		code := f.code("scope", "openid offline_access")
		first := f.token(codeForm(code))
		f.token(codeForm(code)).refusal(t, http.StatusBadRequest, "invalid_grant")
		for range 59 {
			time.Sleep(time.Minute)
			if f.alive(first.Access) {
				t.Fatal("a revoked token came back")
			}
		}
		f.token(refreshForm(first.Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
	})
}

// ATK-239 for codes: 50 at once over two replicas, one wins; and because the
// others are replays, even that one's tokens are dead in the end.
func TestCodeRace(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	g := f.replica(t, nil)
	for range 5 {
		code := f.code("scope", "openid offline_access")
		won := race(50, func(i int) tokenResponse { return []*fixture{f, g}[i%2].token(codeForm(code)) })
		if len(won) != 1 {
			t.Fatalf("%d winners", len(won))
		}
		if f.alive(won[0].Access) || g.alive(won[0].Access) {
			t.Error("the access token outlived 49 replays")
		}
		if won[0].Refresh != "" {
			f.token(refreshForm(won[0].Refresh)).refusal(t, http.StatusBadRequest, "invalid_grant")
		}
	}
}

// race makes n requests at once and returns the answers with tokens.
func race(n int, request func(i int) tokenResponse) (won []tokenResponse) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		start = make(chan struct{})
	)
	for i := range n {
		wg.Go(func() {
			<-start
			res := request(i)
			if res.Access != "" || res.status == http.StatusOK {
				mu.Lock()
				won = append(won, res)
				mu.Unlock()
			}
		})
	}
	close(start)
	wg.Wait()
	return won
}

// replica is another process of the same issuer: the same secrets and stores,
// a Provider of its own, reached without the network.
func (f *fixture) replica(t *testing.T, configure func(*provider.Config)) *fixture {
	t.Helper()
	c := f.watch.config
	if configure != nil {
		configure(&c)
	}
	p := newProvider(t, c)
	w := newWatcher(t)
	w.next = p.LocalTransport(nil)
	client := &http.Client{Transport: w}
	op := &oidctest.Server{Issuer: f.op.Issuer, Provider: p, Stores: f.op.Stores}
	return &fixture{t: t, op: op, client: client, browser: oidctest.NewBrowser(t, f.base, client), base: f.base, watch: w}
}

// ATK-253, RFC 9068 §2.2, OpenID Connect Core 1.0 §2: what the tokens say.
func TestATK253TokenContents(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	res := f.token(codeForm(f.code("scope", "openid email offline_access orders:read")))
	now := time.Now().Unix()
	id, header := claims(t, res.ID), part(t, res.ID, 0)
	if header["alg"] != "RS256" || header["kid"] == "" || header["kid"] == nil {
		t.Errorf("ID token header: %v", header)
	}
	for claim, want := range map[string]any{"iss": f.base, "aud": "web", "sub": oidctest.Subject, "nonce": "the nonce"} {
		if id[claim] != want {
			t.Errorf("ID token %s = %v, want %v", claim, id[claim], want)
		}
	}
	if exp, iat := int64(id["exp"].(float64)), int64(id["iat"].(float64)); exp-iat != 3600 || iat > now || iat < now-60 {
		t.Errorf("ID token iat %d, exp %d", iat, exp)
	}
	for name := range id {
		switch name {
		case "iss", "aud", "sub", "nonce", "exp", "iat", "auth_time", "amr", "at_hash", "sid":
		default:
			t.Errorf("ID token has %s", name)
		}
	}
	if id["at_hash"] != halfHash(t, res.Access) || id["sid"] == "" {
		t.Errorf("ID token at_hash %v, sid %v", id["at_hash"], id["sid"])
	}
	at, header := claims(t, res.Access), part(t, res.Access, 0)
	if header["alg"] != "ES256" || header["typ"] != "at+jwt" || header["kid"] == nil {
		t.Errorf("access token header: %v", header)
	}
	for claim, want := range map[string]any{
		"iss": f.base, "sub": oidctest.Subject, "client_id": "web", "scope": "openid email offline_access orders:read", "sid": id["sid"],
	} {
		if at[claim] != want {
			t.Errorf("access token %s = %v, want %v", claim, at[claim], want)
		}
	}
	if aud := at["aud"].([]any); len(aud) != 2 || aud[0] != ordersAPI || aud[1] != f.base {
		t.Errorf("access token aud: %v", aud)
	}
	if jti, _ := at["jti"].(string); len(jti) < 22 {
		t.Errorf("access token jti: %v", at["jti"])
	}
	for _, name := range []string{"nonce", "at_hash", "email", "name"} {
		if _, has := at[name]; has {
			t.Errorf("access token has %s", name)
		}
	}
	second := f.token(refreshForm(res.Refresh))
	if claims(t, second.Access)["jti"] == at["jti"] || second.ID == res.ID {
		t.Error("a refresh brings the same tokens")
	}
	// Core §12.2
	again := claims(t, second.ID)
	for _, claim := range []string{"iss", "sub", "aud", "auth_time", "sid"} {
		if again[claim] != id[claim] {
			t.Errorf("refreshed ID token %s = %v, was %v", claim, again[claim], id[claim])
		}
	}
	t.Run("without openid there is no ID token", func(t *testing.T) {
		res := f.token(codeForm(f.code("scope", "email")))
		if res.status != http.StatusOK || res.ID != "" {
			t.Errorf("%+v", res)
		}
	})
	t.Run("conformance: no nonce asked, none given", func(t *testing.T) {
		res := f.token(codeForm(f.code("nonce", "")))
		if _, has := claims(t, res.ID)["nonce"]; has {
			t.Error("a nonce")
		}
	})
}
