package handlers_test

import (
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/oidckit/oidckit"
)

// I3, FLT-58: Close lets a refresh that is under way finish, may be called twice
// and at once, leaves nothing running, and answers go on.
func TestCloseDuringARefresh(t *testing.T) {
	// What runs for a Sessions stays: scs starts it, and it is one.
	newSessions(t, nil)
	before := runtime.NumGoroutine()
	f := newRefreshing(t, nil)
	refreshing, goOn := make(chan struct{}), make(chan struct{})
	f.p.play(script{serve: func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			close(refreshing)
			<-goOn
		}
		return false
	}})
	f.due(t, false)
	if f.loggedIn(f.app) == "" {
		t.Fatal("not logged in")
	}
	<-refreshing
	var closed sync.WaitGroup
	for range 3 {
		closed.Go(func() {
			if err := f.rp.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	close(goOn)
	closed.Wait()
	if events := f.take(); len(events) != 1 || events[0].Name != oidckit.EventTokensRefreshed {
		t.Errorf("events %v", events)
	}
	if err := f.rp.Close(); err != nil || f.loggedIn(f.app) != "alice" {
		t.Errorf("afterwards: %v, %q", err, f.loggedIn(f.app))
	}
	f.app.Server.Close()
	f.p.Close()
	f.app.Client().CloseIdleConnections()
	// scs: one more Sessions, one more sweeper.
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// FLT-55: a store that panics when a refresh is claimed costs its request only,
// and Close does not wait for what never began.
func TestCloseAfterAStorePanicked(t *testing.T) {
	f := newRefreshing(t, nil)
	f.due(t, false)
	f.stores.sessions.panics.Store(true)
	res := f.step(f.app.URL + "/me")
	f.stores.sessions.panics.Store(false)
	if res.StatusCode < http.StatusInternalServerError {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
	closed := make(chan error, 1)
	go func() { closed <- f.rp.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Close waits for a refresh that never began")
	}
}
