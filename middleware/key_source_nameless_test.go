package middleware_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit/middleware"
)

// OpenID Connect Core 1.0 §10.1: an issuer's one key has no kid, and another
// takes its place. The next token is taken, and no token of the old key any
// more, whether it was seen before or not.
func TestReplacedKeyWithoutKeyID(t *testing.T) {
	withAndWithout(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
		iss.rekey(t, "ES256", "")
		seen, unseen := "Bearer "+iss.token(t), "Bearer "+iss.token(t, map[string]any{"jti": "unseen"})
		g.wantServed(t, g.get(seen))
		iss.rekey(t, "ES256", "")
		before := iss.fetches.Load()
		var all sync.WaitGroup
		for i := range 200 {
			fresh := "Bearer " + iss.token(t, map[string]any{"jti": fmt.Sprint(i)})
			all.Go(func() {
				if resp := g.get(fresh); resp.StatusCode != 200 {
					t.Errorf("status %d", resp.StatusCode)
				}
			})
		}
		all.Wait()
		if n := iss.fetches.Load() - before; n != 1 {
			t.Errorf("%d fetches", n)
		}
		g.served.Store(0)
		for range 2 {
			for _, old := range []string{seen, unseen} {
				g.reported()
				g.wantRefused(t, g.get(old), 401, "invalid_token")
				log, event := g.reported()
				g.wantReason(t, log, event, "signature")
			}
		}
	})
}

// A token without a kid that brings about the fetch of another key is not
// believed for that.
func TestForgedTokenBringsTheNewKey(t *testing.T) {
	withAndWithout(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
		iss.rekey(t, "ES256", "")
		old := iss.token(t, map[string]any{"jti": "unseen"})
		g.wantServed(t, g.get("Bearer "+iss.token(t)))
		iss.rekey(t, "ES256", "")
		before := iss.fetches.Load()
		for _, forged := range []string{forge(t, `{"alg":"ES256","typ":"at+jwt"}`, iss.claims()), old} {
			g.reported()
			g.wantRefused(t, g.get("Bearer "+forged), 401, "invalid_token")
			log, event := g.reported()
			g.wantReason(t, log, event, "signature")
		}
		g.wantServed(t, g.get("Bearer "+iss.token(t)))
		if n := iss.fetches.Load() - before; n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

// Forged tokens without a kid cost a fetch a second at most, good ones go on
// beside them, and a source that does not answer keeps nobody.
func TestFloodWithoutKeyID(t *testing.T) {
	withAndWithout(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
		iss.rekey(t, "ES256", "")
		good := iss.token(t)
		input := good[:strings.LastIndexByte(good, '.')+1]
		g.wantServed(t, g.get("Bearer "+good))
		begin, before := time.Now(), iss.fetches.Load()
		for i := range 1000 {
			g.wantRefused(t, g.get("Bearer "+input+b64([]byte(fmt.Sprintf("%064d", i)))), 401, "invalid_token")
			g.wantServed(t, g.get("Bearer "+good))
			time.Sleep(5 * time.Millisecond)
		}
		if n, most := iss.fetches.Load()-before, int64(time.Since(begin)/time.Second)+1; n > most {
			t.Errorf("%d fetches, %d allowed", n, most)
		}
		iss.set(true)
		time.Sleep(2 * time.Second)
		begin = time.Now()
		for range 100 {
			g.wantRefused(t, g.get("Bearer "+input+b64(make([]byte, 64))), 503, "temporarily_unavailable")
			g.wantServed(t, g.get("Bearer "+good))
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("waited %v", d)
		}
	})
}
