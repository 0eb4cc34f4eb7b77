package middleware_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// inMemory reaches the issuer without a network, so that a test can run on
// synctest's clock.
type inMemory struct{ *testIssuer }

func (i inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	i.serve(w, r)
	return w.Result(), nil
}

// inBubble runs a test on synctest's clock, over an API that takes the
// issuer's tokens.
func inBubble(t *testing.T, edit func(*middleware.JWTConfig), test func(*testing.T, *testIssuer, *guarded, *middleware.JWTVerifier)) {
	iss := newIssuer(t, "ES256", "ES384")
	synctest.Test(t, func(t *testing.T) {
		cfg := middleware.JWTConfig{Issuer: iss.URL, Audience: audience, HTTPClient: &http.Client{Transport: inMemory{iss}}}
		if edit != nil {
			edit(&cfg)
		}
		g, v := newAPIOf(t, cfg)
		test(t, iss, g, v)
	})
}

// withAndWithout runs a test with the cache and without: no answer depends on
// it.
func withAndWithout(t *testing.T, edit func(*middleware.JWTConfig), test func(*testing.T, *testIssuer, *guarded, *middleware.JWTVerifier)) {
	for name, disabled := range map[string]bool{"with": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(c *middleware.JWTConfig) {
				if edit != nil {
					edit(c)
				}
				c.TokenCache.Disabled = disabled
			}, test)
		})
	}
}

// ATK-058: a token that was seen before expires like any other, and one of the
// future stays one.
func TestSeenTokenExpires(t *testing.T) {
	withAndWithout(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
		token := "Bearer " + iss.token(t, map[string]any{"exp": time.Now().Unix() + 600})
		g.wantServed(t, g.get(token))
		time.Sleep(599 * time.Second)
		g.wantServed(t, g.get(token))
		time.Sleep(60 * time.Second)
		g.wantServed(t, g.get(token))
		time.Sleep(time.Second)
		for range 3 {
			resp := g.get(token)
			if c := resp.Header.Get("WWW-Authenticate"); !strings.Contains(c, "expired") {
				t.Errorf("challenge %q", c)
			}
			g.wantRefused(t, resp, 401, "invalid_token")
			log, event := g.reported()
			g.wantReason(t, log, event, "exp")
		}
	})
}

// ATK-057: what is not the very same token is another one.
func TestSeenTokenIsTheWholeToken(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	long := map[string]any{"a": strings.Repeat("x", 600)}
	one, two := iss.token(t, long), iss.token(t, long, map[string]any{"sub": "mallory"})
	part, other := strings.Split(one, "."), strings.Split(two, ".")
	if one[:512] != two[:512] {
		t.Fatal("the tokens do not begin alike")
	}
	cut := len(one) - 10
	rows := []attack{
		{"the other's signature", part[0] + "." + part[1] + "." + other[2], "signature", 0},
		{"the other's payload", part[0] + "." + other[1] + "." + part[2], "signature", 0},
		{"first half of the one, rest of the other", one[:512] + two[512:cut] + one[cut:], "signature", 0},
		{"signature of zeros", part[0] + "." + part[1] + "." + b64(make([]byte, 64)), "signature", 0},
		{"no signature", part[0] + "." + part[1] + ".", "token", 0},
		{"another last character", one[:len(one)-4] + "AAAA", "signature", 0},
		{"padding", one + "=", "token", 0},
	}
	// ATK-157
	for n := 1; n <= 20; n++ {
		rows = append(rows, attack{fmt.Sprintf("ATK-157 cut by %d", n), one[:len(one)-n], "", 0})
	}
	rows = append(rows, attack{"ATK-157 extended", one + "A", "signature", 0})
	g.wantServed(t, g.get("Bearer "+one))
	refusesAll(t, g, one, rows)
	if id := body(t, g.get("Bearer "+two)); id != "mallory" {
		t.Errorf("the other token is %s's", id)
	}
}

// ATK-075: a key that the issuer has withdrawn ends its tokens within the soft
// lifetime, those that were seen before too.
func TestSeenTokenOfAWithdrawnKey(t *testing.T) {
	withAndWithout(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
		old, kept := "Bearer "+iss.token(t), "Bearer "+iss.sign(t, "ES384", "at+jwt", iss.claims())
		g.wantServed(t, g.get(old))
		g.wantServed(t, g.get(kept))
		iss.set(false, iss.keys[1])
		withdrawn := time.Now()
		for g.get(old).StatusCode == http.StatusOK {
			time.Sleep(time.Second)
		}
		if d := time.Since(withdrawn); d > 5*time.Minute {
			t.Errorf("taken for %s more", d)
		}
		g.served.Store(0)
		g.reported()
		g.wantRefused(t, g.get(old), 401, "invalid_token")
		log, event := g.reported()
		g.wantReason(t, log, event, "kid")
		g.wantServed(t, g.get(kept))
	})
}

// A key that comes under the kid of another one ends the other's tokens.
func TestSeenTokenOfAReplacedKey(t *testing.T) {
	withAndWithout(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
		old := "Bearer " + iss.token(t)
		g.wantServed(t, g.get(old))
		iss.rekey(t, "ES256", "kid-ES256")
		time.Sleep(5 * time.Minute)
		g.get(old)
		synctest.Wait()
		g.served.Store(0)
		g.reported()
		g.wantRefused(t, g.get(old), 401, "invalid_token")
		log, event := g.reported()
		g.wantReason(t, log, event, "signature")
		g.wantServed(t, g.get("Bearer "+iss.token(t)))
	})
}

// FLT-02: a refresh that brings the same keys takes nobody's token, a source
// that is down takes none before the hard lifetime, and all from then on.
func TestSeenTokenAtTheHardLifetime(t *testing.T) {
	hard := func(c *middleware.JWTConfig) { c.Keys.HardLifetime = time.Hour }
	withAndWithout(t, hard, func(t *testing.T, iss *testIssuer, g *guarded, v *middleware.JWTVerifier) {
		token := "Bearer " + iss.token(t, map[string]any{"exp": time.Now().Unix() + 86400})
		for range 60 {
			g.wantServed(t, g.get(token))
			time.Sleep(time.Minute)
		}
		g.wantServed(t, g.get(token))
		synctest.Wait()
		iss.set(true)
		down := v.KeyStates()[0].Fetched
		for time.Since(down) < time.Hour {
			g.wantServed(t, g.get(token))
			time.Sleep(time.Second * 30)
		}
		g.wantRefused(t, g.get(token), 503, "temporarily_unavailable")
		iss.set(false)
		time.Sleep(time.Minute)
		g.wantServed(t, g.get(token))
	})
}

// A token that is bound to a key is checked for its sender every time.
func TestSeenTokenIsStillBound(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	bound := "Bearer " + iss.token(t, map[string]any{"cnf": map[string]string{"jkt": strings.Repeat("A", 43)}})
	for range 3 {
		g.wantRefused(t, g.get(bound), 401, "invalid_token")
	}
}

// Verifiers share nothing: what one has seen says nothing to another.
func TestVerifiersShareNothing(t *testing.T) {
	iss := newIssuer(t)
	token := "Bearer " + iss.token(t)
	own := iss.keys[0]
	first, _ := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience, Keys: middleware.KeySource{JWKS: marshal(t, own)}})
	first.wantServed(t, first.get(token))
	iss.rekey(t, "ES256", own.KeyID)
	second, _ := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience})
	second.wantRefused(t, second.get(token), 401, "invalid_token")
	third, _ := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: "https://other.example", Keys: middleware.KeySource{JWKS: marshal(t, own)}})
	third.wantRefused(t, third.get(token), 401, "invalid_token")
	first.wantServed(t, first.get(token))
}

// FLT-10: a rotation in full traffic, with more tokens than the cache holds. On
// synctest's clock a busy machine makes no request late.
func TestRotationInTraffic(t *testing.T) {
	iss := newIssuer(t, "ES256", "EdDSA")
	before, after := iss.keys[0], iss.keys[1]
	iss.set(false, before)
	synctest.Test(t, func(t *testing.T) {
		g := newAPI(t, iss, func(c *middleware.JWTConfig) {
			c.TokenCache.MaxTokens = 128
			c.HTTPClient = &http.Client{Transport: inMemory{iss}}
		})
		var old, fresh []string
		for i := range 250 {
			jti := map[string]any{"jti": fmt.Sprint(i)}
			old = append(old, "Bearer "+iss.token(t, jti))
			fresh = append(fresh, "Bearer "+iss.sign(t, "EdDSA", "at+jwt", iss.claims(jti)))
		}
		g.wantServed(t, g.get(old[0]))
		iss.set(false, before, after)
		var wg sync.WaitGroup
		for i := range 10_000 / 250 {
			wg.Go(func() {
				tokens := old
				if i%2 == 1 {
					tokens = fresh
				}
				for _, token := range tokens {
					if resp := g.get(token); resp.StatusCode != http.StatusOK {
						t.Errorf("status %d", resp.StatusCode)
					}
				}
			})
		}
		wg.Wait()
		if n := iss.fetches.Load(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}

// ATK-018: the second signature that every ECDSA signature has makes another
// token of it, which is the same to a deny list.
func TestTwinOfARevokedToken(t *testing.T) {
	iss := newIssuer(t)
	g, v := newAPIOf(t, middleware.JWTConfig{Issuer: iss.URL, Audience: audience})
	token := iss.token(t)
	dot := strings.LastIndexByte(token, '.')
	raw, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	second := new(big.Int).SetBytes(raw[32:])
	second.Sub(elliptic.P256().Params().N, second).FillBytes(raw[32:])
	twin := token[:dot+1] + b64(raw)
	g.wantServed(t, g.get("Bearer "+token))
	g.wantServed(t, g.get("Bearer "+twin))
	if err := v.Revoke(middleware.Revocation{TokenID: "t-1", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	g.wantRefused(t, g.get("Bearer "+token), 401, "invalid_token")
	g.wantRefused(t, g.get("Bearer "+twin), 401, "invalid_token")
	if _, err := v.Verify(t.Context(), twin); !errors.Is(err, oidckit.InvalidToken) {
		t.Error(err)
	}
}
