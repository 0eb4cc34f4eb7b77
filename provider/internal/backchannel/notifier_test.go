package backchannel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/internal/backchannel"
	"github.com/oidckit/oidckit/provider/opstore"
)

// network is the clients of a test: each call is remembered with its time and
// answered by the function.
type network struct {
	answer func(ctx context.Context, id string) (int, error)

	mu     sync.Mutex
	start  time.Time
	calls  []string
	at     []time.Duration
	active int
	most   int
}

func newNetwork(answer func(ctx context.Context, id string) (int, error)) *network {
	return &network{answer: answer, start: time.Now()}
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	id := form.Get("logout_token")
	n.mu.Lock()
	n.calls, n.at = append(n.calls, id), append(n.at, time.Since(n.start))
	n.active++
	n.most = max(n.most, n.active)
	n.mu.Unlock()
	status, err := n.answer(r.Context(), id)
	n.mu.Lock()
	n.active--
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func (n *network) seen() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.calls)
}

// oneClient is a registry in which every client wants to be told.
type oneClient struct{}

func (oneClient) Client(_ context.Context, id string) (*opstore.Client, error) {
	if id == "gone" {
		return nil, oidckit.ErrNotFound
	}
	c := &opstore.Client{Metadata: oidckit.ClientMetadata{ClientID: id, BackchannelLogoutURI: "https://rp.example/" + id}}
	user, host, ok := strings.Cut(id, "@")
	switch {
	case id == "silent":
		c.Metadata.BackchannelLogoutURI = ""
	case id == "new":
		c.CreatedAt = time.Now()
	case ok:
		c.Metadata.BackchannelLogoutURI = "https://" + host + "/" + user
	}
	return c, nil
}

type events struct {
	mu  sync.Mutex
	all []oidckit.Event
}

func (e *events) sink(_ context.Context, ev oidckit.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) count(name oidckit.EventName) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, ev := range e.all {
		if ev.Name == name {
			n++
		}
	}
	return n
}

func newNotifier(store opstore.Deliveries, nw http.RoundTripper, ev *events, attempts int) *backchannel.Notifier {
	return backchannel.New(backchannel.Config{
		Issuer: "https://op.example", Deliveries: store, Clients: oneClient{}, Attempts: attempts, Events: ev.sink,
		Token:      func(_ context.Context, _ *opstore.Client, d *opstore.Delivery) (string, error) { return d.ID, nil },
		HTTPClient: &http.Client{Transport: nw},
	})
}

func newQueue() opstore.Deliveries { return opstore.NewMemory().Open("https://op.example").Deliveries }

// left returns how many deliveries a queue holds, once all leases are over.
func left(t *testing.T, store opstore.Deliveries) int {
	t.Helper()
	time.Sleep(2 * time.Hour)
	all, err := store.ClaimDeliveries(t.Context(), 1000, time.Now().Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

var session = &opstore.Session{ID: "sid", Subject: "alice"}

func queue(t *testing.T, n *backchannel.Notifier, clients ...string) []opstore.Delivery {
	t.Helper()
	queued, err := n.Queue(t.Context(), session, clients)
	if err != nil {
		t.Fatal(err)
	}
	return queued
}

func TestQueueNamesWhoWantsToBeTold(t *testing.T) {
	n := newNotifier(newQueue(), nil, &events{}, 3)
	queued := queue(t, n, "a", "silent", "gone", "b")
	if len(queued) != 2 || queued[0].ClientID != "a" || queued[1].URI != "https://rp.example/b" || queued[0].ID == queued[1].ID ||
		queued[0].Subject != "alice" || queued[0].SessionID != "sid" {
		t.Errorf("%+v", queued)
	}
	if queued := queue(t, n, "silent"); queued != nil {
		t.Errorf("%+v", queued)
	}
}

// FLT-22: a client that is down is called again after 5, 20, 80 seconds and so
// on, a limited number of times, and then given up with an event.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, ev, store := newNetwork(func(context.Context, string) (int, error) { return 503, nil }), &events{}, newQueue()
		n := newNotifier(store, nw, ev, 5)
		defer n.Close()
		n.Send(queue(t, n, "a"))
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		want := []time.Duration{0, 5 * time.Second, 25 * time.Second, 105 * time.Second, 425 * time.Second}
		if len(nw.at) != len(want) {
			t.Fatalf("calls at %v", nw.at)
		}
		for i, at := range nw.at {
			// The queue is looked at every five seconds.
			if at < want[i] || at > want[i]+time.Duration(i)*5*time.Second+time.Second {
				t.Errorf("calls at %v, want %v or a little later", nw.at, want)
			}
		}
		if ids := slices.Compact(nw.seen()); len(ids) != 1 {
			t.Errorf("the jti changes: %q", ids)
		}
		if ev.count(oidckit.EventLogoutUndelivered) != 1 || ev.count(oidckit.EventLogoutDelivered) != 0 || left(t, store) != 0 {
			t.Errorf("%+v", ev.all)
		}
	})
}

func TestClientThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		nw, ev, store := newNetwork(func(context.Context, string) (int, error) {
			if calls++; calls < 3 {
				return 0, errors.New("connection refused")
			}
			return 204, nil
		}), &events{}, newQueue()
		n := newNotifier(store, nw, ev, 8)
		defer n.Close()
		called := n.Send(queue(t, n, "a"))
		<-called
		if ev.count(oidckit.EventLogoutDelivered) != 0 {
			t.Error("delivered at once")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(nw.at) != 3 || ev.count(oidckit.EventLogoutDelivered) != 1 || left(t, store) != 0 {
			t.Errorf("calls at %v, %+v", nw.at, ev.all)
		}
	})
}

// Who crashes between the queue and the end of the session, or before the
// call, leaves what another process finds.
func TestLeftOverIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, ev, store := newNetwork(func(context.Context, string) (int, error) { return 200, nil }), &events{}, newQueue()
		crashed := newNotifier(store, nw, ev, 8)
		queue(t, crashed, "a", "b")
		next := newNotifier(store, nw, ev, 8)
		next.Start()
		next.Start()
		defer next.Close()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if len(nw.seen()) != 0 {
			t.Error("told while the session may still be ending")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(nw.seen()) != 2 || ev.count(oidckit.EventLogoutDelivered) != 2 {
			t.Errorf("%d calls", len(nw.seen()))
		}
	})
}

// Replicas share the queue, and no client is told twice.
func TestReplicasShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, ev, store := newNetwork(func(context.Context, string) (int, error) {
			time.Sleep(time.Second)
			return 200, nil
		}), &events{}, newQueue()
		for i := range 200 {
			queue(t, newNotifier(store, nw, ev, 8), fmt.Sprint("client-", i))
		}
		time.Sleep(2 * time.Minute)
		for range 3 {
			n := newNotifier(store, nw, ev, 8)
			n.Start()
			defer n.Close()
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		ids := nw.seen()
		slices.Sort(ids)
		if len(ids) != 200 || len(slices.Compact(ids)) != 200 {
			t.Errorf("%d calls for %d deliveries", len(ids), len(slices.Compact(ids)))
		}
		if nw.most > 3*16 {
			t.Errorf("%d calls at once", nw.most)
		}
	})
}

// What waits here for longer than it belongs to this replica is left to the
// next claim, whoever makes it.
func TestLongQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, ev, store := newNetwork(func(context.Context, string) (int, error) {
			time.Sleep(5 * time.Second)
			return 200, nil
		}), &events{}, newQueue()
		one, other := newNotifier(store, nw, ev, 8), newNotifier(store, nw, ev, 8)
		defer one.Close()
		defer other.Close()
		other.Start()
		var clients []string
		for i := range 500 {
			clients = append(clients, fmt.Sprint("client-", i))
		}
		one.Send(queue(t, one, clients...))
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		ids := nw.seen()
		slices.Sort(ids)
		if len(ids) != 500 || len(slices.Compact(ids)) != 500 {
			t.Errorf("%d calls for %d deliveries", len(nw.seen()), len(slices.Compact(ids)))
		}
	})
}

// A client that was removed meanwhile is told nothing.
func TestClientThatWasRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, ev, store := newNetwork(func(context.Context, string) (int, error) { return 200, nil }), &events{}, newQueue()
		n := newNotifier(store, nw, ev, 8)
		defer n.Close()
		queued := []opstore.Delivery{{ID: "d", ClientID: "gone", URI: "https://rp.example/", NextAt: time.Now().Add(time.Minute), ExpiresAt: time.Now().Add(time.Hour)}}
		if err := store.CreateDeliveries(t.Context(), queued); err != nil {
			t.Fatal(err)
		}
		<-n.Send(queued)
		if len(nw.seen()) != 0 || ev.count(oidckit.EventLogoutUndelivered) != 1 {
			t.Errorf("%d calls, %+v", len(nw.seen()), ev.all)
		}
	})
}

// FLT-22, ATK-263: what hangs is cut off; a few at a time are called.
func TestReceiversThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, ev, store := newNetwork(func(ctx context.Context, _ string) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}), &events{}, newQueue()
		n := newNotifier(store, nw, ev, 3)
		defer n.Close()
		var clients []string
		for i := range 100 {
			clients = append(clients, fmt.Sprintf("c@h%d.example", i))
		}
		n.Send(queue(t, n, clients...))
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if nw.most != 16 || ev.count(oidckit.EventLogoutUndelivered) != 100 || left(t, store) != 0 {
			t.Errorf("%d at once, %d given up, %d calls", nw.most, ev.count(oidckit.EventLogoutUndelivered), len(nw.seen()))
		}
	})
}

// FLT-58: Close ends calls under way, and loses nothing.
func TestCloseLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := newNetwork(func(ctx context.Context, _ string) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		ev, store := &events{}, newQueue()
		n := newNotifier(store, hanging, ev, 1)
		n.Send(queue(t, n, "a", "b"))
		time.Sleep(time.Second)
		for range 2 {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
		n.Start()
		n.Send(queue(t, n, "c"))
		nw := newNetwork(func(context.Context, string) (int, error) { return 200, nil })
		next := newNotifier(store, nw, ev, 3)
		next.Start()
		defer next.Close()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(hanging.seen()) != 2 || len(nw.seen()) != 3 || ev.count(oidckit.EventLogoutDelivered) != 3 {
			t.Errorf("%d calls before, %d after", len(hanging.seen()), len(nw.seen()))
		}
	})
}

// A session that another call has ended is told of by that one.
func TestDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, store := newNetwork(func(context.Context, string) (int, error) { return 200, nil }), newQueue()
		n := newNotifier(store, nw, &events{}, 3)
		n.Start()
		defer n.Close()
		n.Drop(t.Context(), queue(t, n, "a", "b"))
		time.Sleep(3 * time.Minute)
		if len(nw.seen()) != 0 || left(t, store) != 0 {
			t.Errorf("%d calls", len(nw.seen()))
		}
	})
}

// downStore fails for a while; FLT-55: an app's sink may panic.
type downStore struct {
	opstore.Deliveries
	mu   sync.Mutex
	down bool
}

func (s *downStore) ClaimDeliveries(ctx context.Context, limit int, until time.Time) ([]opstore.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, errors.New("the database is down")
	}
	return s.Deliveries.ClaimDeliveries(ctx, limit, until)
}

func TestStoreThatIsDownAndSinkThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw := newNetwork(func(context.Context, string) (int, error) { return 200, nil })
		store := &downStore{Deliveries: newQueue(), down: true}
		n := backchannel.New(backchannel.Config{
			Deliveries: store, Clients: oneClient{}, Attempts: 3, HTTPClient: &http.Client{Transport: nw},
			Token:  func(context.Context, *opstore.Client, *opstore.Delivery) (string, error) { return "t", nil },
			Events: func(context.Context, oidckit.Event) { panic("a sink's secret detail") },
		})
		queue(t, n, "a")
		n.Start()
		defer n.Close()
		time.Sleep(5 * time.Minute)
		store.mu.Lock()
		store.down = false
		store.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(nw.seen()) != 1 {
			t.Errorf("%d calls", len(nw.seen()))
		}
	})
}
