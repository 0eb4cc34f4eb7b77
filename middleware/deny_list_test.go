package middleware_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

func revoke(t *testing.T, v *middleware.JWTVerifier, r middleware.Revocation) {
	t.Helper()
	if r.Until.IsZero() {
		r.Until = time.Now().Add(time.Hour)
	}
	if err := v.Revoke(r); err != nil {
		t.Fatal(err)
	}
}

// A revocation counts with the next request, for tokens that were seen and for
// those that were not, and for no others.
func TestRevoke(t *testing.T) {
	iss := newIssuer(t)
	login := time.Unix(time.Now().Unix()-100, 0)
	token := func(jti, sid, sub string, iat time.Time) string {
		return "Bearer " + iss.token(t, map[string]any{"jti": jti, "sid": sid, "sub": sub, "iat": iat.Unix()})
	}
	before := login.Add(-time.Hour)
	tokens := map[string]string{
		"a1": token("a1", "s1", "alice", before),
		"a2": token("a2", "s2", "alice", before),
		"a3": token("a3", "s1", "alice", login),
		"b1": token("b1", "s3", "bob", before),
		// names of one kind are none of another
		"b2": token("alice", "a1", "s1", before),
	}
	for _, row := range []struct {
		name    string
		r       middleware.Revocation
		refused string
		claim   string
	}{
		{"one token", middleware.Revocation{TokenID: "a1"}, "a1", "jti"},
		{"another token", middleware.Revocation{TokenID: "none"}, "", ""},
		{"a session", middleware.Revocation{SessionID: "s1"}, "a1 a3", "sid"},
		{"what a session had before", middleware.Revocation{SessionID: "s1", IssuedBefore: login}, "a1", "sid"},
		{"what a subject had before", middleware.Revocation{Subject: "alice", IssuedBefore: login}, "a1 a2", "sub"},
		{"within the second", middleware.Revocation{Subject: "alice", IssuedBefore: login.Add(1)}, "a1 a2 a3", "sub"},
		{"a subject of the issuer by name", middleware.Revocation{Issuer: iss.URL, Subject: "bob", IssuedBefore: login}, "b1", "sub"},
		{"a subject's tokens of one client", middleware.Revocation{Subject: "alice", ClientID: "webapp"}, "a1 a2 a3", "sub"},
		{"a subject's tokens of another client", middleware.Revocation{Subject: "alice", ClientID: "other"}, "", ""},
		{"a session's tokens of another client", middleware.Revocation{SessionID: "s1", ClientID: "other"}, "", ""},
		{"a session, but for offline access", middleware.Revocation{SessionID: "s1", AllowOfflineAccess: true}, "a1 a3", "sid"},
		{"a token named like a subject", middleware.Revocation{TokenID: "alice"}, "b2", "jti"},
	} {
		for _, disabled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, cache disabled %t", row.name, disabled), func(t *testing.T) {
				g, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience, TokenCache: middleware.TokenCache{Disabled: disabled}})
				for _, name := range []string{"a1", "a3", "b1"} {
					g.wantServed(t, g.get(tokens[name]))
				}
				revoke(t, v, row.r)
				for name, token := range tokens {
					for range 2 {
						resp := g.get(token)
						if !strings.Contains(row.refused, name) {
							g.wantServed(t, resp)
							continue
						}
						g.wantRefused(t, resp, 401, "invalid_token")
						log, event := g.reported()
						g.wantReason(t, log, event, row.claim)
					}
				}
			})
		}
	}
}

// A revocation in force only grows: one that is weaker in whatever way takes
// nothing back.
func TestWeakerRevocationChangesNothing(t *testing.T) {
	withAndWithout(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, v *middleware.JWTVerifier) {
		now := time.Now()
		token := "Bearer " + iss.token(t, map[string]any{"sid": "s", "scope": "openid offline_access", "exp": now.Unix() + 7200})
		g.wantServed(t, g.get(token))
		strong := middleware.Revocation{SessionID: "s", Until: now.Add(2 * time.Hour)}
		older, shorter, sparing := strong, strong, strong
		older.IssuedBefore, shorter.Until, sparing.AllowOfflineAccess = now.Add(-time.Hour), now.Add(-15*time.Minute), true
		for _, r := range []middleware.Revocation{strong, older, sparing, shorter} {
			revoke(t, v, r)
			g.wantRefused(t, g.get(token), 401, "invalid_token")
		}
		time.Sleep(2*time.Hour - time.Second)
		revoke(t, v, middleware.Revocation{TokenID: "sweeps"})
		g.wantRefused(t, g.get(token), 401, "invalid_token")
		if log, _ := g.reported(); !strings.Contains(log, "revoked") {
			t.Errorf("log %s", log)
		}
	})
}

// Zero IssuedBefore means now for a subject: who logs in again is let in.
func TestRevokeSubjectNow(t *testing.T) {
	withAndWithout(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, v *middleware.JWTVerifier) {
		old := "Bearer " + iss.token(t)
		g.wantServed(t, g.get(old))
		time.Sleep(1500 * time.Millisecond)
		revoke(t, v, middleware.Revocation{Subject: "alice"})
		g.wantRefused(t, g.get(old), 401, "invalid_token")
		g.wantRefused(t, g.get("Bearer "+iss.token(t)), 401, "invalid_token")
		time.Sleep(500 * time.Millisecond)
		g.wantServed(t, g.get("Bearer "+iss.token(t)))
	})
}

// A token that does not tell its age is spared by no time.
func TestRevokeTokenWithoutAge(t *testing.T) {
	iss := newIssuer(t)
	g, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience, AllowTypJWT: true})
	token := "Bearer " + iss.sign(t, "ES256", "JWT", iss.claims(map[string]any{"iat": nil}))
	g.wantServed(t, g.get(token))
	revoke(t, v, middleware.Revocation{Subject: "alice", IssuedBefore: time.Unix(1, 0)})
	g.wantRefused(t, g.get(token), 401, "invalid_token")
}

// What is revoked is one issuer's.
func TestRevokeIsPartitioned(t *testing.T) {
	a, b := newIssuer(t), newIssuer(t)
	g, v := newAPIOf(t, middleware.JWTConfig{Audience: audience, Issuers: []middleware.JWTIssuer{{Issuer: a.URL}, {Issuer: b.URL}}})
	revoke(t, v, middleware.Revocation{Issuer: a.URL, Subject: "alice", IssuedBefore: time.Now().Add(time.Hour)})
	g.wantRefused(t, g.get("Bearer "+a.token(t)), 401, "invalid_token")
	g.wantServed(t, g.get("Bearer "+b.token(t)))
	for _, issuer := range []string{"", "https://other.example", a.URL + "/"} {
		if err := v.Revoke(middleware.Revocation{Issuer: issuer, TokenID: "x", Until: time.Now().Add(time.Hour)}); err == nil || !strings.Contains(err.Error(), "Issuer") {
			t.Errorf("%q: %v", issuer, err)
		}
	}
	p := newTenantProvider(t)
	g, v = newAPIOf(t, p.config(middleware.Tenants{Allow: allowed}))
	revoke(t, v, middleware.Revocation{Issuer: p.issuer("t-1"), TokenID: "t-1"})
	g.wantRefused(t, g.get("Bearer "+p.token(t, "t-1", "t-1")), 401, "invalid_token")
	g.wantServed(t, g.get("Bearer "+p.token(t, "t-2", "t-2")))
}

// A revocation holds until the last token it could be about has expired, with
// leeway, and a clock that steps back changes nothing. Then it makes room.
func TestRevocationIsKept(t *testing.T) {
	one := func(c *middleware.JWTConfig) { c.MaxRevocations = 1 }
	withAndWithout(t, one, func(t *testing.T, iss *testIssuer, g *guarded, v *middleware.JWTVerifier) {
		token := "Bearer " + iss.token(t, map[string]any{"exp": time.Now().Unix() + 600})
		revoke(t, v, middleware.Revocation{TokenID: "t-1", Until: time.Now().Add(600 * time.Second)})
		other := middleware.Revocation{TokenID: "other", Until: time.Now().Add(24 * time.Hour)}
		for range 659 {
			g.wantRefused(t, g.get(token), 401, "invalid_token")
			if log, _ := g.reported(); !strings.Contains(log, "revoked") {
				t.Fatalf("log %s", log)
			}
			if err := v.Revoke(other); !errors.Is(err, middleware.ErrDenyListFull) {
				t.Fatalf("%v", err)
			}
			time.Sleep(time.Second)
		}
		// FLT-26: ten minutes more, for a clock that was set back
		time.Sleep(10 * time.Minute)
		if err := v.Revoke(other); !errors.Is(err, middleware.ErrDenyListFull) {
			t.Fatalf("%v", err)
		}
		time.Sleep(10 * time.Minute)
		if err := v.Revoke(other); err != nil {
			t.Errorf("no room is made: %v", err)
		}
	})
}

// A full list says so and forgets nothing; what it holds can be extended.
func TestDenyListIsFull(t *testing.T) {
	iss := newIssuer(t)
	g, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience, MaxRevocations: 3})
	token := "Bearer " + iss.token(t)
	g.wantServed(t, g.get(token))
	for _, jti := range []string{"t-1", "t-2", "t-3"} {
		revoke(t, v, middleware.Revocation{TokenID: jti})
	}
	for i := range 100 {
		if err := v.Revoke(middleware.Revocation{TokenID: fmt.Sprint("x", i), Until: time.Now().Add(time.Hour)}); !errors.Is(err, middleware.ErrDenyListFull) {
			t.Fatalf("%v", err)
		}
	}
	revoke(t, v, middleware.Revocation{TokenID: "t-2", Until: time.Now().Add(2 * time.Hour)})
	g.wantRefused(t, g.get(token), 401, "invalid_token")
	// What is over before it begins needs no room.
	if err := v.Revoke(middleware.Revocation{TokenID: "past", Until: time.Now().Add(-time.Hour)}); err != nil {
		t.Error(err)
	}
}

func TestRevocationProblems(t *testing.T) {
	_, v := newAPIOf(t, middleware.JWTConfig{Issuer: "https://issuer.example", Audience: audience})
	until := time.Now().Add(time.Hour)
	for _, row := range []struct {
		r     middleware.Revocation
		names []string
	}{
		{middleware.Revocation{}, []string{"exactly one", "Until"}},
		{middleware.Revocation{TokenID: "a", Subject: "b", Until: until}, []string{"exactly one"}},
		{middleware.Revocation{TokenID: "a", IssuedBefore: until, Until: until}, []string{"IssuedBefore"}},
		{middleware.Revocation{SessionID: strings.Repeat("a", 2000), Until: until}, []string{"SessionID"}},
		{middleware.Revocation{Issuer: "x", TokenID: "a"}, []string{"Issuer", "Until"}},
	} {
		err := v.Revoke(row.r)
		for _, name := range row.names {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%+v: %v does not name %s", row.r, err, name)
			}
		}
	}
	for _, until := range []time.Time{time.Unix(1<<40, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		revoke(t, v, middleware.Revocation{Subject: "a", IssuedBefore: until, Until: until})
	}
	var none *middleware.JWTVerifier
	if none.Revoke(middleware.Revocation{TokenID: "a", Until: until}) == nil {
		t.Error("no verifier takes revocations")
	}
}

// A revocation that has returned counts for every request after it.
func TestRevokeConcurrently(t *testing.T) {
	iss := newIssuer(t)
	g, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience})
	var tokens []string
	for i := range 50 {
		tokens = append(tokens, "Bearer "+iss.token(t, map[string]any{"jti": fmt.Sprint(i)}))
	}
	var wg sync.WaitGroup
	for i, token := range tokens {
		wg.Go(func() {
			for range 20 {
				if resp := g.get(token); resp.StatusCode != 200 {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
			revoke(t, v, middleware.Revocation{TokenID: fmt.Sprint(i)})
			for range 20 {
				if resp := g.get(token); resp.StatusCode != 401 {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
		})
	}
	wg.Wait()
}

// The way of a token seen before stays what it is while revocations are in
// force.
func TestRevocationsCostNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	iss := newIssuer(t)
	_, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience})
	token := iss.token(t)
	for i := range 1000 {
		revoke(t, v, middleware.Revocation{TokenID: fmt.Sprint("x", i)})
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
