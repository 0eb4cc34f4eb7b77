package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/middleware"
)

// eventually tries until fn is content, or ten times longer than it may take.
func eventually(t *testing.T, within time.Duration, fn func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !fn() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in time")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// FLT-01: an issuer that is down at start costs 503, and nothing once it is up.
func TestIssuerDownAtStart(t *testing.T) {
	iss := newIssuer(t)
	iss.set(true)
	g := &guarded{}
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: iss.URL, Audience: audience, Events: g.event})
	if err != nil {
		t.Fatalf("the start depends on the issuer: %v", err)
	}
	defer v.Close()
	g.handler = middleware.RequireBearer(v)(http.HandlerFunc(g.serve))
	token := iss.token(t)

	g.wantRefused(t, g.get("Bearer "+token), 503, "temporarily_unavailable")
	if _, event := g.reported(); event.Name != oidckit.EventTokenUnchecked || event.Issuer != iss.URL {
		t.Errorf("event %+v", event)
	}
	if err := v.Check(t.Context()); err == nil || !strings.Contains(err.Error(), iss.URL) {
		t.Errorf("Check = %v", err)
	}
	// What needs no key is refused all the same.
	g.wantRefused(t, g.get("Bearer "+iss.token(t, map[string]any{"aud": "https://other.example"})), 401, "invalid_token")
	g.wantRefused(t, g.get("Bearer x.y.z"), 401, "invalid_token")
	g.wantRefused(t, g.get(), 401, "")

	iss.set(false)
	eventually(t, 60*time.Second, func() bool { return g.get("Bearer "+token).StatusCode == http.StatusOK })
	if err := v.Check(t.Context()); err != nil {
		t.Errorf("Check = %v", err)
	}
}

// FLT-02: keys that are known serve while the issuer is down; what is not
// known cannot be judged.
func TestIssuerDownAfterWarmUp(t *testing.T) {
	iss := newIssuer(t, "ES256", "ES384")
	known := iss.keys[:1]
	later := iss.keys[1]
	iss.set(false, known...)
	g := newAPI(t, iss, nil)
	good := iss.token(t)
	g.wantServed(t, g.get("Bearer "+good))

	iss.set(true)
	unknown := iss.sign(t, "ES384", "at+jwt", iss.claims())
	for range 3 {
		g.wantServed(t, g.get("Bearer "+good))
		g.wantRefused(t, g.get("Bearer "+unknown), 503, "temporarily_unavailable")
	}
	iss.set(false, append(known[:1:1], later)...)
	eventually(t, 60*time.Second, func() bool { return g.get("Bearer "+unknown).StatusCode == http.StatusOK })
}

// A cold start under load costs one call for the metadata and one for the keys.
func TestColdStartIsMerged(t *testing.T) {
	iss := newIssuer(t)
	g := newAPI(t, iss, nil)
	token := iss.token(t)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if resp := g.get("Bearer " + token); resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	wg.Wait()
	if n := iss.calls.Load(); n != 2 {
		t.Errorf("%d calls", n)
	}
}

// A client that goes away is no reason to blame its token, and takes the keys
// from nobody.
func TestClientGoesAway(t *testing.T) {
	iss := newIssuer(t)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: iss.URL, Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(ctx, iss.token(t)); err != nil && errors.Is(err, oidckit.InvalidToken) {
		t.Errorf("the token is blamed: %v", err)
	}
	if _, err := v.Verify(t.Context(), iss.token(t)); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

// After Close, keys that are held serve and nothing more is fetched.
func TestClosed(t *testing.T) {
	iss := newIssuer(t)
	v, err := middleware.NewJWTVerifier(middleware.JWTConfig{Issuer: iss.URL, Audience: audience})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), iss.token(t)); err == nil || errors.Is(err, oidckit.InvalidToken) {
		t.Errorf("Verify = %v", err)
	}
	if err := v.Check(t.Context()); err == nil {
		t.Error("Check passes after Close")
	}
	if n := iss.calls.Load(); n != 0 {
		t.Errorf("%d calls after Close", n)
	}
}
