package oidckit_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
)

type challenger struct{ name string }

func (challenger) Challenge(http.ResponseWriter, *http.Request, oidckit.Challenge) {}

type ownKey struct{}

// A route without a guard has no identity; the inner guard's is the one that
// counts.
func TestIdentityContext(t *testing.T) {
	plain := context.WithValue(t.Context(), ownKey{}, "kept")
	for name, ctx := range map[string]context.Context{
		"no guard":     plain,
		"nil identity": oidckit.ContextWithIdentity(plain, nil),
	} {
		if id, ok := oidckit.IdentityFromContext(ctx); ok || id != nil {
			t.Errorf("%s: %v", name, id)
		}
		if c, ok := oidckit.ChallengerFromContext(ctx); ok || c != nil {
			t.Errorf("%s: %v", name, c)
		}
	}
	alice, bob := &oidckit.Identity{Subject: "alice"}, &oidckit.Identity{Subject: "bob"}
	outer := oidckit.ContextWithChallenger(plain, alice, challenger{"outer"})
	derived, cancel := context.WithTimeout(outer, time.Hour)
	defer cancel()
	if id, ok := oidckit.IdentityFromContext(derived); !ok || id != alice {
		t.Errorf("derived: %v", id)
	}
	if c, ok := oidckit.ChallengerFromContext(derived); !ok || c != (challenger{"outer"}) {
		t.Errorf("derived: %v", c)
	}
	if derived.Value(ownKey{}) != "kept" {
		t.Error("other values are lost")
	}
	inner := oidckit.ContextWithIdentity(derived, bob)
	if id, _ := oidckit.IdentityFromContext(inner); id != bob {
		t.Errorf("inner: %v", id)
	}
	// The challenger belongs to the identity it came with.
	if c, ok := oidckit.ChallengerFromContext(inner); ok {
		t.Errorf("the outer guard's challenger answers for the inner identity: %v", c)
	}
	if _, has := inner.Deadline(); !has {
		t.Error("the deadline is lost")
	}
	cancel()
	if inner.Err() == nil {
		t.Error("the cancellation is lost")
	}
}

// An identity costs a request one allocation.
func TestIdentityContextAllocates(t *testing.T) {
	ctx, id := t.Context(), &oidckit.Identity{}
	var c oidckit.Challenger = challenger{}
	if n := testing.AllocsPerRun(100, func() { sink = oidckit.ContextWithChallenger(ctx, id, c) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

var sink context.Context

// A sink that is not there is silent; one that is gets the time filled in.
func TestEventSink(t *testing.T) {
	oidckit.EventSink(nil).Send(t.Context(), oidckit.Event{Name: oidckit.EventLogout})
	var got oidckit.Event
	sink := oidckit.EventSink(func(_ context.Context, e oidckit.Event) { got = e })
	sink.Send(t.Context(), oidckit.Event{Name: oidckit.EventLogout})
	if got.Name != oidckit.EventLogout || time.Since(got.Time) > time.Minute {
		t.Errorf("%+v", got)
	}
	at := time.Unix(1, 0)
	if sink.Send(t.Context(), oidckit.Event{Time: at}); !got.Time.Equal(at) {
		t.Errorf("%v", got.Time)
	}
}
