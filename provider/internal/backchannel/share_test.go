package backchannel_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// hosts is a network in which slow.example hangs and all others answer.
type hosts struct {
	mu    sync.Mutex
	calls map[string]int
	urls  []string
	slow  int
	most  int
}

func (h *hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	h.calls[r.URL.Host]++
	h.urls = append(h.urls, r.URL.String())
	h.mu.Unlock()
	if r.URL.Hostname() == "slow.example" {
		h.mu.Lock()
		h.slow++
		h.most = max(h.most, h.slow)
		h.mu.Unlock()
		<-r.Context().Done()
		h.mu.Lock()
		h.slow--
		h.mu.Unlock()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func (h *hosts) others() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for host, calls := range h.calls {
		if !strings.Contains(host, "slow.example") {
			n += calls
		}
	}
	return n
}

func crowd(n int) (slow, others []string) {
	for i := range n {
		slow = append(slow, fmt.Sprintf("c%d@slow.example:%d", i, 8000+i%5))
	}
	for i := range 50 {
		others = append(others, fmt.Sprintf("c@h%d.example", i))
	}
	return slow, others
}

// FLT-22: a host that hangs has two calls at most, and all others are called
// at once although they come after thousands of its deliveries.
func TestSlowHostDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw := &hosts{calls: map[string]int{}}
		n := newNotifier(newQueue(), nw, &events{}, 3)
		defer n.Close()
		slow, others := crowd(10_000)
		n.Send(queue(t, n, slow...))
		begin := time.Now()
		<-n.Send(queue(t, n, others...))
		if waited := time.Since(begin); waited > time.Second || nw.others() != len(others) {
			t.Errorf("%d calls after %s", nw.others(), waited)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if nw.most != 2 {
			t.Errorf("%d calls at once to one host", nw.most)
		}
	})
}

// The same holds for what another process has left in the store.
func TestSlowHostDelaysNobodyAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, store := &hosts{calls: map[string]int{}}, newQueue()
		crashed := newNotifier(store, nw, &events{}, 3)
		slow, others := crowd(600)
		queue(t, crashed, slow...)
		time.Sleep(time.Second)
		queue(t, crashed, others...)
		time.Sleep(2 * time.Minute)
		n := newNotifier(store, nw, &events{}, 3)
		n.Start()
		defer n.Close()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if nw.others() != len(others) {
			t.Errorf("%d of %d are called", nw.others(), len(others))
		}
	})
}

// OpenID Connect Back-Channel Logout 1.0 §2.5: the call goes to the address that
// the client has, not to one that it has given up, and not for who had its
// client_id before.
func TestPresentAddressIsCalled(t *testing.T) {
	for _, row := range []struct{ client, want string }{
		{"a", "https://rp.example/a"},
		{"silent", ""},
		{"new", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			nw, ev, store := &hosts{calls: map[string]int{}}, &events{}, newQueue()
			n := newNotifier(store, nw, ev, 3)
			defer n.Close()
			now := time.Now()
			queued := []opstore.Delivery{{
				ID: "d", ClientID: row.client, URI: "https://former.example/", CreatedAt: now, NextAt: now.Add(3 * time.Minute), ExpiresAt: now.Add(time.Hour),
			}}
			if err := store.CreateDeliveries(t.Context(), queued); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			<-n.Send(queued)
			// What the client does not want is not tried again.
			if gone := ev.count(oidckit.EventLogoutUndelivered); (gone == 1) != (row.want == "") {
				t.Errorf("%s: given up %d times", row.client, gone)
			}
			if got := strings.Join(nw.urls, " "); got != row.want {
				t.Errorf("%s: called %q, want %q", row.client, got, row.want)
			}
			if left(t, store) != 0 {
				t.Errorf("%s: still queued", row.client)
			}
		})
	}
}
