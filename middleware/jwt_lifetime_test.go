package middleware_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// ATK-059: that a token has expired is told of one that the issuer has signed;
// of a forged one, only that it is forged.
func TestExpiredAndForged(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	past := map[string]any{"exp": time.Now().Unix() - 3600}
	expired := iss.token(t, past)
	forged := expired[:strings.LastIndexByte(expired, '.')+1] + b64(make([]byte, 64))
	unknown := forge(t, `{"alg":"ES256","kid":"unknown","typ":"at+jwt"}`, iss.claims(past))

	wants := func(token, claim string, told bool) {
		t.Helper()
		resp := g.get("Bearer " + token)
		if c := resp.Header.Get("WWW-Authenticate"); strings.Contains(c, "expired") != told {
			t.Errorf("challenge %q", c)
		}
		g.wantRefused(t, resp, 401, "invalid_token")
		log, event := g.reported()
		g.wantReason(t, log, event, claim)
	}
	// Before there is a key, none is fetched for them.
	wants(expired, "exp", false)
	wants(forged, "exp", false)
	if n := iss.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
	g.wantServed(t, g.get("Bearer "+iss.token(t)))
	before := iss.calls.Load()
	wants(expired, "exp", true)
	wants(forged, "signature", false)
	wants(unknown, "exp", false)
	if n := iss.calls.Load() - before; n != 0 {
		t.Errorf("%d calls for expired tokens", n)
	}
}

// No error comes with an identity.
func TestNoIdentityBesideAnError(t *testing.T) {
	iss := newIssuer(t)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: iss.URL, Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	now := time.Now().Unix()
	for _, edit := range []map[string]any{{"exp": now - 3600}, {"nbf": now + 3600}, {"aud": "x"}, {"iss": "x"}, {"sub": nil}} {
		id, err := v.Verify(t.Context(), iss.token(t, edit))
		if id != nil || !errors.Is(err, oidckit.InvalidToken) {
			t.Errorf("%v: %+v, %v", edit, id, err)
		}
	}
}

// FLT-25: clocks that are apart by more than the leeway are called that.
func TestClockSkew(t *testing.T) {
	for _, ahead := range []time.Duration{-60 * time.Second, 59 * time.Second, 5 * time.Minute, 24 * time.Hour, -5 * time.Minute, -24 * time.Hour} {
		for _, claim := range []string{"iat", "nbf"} {
			inBubble(t, nil, func(t *testing.T, iss *testIssuer, g *guarded, _ *middleware.JWTVerifier) {
				issued := time.Now().Add(ahead).Unix()
				token := "Bearer " + iss.token(t, map[string]any{claim: issued, "exp": issued + 600})
				resp := g.get(token)
				switch {
				case ahead > time.Minute:
					g.wantRefused(t, resp, 401, "invalid_token")
					log, event := g.reported()
					g.wantReason(t, log, event, claim)
					if !strings.Contains(log, `"reason":"clock_skew`) {
						t.Errorf("log %s", log)
					}
					// and once the clock is right it is a token like any other
					time.Sleep(ahead)
					g.wantServed(t, g.get(token))
				case ahead < -10*time.Minute:
					g.wantRefused(t, resp, 401, "invalid_token")
				case resp.StatusCode != http.StatusOK:
					t.Errorf("%s of %s: status %d", claim, ahead, resp.StatusCode)
				}
			})
		}
	}
}
