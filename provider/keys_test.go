package provider_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider"
	"github.com/oidckit/oidckit/provider/oidctest"
)

func (f *fixture) kids() []string {
	f.t.Helper()
	_, doc, _ := f.get("/jwks", "")
	var kids []string
	for _, k := range doc["keys"].([]any) {
		kids = append(kids, k.(map[string]any)["kid"].(string))
	}
	return kids
}

func (f *fixture) kid(token string) string { return part(f.t, token, 0)["kid"].(string) }

// FLT-12: what a revoked key has signed opens nothing any more, and what is
// signed from then on is signed by another; replicas follow in 15 seconds.
func TestFLT12RevokeKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, nil)
		g := f.replica(t, nil)
		res := f.tokens()
		if !g.alive(res.Access) {
			t.Fatal("the replica does not know the key")
		}
		kid := f.kid(res.Access)
		if err := f.op.Provider.RevokeKey(t.Context(), " "+kid+"\n"); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(f.kids(), kid) || f.alive(res.Access) {
			t.Error("the key is still believed")
		}
		f.browse("GET", "/authorize?"+request("prompt", "none", "id_token_hint", res.ID).Encode(), nil).
			refusal(t, oidckit.InvalidRequest, f.base, "the state")
		next := f.token(refreshForm(res.Refresh))
		if f.kid(next.Access) == kid || !slices.Contains(f.kids(), f.kid(next.Access)) || !f.alive(next.Access) {
			t.Error("the new key does not sign, or is not published")
		}
		time.Sleep(15 * time.Second)
		g.kids()
		synctest.Wait()
		if slices.Contains(g.kids(), kid) || g.alive(res.Access) || !g.alive(next.Access) {
			t.Error("the replica does not follow")
		}
		if _, ok := f.watch.last(oidckit.EventKeyRevoked); !ok {
			t.Error("no event")
		}
		if err := f.op.Provider.RevokeKey(t.Context(), kid); !errors.Is(err, oidckit.ErrNotFound) {
			t.Error(err)
		}
	})
}

// Conformance, server-rotate-keys: the new key is published, the old one stays
// and signs until relying parties can have seen the new one.
func TestRotateKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newLocalFixture(t, nil)
		res := f.tokens()
		if err := f.op.Provider.RotateKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		if kids := f.kids(); len(kids) != 2 || !slices.Contains(kids, f.kid(res.Access)) {
			t.Errorf("%v", kids)
		}
		soon := f.token(refreshForm(res.Refresh))
		time.Sleep(time.Hour)
		late := f.token(refreshForm(soon.Refresh))
		if f.kid(soon.Access) != f.kid(res.Access) || f.kid(late.Access) == f.kid(res.Access) {
			t.Error("the switch comes at a wrong time")
		}
		if !f.alive(late.Access) {
			t.Error("the new key is not believed")
		}
		// An ID token of the old key is still a hint.
		if q := f.authorize("prompt", "none", "id_token_hint", res.ID); q.Get("code") == "" {
			t.Errorf("%v", q)
		}
	})
}

// Keys outlive the process: they are in the store, and only the ring opens
// them.
func TestKeysSurviveRestart(t *testing.T) {
	f := newFixture(t, oidctest.Config{})
	before := f.kids()
	res := f.tokens()
	g := f.replica(t, nil)
	if !slices.Equal(g.kids(), before) || !g.alive(res.Access) {
		t.Error("another set after a restart")
	}
	stranger := f.replica(t, func(c *provider.Config) { c.Secrets = newSecrets(t) })
	if err := stranger.op.Provider.Check(t.Context()); err == nil {
		t.Error("another ring opens the keys")
	}
	if err := g.op.Provider.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// FLT-61: a new ring key in front leaves everybody signed in; one that was
// dropped opens nothing.
func TestFLT61RingRotation(t *testing.T) {
	old, next := []byte("0123456789abcdef0123456789abcdef"), []byte("fedcba9876543210fedcba9876543210")
	ring := func(keys ...[]byte) oidckit.Secrets {
		s, err := oidckit.NewSecrets(keys...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	f := newFixture(t, oidctest.Config{Configure: func(c *provider.Config) { c.Secrets = ring(old) }})
	_, form := f.loginPage()
	g := f.replica(t, func(c *provider.Config) { c.Secrets = ring(next, old) })
	if a := g.browse("POST", "/login", form); a.status != 303 {
		t.Errorf("a form of the old key: %d", a.status)
	}
	if q := g.authorize(); q.Get("code") == "" {
		t.Errorf("%v", q)
	}
	h := f.replica(t, func(c *provider.Config) { c.Secrets = ring(next) })
	h.browse("POST", "/login", form).page(t, 400)
}
